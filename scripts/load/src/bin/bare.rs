//! The program `bare`: an axum server that does nothing but answer, as the limit of what HTTP
//! allows. `GET` and `POST /{size}` answer with a body of so many bytes.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

/// What answers are cut from.
static BODY: [u8; 64 * 1024] = [b'x'; 64 * 1024];

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .context("usage: bare PORT")?;
    let router = axum::Router::new().route(
        "/{size}",
        get(|Path(size)| async move { answer(size) })
            .post(|Path(size), _: Bytes| async move { answer(size) }),
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?
        .tap_io(|stream| {
            // Without it, only the answers come later.
            let _ = stream.set_nodelay(true);
        });
    axum::serve(listener, router)
        .await
        .context("the server ended")
}

fn answer(size: usize) -> Response {
    match BODY.get(..size) {
        Some(body) => {
            let json = [(header::CONTENT_TYPE, "application/json")];
            (json, Bytes::from_static(body)).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
