//! A provider that misbehaves: the login is refused, nobody is signed in, and the next one works.

use crate::{
    browser::{Browser, Page, client},
    provider::{Answer, Provider, Script, set},
};
use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde_json::{Value, json};
use std::time::Duration;

fn client_of(provider: &Provider) -> Router {
    client(&[
        ("OIDC_ISSUER", &*provider.issuer),
        ("OIDC_ID_TOKEN_ALGS", "ES256"),
        ("BACK_CHANNEL_TIMEOUT", "0.5"),
    ])
}

/// A login with trouble, and one after it without.
async fn is_refused(name: &str, prepare: impl FnOnce(&mut Script)) -> Page {
    let provider = Provider::start().await;
    prepare(&mut provider.script());
    let mut browser = Browser::new(&client_of(&provider));
    let callback = match browser.get("/login").await {
        page if page.status == StatusCode::SEE_OTHER => {
            crate::browser::authorize(page.location()).await
        }
        page => return page,
    };
    let page = browser.get(&callback).await;
    assert!(page.text.contains("Sign in again"), "{name}: {}", page.text);
    assert_eq!(
        browser.get("/profile").await.status,
        StatusCode::UNAUTHORIZED,
        "{name}"
    );
    let session = browser.get(&callback).await;
    assert!(
        session.text.contains("not begun in this browser"),
        "{name}: it was taken"
    );

    provider.script().instead = None;
    provider.script().changes_id_token = Box::new(|_| {});
    provider.script().changes_tokens = Box::new(|_| {});
    provider.script().crit = None;
    assert_eq!(
        browser.sign_in().await.location(),
        "/profile",
        "{name}: afterwards"
    );
    page
}

/// Asks for a login while the back channel's `path` gives this answer.
async fn is_refused_by(name: &str, path: &'static str, respond: Answer) -> u16 {
    let page = is_refused(name, |script| script.instead = Some((path, respond))).await;
    page.status.as_u16()
}

#[tokio::test]
async fn only_a_success_of_the_token_endpoint_counts() {
    fn tokens_with_400() -> Response {
        let body = json!({ "access_token": "x", "token_type": "Bearer" });
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    }
    fn elsewhere() -> Response {
        Redirect::temporary("/moved").into_response()
    }
    assert_eq!(is_refused_by("tokens", "token", tokens_with_400).await, 502);
    assert_eq!(is_refused_by("redirect", "token", elsewhere).await, 502);
}

#[tokio::test]
async fn a_token_response_is_complete_or_refused() {
    fn html() -> Response {
        "<html>".into_response()
    }
    fn no_access_token() -> Response {
        Json(json!({ "token_type": "Bearer" })).into_response()
    }
    assert_eq!(is_refused_by("HTML", "token", html).await, 502);
    assert_eq!(
        is_refused_by("access token", "token", no_access_token).await,
        502
    );
    for (member, value) in [("token_type", json!("mac")), ("id_token", Value::Null)] {
        let change = set(member, value);
        let page = is_refused(member, |script| script.changes_tokens = change).await;
        assert_eq!(page.status, 400, "{member}");
    }
}

#[tokio::test]
async fn an_id_token_with_a_changed_signature_or_a_critical_extension_is_refused() {
    let page = is_refused("signature", |script| {
        script.changes_tokens = Box::new(|tokens| {
            let token = tokens["id_token"].as_str().unwrap();
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let changed = format!("{signed}.{}", signature.chars().rev().collect::<String>());
            tokens["id_token"] = json!(changed);
        });
    });
    assert_eq!(page.await.status, 400);
    let extension = || Some(vec!["https://op.example/extension".to_owned()]);
    let page = is_refused("crit", |script| script.crit = extension()).await;
    assert_eq!(page.status, 400);
}

#[tokio::test]
async fn userinfo_is_a_bounded_success_about_the_user_or_refused() {
    fn claims_with_500() -> Response {
        let body = json!({ "sub": "alice", "name": "Alice Example" });
        (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
    }
    fn claims_with_401() -> Response {
        let body = json!({ "sub": "alice", "name": "Alice Example" });
        (StatusCode::UNAUTHORIZED, Json(body)).into_response()
    }
    fn too_long() -> Response {
        let body = json!({ "sub": "alice", "name": "x".repeat(2 << 20) });
        Json(body).into_response()
    }
    fn someone_else() -> Response {
        Json(json!({ "sub": "bob" })).into_response()
    }
    assert_eq!(is_refused_by("500", "userinfo", claims_with_500).await, 502);
    assert_eq!(is_refused_by("401", "userinfo", claims_with_401).await, 400);
    assert_eq!(is_refused_by("too long", "userinfo", too_long).await, 502);
    assert_eq!(
        is_refused_by("someone else", "userinfo", someone_else).await,
        400
    );
}

#[tokio::test]
async fn a_bad_id_token_is_refused() {
    for (claim, value) in [
        ("iss", json!("https://other.example")),
        ("aud", json!("another-client")),
        ("aud", json!(["another-client"])),
        ("aud", json!(["client-app", "another-client"])),
        ("azp", json!("another-client")),
        ("exp", json!(1_000_000)),
        ("iat", json!(1_000_000)),
        ("nonce", json!("forged")),
        ("nonce", Value::Null),
        ("at_hash", json!("forged")),
    ] {
        let change = set(claim, value);
        let page = is_refused(claim, |script| script.changes_id_token = change).await;
        assert_eq!(page.status, 400, "{claim}");
    }
    for (claim, value) in [
        ("sub", Value::Null),
        ("exp", json!("soon")),
        ("aud", json!(7)),
    ] {
        let change = set(claim, value);
        let page = is_refused(claim, |script| script.changes_id_token = change).await;
        assert_eq!(page.status, 502, "{claim}");
    }
}

#[tokio::test]
async fn an_algorithm_that_was_not_agreed_on_is_refused_though_its_key_is_published() {
    let provider = Provider::start().await;
    let mut browser = Browser::new(&client(&[("OIDC_ISSUER", &provider.issuer)]));
    assert_eq!(browser.sign_in().await.status, StatusCode::BAD_REQUEST);
    assert_eq!(provider.calls("jwks"), 0);
}

#[tokio::test]
async fn metadata_that_cannot_be_used_stops_before_the_browser_leaves() {
    for (member, value) in [
        ("issuer", json!("https://other.example")),
        ("token_endpoint", json!("http://op.example/token")),
        ("jwks_uri", Value::Null),
    ] {
        let change = set(member, value);
        let page = is_refused(member, |script| script.changes_metadata = change).await;
        assert_eq!(page.status, StatusCode::BAD_GATEWAY, "{member}");
        assert!(page.header("set-cookie").is_empty(), "{member}");
    }
}

#[tokio::test]
async fn a_response_with_a_repeated_parameter_or_without_a_code_goes_no_further() {
    let provider = Provider::start().await;
    let mut browser = Browser::new(&client_of(&provider));
    let callback = browser.callback_of("/login").await;
    let page = browser.get(&format!("{callback}&code=another")).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);

    let callback = browser.callback_of("/login").await;
    let empty = callback.replace("?code=", "?code=&was=");
    assert_eq!(browser.get(&empty).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(provider.calls("token"), 0);
}

#[tokio::test]
async fn an_issuer_that_always_names_itself_must_do_so() {
    let provider = Provider::start().await;
    let mut browser = Browser::new(&client_of(&provider));
    for (name, change) in [
        ("missing", ""),
        ("wrong", "&iss=https%3A%2F%2Fother.example"),
    ] {
        let callback = browser.callback_of("/login").await;
        let (before, _) = callback.split_once("&iss=").unwrap();
        let page = browser.get(&format!("{before}{change}")).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{name}");
    }
    assert_eq!(provider.calls("token"), 0);
}

#[tokio::test]
async fn a_silent_provider_is_given_up_on() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let token_endpoint = format!("http://{}/token", silent.local_addr().unwrap());
    let provider = Provider::start().await;
    provider.script().changes_metadata = set("token_endpoint", json!(token_endpoint));
    let mut browser = Browser::new(&client_of(&provider));
    let patience = Duration::from_secs(20);
    let page = tokio::time::timeout(patience, browser.sign_in()).await;
    let page = page.expect("it gives up long before");
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(page.text.contains("did not answer"));
}

#[tokio::test]
async fn a_provider_that_is_down_ends_no_session() {
    let provider = Provider::start().await;
    let mut browser = Browser::new(&client_of(&provider));
    browser.sign_in().await;
    let down: Answer = || StatusCode::SERVICE_UNAVAILABLE.into_response();
    provider.script().instead = Some(("userinfo", down));
    assert_eq!(
        browser.get("/profile").await.status,
        StatusCode::BAD_GATEWAY
    );
    provider.script().instead = None;
    assert_eq!(browser.get("/profile").await.status, StatusCode::OK);
}

#[tokio::test]
async fn invented_keys_do_not_make_us_ask_for_keys_again_and_again() {
    let provider = Provider::start().await;
    let mut browser = Browser::new(&client_of(&provider));
    browser.sign_in().await;
    provider.script().instead = Some(("jwks", || Json(json!({ "keys": [] })).into_response()));
    for kid in ["invented-1", "invented-2", "invented-3"] {
        provider.rotate_key(kid);
        assert_eq!(
            browser.sign_in().await.status,
            StatusCode::BAD_REQUEST,
            "{kid}"
        );
    }
    assert_eq!(provider.calls("jwks"), 2);
}
