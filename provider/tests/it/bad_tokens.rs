//! Whatever stands in a token that comes in, an answer goes out: no panic, no 5xx.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oauth_gauntlet_provider::{Client, MockProvider};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, proptest};
use proptest::sample::select;
use proptest::{collection, prop_assert, prop_oneof};
use serde_json::{Value, json};

use crate::signed::Key;
use crate::support::{CALLBACK, NOW, settings};
use crate::transport::raw;

/// Members of headers and claims that somebody reads.
const NAMES: [&str; 33] = [
    "alg",
    "typ",
    "kid",
    "jwk",
    "crit",
    "cty",
    "x5c",
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "htm",
    "htu",
    "ath",
    "nonce",
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "max_age",
    "claims",
    "request",
    "request_uri",
    "prompt",
    "sid",
    "auth_time",
    "code_challenge",
    "resource",
    "events",
];

/// Values as they are right in one place or another, and of any other kind.
fn value() -> impl Strategy<Value = Value> {
    let text = select(
        &[
            "ES256",
            "RS256",
            "HS256",
            "none",
            "JWT",
            "dpop+jwt",
            "oauth-authz-req+jwt",
            "signs",
            "app",
            "alice",
            "POST",
            "GET",
            "code",
            "openid",
            CALLBACK,
            "",
        ][..],
    );
    prop_oneof![
        text.prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (NOW - 100..NOW + 100).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        collection::vec(any::<String>(), 0..3).prop_map(Value::from),
        Just(Key::number(1).jwk()),
        Just(json!({"kty": "RSA", "n": "AA", "e": "AQAB"})),
        Just(json!({"kty": "EC", "crv": "P-256", "x": "", "y": []})),
        Just(json!({"id_token": {"sub": {"values": [1, null]}}, "userinfo": 1})),
    ]
}

fn object() -> impl Strategy<Value = Value> {
    let members = collection::vec((select(&NAMES[..]), value()), 0..8);
    members.prop_map(|members| {
        let named = members.into_iter().map(|(name, it)| (name.to_owned(), it));
        Value::Object(named.collect())
    })
}

static KEY: LazyLock<Key> = LazyLock::new(|| Key::number(1));

/// A token that the client `signs` has signed, or one that is broken in some other way.
fn token() -> impl Strategy<Value = String> {
    let header = (object(), any::<bool>()).prop_map(|(mut header, is_honest)| {
        if is_honest {
            header["alg"] = json!("ES256");
            header["jwk"] = KEY.jwk();
        }
        header
    });
    let claims = (object(), any::<bool>()).prop_map(|(mut claims, is_honest)| {
        if is_honest {
            for (name, value) in [
                ("iss", json!("signs")),
                ("sub", json!("signs")),
                ("client_id", json!("signs")),
                ("exp", json!(NOW + 60)),
                ("iat", json!(NOW)),
            ] {
                claims[name] = value;
            }
        }
        claims
    });
    let part = collection::vec(any::<u8>(), 0..40).prop_map(|it| URL_SAFE_NO_PAD.encode(it));
    prop_oneof![
        6 => (header, claims).prop_map(|(header, claims)| KEY.sign(&header, &claims)),
        1 => collection::vec(part, 0..6).prop_map(|parts| parts.join(".")),
        1 => any::<String>(),
    ]
}

/// An `Authorization` header: the schemes that there are, with anything behind them.
fn authorization() -> impl Strategy<Value = String> {
    let scheme = select(
        &[
            "Basic ", "basic ", "Bearer ", "DPoP ", "DPoP", "", "Basic\t",
        ][..],
    );
    let credentials = prop_oneof![
        token(),
        collection::vec(any::<u8>(), 0..40).prop_map(|it| STANDARD.encode(it)),
        "[a-z%:+&=]{0,20}".prop_map(|it| STANDARD.encode(it)),
        Just(STANDARD.encode("app:secret")),
    ];
    (scheme, credentials).prop_map(|(scheme, credentials)| format!("{scheme}{credentials}"))
}

/// Where a token goes: a method, a path, and the form around it.
const PLACES: [(&str, &str, &str); 13] = [
    (
        "POST",
        "/token",
        "grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=",
    ),
    (
        "POST",
        "/token",
        "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=",
    ),
    (
        "POST",
        "/token",
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&client_id=app&client_secret=secret&subject_token_type=urn:ietf:params:oauth:token-type:jwt&subject_token=",
    ),
    (
        "POST",
        "/token",
        "grant_type=refresh_token&client_id=app&client_secret=secret&refresh_token=",
    ),
    (
        "POST",
        "/par",
        "client_id=app&client_secret=secret&request=",
    ),
    ("GET", "/authorize", "client_id=signs&request="),
    (
        "POST",
        "/authorize",
        "client_id=signs&response_type=code&request=",
    ),
    (
        "GET",
        "/authorize",
        "client_id=app&response_type=code&scope=openid&redirect_uri=http://localhost:3000/callback&id_token_hint=",
    ),
    (
        "GET",
        "/authorize",
        "client_id=app&response_type=code&scope=openid&redirect_uri=http://localhost:3000/callback&claims=",
    ),
    (
        "POST",
        "/introspect",
        "client_id=app&client_secret=secret&token=",
    ),
    (
        "POST",
        "/revoke",
        "client_id=app&client_secret=secret&token=",
    ),
    ("GET", "/end_session", "id_token_hint="),
    ("GET", "/userinfo", "x="),
];

#[test]
fn no_token_makes_the_provider_stumble() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut settings = settings();
    let signs = Client::with_keys("signs", KEY.jwks()).redirect_uri(CALLBACK);
    settings.clients.push(signs);
    let provider = runtime
        .block_on(MockProvider::builder().settings(settings).start())
        .unwrap();
    let address = provider.base_url().trim_start_matches("http://");
    let config = ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    // What HTTP itself forbids in a header is the HTTP library's business.
    let field = |name: &str, value: &str| {
        let value = value.replace(|letter: char| letter.is_control(), "");
        format!("{name}: {value}\r\n")
    };
    proptest!(config, |(
        (method, path, form) in select(&PLACES[..]),
        token in token(),
        header in proptest::option::of(authorization()),
        proof in proptest::option::of(token()),
    )| {
        let mut encoder = form_urlencoded::Serializer::new(String::new());
        let token = encoder.append_pair("", &token).finish();
        let parameters = format!("{form}{}", &token[1..]);
        let (query, body) = match method {
            "GET" => (format!("?{parameters}"), String::new()),
            _ => (String::new(), parameters),
        };
        let mut request = format!("{method} {path}{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n");
        request.extend(header.iter().map(|it| field("authorization", it)));
        request.extend(proof.iter().map(|it| field("dpop", it)));
        let length = body.len();
        let end = format!("content-length: {length}\r\n\r\n{body}");
        request.push_str(&end);
        let response = String::from_utf8_lossy(&raw(address, &request)).into_owned();
        let status = response.get(9..12).unwrap_or("none");
        prop_assert!(status.starts_with(['2', '3', '4']), "{response}\nto {request}");
        let is_page = matches!(path, "/authorize" | "/end_session");
        if status.starts_with('4') && !is_page {
            let (_, body) = response.split_once("\r\n\r\n").unwrap_or_default();
            let json: Value = serde_json::from_str(body).unwrap_or_default();
            prop_assert!(json["error"].is_string(), "{response}\nto {request}");
        }
    });
}
