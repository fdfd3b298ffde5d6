//! Dynamic client registration (RFC 7591).

use jsonwebtoken::{Algorithm, EncodingKey};
use oauth_gauntlet_provider::{Endpoint, IssuerSettings, Profile, Registration};
use reqwest::Response;
use serde_json::{Value, json};

use crate::signed::Key;
use crate::support::{
    CALLBACK, NOW, World, careful, error_of, redemption, settings, world, world_with,
};

async fn register(world: &World, metadata: &Value) -> Response {
    let request = world.http.post(world.url("/register"));
    request.json(metadata).send().await.unwrap()
}

async fn registered(world: &World, metadata: &Value) -> Value {
    let response = register(world, metadata).await;
    let status = response.status();
    let headers = response.headers().clone();
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 201, "{body}");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["pragma"], "no-cache");
    body
}

/// The error of a refusal, and what it says.
async fn refused(world: &World, metadata: &Value) -> (String, String) {
    let response = register(world, metadata).await;
    assert_eq!(response.status(), 400, "{metadata}");
    let body: Value = response.json().await.unwrap();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    (text("error"), text("error_description"))
}

fn keys() -> Value {
    let key = EncodingKey::from_ec_pem(include_bytes!("../../keys/p256-1.pem")).unwrap();
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
    json!({"keys": [jwk]})
}

#[tokio::test]
async fn a_client_works_at_once_for_what_it_registered() {
    let world = world().await;
    let client = registered(&world, &json!({"redirect_uris": [CALLBACK]})).await;
    let text = |name: &str| client[name].as_str().unwrap();
    assert_eq!(client["client_id_issued_at"], NOW);
    assert_eq!(client["client_secret_expires_at"], 0);
    assert_eq!(client["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(client["grant_types"], json!(["authorization_code"]));
    assert_eq!(client["response_types"], json!(["code"]));
    assert_eq!(client["id_token_signed_response_alg"], "RS256");
    assert_eq!(client["subject_type"], "public");

    let mut request = careful();
    request.insert("client_id", text("client_id"));
    let code = world.callback(&request).await["code"].clone();
    let form = redemption(&code);
    let post = |form: &[(&str, &str)]| {
        let request = world.http.post(world.url("/token")).form(form);
        request.basic_auth(text("client_id"), Some(text("client_secret")))
    };
    let response = post(&form).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let tokens: Value = response.json().await.unwrap();
    // It did not register the grant, so it gets no refresh token.
    assert_eq!(tokens.get("refresh_token"), None);
    let other = post(&[("grant_type", "client_credentials")]).send().await;
    assert_eq!(
        error_of(other.unwrap()).await,
        (400, "unauthorized_client".to_owned())
    );
    let exchanges = world.issuer.journal().exchanges();
    assert_eq!(exchanges[0].endpoint, Endpoint::Registration);
    assert_eq!(
        exchanges[0].notes.client_id.as_deref(),
        Some(text("client_id"))
    );
}

#[tokio::test]
async fn what_is_registered_is_what_comes_back() {
    let world = world().await;
    let metadata = json!({
        "redirect_uris": [CALLBACK, "com.example.app:/cb"],
        "post_logout_redirect_uris": ["http://localhost:3000/bye"],
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types": ["code"],
        "client_name": "An app",
        "client_name#de": "Eine App",
        "client_uri": "https://app.test",
        "contacts": ["it@app.test"],
        "software_version": "1.2",
        "scope": "email openid profile",
        "jwks": keys(),
        "id_token_signed_response_alg": "ES384",
        "default_max_age": 60,
    });
    let client = registered(&world, &metadata).await;
    for (name, value) in metadata.as_object().unwrap() {
        assert_eq!(&client[name], value, "{name}");
    }
    // The key is published with it.
    let published = world.json("/jwks").await;
    let keys = published["keys"].as_array().unwrap();
    assert!(keys.iter().any(|key| key["alg"] == "ES384"));
    // What nobody knows is not registered.
    let unknown =
        json!({"redirect_uris": [CALLBACK], "made_up": 1, "client_id": "mine", "scope": null});
    let client = registered(&world, &unknown).await;
    assert_eq!(client.get("made_up"), None);
    assert_ne!(client["client_id"], "mine");
}

#[tokio::test]
async fn a_client_without_a_secret_or_without_a_redirect_can_be_registered() {
    let world = world().await;
    let public = json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"});
    let public = registered(&world, &public).await;
    assert_eq!(public.get("client_secret"), None);
    assert_eq!(public.get("client_secret_expires_at"), None);
    let machine = json!({"grant_types": ["client_credentials"]});
    let machine = registered(&world, &machine).await;
    assert_eq!(machine["response_types"], json!([]));
    let request = world.http.post(world.url("/token")).basic_auth(
        machine["client_id"].as_str().unwrap(),
        machine["client_secret"].as_str(),
    );
    let request = request.form(&[("grant_type", "client_credentials")]);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_refusal_names_the_member() {
    let world = world().await;
    let with = |name: &str, value: Value| {
        let mut metadata = json!({"redirect_uris": [CALLBACK]});
        metadata[name] = value;
        metadata
    };
    for (name, value) in [
        ("token_endpoint_auth_method", json!("made-up")),
        ("token_endpoint_auth_method", json!(1)),
        ("grant_types", json!(["made-up"])),
        ("grant_types", json!(["password"])),
        ("grant_types", json!(["client_credentials", 1])),
        ("grant_types", json!("authorization_code")),
        ("response_types", json!(["made-up"])),
        ("response_types", json!(["code code"])),
        ("client_name", json!("")),
        ("client_name", json!(["x"])),
        ("scope", json!("openid made-up")),
        ("jwks", json!([])),
        ("jwks", json!({"keys": []})),
        ("jwks", json!({"keys": [{"kty": "RSA", "d": "x"}]})),
        ("jwks_uri", json!("ftp://x")),
        ("token_endpoint_auth_signing_alg", json!("none")),
        ("token_endpoint_auth_signing_alg", json!("RS999")),
        ("token_endpoint_auth_signing_alg", json!(1)),
        ("id_token_signed_response_alg", json!("none")),
        ("id_token_signed_response_alg", json!("RS999")),
        ("id_token_encrypted_response_alg", json!("made-up")),
        ("id_token_encrypted_response_enc", json!("A256GCM")),
        ("subject_type", json!("made-up")),
        ("default_max_age", json!(-1)),
        ("require_signed_request_object", json!("yes")),
        ("post_logout_redirect_uris", json!(["/bye"])),
        ("tls_client_auth_san_dns", json!(["x"])),
        ("backchannel_logout_uri", json!("x")),
    ] {
        let (error, description) = refused(&world, &with(name, value.clone())).await;
        assert_eq!(error, "invalid_client_metadata", "{name} {value}");
        assert!(description.contains(&format!("`{name}`")), "{description}");
    }
    let mut both = with("jwks", keys());
    both["jwks_uri"] = json!("https://app.test/jwks");
    assert_eq!(refused(&world, &both).await.0, "invalid_client_metadata");
    let mismatch = json!({
        "redirect_uris": [CALLBACK],
        "grant_types": ["client_credentials"],
        "response_types": ["code"],
    });
    let (error, description) = refused(&world, &mismatch).await;
    assert_eq!(error, "invalid_client_metadata");
    assert!(description.contains("`grant_types`"), "{description}");
}

#[tokio::test]
async fn a_client_is_held_to_the_algorithm_of_assertions_that_it_registered() {
    let world = world().await;
    let key = Key::number(1);
    let metadata = |algorithm: &str| {
        json!({
            "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": algorithm,
            "jwks": key.jwks(),
        })
    };
    let (_, description) = refused(&world, &metadata("HS256")).await;
    assert!(
        description.contains("`token_endpoint_auth_signing_alg`"),
        "{description}"
    );
    for (algorithm, status) in [("ES256", 200), ("PS256", 401)] {
        let client = registered(&world, &metadata(algorithm)).await;
        assert_eq!(client["token_endpoint_auth_signing_alg"], algorithm);
        let id = client["client_id"].as_str().unwrap();
        let claims = json!({
            "iss": id,
            "sub": id,
            "aud": world.issuer.url(),
            "exp": NOW + 60,
            "jti": "one",
        });
        let assertion = key.sign(&json!({"alg": "ES256"}), &claims);
        let form = [
            ("grant_type", "client_credentials"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", &assertion),
        ];
        let request = world.http.post(world.url("/token")).form(&form);
        assert_eq!(request.send().await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn redirect_uris_and_software_statements_have_errors_of_their_own() {
    let world = world().await;
    for uris in [
        json!([]),
        json!(null),
        json!(["/cb"]),
        json!([CALLBACK, "https://app.test/cb#x"]),
        json!(["javascript:alert(1)"]),
    ] {
        let (error, description) = refused(&world, &json!({"redirect_uris": uris})).await;
        assert_eq!(error, "invalid_redirect_uri", "{uris}");
        assert!(description.contains("`redirect_uris`"), "{description}");
    }
    let statement = json!({"redirect_uris": [CALLBACK], "software_statement": "a.b.c"});
    assert_eq!(
        refused(&world, &statement).await.0,
        "unapproved_software_statement"
    );
}

#[tokio::test]
async fn an_initial_access_token_is_demanded_where_there_is_one() {
    let world = world_with(IssuerSettings {
        registration: Registration::Token("let-me-in".to_owned()),
        ..settings()
    })
    .await;
    let metadata = json!({"grant_types": ["client_credentials"]});
    let post = || world.http.post(world.url("/register")).json(&metadata);
    let nobody = post().send().await.unwrap();
    assert_eq!(
        nobody.headers()["www-authenticate"],
        "Bearer realm=\"register\""
    );
    assert_eq!(error_of(nobody).await, (401, "invalid_token".to_owned()));
    let wrong = post().bearer_auth("let-me-in-too").send().await.unwrap();
    let challenge = wrong.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("error=\"invalid_token\""));
    assert_eq!(wrong.status(), 401);
    let right = post().bearer_auth("let-me-in").send().await.unwrap();
    assert_eq!(right.status(), 201);
}

#[tokio::test]
async fn where_it_is_off_there_is_no_such_endpoint() {
    let world = world_with(IssuerSettings {
        registration: Registration::Off,
        ..settings()
    })
    .await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    assert_eq!(metadata.get("registration_endpoint"), None);
    assert_eq!(register(&world, &json!({})).await.status(), 404);
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let world = world().await;
    for (media_type, body) in [
        ("application/json", "[]"),
        ("application/json", ""),
        ("application/json", "{"),
        (
            "application/json",
            "{\"redirect_uris\": [\"http://x/\u{0}\"]}",
        ),
        (
            "application/x-www-form-urlencoded",
            "redirect_uris=http://x/",
        ),
        ("text/plain", "{}"),
    ] {
        let request = world.http.post(world.url("/register"));
        let request = request.header("content-type", media_type).body(body);
        let refused = error_of(request.send().await.unwrap()).await;
        assert_eq!(
            refused,
            (400, "invalid_client_metadata".to_owned()),
            "{body}"
        );
    }
    let fault = json!({"registration": {"remove": ["client_id"]}});
    world
        .issuer
        .arm(serde_json::from_value(fault).unwrap())
        .unwrap();
    let client = registered(&world, &json!({"grant_types": ["client_credentials"]})).await;
    assert_eq!(client.get("client_id"), None);
}

#[tokio::test]
async fn a_lax_issuer_registers_the_scopes_of_an_api_that_nobody_set_up() {
    let world = world_with(IssuerSettings {
        profile: Profile::Lax,
        ..settings()
    })
    .await;
    let metadata = json!({"redirect_uris": [CALLBACK], "scope": "mcp:tools openid"});
    let client = registered(&world, &metadata).await;
    assert_eq!(client["scope"], "mcp:tools openid");
}

/// Serves one answer to so many requests, at a URL of this machine.
fn published(document: &Value, times: usize) -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/published", listener.local_addr().unwrap());
    let body = document.to_string();
    std::thread::spawn(move || {
        for _ in 0..times {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
            );
        }
    });
    url
}

#[tokio::test]
async fn a_sector_is_the_host_of_a_list_that_has_every_redirect_uri() {
    let world = world().await;
    let uris = [CALLBACK, "https://other.test/callback"];
    let metadata = |sector: &str| {
        json!({
            "redirect_uris": uris,
            "subject_type": "pairwise",
            "sector_identifier_uri": sector,
        })
    };
    let sector = published(&json!(uris), 2);
    let mut subs = Vec::new();
    for _ in 0..2 {
        let client = registered(&world, &metadata(&sector)).await;
        assert_eq!(client["sector_identifier_uri"], sector);
        let id = client["client_id"].as_str().unwrap();
        let kept = world.issuer.clients();
        let kept = kept.iter().find(|client| client.id == id).unwrap();
        assert_eq!(kept.sector_identifier.as_deref(), Some("127.0.0.1"));
        let mut request = careful();
        request.insert("client_id", id);
        let code = world.callback(&request).await["code"].clone();
        let post = world
            .http
            .post(world.url("/token"))
            .form(&redemption(&code));
        let post = post.basic_auth(id, client["client_secret"].as_str());
        let tokens: Value = post.send().await.unwrap().json().await.unwrap();
        let id_token = tokens["id_token"].as_str().unwrap();
        subs.push(crate::signed::claims(id_token)["sub"].clone());
    }
    assert_ne!(subs[0], "alice");
    assert_eq!(subs[0], subs[1]);
    for (document, says) in [
        (
            json!([CALLBACK]),
            "does not list `https://other.test/callback`",
        ),
        (json!({"uris": uris}), "something else than an array"),
        (json!("x".repeat(70_000)), "more than 65536 bytes"),
    ] {
        let refusal = refused(&world, &metadata(&published(&document, 1))).await;
        assert_eq!(refusal.0, "invalid_client_metadata");
        let (_, description) = refusal;
        assert!(description.contains("`sector_identifier_uri`"));
        assert!(description.contains(says), "{description}");
    }
    // Without a list, several hosts are several sectors.
    let none = json!({"redirect_uris": uris, "subject_type": "pairwise"});
    let (_, description) = refused(&world, &none).await;
    assert!(
        description.contains("`sector_identifier_uri`"),
        "{description}"
    );
}

#[tokio::test]
async fn whoever_registers_a_client_has_no_other_machine_called() {
    let world = world().await;
    // The addresses of documentation (RFC 5737) and of a cloud's metadata.
    for elsewhere in ["http://192.0.2.1/x", "http://169.254.169.254/latest"] {
        let sector = json!({"redirect_uris": [CALLBACK], "sector_identifier_uri": elsewhere});
        let (error, description) = refused(&world, &sector).await;
        assert_eq!(error, "invalid_client_metadata");
        assert!(
            description.contains("initial access token"),
            "{description}"
        );
    }
    let elsewhere = json!({
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": "http://192.0.2.1/jwks",
        "backchannel_logout_uri": "http://192.0.2.1/logout",
    });
    let client = registered(&world, &elsewhere).await;
    let id = client["client_id"].as_str().unwrap();
    let ask = async |id: &str| {
        let claims = json!({
            "iss": id,
            "sub": id,
            "aud": world.issuer.url(),
            "exp": NOW + 60,
            "jti": id,
        });
        let assertion = Key::number(1).sign(&json!({"alg": "ES256"}), &claims);
        let form = [
            ("grant_type", "client_credentials"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", &assertion),
        ];
        let request = world.http.post(world.url("/token")).form(&form);
        request.send().await.unwrap()
    };
    let response = ask(id).await;
    assert_eq!(response.status(), 401);
    let body: Value = response.json().await.unwrap();
    let description = body["error_description"].as_str().unwrap();
    assert!(
        description.contains("initial access token"),
        "{description}"
    );
    let push = world.issuer.push_logout(id, Some("alice"), None).await;
    let outcome = push.unwrap().outcome.unwrap_err();
    assert!(
        outcome.contains("does not lead to the machine"),
        "{outcome}"
    );

    // Its own machine is called, and what it publishes is fetched without a stop for others.
    let mut here = elsewhere;
    here["jwks_uri"] = json!(published(&Key::number(1).jwks(), 1));
    let client = registered(&world, &here).await;
    assert_eq!(
        ask(client["client_id"].as_str().unwrap()).await.status(),
        200
    );
}

#[tokio::test]
async fn with_an_initial_access_token_any_machine_can_be_called() {
    let world = world_with(IssuerSettings {
        registration: Registration::Token("let-me-in".to_owned()),
        ..settings()
    })
    .await;
    let metadata = json!({"redirect_uris": [CALLBACK], "jwks_uri": "https://app.test/jwks"});
    let post = world.http.post(world.url("/register")).json(&metadata);
    let client: Value = (post.bearer_auth("let-me-in").send().await.unwrap())
        .json()
        .await
        .unwrap();
    let clients = world.issuer.clients();
    let kept = clients.iter().find(|it| it.id == client["client_id"]);
    assert_eq!(kept.unwrap().registered_from, None);
}
