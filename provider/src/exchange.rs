//! From an HTTP request to an endpoint and back: reads within bounds, records in the journal, and
//! commands the connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, request};
use axum::response::Response;

use crate::clock;
use crate::endpoint::{self, Answer, Reply, Request, Route};
use crate::fault::TransportAct;
use crate::issuer::Issuer;
use crate::journal::{Exchange, Notes, RecordedRequest, RecordedResponse};
use crate::server::Host;
use crate::transport::{Command, Connection};

/// The largest request body, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// The longest request target, in bytes.
const MAX_TARGET: usize = 16 * 1024;
/// How much of a response body the journal keeps, in bytes.
const MAX_RECORDED: usize = 64 * 1024;
/// How long a request body may take to come in.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Serves one request, whatever it is.
pub(crate) async fn serve(
    State(host): State<Arc<Host>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: axum::extract::Request,
) -> Response {
    let (head, body) = request.into_parts();
    let (name, route) = endpoint::route(head.uri.path());
    let may_create = matches!(route, Route::Metadata | Route::Authorize);
    let Some(issuer) = host.issuer(name, may_create) else {
        return render(endpoint::no_issuer(name));
    };
    let (request, refused) = read(&head, body).await;
    let started = clock::instant();
    let answer = match refused {
        Some(reply) => Answer {
            reply,
            notes: Notes::default(),
            act: None,
        },
        None => respond(&issuer, route, &request).await,
    };
    tracing::debug!(
        issuer = name,
        method = request.method,
        path = head.uri.path(),
        status = answer.reply.status,
        "served"
    );
    let act = answer.act;
    let reply = answer.reply.clone();
    record(&issuer, route, started, request, answer);
    if let Some(mut act) = act {
        if act == TransportAct::Hang {
            // No CPU and no timer: the wait ends with the peer or the provider.
            let _ = host.stopping.clone().wait_for(|stop| *stop).await;
            act = TransportAct::Close;
        }
        connection.command(Command {
            act,
            body: reply.body.len(),
        });
    }
    let mut response = render(reply);
    if act.is_some() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert("connection", close);
    }
    response
}

/// Enters a finished exchange in the issuer's journal.
pub(crate) fn record(
    issuer: &Issuer,
    route: Route,
    started: Instant,
    request: Request,
    answer: Answer,
) {
    let Answer { reply, notes, act } = answer;
    let mut body = reply.body;
    body.truncate(body.floor_char_boundary(MAX_RECORDED));
    issuer.journal().record(Exchange {
        number: 0,
        issuer: issuer.name().to_owned(),
        endpoint: route.endpoint(),
        started,
        ended: clock::instant(),
        request: RecordedRequest {
            method: request.method,
            target: request.target,
            headers: request.headers,
            body: request.body,
        },
        response: RecordedResponse {
            status: reply.status,
            headers: reply.headers,
            body,
            transport: act,
        },
        notes,
    });
}

/// Answers, off the event loop if a signing key has to be made first.
async fn respond(issuer: &Issuer, route: Route, request: &Request) -> Answer {
    let needs_keys = matches!(route, Route::Jwks | Route::Token);
    if needs_keys && !issuer.state().keys.is_ready() {
        let issuer = issuer.clone();
        // An error would mean that key generation panicked; the endpoint then tries for itself.
        let _ = tokio::task::spawn_blocking(move || issuer.state().keys.prepare()).await;
    }
    endpoint::respond(issuer.state(), route, request)
}

/// The request, and the reply if it cannot be taken.
async fn read(head: &request::Parts, body: Body) -> (Request, Option<Reply>) {
    let mut target = head
        .uri
        .path_and_query()
        .map_or("/", |it| it.as_str())
        .to_owned();
    let mut request = Request {
        method: head.method.as_str().to_owned(),
        target: String::new(),
        headers: header_pairs(&head.headers),
        body: String::new(),
    };
    if target.len() > MAX_TARGET {
        target.truncate(target.floor_char_boundary(MAX_TARGET));
        request.target = target;
        let refused = Reply::text(414, format!("The URL is longer than {MAX_TARGET} bytes."));
        return (request, Some(refused));
    }
    request.target = target;
    let bytes = tokio::time::timeout(BODY_TIME, axum::body::to_bytes(body, MAX_BODY)).await;
    let refused = match bytes {
        Ok(Ok(bytes)) => {
            request.body = String::from_utf8_lossy(&bytes).into_owned();
            None
        }
        Ok(Err(_)) => Some(Reply::text(
            413,
            format!("The body is longer than {MAX_BODY} bytes, or did not come in whole."),
        )),
        Err(_) => Some(Reply::text(408, "The body took too long.".to_owned())),
    };
    (request, refused)
}

fn header_pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}

fn render(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        // Names and values are ours or checked ones; one that cannot be sent is left out.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
