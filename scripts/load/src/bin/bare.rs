//! The program `bare`: an axum server that does nothing but answer, as the limit of what HTTP
//! allows. `GET` and `POST /{head}/{body}` answer with a head and a body of so many bytes each.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

/// What answers are cut from.
static TEXT: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// The head of an answer that has nothing more, but for the length of the body.
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: \r\n\
                    date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .context("usage: bare PORT")?;
    let router = axum::Router::new().route(
        "/{head}/{body}",
        get(|Path((head, body))| async move { answer(head, body) })
            .post(|Path((head, body)), _: Bytes| async move { answer(head, body) }),
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

fn answer(head: usize, body: usize) -> Response {
    let Some(text) = TEXT.get(..body) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let json = [(header::CONTENT_TYPE, "application/json")];
    let mut response = (json, Bytes::from_static(text)).into_response();
    let digits = body.checked_ilog10().unwrap_or_default() as usize + 1;
    // As little as another header can take.
    let filler = head.checked_sub(HEAD.len() + digits + "vary: \r\n".len());
    if let Some(filler) = filler.and_then(|length| TEXT.get(..length)) {
        let filler = HeaderValue::from_bytes(filler).expect("it is a text of one letter");
        response.headers_mut().insert(header::VARY, filler);
    }
    response
}
