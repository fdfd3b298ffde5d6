//! The control API, as programs drive it: who may, and what there is.

use std::time::Duration;

use oauth_gauntlet_provider::MockProvider;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{World, careful, http, settings, world};

/// Asks the control API of a world; the status and the document.
pub(crate) async fn ask(world: &World, method: &str, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/_{path}", world.provider.base_url());
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = world.http.request(method, url);
    let request = if body.is_null() {
        request
    } else {
        request.json(&body)
    };
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

/// The document of a request that is answered well.
#[track_caller]
pub(crate) fn good((status, document): (u16, Value)) -> Value {
    assert!((200..300).contains(&status), "{status} {document}");
    document
}

async fn get(world: &World, path: &str) -> Value {
    good(ask(world, "GET", path, Value::Null).await)
}

#[tokio::test]
async fn unknown_paths_methods_and_members_are_refused_with_a_way_out() {
    let world = world().await;
    let (status, document) = ask(&world, "GET", "/nothing", Value::Null).await;
    assert_eq!((status, &document["error"]), (404, &json!("not_found")));
    assert!(
        document["error_description"]
            .as_str()
            .unwrap()
            .contains("/_/openapi.json")
    );

    let url = format!("{}/_/issuers", world.provider.base_url());
    let response = world.http.delete(url).send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET, POST");

    let path = "/issuers/default/exchanges/wait";
    let (status, document) = ask(&world, "POST", path, json!({"timeuot_ms": 1})).await;
    assert_eq!(status, 400);
    let reason = document["error_description"].as_str().unwrap();
    assert!(
        reason.contains("`timeuot_ms`") && reason.contains("did you mean `timeout_ms`?"),
        "{reason}"
    );

    let (status, document) = ask(&world, "GET", "/issuers/shop", Value::Null).await;
    assert_eq!(status, 404);
    assert!(
        document["error_description"]
            .as_str()
            .unwrap()
            .contains("`default`")
    );

    let (status, _) = ask(
        &world,
        "GET",
        "/issuers/default/exchanges?colour=red",
        Value::Null,
    )
    .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_web_page_and_a_foreign_name_are_kept_out() {
    let world = world().await;
    let url = format!("{}/_/issuers", world.provider.base_url());
    let status = async |name: &'static str, value: &str| {
        let request = world.http.get(&url).header(name, value);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status("accept", "*/*").await, 200);
    assert_eq!(status("origin", "http://localhost:3000").await, 403);
    assert_eq!(status("origin", "null").await, 403);
    assert_eq!(status("sec-fetch-site", "cross-site").await, 403);
    assert_eq!(status("sec-fetch-site", "same-site").await, 403);
    assert_eq!(status("host", "rebound.evil.test").await, 403);
    assert_eq!(status("x-forwarded-for", "192.0.2.7").await, 403);
    assert_eq!(status("origin", world.provider.base_url()).await, 200);
    let preflight = world
        .http
        .request(Method::OPTIONS, &url)
        .header("origin", "http://localhost:3000");
    let preflight = preflight.send().await.unwrap();
    assert_eq!(preflight.status(), 405);
    assert!(
        !preflight
            .headers()
            .contains_key("access-control-allow-origin")
    );
}

#[tokio::test]
async fn a_key_is_needed_where_one_is_set_but_not_for_health() {
    let provider = MockProvider::builder()
        .control_key("open sesame")
        .start()
        .await
        .unwrap();
    let http = http();
    let status = async |path: &str, key: Option<&str>| {
        let request = http.get(format!("{}/_{path}", provider.base_url()));
        let request = match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status("/issuers", None).await, 401);
    assert_eq!(status("/issuers", Some("wrong")).await, 401);
    assert_eq!(status("/issuers", Some("open sesame")).await, 200);
    assert_eq!(status("/metrics", None).await, 401);
    assert_eq!(status("/health", None).await, 200);
    assert_eq!(status("/ready", None).await, 200);
}

#[tokio::test]
async fn issuers_come_and_go() {
    let world = world().await;
    let made = ask(
        &world,
        "POST",
        "/issuers",
        json!({"name": "shop", "ttl": 3600}),
    )
    .await;
    assert_eq!(made.0, 201);
    assert_eq!(
        made.1["issuer"],
        format!("{}/shop", world.provider.base_url())
    );
    assert!(made.1["ttl"].as_f64().unwrap() > 3590.0);
    for (body, status) in [
        (json!({"name": "shop"}), 409),
        (json!({"name": "default"}), 409),
        (json!({"name": "token"}), 400),
        (json!({"name": "a_b"}), 400),
        (json!({"name": "x", "ttl": 0}), 400),
        (json!({}), 400),
    ] {
        assert_eq!(
            ask(&world, "POST", "/issuers", body.clone()).await.0,
            status,
            "{body}"
        );
    }
    let names: Vec<Value> = (get(&world, "/issuers").await["issuers"]
        .as_array()
        .unwrap()
        .iter())
    .map(|it| it["name"].clone())
    .collect();
    assert_eq!(names, ["default", "shop"]);
    assert_eq!(get(&world, "/issuers/shop").await["store"]["code"], 0);
    assert_eq!(
        ask(&world, "DELETE", "/issuers/shop", Value::Null).await.0,
        204
    );
    assert_eq!(
        ask(&world, "GET", "/issuers/shop", Value::Null).await.0,
        404
    );
    assert_eq!(
        ask(&world, "DELETE", "/issuers/default", Value::Null)
            .await
            .0,
        409
    );
}

#[tokio::test]
async fn an_issuer_is_gone_when_its_life_is_over() {
    let world = world().await;
    let life = Duration::from_nanos(1);
    let issuer = world
        .provider
        .create_issuer_for(life, "brief", settings())
        .unwrap();
    let url = format!("{}/jwks", issuer.url());
    assert_eq!(world.http.get(url).send().await.unwrap().status(), 404);
    assert!(world.provider.named_issuer("brief").is_none());
    world.provider.create_issuer("brief", settings()).unwrap();
    assert!(world.provider.named_issuer("brief").is_some());
}

#[tokio::test]
async fn a_snapshot_brings_back_users_clients_clock_faults_keys_and_codes() {
    let world = world().await;
    let fault = json!({"when": {"times": 1}, "token": {"set": {"x": 1}}});
    good(ask(&world, "POST", "/issuers/default/faults", fault).await);
    let code = world.code().await;
    let keys = get(&world, "/issuers/default/keys").await;
    let id =
        good(ask(&world, "POST", "/issuers/default/snapshots", Value::Null).await)["id"].clone();

    assert_eq!(world.redeem(&code).send().await.unwrap().status(), 200);
    world.issuer.set_users(Vec::new());
    world.issuer.set_clients(Vec::new());
    world.issuer.clock().advance(Duration::from_mins(2));
    world.issuer.rotate_keys();
    world.issuer.disarm_all();

    let restore = format!("/issuers/default/snapshots/{id}/restore");
    assert_eq!(ask(&world, "POST", &restore, Value::Null).await.0, 204);
    assert_eq!(get(&world, "/issuers/default/keys").await, keys);
    assert_eq!(world.issuer.clock().now(), crate::support::NOW);
    assert_eq!(world.issuer.users().len(), 3);
    let tokens = world.redeem(&code).send().await.unwrap();
    assert_eq!(tokens.status(), 200);
    assert_eq!(tokens.json::<Value>().await.unwrap()["x"], 1);
    assert_eq!(world.redeem(&code).send().await.unwrap().status(), 400);

    let list = get(&world, "/issuers/default/snapshots").await;
    assert_eq!(list["snapshots"], json!([{"id": id}]));
    let delete = format!("/issuers/default/snapshots/{id}");
    assert_eq!(ask(&world, "DELETE", &delete, Value::Null).await.0, 204);
    assert_eq!(ask(&world, "POST", &restore, Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_reset_makes_an_issuer_what_it_was() {
    let world = world().await;
    let tokens = world.tokens().await;
    let code = world.code().await;
    let keys = world.issuer.keys();
    world.issuer.clock().advance(Duration::from_secs(5));
    world.issuer.rotate_keys();
    world.issuer.set_users(Vec::new());
    world
        .issuer
        .arm(serde_json::from_value(json!({"token": {"error": "x"}})).unwrap())
        .unwrap();
    assert_eq!(
        ask(&world, "POST", "/issuers/default/reset", Value::Null)
            .await
            .0,
        204
    );
    assert!(world.issuer.journal().is_empty());
    assert!(world.issuer.faults().is_empty());
    assert_eq!(world.issuer.clock().now(), crate::support::NOW);
    assert_eq!(world.issuer.users().len(), 3);
    assert_eq!(world.issuer.keys(), keys);
    assert_eq!(world.redeem(&code).send().await.unwrap().status(), 400);
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.userinfo(token).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn users_are_put_and_taken_away() {
    let world = world().await;
    let path = "/issuers/default/users/dave%20x";
    let made = ask(&world, "PUT", path, json!({"claims": {"name": "Dave"}})).await;
    assert_eq!(
        made,
        (201, json!({"sub": "dave x", "claims": {"name": "Dave"}}))
    );
    assert_eq!(ask(&world, "PUT", path, json!({})).await.0, 200);
    assert_eq!(
        get(&world, path).await["claims"]["email"],
        "dave x@example.com"
    );
    assert_eq!(
        ask(&world, "PUT", path, json!({"sub": "other"})).await.0,
        400
    );
    assert_eq!(
        get(&world, "/issuers/default/users").await["users"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    assert_eq!(ask(&world, "DELETE", path, Value::Null).await.0, 204);
    assert_eq!(ask(&world, "DELETE", path, Value::Null).await.0, 404);
}

#[tokio::test]
async fn clients_are_put_and_taken_away_and_keep_their_secret() {
    let world = world().await;
    let path = "/issuers/default/clients/new";
    let client = json!({"secret": "a-long-secret", "redirect_uris": ["http://localhost:1/cb"], "access-token-format": "jwt"});
    let (status, told) = ask(&world, "PUT", path, client.clone()).await;
    assert_eq!((status, &told["secret"]), (201, &json!("a-l…(13)")));
    assert_eq!(told["access_token_format"], "jwt");
    assert_eq!(
        told["auth_methods"],
        json!(["client_secret_basic", "client_secret_post"])
    );
    assert_eq!(ask(&world, "PUT", path, client).await.0, 200);
    assert_eq!(
        get(&world, &format!("{path}?secrets=true")).await["secret"],
        "a-long-secret"
    );
    let wanted = json!({"client_id": "new", "sub": "alice"});
    let tokens = good(ask(&world, "POST", "/issuers/default/tokens", wanted).await);
    assert_eq!(
        tokens["access_token"].as_str().unwrap().split('.').count(),
        3
    );
    let (status, document) = ask(&world, "PUT", path, json!({"redirect_url": []})).await;
    assert_eq!(status, 400);
    let reason = document["error_description"].as_str().unwrap();
    assert!(reason.contains("did you mean `redirect-uris`?"), "{reason}");
    assert_eq!(
        ask(&world, "PUT", path, json!({"id": "other"})).await.0,
        400
    );
    assert_eq!(ask(&world, "DELETE", path, Value::Null).await.0, 204);
    assert_eq!(ask(&world, "DELETE", path, Value::Null).await.0, 404);
}

#[tokio::test]
async fn an_issuer_is_set_up_as_in_a_configuration_file() {
    let world = world().await;
    let settings = json!({
        "algorithm": "ES256",
        "lifetimes": {"access_token": "5m"},
        "user": [{"sub": "dave"}],
        "client": [{"id": "app", "secret": "s", "redirect_uris": [crate::support::CALLBACK]}],
        "fault": [{"when": {"times": 1}, "token": {"set": {"x": 1}}}],
    });
    let made = ask(
        &world,
        "POST",
        "/issuers",
        json!({"name": "shop", "settings": settings}),
    )
    .await;
    assert_eq!(
        (
            good(made.clone())["users"].clone(),
            good(made)["faults"].clone()
        ),
        (json!(1), json!(1))
    );
    let wanted = json!({"client_id": "app", "sub": "dave"});
    let tokens = good(ask(&world, "POST", "/issuers/shop/tokens", wanted.clone()).await);
    assert_eq!(
        (&tokens["expires_in"], &tokens["x"]),
        (&json!(300), &json!(1))
    );
    good(ask(&world, "POST", "/issuers/shop/tokens", wanted).await);
    assert_eq!(
        ask(&world, "POST", "/issuers/shop/reset", Value::Null)
            .await
            .0,
        204
    );
    assert_eq!(
        get(&world, "/issuers/shop/faults").await["faults"][0]["fired"],
        0
    );
    for wrong in [
        json!({"algoritm": "ES256"}),
        json!({"keys": {"files": ["/etc/passwd"]}}),
        json!({"fault": [{"token": {"json": "[1]"}}]}),
    ] {
        let body = json!({"name": "wrong", "settings": wrong});
        assert_eq!(
            ask(&world, "POST", "/issuers", body).await.0,
            400,
            "{wrong}"
        );
    }
    assert!(world.provider.named_issuer("wrong").is_none());
}

#[tokio::test]
async fn the_clock_and_the_keys_move_on_demand() {
    let world = world().await;
    let clock = "/issuers/default/clock";
    let now = crate::support::NOW;
    assert_eq!(
        get(&world, clock).await,
        json!({"now": now, "frozen": true})
    );
    let advanced = ask(
        &world,
        "POST",
        &format!("{clock}/advance"),
        json!({"by": "1h"}),
    )
    .await;
    assert_eq!(good(advanced)["now"], now + 3600);
    assert_eq!(
        ask(
            &world,
            "POST",
            &format!("{clock}/advance"),
            json!({"by": "soon"})
        )
        .await
        .0,
        400
    );
    assert_eq!(
        good(ask(&world, "PUT", clock, json!({"now": 5})).await)["now"],
        5
    );
    let freed = good(ask(&world, "POST", &format!("{clock}/unfreeze"), Value::Null).await);
    assert_eq!(freed["frozen"], false);
    let frozen = good(ask(&world, "POST", &format!("{clock}/freeze"), json!({"at": 7})).await);
    assert_eq!(frozen, json!({"now": 7, "frozen": true}));

    let step = good(
        ask(
            &world,
            "POST",
            "/issuers/default/keys/step",
            json!({"step": "publish"}),
        )
        .await,
    );
    assert_eq!(step["changed"], true);
    let again = good(
        ask(
            &world,
            "POST",
            "/issuers/default/keys/step",
            json!({"step": "publish"}),
        )
        .await,
    );
    assert_eq!(again["changed"], false);
    let (status, document) = ask(
        &world,
        "POST",
        "/issuers/default/keys/step",
        json!({"step": "pubish"}),
    )
    .await;
    assert_eq!(status, 400);
    assert!(
        document["error_description"]
            .as_str()
            .unwrap()
            .contains("`publish`")
    );
    let rotated = good(ask(&world, "POST", "/issuers/default/keys/rotate", Value::Null).await);
    assert!(
        rotated["keys"]
            .as_array()
            .unwrap()
            .iter()
            .any(|key| key["kid"] == "rs256-2" && key["state"] == "signing")
    );
}

#[tokio::test]
async fn faults_are_armed_counted_and_ended() {
    let world = world().await;
    let fault = json!({"when": {"times": 1, "grant": "authorization_code"}, "token": {"error": "server_error"}});
    let armed = ask(&world, "POST", "/issuers/default/faults", fault.clone()).await;
    assert_eq!(armed.0, 201);
    assert_eq!(armed.1["fault"], fault);
    for status in [400, 200] {
        let code = world.code().await;
        assert_eq!(world.redeem(&code).send().await.unwrap().status(), status);
    }
    let listed = get(&world, "/issuers/default/faults").await;
    assert_eq!(
        (
            &listed["faults"][0]["fired"],
            &listed["faults"][0]["matched"]
        ),
        (&json!(1), &json!(2))
    );
    let path = format!("/issuers/default/faults/{}", armed.1["id"]);
    assert_eq!(ask(&world, "DELETE", &path, Value::Null).await.0, 204);
    assert_eq!(ask(&world, "GET", &path, Value::Null).await.0, 404);
    let senseless = json!({"token": {"json": "[1]"}});
    assert_eq!(
        ask(&world, "POST", "/issuers/default/faults", senseless)
            .await
            .0,
        400
    );
    let mistyped = json!({"id-tokn": {}});
    let (status, document) = ask(&world, "POST", "/issuers/default/faults", mistyped).await;
    assert_eq!(status, 400);
    assert!(
        document["error_description"]
            .as_str()
            .unwrap()
            .contains("did you mean `id-token`?")
    );
    assert_eq!(
        ask(&world, "DELETE", "/issuers/default/faults", Value::Null)
            .await
            .0,
        204
    );
}

#[tokio::test]
async fn tokens_signatures_and_logins_come_on_demand() {
    let world = world().await;
    let wanted = json!({"client_id": "app", "sub": "alice", "scope": "openid email offline_access", "nonce": "n"});
    let tokens = good(ask(&world, "POST", "/issuers/default/tokens", wanted).await);
    let claims = crate::support::verified(&world, tokens["id_token"].as_str().unwrap()).await;
    assert_eq!(
        (&claims["sub"], &claims["nonce"]),
        (&json!("alice"), &json!("n"))
    );
    let userinfo = world
        .userinfo(tokens["access_token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(
        userinfo.json::<Value>().await.unwrap()["email"],
        "alice@example.com"
    );
    let refreshed = world
        .refresh(tokens["refresh_token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(refreshed.status(), 200);
    for wrong in [
        json!({"client_id": "nobody", "sub": "alice"}),
        json!({"client_id": "app", "sub": "nobody"}),
        json!({"client_id": "app", "sub": "alice", "scope": "nothing"}),
    ] {
        assert_eq!(
            ask(&world, "POST", "/issuers/default/tokens", wrong.clone())
                .await
                .0,
            400,
            "{wrong}"
        );
    }

    let claims = json!({"iss": world.issuer.url(), "aud": "app", "exp": 1, "any": [null]});
    let wanted = json!({"claims": claims, "algorithm": "ES256", "header": {"typ": "x+jwt"}});
    let signed = good(ask(&world, "POST", "/issuers/default/sign", wanted).await);
    let jwt = signed["jwt"].as_str().unwrap();
    assert_eq!(
        jsonwebtoken::decode_header(jwt).unwrap().typ.as_deref(),
        Some("x+jwt")
    );
    assert_eq!(crate::support::verified(&world, jwt).await, claims);
    let symmetric = json!({"claims": {}, "algorithm": "HS256"});
    assert_eq!(
        ask(&world, "POST", "/issuers/default/sign", symmetric)
            .await
            .0,
        400
    );

    let url = world
        .authorize(&careful())
        .build()
        .unwrap()
        .url()
        .to_string();
    let wanted = json!({"authorization_url": url, "sub": "bob", "scope": "openid"});
    let login = good(ask(&world, "POST", "/issuers/default/login", wanted).await);
    let callback = login["callback_url"].as_str().unwrap();
    assert!(
        callback.starts_with("http://localhost:3000/callback?code="),
        "{callback}"
    );
    let wrong = json!({"authorization_url": "http://other/authorize?x", "sub": "bob"});
    assert_eq!(
        ask(&world, "POST", "/issuers/default/login", wrong).await.0,
        400
    );
}

#[tokio::test]
async fn a_device_is_answered_once() {
    let world = world().await;
    let form = [("client_id", "native"), ("scope", "openid email")];
    let request = world.http.post(world.url("/device/authorize")).form(&form);
    let device: Value = request.send().await.unwrap().json().await.unwrap();
    let path = format!(
        "/issuers/default/devices/{}",
        device["user_code"].as_str().unwrap()
    );
    for (body, status) in [
        (json!({"decision": "approve"}), 400),
        (json!({"decision": "approve", "sub": "nobody"}), 400),
        (
            json!({"decision": "approve", "sub": "alice", "scope": "openid"}),
            204,
        ),
        (json!({"decision": "deny"}), 409),
    ] {
        assert_eq!(
            ask(&world, "POST", &path, body.clone()).await.0,
            status,
            "{body}"
        );
    }
    let unknown = json!({"decision": "deny"});
    assert_eq!(
        ask(
            &world,
            "POST",
            "/issuers/default/devices/XXXX-XXXX",
            unknown
        )
        .await
        .0,
        404
    );
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", device["device_code"].as_str().unwrap()),
        ("client_id", "native"),
    ];
    let tokens = world
        .http
        .post(world.url("/token"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(tokens.json::<Value>().await.unwrap()["scope"], "openid");
}

#[tokio::test]
async fn metrics_and_health_tell_how_it_goes() {
    let world = world().await;
    world.tokens().await;
    let metrics = get(&world, "/metrics").await;
    let metrics = metrics.as_str().unwrap();
    for line in [
        "gauntlet_requests_total{endpoint=\"token\",status=\"200\"} 1",
        "gauntlet_issued_total{kind=\"access-token\"} 1",
        "gauntlet_issuers 1",
        "gauntlet_store_entries{kind=\"code\"} 1",
        "gauntlet_journal_exchanges 2",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(!metrics.contains("alice") && !metrics.contains("app"));
    assert_eq!(get(&world, "/health").await["status"], "ok");
    assert_eq!(get(&world, "/ready").await["status"], "ready");
    let index = get(&world, "/").await;
    assert!(index.as_str().unwrap().contains("POST    /_/issuers\n"));
}
