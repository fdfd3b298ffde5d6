//! A single-page app for the tests with a real browser: everything but the files happens in the
//! browser. `SPA_DEFECTS` names what it does wrong: `state`, `storage`, `address`, `referer`,
//! `uncaught`; `SPA_RESPONSE_MODE` how it wants its answers.

use std::env;

use axum::Router;
use axum::response::Html;
use axum::routing::get;

const PAGE: &str = include_str!("spa_target.html");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = env::var("PORT")?.parse()?;
    let text = |name: &str| serde_json::Value::String(env::var(name).unwrap_or_default());
    let config = serde_json::json!({
        "issuer": text("OIDC_ISSUER"),
        "clientId": text("OIDC_CLIENT_ID"),
        "app": text("APP_URL"),
        "defects": text("SPA_DEFECTS"),
        "responseMode": text("SPA_RESPONSE_MODE"),
    });
    // What was posted goes into the page, where nothing in it ends the script.
    let page = move |posted: &str| {
        let mut config = config.clone();
        config["posted"] = posted.into();
        Html(PAGE.replace("{{ config }}", &config.to_string().replace('<', "\\u003c")))
    };
    let posted = page.clone();
    let callback = get({
        let page = page.clone();
        || async move { page("") }
    })
    .post(|body: String| async move { posted(&body) });
    let app = Router::new()
        .route("/callback", callback)
        .fallback(|| async move { page("") });
    let listener = tokio::net::TcpListener::bind(("localhost", port)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
