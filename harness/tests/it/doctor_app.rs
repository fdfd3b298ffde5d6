//! The naive client with pages beside it that a target file may name by mistake, as a program: this
//! test binary, started with the one test that serves it.

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};

/// The command that starts it; PORT and the variables of the naive client configure it.
pub(crate) fn command() -> [String; 5] {
    let program = std::env::current_exe().expect("it runs");
    [
        program.display().to_string(),
        "--ignored".to_owned(),
        "--exact".to_owned(),
        "--nocapture".to_owned(),
        "doctor_app::serves_until_it_is_ended".to_owned(),
    ]
}

#[tokio::test]
#[ignore = "a program that other tests start"]
#[expect(clippy::print_stdout, reason = "as programs do")]
async fn serves_until_it_is_ended() {
    if std::env::var("OIDC_CLIENT_SECRET").is_err() && std::env::var("OIDC_SECRET").is_err() {
        return;
    }
    let port = std::env::var("PORT").unwrap_or_default();
    let port = port.parse().unwrap_or(0);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.expect("the port is free");
    let port = listener.local_addr().expect("it has an address").port();
    println!("listening on port {port}");
    let served = axum::serve(listener, pages()).await;
    served.expect("serving goes on until the process ends");
}

/// What the protected page said last, whoever it was said to.
static LAST: Mutex<String> = Mutex::new(String::new());

fn pages() -> Router {
    let says =
        |status: StatusCode, words: &'static str| get(move || async move { (status, words) });
    let leads_to = |url: &'static str| get(move || async move { Redirect::to(url) });
    let failed = StatusCode::INTERNAL_SERVER_ERROR;
    Router::new()
        .route("/nobody", says(StatusCode::OK, "Welcome, whoever you are"))
        .route("/form", says(StatusCode::OK, "<form method=post></form>"))
        .route(
            "/start",
            get(|| async { Html("<a href=\"/login\">Log in</a>") }),
        )
        .route("/401", says(StatusCode::UNAUTHORIZED, "please sign in"))
        .route("/in", get(|| async { Html(FORM) }).post(begin))
        .route(
            "/no-such-host",
            says(failed, "getaddrinfo ENOTFOUND nowhere.invalid"),
        )
        .route(
            "/slow",
            get(|| async { tokio::time::sleep(Duration::from_millis(2500)).await }),
        )
        .route("/only-post", post(|| async { "done" }))
        .route(
            "/away",
            leads_to("http://127.0.0.1:9/authorize?response_type=code&client_id=mine"),
        )
        .route("/relative", leads_to("None/authorize?client_id=mine"))
        .route(
            "/https",
            says(failed, "TypeError: only requests to HTTPS are allowed"),
        )
        .route("/untrusted", says(failed, "SSL: CERTIFICATE_VERIFY_FAILED"))
        .route("/refused", says(failed, "connect ECONNREFUSED 10.0.0.1:80"))
        .route(
            "/insecure",
            says(failed, "(insecure_transport) OAuth 2 MUST utilize https."),
        )
        .route(
            "/last",
            get(|| async { LAST.lock().expect("nobody panics").clone() }),
        )
        .merge(client())
}

const FORM: &str = "<form method=post><input type=hidden name=_token value=abc></form>";

async fn begin(body: String) -> Response {
    if body == "_token=abc" {
        Redirect::to("/login").into_response()
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

fn client() -> Router {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let client = gauntlet::demo::app(gauntlet::demo::DemoConfig {
        issuer: variable("OIDC_ISSUER"),
        client_id: variable("OIDC_CLIENT_ID"),
        client_secret: variable("OIDC_CLIENT_SECRET"),
        base_url: variable("BASE_URL"),
    });
    // Behind the layer, so that it can send a request to another page.
    Router::new()
        .fallback_service(client)
        .layer(from_fn(around))
}

/// What variables of the target file make of the client: `SLOW` answers late, `NO_OPENID` asks
/// for less and cannot do with what it gets. `/profile.json` is the protected page for programs.
async fn around(mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if std::env::var("SLOW").is_ok() {
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    if path == "/profile.json" {
        *request.uri_mut() = Uri::from_static("/profile");
    }
    let mut response = next.run(request).await;
    if std::env::var("NO_OPENID").is_ok() {
        if path == "/callback" || path == "/profile" {
            return (StatusCode::BAD_REQUEST, "no id_token").into_response();
        }
        if let Some(location) = response.headers_mut().get_mut("location") {
            let url = location.to_str().unwrap_or_default();
            let url = url.replace("openid%20", "");
            *location = url.parse().expect("it stays a header");
        }
    }
    if !path.starts_with("/profile") || !response.status().is_success() {
        return response;
    }
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
    let page = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
    LAST.lock().expect("nobody panics").clone_from(&page);
    if path == "/profile" {
        return Html(page).into_response();
    }
    let of_an_address = |c: char| c.is_alphanumeric() || "@.-_".contains(c);
    let mut words = page.split(|c: char| !of_an_address(c));
    let email = words.find(|word| word.contains('@'));
    axum::Json(serde_json::json!({ "user": { "email": email } })).into_response()
}
