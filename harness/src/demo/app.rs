//! The five routes. Deliberately naive: see the list of defects in the module.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router, middleware};
use serde_json::Value;

use super::session::{Sessions, Visitor, recognise};

/// How the demo client is registered at the provider, and where it is to be found itself.
#[derive(Clone)]
pub struct DemoConfig {
    /// The issuer's URL without a slash at its end, over plain `http`. Its endpoints are taken to
    /// be `/authorize`, `/token` and `/userinfo` below it.
    pub issuer: String,
    /// The client identifier (RFC 6749 §2.2).
    pub client_id: String,
    /// The client secret, sent in the body of the token request (RFC 6749 §2.3.1).
    pub client_secret: String,
    /// Where the browser finds the app, such as `http://localhost:8000`. The redirect URI is
    /// `/callback` below it.
    pub base_url: String,
}

impl fmt::Debug for DemoConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DemoConfig")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("client_secret", &"[redacted]")
            .field("base_url", &self.base_url)
            .finish()
    }
}

/// The demo client as a router with `/`, `/login`, `/callback`, `/profile` and `/logout`. Each
/// router has sessions of its own; nothing is contacted before somebody signs in.
///
/// # Panics
///
/// Where no HTTP client can be made, which needs a broken build: no certificate is loaded for it.
pub fn app(config: DemoConfig) -> Router {
    // Without certificates of its own the client would look for the system's, and fail where there
    // are none; a proxy would stand between this client and a provider on the same machine.
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .expect("a client that loads no certificates has nothing to fail on");
    let demo = Arc::new(Demo {
        config,
        http,
        sessions: Sessions::default(),
    });
    Router::new()
        .route("/", get(index))
        .route("/login", get(login))
        .route("/callback", get(callback))
        .route("/profile", get(profile))
        .route("/logout", get(logout))
        .layer(middleware::from_fn(recognise))
        .with_state(demo)
}

struct Demo {
    config: DemoConfig,
    http: reqwest::Client,
    sessions: Sessions,
}

async fn index(State(demo): State<Arc<Demo>>, Extension(visitor): Extension<Visitor>) -> Response {
    match demo.sessions.access_token(&visitor) {
        Some(_) => page(
            r#"<p>You are signed in.</p>
<p><a href="/profile">Profile</a> <a href="/logout">Log out</a></p>"#,
        ),
        None => page(r#"<p>Welcome!</p><p><a href="/login">Log in</a></p>"#),
    }
}

async fn login(State(demo): State<Arc<Demo>>) -> Redirect {
    let DemoConfig {
        issuer,
        client_id,
        base_url,
        ..
    } = &demo.config;
    Redirect::to(&format!(
        "{issuer}/authorize?response_type=code&client_id={client_id}\
         &redirect_uri={base_url}/callback&scope=openid%20profile%20email"
    ))
}

async fn callback(
    State(demo): State<Arc<Demo>>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Crash> {
    let parameter = |name: &str| query.get(name).map_or("", String::as_str);
    if query.contains_key("error") {
        return Ok(page(&format!(
            r#"<h1>Login failed</h1><p>{}: {}</p><p><a href="/login">Try again</a></p>"#,
            parameter("error"),
            parameter("error_description")
        )));
    }

    let redirect_uri = format!("{}/callback", demo.config.base_url);
    let response: Value = demo
        .http
        .post(format!("{}/token", demo.config.issuer))
        .form(&[
            ("grant_type", "authorization_code"),
            ("code", parameter("code")),
            ("redirect_uri", redirect_uri.as_str()),
            ("client_id", demo.config.client_id.as_str()),
            ("client_secret", demo.config.client_secret.as_str()),
        ])
        .send()
        .await?
        .json()
        .await?;
    let access_token = as_text(&response["access_token"]);
    demo.sessions.sign_in(visitor, access_token);
    Ok(Redirect::to("/profile").into_response())
}

async fn profile(
    State(demo): State<Arc<Demo>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Crash> {
    let Some(access_token) = demo.sessions.access_token(&visitor) else {
        return Ok(Redirect::to("/login").into_response());
    };
    let user: Value = demo
        .http
        .get(format!("{}/userinfo", demo.config.issuer))
        .header(AUTHORIZATION, format!("Bearer {access_token}"))
        .send()
        .await?
        .json()
        .await?;
    let claims: Vec<String> = user
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>", as_text(value)))
        .collect();
    Ok(page(&format!(
        "<h1>Hello, {}!</h1>\n<dl>\n{}\n</dl>\n<p><a href=\"/logout\">Log out</a></p>",
        as_text(&user["name"]),
        claims.join("\n")
    )))
}

async fn logout(State(demo): State<Arc<Demo>>, Extension(visitor): Extension<Visitor>) -> Redirect {
    demo.sessions.sign_out(&visitor);
    Redirect::to("/")
}

/// The call to the provider failed or did not answer with JSON: the framework's plain error page.
struct Crash;

impl From<reqwest::Error> for Crash {
    fn from(_: reqwest::Error) -> Self {
        Self
    }
}

impl IntoResponse for Crash {
    fn into_response(self) -> Response {
        let body = page("<h1>Internal Server Error</h1>");
        (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
    }
}

fn page(body: &str) -> Response {
    Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Demo</title></head>\n\
         <body>\n{body}\n</body>\n</html>\n"
    ))
    .into_response()
}

/// A string as it is, anything else as JSON: what a template prints.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}
