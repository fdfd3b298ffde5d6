//! The demo client works, and its defects are there.

use axum::body::Body;
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{DemoConfig, app};

/// A client at a provider on a random port that answers every token request with `token`.
async fn client(token: (StatusCode, &'static str)) -> Router {
    let provider = Router::new()
        .route("/token", post(async move || token))
        .route("/userinfo", get(userinfo));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let issuer = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, provider).await });
    app(DemoConfig {
        issuer,
        client_id: "demo".to_owned(),
        client_secret: "demo-secret".to_owned(),
        base_url: "http://localhost:8000".to_owned(),
    })
}

async fn userinfo(headers: HeaderMap) -> (StatusCode, Json<Value>) {
    if headers
        .get("authorization")
        .is_some_and(|it| it == "Bearer good")
    {
        (
            StatusCode::OK,
            Json(json!({"sub": "alice-1", "name": "Alice"})),
        )
    } else {
        (
            StatusCode::UNAUTHORIZED,
            Json(json!({"error": "invalid_token"})),
        )
    }
}

async fn visit(client: &Router, path: &str, session: &str) -> Response<Body> {
    let request = Request::get(path)
        .header(COOKIE, format!("session={session}"))
        .body(Body::empty())
        .expect("a request");
    client.clone().oneshot(request).await.expect("infallible")
}

async fn text(response: Response<Body>) -> String {
    let body = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .expect("a body");
    String::from_utf8(body.to_vec()).expect("UTF-8")
}

const GOOD: (StatusCode, &str) = (StatusCode::OK, r#"{"access_token": "good"}"#);

#[tokio::test]
async fn the_authorization_request_has_no_state_no_nonce_and_no_challenge() {
    let response = visit(&client(GOOD).await, "/login", "s").await;
    let location = response.headers()[LOCATION].to_str().expect("text");
    let query = location.split_once('?').expect("a query").1;
    let names: Vec<_> = query
        .split('&')
        .filter_map(|it| it.split('=').next())
        .collect();
    assert_eq!(
        names,
        ["response_type", "client_id", "redirect_uri", "scope"]
    );
}

#[tokio::test]
async fn any_code_signs_in_under_the_session_that_the_browser_brought() {
    let client = client(GOOD).await;
    let callback = visit(&client, "/callback?code=any", "chosen-by-someone").await;
    assert_eq!(callback.headers()[LOCATION], "/profile");
    assert!(!callback.headers().contains_key(SET_COOKIE));
    let profile = text(visit(&client, "/profile", "chosen-by-someone").await).await;
    assert!(
        profile.contains("alice-1") && profile.contains("Hello, Alice!"),
        "{profile}"
    );
}

#[tokio::test]
async fn a_first_visit_sets_a_bare_cookie() {
    let request = Request::get("/").body(Body::empty()).expect("a request");
    let response = client(GOOD)
        .await
        .oneshot(request)
        .await
        .expect("infallible");
    let cookie = response.headers()[SET_COOKIE].to_str().expect("text");
    let (value, attributes) = cookie.split_once("; ").expect("attributes");
    assert_eq!((value.len(), attributes), ("session=".len() + 32, "Path=/"));
}

#[tokio::test]
async fn tokens_in_an_error_response_are_taken() {
    let client = client((StatusCode::BAD_REQUEST, GOOD.1)).await;
    visit(&client, "/callback?code=any", "s").await;
    assert!(
        text(visit(&client, "/profile", "s").await)
            .await
            .contains("alice-1")
    );
}

#[tokio::test]
async fn a_token_response_without_an_access_token_signs_nobody_in_by_name() {
    let client = client((StatusCode::OK, "{}")).await;
    visit(&client, "/callback?code=any", "s").await;
    let profile = visit(&client, "/profile", "s").await;
    assert_eq!(profile.status(), StatusCode::OK);
    assert!(text(profile).await.contains("invalid_token"));
}

#[tokio::test]
async fn a_token_response_that_is_not_json_is_an_error_page() {
    let client = client((StatusCode::OK, "<html>")).await;
    let response = visit(&client, "/callback?code=any", "s").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        visit(&client, "/profile", "s").await.headers()[LOCATION],
        "/login"
    );
}

#[tokio::test]
async fn an_error_description_reaches_the_page_as_markup() {
    let path = "/callback?error=access_denied&error_description=%3Cb%3Eno%3C/b%3E";
    assert!(
        text(visit(&client(GOOD).await, path, "s").await)
            .await
            .contains("<b>no</b>")
    );
}

#[tokio::test]
async fn logging_out_forgets_the_user() {
    let client = client(GOOD).await;
    visit(&client, "/callback?code=any", "s").await;
    assert_eq!(
        visit(&client, "/logout", "s").await.headers()[LOCATION],
        "/"
    );
    assert_eq!(
        visit(&client, "/profile", "s").await.headers()[LOCATION],
        "/login"
    );
}

#[test]
fn debug_output_holds_no_secret() {
    let config = DemoConfig {
        issuer: "http://127.0.0.1:1".to_owned(),
        client_id: "demo".to_owned(),
        client_secret: "hush".to_owned(),
        base_url: "http://localhost:1".to_owned(),
    };
    assert!(!format!("{config:?}").contains("hush"));
}
