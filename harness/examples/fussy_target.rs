//! An app that a target file has much to say about: it reads a file and no environment, begins a
//! login only by a form with a token, and answers everybody 200, in JSON.
//!
//! `fussy_target PORT`, in a folder with `config/app.json`.

use std::io::Write as _;
use std::net::Ipv4Addr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const TOKEN: &str = "token-against-forgery";

#[tokio::main]
async fn main() {
    let port: u16 = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .expect("the port is the first argument");
    let config = std::fs::read_to_string("config/app.json").expect("the file is there");
    let config: Value = serde_json::from_str(&config).expect("it is JSON");
    let text = |name: &str| config[name].as_str().unwrap_or_default().to_owned();
    let inner = gauntlet::demo::app(gauntlet::demo::DemoConfig {
        issuer: text("authority"),
        client_id: text("client_id"),
        client_secret: text("client_secret"),
        base_url: text("base"),
    });
    let app = Router::new()
        .route("/", get(|| async { Html(form("/begin", "Sign in")) }))
        .route("/begin", post(begin))
        .route("/account", get(account))
        .route("/end", post(end))
        .fallback(callback)
        .with_state(inner);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.expect("the port is free");
    drop(std::io::stdout().write_all(b"Started fussy in 0.1 seconds\n"));
    axum::serve(listener, app)
        .await
        .expect("serving goes on until the process ends");
}

fn form(action: &str, button: &str) -> String {
    format!(
        "<form method=post action={action}><input type=hidden name=_csrf value={TOKEN}>\
         <button>{button}</button></form>"
    )
}

async fn inner(app: Router, headers: &HeaderMap, uri: &Uri) -> Response {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri.clone();
    if let Some(cookie) = headers.get("cookie") {
        request.headers_mut().insert("cookie", cookie.clone());
    }
    app.oneshot(request).await.into_response()
}

async fn guarded(app: Router, headers: HeaderMap, body: String, path: &'static str) -> Response {
    if body != format!("_csrf={TOKEN}") {
        return StatusCode::FORBIDDEN.into_response();
    }
    inner(app, &headers, &Uri::from_static(path)).await
}

async fn begin(State(app): State<Router>, headers: HeaderMap, body: String) -> Response {
    guarded(app, headers, body, "/login").await
}

async fn end(State(app): State<Router>, headers: HeaderMap, body: String) -> Response {
    guarded(app, headers, body, "/logout").await
}

async fn callback(State(app): State<Router>, headers: HeaderMap, uri: Uri) -> Response {
    inner(app, &headers, &uri).await
}

/// JSON for whoever asks for it, with the token for scripts; 200 for everybody.
async fn account(State(app): State<Router>, headers: HeaderMap) -> Response {
    let page = inner(app, &headers, &Uri::from_static("/profile")).await;
    let body = axum::body::to_bytes(page.into_body(), 1 << 20).await;
    let body = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
    let word = |c: char| !(c.is_alphanumeric() || "@.-_".contains(c));
    let email = body.split(word).find(|word| word.contains('@'));
    axum::Json(json!({ "user": { "email": email }, "_csrf": TOKEN })).into_response()
}
