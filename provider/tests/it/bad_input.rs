//! Whatever comes in, a 4xx goes out: no panic, no 5xx, no hang.

use oauth_gauntlet_provider::MockProvider;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, proptest};
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use proptest::{collection, prop_assert, prop_oneof};

use crate::support::{callback, careful, error_of, world};
use crate::transport::raw;

#[tokio::test]
async fn methods_that_a_url_does_not_take_are_answered_with_those_it_takes() {
    let world = world().await;
    for (method, path, allowed) in [
        ("DELETE", "/token", "POST, OPTIONS"),
        ("GET", "/token", "POST, OPTIONS"),
        ("GET", "/par", "POST, OPTIONS"),
        ("PUT", "/authorize", "GET, HEAD, POST"),
        ("POST", "/jwks", "GET, HEAD, OPTIONS"),
        ("GET", "/login", "POST"),
    ] {
        let method = method.parse().unwrap();
        let response = world
            .http
            .request(method, world.url(path))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 405, "{path}");
        assert_eq!(response.headers()["allow"], allowed);
    }
    let head = world.http.head(world.url("/jwks")).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.text().await.unwrap(), "");
    let unknown = world
        .http
        .get(world.url("/token/more"))
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn what_is_too_long_is_not_read() {
    let world = world().await;
    let big = "x".repeat(65 * 1024);
    let response = world.token(&[("grant_type", &big)]).send().await.unwrap();
    assert_eq!(response.status(), 413);
    let mut request = careful();
    request.insert("state", &big[..17 * 1024]);
    assert_eq!(
        world.authorize(&request).send().await.unwrap().status(),
        414
    );
    let exchanges = world.issuer.journal().exchanges();
    assert_eq!(exchanges.len(), 2);
    assert!(exchanges[1].request.target.len() <= 16 * 1024);
}

#[tokio::test]
async fn a_token_request_that_is_no_form_is_refused() {
    let world = world().await;
    let json = world
        .http
        .post(world.url("/token"))
        .json(&careful())
        .send()
        .await
        .unwrap();
    assert_eq!(error_of(json).await, (400, "invalid_request".to_owned()));
    let empty = world.http.post(world.url("/token")).send().await.unwrap();
    assert_eq!(error_of(empty).await, (400, "invalid_request".to_owned()));
    let nobody = world
        .http
        .post(world.url("/token"))
        .form(&[("grant_type", "x")]);
    assert_eq!(
        error_of(nobody.send().await.unwrap()).await,
        (401, "invalid_client".to_owned())
    );
    for header in [
        "Basic",
        "Basic !!",
        "Basic YQ==",
        "Bearer x",
        "",
        "Negotiate",
    ] {
        let request = world
            .http
            .post(world.url("/token"))
            .form(&[("grant_type", "x")]);
        let response = request
            .header("authorization", header)
            .send()
            .await
            .unwrap();
        assert!(response.headers().contains_key("www-authenticate"));
        assert_eq!(
            error_of(response).await,
            (401, "invalid_client".to_owned()),
            "{header}"
        );
    }
    for grant in ["authorization_code", "refresh_token"] {
        let form = [
            ("grant_type", grant),
            ("code", "unknown"),
            ("refresh_token", "unknown"),
        ];
        let response = world.token(&form).send().await.unwrap();
        assert_eq!(error_of(response).await, (400, "invalid_grant".to_owned()));
    }
}

#[tokio::test]
async fn a_parameter_that_is_no_text_makes_the_request_invalid_at_every_endpoint() {
    let world = world().await;
    let form = "application/x-www-form-urlencoded";
    let post = async |path: &str, body: &[u8]| {
        let request = world
            .http
            .post(world.url(path))
            .header("content-type", form);
        request.body(body.to_vec()).send().await.unwrap()
    };
    let app = "client_id=app&client_secret=secret&grant_type=client_credentials";
    for path in [
        "/token",
        "/par",
        "/introspect",
        "/revoke",
        "/device/authorize",
        "/userinfo",
        "/headless-login",
    ] {
        // Percent-encoded, encoded by halves, and as it is.
        for value in [&b"%ff"[..], b"a%C3&y=%A9", b"\xff"] {
            let body = [app.as_bytes(), b"&x=", value].concat();
            let response = post(path, &body).await;
            let error = error_of(response).await;
            assert_eq!(error, (400, "invalid_request".to_owned()), "{path}");
        }
    }
    // The same without it is no problem, and neither is the letter that stands for what is none.
    let body = format!("{app}&x=%ef%bf%bd&y=50%&z=%zz");
    assert_eq!(post("/token", body.as_bytes()).await.status(), 200);
    for path in ["/login", "/device", "/end_session"] {
        let response = post(path, b"interaction=x&state=%ff").await;
        assert_eq!(response.status(), 400, "{path}");
        assert!(response.text().await.unwrap().contains("not UTF-8"));
    }
    for path in ["/end_session?state=%ff", "/device?user_code=%ff"] {
        let response = world.http.get(world.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 400, "{path}");
        assert!(response.text().await.unwrap().contains("not UTF-8"));
    }
    let url = world.url("/userinfo?x=%ff");
    let response = world.http.get(url).bearer_auth("x").send().await.unwrap();
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("error=\"invalid_request\""));
    assert_eq!(response.status(), 400);
    let request = world.http.post(world.url("/register"));
    let request = request.header("content-type", "application/json");
    let response = request.body(b"{\"client_name\": \"\xff\"}".to_vec()).send();
    let error = error_of(response.await.unwrap()).await;
    assert_eq!(error, (400, "invalid_client_metadata".to_owned()));
}

#[tokio::test]
async fn a_client_is_told_of_a_parameter_that_is_no_text_and_gets_no_other_state_than_its_own() {
    let world = world().await;
    let mut request = careful();
    request.remove("state");
    let honest = world.authorize(&request).build().unwrap();
    for (more, state) in [
        ("&state=%ff", None),
        ("&state=fine&x=%ff", Some("fine")),
        ("&state=%ef%bf%bd&x=%c3", None),
    ] {
        let url = format!("{}{more}", honest.url());
        let response = world.http.get(&url).header("gauntlet-user", "alice");
        let back = callback(&response.send().await.unwrap());
        assert_eq!(back["error"], "invalid_request", "{more}");
        assert_eq!(back.get("state").map(String::as_str), state, "{more}");
        let refused = world.issuer.login(&url, "alice").unwrap();
        assert!(refused.contains("error=invalid_request"), "{refused}");
    }
    // Whom to tell is not known where the client or its redirect URI is what cannot be read.
    for wrong in [
        format!("{}?client_id=%ff", world.url("/authorize")),
        format!("{}&redirect_uri=%ff", honest.url()),
        honest.url().as_str().replace("callback", "%ff"),
    ] {
        let response = world.http.get(&wrong).send().await.unwrap();
        assert_eq!(response.status(), 400, "{wrong}");
    }
    let mut body = honest.url().query().unwrap().as_bytes().to_vec();
    body.extend(b"&state=\xff");
    let request = world.http.post(world.url("/authorize")).body(body);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let back = callback(&request.send().await.unwrap());
    assert_eq!(back["error"], "invalid_request");
    assert_eq!(back.get("state"), None);
}

#[tokio::test]
async fn an_error_description_has_only_the_letters_that_it_may_have() {
    let world = world().await;
    let form = [("grant_type", "a\"\\\u{e9}\u{0}\u{a7}")];
    let response = world.token(&form).send().await.unwrap();
    let body: serde_json::Value = response.json().await.unwrap();
    let description = body["error_description"].as_str().unwrap();
    let allowed = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    assert!(description.bytes().all(allowed), "{description}");
}

/// A request with rubbish in every place that an attacker controls.
fn request(route: (&str, &str), query: &[u8], header: &[u8], body: &[u8]) -> Vec<u8> {
    // What HTTP itself forbids in a request line or header is the HTTP library's business.
    let printable = |bytes: &[u8]| -> Vec<u8> {
        bytes
            .iter()
            .copied()
            .filter(|byte| !matches!(byte, 0..=b' ' | 0x7f..))
            .collect()
    };
    let mut request = format!("{} {}?", route.0, route.1).into_bytes();
    request.extend(printable(query));
    request.extend(b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    request.extend(b"content-type: application/x-www-form-urlencoded\r\nauthorization: ");
    request.extend(printable(header));
    request.extend(b"\r\ncookie: mock_provider_session=");
    request.extend(printable(header));
    request.extend(format!("\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes());
    request.extend(body);
    request
}

/// Parameter soup: known names, repeated and empty ones, and any bytes as values.
fn soup(pieces: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in pieces {
        text.extend(name.as_bytes());
        text.push(b'=');
        text.extend(value);
        text.push(b'&');
    }
    text
}

const NAMES: [&str; 47] = [
    "response_type=code&client_id=app&redirect_uri=http://localhost:3000/callback&x",
    "grant_type=authorization_code&client_id=app&client_secret=secret&x",
    "grant_type=refresh_token&client_id=app&client_secret=secret&x",
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "prompt",
    "max_age",
    "code_challenge",
    "code_challenge_method",
    "code",
    "code_verifier",
    "refresh_token",
    "id_token_hint",
    "post_logout_redirect_uri",
    "interaction",
    "response_mode",
    "claims",
    "acr_values",
    "ui_locales",
    "login_hint",
    "dpop_jkt",
    "request",
    "request_uri",
    "token",
    "token_type_hint",
    "username",
    "password",
    "assertion",
    "subject_token",
    "subject_token_type=urn:ietf:params:oauth:token-type:jwt&x",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
    "resource",
    "audience",
    "device_code",
    "user_code",
    "sub",
    "client_id=app&client_secret=secret&token",
    "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion",
    "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=app&client_secret=secret&x",
    "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&client_id=app&client_secret=secret&x",
    "",
];

const ROUTES: [(&str, &str); 17] = [
    ("GET", "/authorize"),
    ("POST", "/authorize"),
    ("POST", "/token"),
    ("POST", "/par"),
    ("GET", "/userinfo"),
    ("POST", "/userinfo"),
    ("GET", "/end_session"),
    ("POST", "/login"),
    ("POST", "/headless-login"),
    ("POST", "/introspect"),
    ("POST", "/revoke"),
    ("POST", "/device/authorize"),
    ("GET", "/device"),
    ("POST", "/device"),
    ("POST", "/register"),
    ("GET", "/%ff%00//"),
    ("GET", "/.well-known/oauth-authorization-server/"),
];

#[test]
fn no_bytes_make_the_provider_stumble() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let settings = crate::support::settings();
    let provider = runtime
        .block_on(MockProvider::builder().settings(settings).start())
        .unwrap();
    let address = provider.base_url().trim_start_matches("http://");
    let piece = (select(&NAMES[..]), collection::vec(any::<u8>(), 0..40));
    let pieces = collection::vec(piece, 0..8);
    proptest!(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() }, |(
        route in select(&ROUTES[..]),
        query in pieces.clone(),
        header in collection::vec(any::<u8>(), 0..60),
        body in pieces,
    )| {
        let bytes = request(route, &soup(&query), &header, &soup(&body));
        let response = raw(address, &bytes);
        let status = String::from_utf8_lossy(response.get(9..12).unwrap_or(b"none")).into_owned();
        prop_assert!(status.starts_with(['2', '3', '4']), "{status}");
    });
}

/// Client metadata soup: known members with values of any kind.
fn metadata() -> impl Strategy<Value = serde_json::Value> {
    const MEMBERS: [&str; 16] = [
        "redirect_uris",
        "token_endpoint_auth_method",
        "grant_types",
        "response_types",
        "client_name",
        "scope",
        "jwks",
        "jwks_uri",
        "id_token_signed_response_alg",
        "id_token_encrypted_response_alg",
        "subject_type",
        "default_max_age",
        "require_signed_request_object",
        "tls_client_auth_subject_dn",
        "backchannel_logout_uri",
        "software_statement",
    ];
    use serde_json::{Value, json};
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        collection::vec(any::<String>(), 0..3).prop_map(Value::from),
        Just(json!(["http://localhost:3000/callback"])),
        Just(json!("none")),
        Just(json!(["client_credentials"])),
        Just(json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": 1}]})),
    ];
    let members = collection::vec((select(&MEMBERS[..]), value), 0..6);
    members.prop_map(|members| {
        let named = members.into_iter().map(|(name, it)| (name.to_owned(), it));
        Value::Object(named.collect())
    })
}

/// The JSON of a response, whose status must be a success or a refusal with an error code.
fn told(response: &[u8]) -> Result<(), TestCaseError> {
    let text = String::from_utf8_lossy(response);
    let status = text.get(9..12).unwrap_or("none");
    prop_assert!(matches!(status, "200" | "201" | "400" | "401"), "{text}");
    let (_, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    if status.starts_with('4') {
        let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        prop_assert!(json["error"].is_string(), "{text}");
    }
    Ok(())
}

/// The endpoints that take forms of clients.
const FORMS: [&str; 4] = ["/token", "/introspect", "/revoke", "/device/authorize"];

#[test]
fn what_a_client_sends_is_served_or_refused_with_an_error_code() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let settings = crate::support::settings();
    let provider = runtime
        .block_on(MockProvider::builder().settings(settings).start())
        .unwrap();
    let address = provider.base_url().trim_start_matches("http://");
    let piece = (select(&NAMES[..]), collection::vec(any::<u8>(), 0..40));
    let pieces = collection::vec(piece, 0..8);
    let config = ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(
        path in select(&FORMS[..]),
        is_form in any::<bool>(),
        pairs in pieces,
        bytes in collection::vec(any::<u8>(), 0..200),
        metadata in metadata(),
    )| {
        let body = if is_form { soup(&pairs) } else { bytes.clone() };
        told(&raw(address, post(path, "application/x-www-form-urlencoded", &body)))?;
        let metadata = metadata.to_string().into_bytes();
        let body = if is_form { metadata } else { bytes };
        told(&raw(address, post("/register", "application/json", &body)))?;
    });
}

fn post(path: &str, media_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}
