//! Response types and response modes: what comes back, and how it travels.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::{
    Client, Fault, GrantType, IssuedKind, IssuerSettings, Profile, ResponseMode, ResponseType,
    Rule, SigningAlgorithm,
};
use serde_json::{Value, json};

use crate::support::{
    CALLBACK, NOW, Parameters, World, careful, location, settings, verified, world, world_with,
};

/// The left half of a SHA-256 hash.
fn half_hash(value: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, value.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
}

/// How a response came back, and its parameters.
async fn respond(world: &World, request: &BTreeMap<&str, &str>) -> (&'static str, Parameters) {
    let request = world.authorize(request).header("gauntlet-user", "alice");
    let response = request.send().await.unwrap();
    if response.status() == 200 {
        let html = response.text().await.unwrap();
        if let Some((_, told)) = html.split_once(" data-response=\"") {
            let told = unescaped(told.split('"').next().unwrap());
            return ("message", serde_json::from_str(&told).unwrap());
        }
        return ("form", form(&html).1);
    }
    let location = location(&response);
    assert!(location.starts_with(CALLBACK));
    let rest = &location[CALLBACK.len()..];
    let how = match rest.split_at(1).0 {
        "?" => "query",
        "#" => "fragment",
        other => panic!("{other}"),
    };
    let parameters = form_urlencoded::parse(&rest.as_bytes()[1..]);
    (how, parameters.into_owned().collect())
}

fn unescaped(value: &str) -> String {
    value
        .replace("&#x2f;", "/")
        .replace("&#x27;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

/// Where a form leads, and its fields.
fn form(html: &str) -> (String, Parameters) {
    let attribute = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=\"")).unwrap();
        unescaped(rest.split('"').next().unwrap())
    };
    let fields = html.split("<input type=\"hidden\" ").skip(1);
    let fields = fields.map(|field| (attribute(field, "name"), attribute(field, "value")));
    (attribute(html, "action"), fields.collect())
}

/// The claims of a response that is a JWT.
async fn unpacked(world: &World, parameters: &Parameters) -> Value {
    assert_eq!(parameters.keys().collect::<Vec<_>>(), ["response"]);
    verified(world, &parameters["response"]).await
}

fn as_parameters(claims: &Value) -> Parameters {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let claims = claims.as_object().unwrap().iter();
    let claims = claims.filter(|(name, _)| *name != "aud" && *name != "exp");
    claims
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

fn with<'a>(response_type: &'a str, mode: Option<&'a str>) -> BTreeMap<&'static str, &'a str> {
    let mut request: BTreeMap<&'static str, &'a str> = careful();
    request.insert("response_type", response_type);
    request.extend(mode.map(|mode| ("response_mode", mode)));
    request
}

#[tokio::test]
async fn every_response_type_brings_what_its_name_says_in_every_mode_that_it_allows() {
    let world = world().await;
    for response_type in ResponseType::ALL {
        let words: Vec<&str> = response_type.as_str().split(' ').collect();
        let by_browser = words.contains(&"token") || words.contains(&"id_token");
        for mode in ResponseMode::ALL.map(Some).into_iter().chain([None]) {
            let name = mode.map(ResponseMode::as_str);
            let request = with(response_type.as_str(), name);
            let (how, parameters) = respond(&world, &request).await;
            let context = format!("{} {name:?}", response_type.as_str());
            let in_query = matches!(name, Some("query" | "query.jwt"));
            if by_browser && in_query {
                assert_eq!(how, "fragment", "{context}");
                let signed = name == Some("query.jwt");
                let told = if signed {
                    as_parameters(&unpacked(&world, &parameters).await)
                } else {
                    parameters
                };
                assert_eq!(told["error"], "invalid_request", "{context}");
                assert_eq!(told["state"], "the-state", "{context}");
                continue;
            }
            let expected = match name.unwrap_or("jwt") {
                "query" | "query.jwt" => "query",
                "fragment" | "fragment.jwt" => "fragment",
                "form_post" | "form_post.jwt" => "form",
                "web_message" => "message",
                _ if by_browser => "fragment",
                _ => "query",
            };
            assert_eq!(how, expected, "{context}");
            let parameters = if name.is_some_and(|name| name.ends_with("jwt")) {
                let claims = unpacked(&world, &parameters).await;
                assert_eq!(claims["aud"], "app", "{context}");
                assert_eq!(claims["exp"], NOW + 600, "{context}");
                as_parameters(&claims)
            } else {
                parameters
            };
            assert_eq!(parameters["state"], "the-state", "{context}");
            assert_eq!(parameters["iss"], world.issuer.url(), "{context}");
            check(&world, &words, &parameters, &context).await;
        }
    }
}

async fn check(world: &World, words: &[&str], parameters: &Parameters, context: &str) {
    for (name, value) in [
        ("code", "code"),
        ("access_token", "token"),
        ("id_token", "id_token"),
    ] {
        let expected = words.contains(&value);
        assert_eq!(parameters.contains_key(name), expected, "{context}");
    }
    assert!(!parameters.contains_key("refresh_token"), "{context}");
    let access_token = parameters.get("access_token");
    if let Some(access_token) = access_token {
        assert_eq!(parameters["token_type"], "Bearer", "{context}");
        assert_eq!(parameters["expires_in"], "3600", "{context}");
        let userinfo = world.userinfo(access_token).send().await.unwrap();
        assert_eq!(userinfo.status(), 200, "{context}");
    }
    let code = parameters.get("code");
    if let Some(code) = code {
        let tokens = world.redeem(code).send().await.unwrap();
        assert_eq!(tokens.status(), 200, "{context}");
    }
    if let Some(id_token) = parameters.get("id_token") {
        let claims = verified(world, id_token).await;
        assert_eq!(claims["nonce"], "the-nonce", "{context}");
        let hash = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        assert_eq!(
            hash("at_hash"),
            access_token.map(|it| half_hash(it)),
            "{context}"
        );
        assert_eq!(hash("c_hash"), code.map(|it| half_hash(it)), "{context}");
        assert_eq!(hash("s_hash"), Some(half_hash("the-state")), "{context}");
    }
}

#[tokio::test]
async fn the_words_of_a_response_type_come_in_any_order() {
    let world = world().await;
    let (how, parameters) = respond(&world, &with("token code id_token", None)).await;
    assert_eq!(how, "fragment");
    assert!(parameters.contains_key("code") && parameters.contains_key("id_token"));
    let issued = &world.issuer.journal().exchanges()[0].notes.issued;
    let kinds: Vec<IssuedKind> = issued.iter().map(|it| it.kind).collect();
    assert_eq!(
        kinds,
        [
            IssuedKind::Code,
            IssuedKind::AccessToken,
            IssuedKind::IdToken
        ]
    );
}

#[tokio::test]
async fn errors_travel_in_the_mode_that_was_asked_for() {
    let world = world().await;
    for (mode, expected) in [
        ("query", "query"),
        ("fragment", "fragment"),
        ("form_post", "form"),
        ("web_message", "message"),
        ("query.jwt", "query"),
        ("form_post.jwt", "form"),
        ("jwt", "query"),
    ] {
        let mut request = with("code", Some(mode));
        request.insert("scope", "no-such-scope");
        let (how, parameters) = respond(&world, &request).await;
        assert_eq!(how, expected, "{mode}");
        let parameters = if mode.ends_with("jwt") {
            as_parameters(&unpacked(&world, &parameters).await)
        } else {
            parameters
        };
        assert_eq!(parameters["error"], "invalid_scope", "{mode}");
        assert_eq!(parameters["iss"], world.issuer.url());
    }
    let (how, told) = respond(&world, &with("code", Some("carrier-pigeon"))).await;
    assert_eq!((how, told["error"].as_str()), ("query", "invalid_request"));
    let (how, told) = respond(&world, &with("id_token code x", Some("form_post"))).await;
    assert_eq!(
        (how, told["error"].as_str()),
        ("form", "unsupported_response_type")
    );
    let mut request = with("code", None);
    request.remove("response_type");
    let (how, told) = respond(&world, &request).await;
    assert_eq!((how, told["error"].as_str()), ("query", "invalid_request"));
}

/// The policy names the hash of the page's one script.
#[track_caller]
fn assert_allows_its_script(policy: &str, html: &str) {
    let (_, script) = html.split_once("<script>").unwrap();
    let script = script.split("</script>").next().unwrap();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, script.as_bytes());
    let hash = base64::engine::general_purpose::STANDARD.encode(hash);
    assert!(
        policy.contains(&format!("script-src 'sha256-{hash}'")),
        "{policy}"
    );
}

#[tokio::test]
async fn a_form_posts_itself_and_has_a_button_for_those_without_scripts() {
    let world = world().await;
    let mut request = with("code", Some("form_post"));
    request.remove("state");
    let request = world.authorize(&request).header("gauntlet-user", "alice");
    let response = request.send().await.unwrap();
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let html = response.text().await.unwrap();
    let (action, fields) = form(&html);
    assert_eq!(action, CALLBACK);
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["code", "iss"]);
    assert_allows_its_script(&policy, &html);
    assert!(html.contains("<noscript>") && html.contains("<button"));
}

#[tokio::test]
async fn a_message_goes_to_the_origin_of_the_redirect_uri_which_may_frame_the_page() {
    let world = world().await;
    let mut request = with("code", Some("web_message"));
    let state = "\"></output><script>alert(1)</script>&'";
    request.insert("state", state);
    let sent = world.authorize(&request).header("gauntlet-user", "alice");
    let response = sent.send().await.unwrap();
    let policy = response.headers()["content-security-policy"].clone();
    let policy = policy.to_str().unwrap();
    let html = response.text().await.unwrap();
    let origin = url::Url::parse(CALLBACK).unwrap().origin();
    let origin = origin.ascii_serialization();
    assert!(
        policy.contains(&format!("frame-ancestors {origin};")),
        "{policy}"
    );
    assert_allows_its_script(policy, &html);
    assert!(!html.contains("<script>alert"));
    let (_, to) = html.split_once(" data-origin=\"").unwrap();
    assert_eq!(unescaped(to.split('"').next().unwrap()), origin);
    let (how, told) = respond(&world, &request).await;
    assert_eq!((how, told["state"].as_str()), ("message", state));
    let url = world.authorize(&request).build().unwrap().url().to_string();
    let error = world.issuer.callback(&url, "bob").unwrap_err();
    assert!(error.to_string().contains("takes a browser"), "{error}");
}

#[tokio::test]
async fn what_goes_into_a_form_is_escaped() {
    let world = world().await;
    let state = "\"><script>alert(1)</script>&'";
    let mut request = with("code", Some("form_post"));
    request.insert("state", state);
    let sent = world.authorize(&request).header("gauntlet-user", "alice");
    let html = sent.send().await.unwrap().text().await.unwrap();
    assert!(!html.contains("<script>alert"));
    assert_eq!(form(&html).1["state"], state);
}

#[tokio::test]
async fn a_nonce_is_needed_where_the_browser_carries_an_id_token() {
    for response_type in ResponseType::ALL {
        let mut request = with(response_type.as_str(), None);
        request.remove("nonce");
        let needs = response_type.as_str().contains("id_token");
        let world = world().await;
        let (_, told) = respond(&world, &request).await;
        assert_eq!(told.contains_key("error"), needs, "{response_type:?}");
        let lax = world_with(IssuerSettings {
            profile: Profile::Lax,
            ..settings()
        })
        .await;
        assert_eq!(respond(&lax, &request).await.1.get("error"), None);
        let notes = &lax.issuer.journal().exchanges()[0].notes;
        let listed: Vec<_> = (notes.stricter.iter())
            .map(|(profile, violation)| (*profile, violation.rule))
            .collect();
        let is_listed = listed.contains(&(Profile::Strict, Rule::NonceForIdToken));
        assert_eq!(is_listed, needs, "{listed:?}");
    }
    let mut request = with("id_token", None);
    request.insert("scope", "profile");
    let world = world().await;
    assert_eq!(
        respond(&world, &request).await.1["error"],
        "invalid_request"
    );
}

#[tokio::test]
async fn a_client_is_held_to_its_grants_and_response_types() {
    let app = || Client::confidential("app", "secret").redirect_uri(CALLBACK);
    let outcome = async |client: Client, response_type: &str| {
        let world = world().await;
        world.issuer.add_client(client);
        let (_, parameters) = respond(&world, &with(response_type, None)).await;
        parameters.get("error").cloned().unwrap_or_default()
    };
    let code_alone = Client {
        grant_types: Some([GrantType::AuthorizationCode].into()),
        ..app()
    };
    assert_eq!(outcome(code_alone.clone(), "code").await, "");
    assert_eq!(outcome(code_alone.clone(), "none").await, "");
    for hybrid in ["id_token", "code id_token", "code token"] {
        assert_eq!(
            outcome(code_alone.clone(), hybrid).await,
            "unauthorized_client"
        );
    }
    let implicit = Client {
        grant_types: Some([GrantType::Implicit].into()),
        ..app()
    };
    assert_eq!(outcome(implicit.clone(), "id_token token").await, "");
    assert_eq!(outcome(implicit, "code").await, "unauthorized_client");
    let listed = Client {
        response_types: Some([ResponseType::IdToken].into()),
        ..app()
    };
    assert_eq!(outcome(listed.clone(), "id_token").await, "");
    assert_eq!(outcome(listed, "code").await, "unauthorized_client");
    let bound = Client {
        dpop_bound_access_tokens: true,
        ..app()
    };
    assert_eq!(outcome(bound.clone(), "code id_token").await, "");
    assert_eq!(outcome(bound, "token").await, "unauthorized_client");
}

#[tokio::test]
async fn an_issuer_without_the_implicit_grant_issues_codes_alone() {
    let mut settings = settings();
    settings.grants.remove(&GrantType::Implicit);
    let world = world_with(settings).await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    assert_eq!(
        metadata["response_types_supported"],
        json!(["code", "none"])
    );
    let (_, told) = respond(&world, &with("id_token", None)).await;
    assert_eq!(told["error"], "unsupported_response_type");
}

#[tokio::test]
async fn a_response_is_signed_as_the_client_registered() {
    let world = world().await;
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Ps256] {
        world.issuer.add_client(Client {
            authorization_algorithm: Some(algorithm),
            ..Client::confidential("app", "secret").redirect_uri(CALLBACK)
        });
        let (_, parameters) = respond(&world, &with("code", Some("jwt"))).await;
        let header = parameters["response"].split('.').next().unwrap();
        let header = URL_SAFE_NO_PAD.decode(header).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["alg"], algorithm.as_str());
        unpacked(&world, &parameters).await;
    }
}

#[tokio::test]
async fn faults_of_the_redirect_reach_every_mode() {
    let world = world().await;
    let fault = json!({"redirect": {"set": {"state": "stolen", "iss": "https://evil.test"}}});
    let fault: Fault = serde_json::from_value(fault).unwrap();
    world.issuer.arm(fault).unwrap();
    for mode in ["query", "fragment", "form_post"] {
        let (_, parameters) = respond(&world, &with("code", Some(mode))).await;
        assert_eq!(parameters["state"], "stolen", "{mode}");
    }
    let (_, parameters) = respond(&world, &with("code", Some("fragment.jwt"))).await;
    let claims = parameters["response"].split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["iss"], "https://evil.test");
    world.issuer.disarm_all();
    let fault = json!({"redirect": {"error": {"code": "server_error"}}});
    let fault: Fault = serde_json::from_value(fault).unwrap();
    world.issuer.arm(fault).unwrap();
    let (_, parameters) = respond(&world, &with("code id_token token", None)).await;
    assert_eq!(
        parameters.keys().collect::<Vec<_>>(),
        ["error", "iss", "state"]
    );
}

#[tokio::test]
async fn a_headless_login_works_in_every_mode() {
    let world = world().await;
    let url = |response_type: &str, mode: &str| {
        let request = world.authorize(&with(response_type, Some(mode)));
        request.build().unwrap().url().to_string()
    };
    let implicit = url("id_token token", "fragment");
    let callback = world.issuer.login(&implicit, "bob").unwrap();
    assert!(callback.starts_with(&format!("{CALLBACK}#access_token=")));
    let callback = world
        .issuer
        .callback(&url("code", "form_post"), "bob")
        .unwrap();
    assert_eq!(callback.url, CALLBACK);
    let form = callback.form.unwrap();
    assert_eq!(form[0].0, "code");
    let form = [
        ("authorization_url", url("code", "form_post.jwt")),
        ("sub", "bob".to_owned()),
    ];
    let request = world.http.post(world.url("/headless-login")).form(&form);
    let reply: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(reply["callback_url"], CALLBACK);
    assert!(reply["form"]["response"].is_string());
}

#[tokio::test]
async fn a_client_with_pairwise_subjects_gets_them_by_the_browser_too() {
    let world = world().await;
    world.issuer.add_client(Client {
        subject_type: oauth_gauntlet_provider::SubjectType::Pairwise,
        ..Client::confidential("app", "secret").redirect_uri(CALLBACK)
    });
    let (_, parameters) = respond(&world, &with("id_token token", None)).await;
    let claims = verified(&world, &parameters["id_token"]).await;
    let userinfo = world.userinfo(&parameters["access_token"]).send();
    let userinfo: Value = userinfo.await.unwrap().json().await.unwrap();
    assert_ne!(claims["sub"], "alice");
    assert_eq!(claims["sub"], userinfo["sub"]);
}
