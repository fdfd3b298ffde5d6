//! Whatever comes in, a 4xx goes out: no panic, no 5xx, no hang.

use oauth_gauntlet_provider::MockProvider;
use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::sample::select;
use proptest::{collection, prop_assert};

use crate::support::{careful, error_of, world};
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

const NAMES: [&str; 30] = [
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
    "resource",
    "dpop_jkt",
    "request",
    "request_uri",
    "sub",
    "",
];

const ROUTES: [(&str, &str); 11] = [
    ("GET", "/authorize"),
    ("POST", "/authorize"),
    ("POST", "/token"),
    ("POST", "/par"),
    ("GET", "/userinfo"),
    ("POST", "/userinfo"),
    ("GET", "/end_session"),
    ("POST", "/login"),
    ("POST", "/headless-login"),
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
