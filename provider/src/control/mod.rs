//! The control API below `/_/`: drive a running provider over HTTP, from any language. It speaks
//! JSON; `openapi.json` describes it, and a test holds the two together.

mod ask;
mod clock;
mod describe;
mod exchanges;
mod faults;
mod guard;
mod issuers;
mod keys;
mod logout;
mod operations;
mod people;
mod routes;
mod stream;
mod tests;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::request;
use axum::response::Response;

pub(crate) use guard::ControlKey;

use crate::exchange::render;
use crate::server::Host;
use ask::{Ask, Refusal};
use guard::Door;
use routes::{Action, Found};

/// The largest request body, in bytes.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// How long a request body may take to come in.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The path within the control API, if a path below the base path is one of it.
pub(crate) fn path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/_")?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// Serves one request, whatever it is.
pub(crate) async fn serve(
    host: &Arc<Host>,
    peer: SocketAddr,
    head: request::Parts,
    body: Body,
    path: &str,
) -> Response {
    let answer = respond(host, peer, &head, body, path).await;
    answer.unwrap_or_else(|refusal| {
        let reply = refusal.reply();
        tracing::debug!(path, status = reply.status, "the control API refused");
        render(reply)
    })
}

async fn respond(
    host: &Arc<Host>,
    peer: SocketAddr,
    head: &request::Parts,
    body: Body,
    path: &str,
) -> Result<Response, Refusal> {
    let Found { action, names } = routes::find(head.method.as_str(), path)?;
    if !action.is_for_all() {
        let own_urls = host.own_urls();
        let door = Door {
            key: host.control_key.as_ref(),
            own_urls: &own_urls,
            peer,
            headers: &head.headers,
        };
        door.check()?;
    }
    let body = tokio::time::timeout(BODY_TIME, axum::body::to_bytes(body, MAX_BODY))
        .await
        .map_err(|_| Refusal::new(408, "timeout", "the body took too long"))?
        .map_err(|_| {
            let reason =
                format!("the body is longer than {MAX_BODY} bytes, or did not come in whole");
            Refusal::new(413, "too_large", reason)
        })?;
    let query = head.uri.query().unwrap_or_default();
    let last_event = head.headers.get("last-event-id");
    let ask = Ask {
        host: Arc::clone(host),
        names,
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        body: body.to_vec(),
        last_event: last_event.and_then(|it| it.to_str().ok()?.trim().parse().ok()),
    };
    match action {
        Action::WaitForExchanges => exchanges::wait(&ask).await.map(render),
        Action::StreamExchanges => stream::events(&ask).await,
        Action::LogOut => logout::log_out(ask).await.map(render),
        Action::PushLogout => logout::push(ask).await.map(render),
        action => at_once(move || action.answer(&ask)).await.map(render),
    }
}

/// Off the event loop: a key may have to be made, or a store elsewhere be waited for.
async fn at_once<T: Send + 'static>(
    answer: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let answered = tokio::task::spawn_blocking(answer).await;
    answered.unwrap_or_else(|error| {
        tracing::error!(%error, "the control API failed");
        let reason = "this is a mistake in the provider: please report it";
        Err(Refusal::new(500, "server_error", reason))
    })
}

#[cfg(test)]
mod checks {
    use super::*;

    #[test]
    fn the_control_api_is_below_its_own_segment() {
        assert_eq!(path("/_/health"), Some("/health"));
        assert_eq!(path("/_"), Some(""));
        assert_eq!(path("/_health"), None);
        assert_eq!(path("/a/_/health"), None);
    }
}
