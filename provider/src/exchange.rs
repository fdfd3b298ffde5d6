//! From an HTTP request to an endpoint and back: reads within bounds, records in the journal, and
//! commands the connection.

use std::future::poll_fn;
use std::ops::Range;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, request};
use axum::response::Response;
use hyper::body::{Body as _, Incoming};
use tokio::sync::Semaphore;

use crate::clock;
use crate::control;
use crate::endpoint::{self, Answer, Reply, Request, Route};
use crate::fault::TransportAct;
use crate::issuer::Issuer;
use crate::journal::{Notes, Record};
use crate::logout;
use crate::server::Host;
use crate::transport::{Chunks, Command, Connection};

/// The largest request body, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// The longest request target, in bytes.
const MAX_TARGET: usize = 16 * 1024;
/// How long a request body may take to come in.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Serves one request, whatever it is.
pub(crate) async fn serve(
    host: &Arc<Host>,
    connection: &Connection,
    request: hyper::Request<Incoming>,
) -> Response {
    let (head, body) = request.into_parts();
    let addresses = &host.house.addresses;
    let Some(path) = addresses.below_base(head.uri.path()) else {
        let base = &addresses.base_path;
        return render(Reply::text(
            404,
            format!("Everything here is below {base}."),
        ));
    };
    if let Some(path) = control::path(&path) {
        let path = path.to_owned();
        return control::serve(host, connection.peer(), head, Body::new(body), &path).await;
    }
    let (name, route) = endpoint::route(&path, &addresses.paths);
    let may_create = matches!(route, Route::Metadata | Route::Authorize);
    let Some(issuer) = host.issuer(name, may_create) else {
        return render(endpoint::no_issuer(name, route));
    };
    let (mut request, refused) = read(head, body).await;
    request.peer = Some(connection.peer());
    request.certificate = connection.client_certificate().cloned();
    let started = clock::instant();
    let mut answer = match refused {
        Some(reply) => Answer {
            reply: endpoint::for_scripts(reply, route),
            notes: Notes::default(),
            act: None,
            pushes: Vec::new(),
        },
        None => respond(&issuer, route, &request).await,
    };
    let times = started..clock::instant();
    let took = times.end - times.start;
    tracing::info!(
        target: "mock_provider::requests",
        issuer = &*issuer.state().name,
        method = request.method.as_str(),
        path = request.path(),
        status = answer.reply.status,
        client = answer.notes.client_id.as_deref(),
        microseconds = took.as_micros(),
        "served"
    );
    logout::send_all(&issuer, std::mem::take(&mut answer.pushes));
    let act = answer.act;
    (host.metrics).served(route.endpoint(), answer.reply.status, took, &answer.notes);
    if issuer.journal().is_shared() {
        // The answer goes out once all replicas can tell of it.
        tokio::task::block_in_place(|| {
            record(&issuer, route, times, &request, &mut answer);
        });
    } else {
        record(&issuer, route, times, &request, &mut answer);
    }
    let reply = answer.reply;
    let act = match act {
        Some(TransportAct::Chunked) => return render_chunked(reply),
        Some(TransportAct::Hang) => {
            // No CPU and no timer: the wait ends with the peer or the provider.
            let _ = host.stopping.clone().wait_for(|stop| *stop).await;
            Some(TransportAct::Close)
        }
        Some(TransportAct::Delay(pause)) => {
            let mut stopping = host.stopping.clone();
            let stopped = stopping.wait_for(|stop| *stop);
            let _ = tokio::time::timeout(pause.into(), stopped).await;
            None
        }
        act => act,
    };
    if let Some(act) = act {
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

/// Enters a finished exchange in the issuer's journal, with what was noted.
pub(crate) fn record(
    issuer: &Issuer,
    route: Route,
    times: Range<Instant>,
    request: &Request,
    answer: &mut Answer,
) {
    issuer.journal().record(Record {
        issuer: Arc::clone(&issuer.state().name),
        endpoint: route.endpoint(),
        started: times.start,
        ended: times.end,
        method: &request.method,
        target: &request.target,
        headers: &request.headers,
        body: &request.body,
        status: answer.reply.status,
        reply_headers: &answer.reply.headers,
        reply_body: &answer.reply.body,
        transport: answer.act,
        notes: std::mem::take(&mut answer.notes),
    });
}

/// How many requests may wait for a store or for somebody else at the same time; more wait for them.
static WAITING: Semaphore = Semaphore::const_new(256);

/// Answers, off the event loop if a signing key has to be made first, or somebody else be asked.
async fn respond(issuer: &Issuer, route: Route, request: &Request) -> Answer {
    let needs_keys = matches!(route, Route::Jwks | Route::Token);
    if needs_keys && !issuer.state().keys.is_ready() {
        let issuer = issuer.clone();
        // An error would mean that key generation panicked; the endpoint then tries for itself.
        let _ = tokio::task::spawn_blocking(move || issuer.state().keys.prepare()).await;
    }
    // What a client registers may have to be fetched.
    if issuer.state().may_wait() || route == Route::Register {
        // The semaphore is never closed, so there always is a permit.
        let _permit = WAITING.acquire().await;
        let (waiting, request) = (issuer.clone(), request.clone());
        let answer = tokio::task::spawn_blocking(move || {
            endpoint::respond(waiting.state(), route, &request)
        });
        match answer.await {
            Ok(answer) => return answer,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The provider stops, and the connection with it.
            Err(_) => std::future::pending().await,
        }
    }
    endpoint::respond(issuer.state(), route, request)
}

/// The request, and the reply if it cannot be taken.
async fn read(head: request::Parts, body: Incoming) -> (Request, Option<Reply>) {
    let mut request = Request {
        method: head.method,
        target: (head.uri.path_and_query())
            .map_or("/", |it| it.as_str())
            .to_owned(),
        headers: head.headers,
        ..Request::default()
    };
    if request.target.len() > MAX_TARGET {
        let end = request.target.floor_char_boundary(MAX_TARGET);
        request.target.truncate(end);
        let refused = Reply::text(414, format!("The URL is longer than {MAX_TARGET} bytes."));
        return (request, Some(refused));
    }
    if body.is_end_stream() {
        return (request, None);
    }
    let mut whole = std::pin::pin!(axum::body::to_bytes(Body::new(body), MAX_BODY));
    // Most bodies come with their heads, and those need no timer.
    let whole = match poll_fn(|context| Poll::Ready(whole.as_mut().poll(context))).await {
        Poll::Ready(whole) => Ok(whole),
        Poll::Pending => tokio::time::timeout(BODY_TIME, whole).await,
    };
    let refused = match whole {
        Ok(Ok(bytes)) => {
            request.body = String::from_utf8(bytes.into()).unwrap_or_else(|error| {
                request.body_is_garbled = true;
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            });
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

pub(crate) fn render(reply: Reply) -> Response {
    let body = Body::from(reply.body);
    response(reply.status, reply.headers, body)
}

/// As [`render`] does, but that the length of the body is not known beforehand.
fn render_chunked(reply: Reply) -> Response {
    let body = Body::new(Chunks(reply.body));
    response(reply.status, reply.headers, body)
}

fn response(status: u16, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}
