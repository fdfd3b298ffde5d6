//! Exchanges as they happen, as server-sent events (WHATWG HTML §9.2).

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::response::Response;
use hyper::body::{Bytes, Frame};
use tokio::sync::mpsc;

use super::ask::{Ask, Refusal};
use super::describe;
use super::exchanges::asked;

/// How often a stream in which nothing happens shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many events wait for a reader that is slow.
const WAITING: usize = 16;

/// Every exchange from now on that the filter means. With `since` or `Last-Event-ID`, those after
/// that one as well. The stream ends when the provider stops.
pub(super) async fn events(ask: &Ask) -> Result<Response, Refusal> {
    let issuer = ask.issuer_with_journal().await?;
    let (mut filter, view) = asked(ask)?;
    filter.since = ask.last_event.or(filter.since);
    let mut reader = issuer.journal().reader(filter.since);
    let mut stopping = ask.host.stopping.clone();
    let (events, waiting) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        // So that the reader knows at once that it is connected.
        let mut event = ": connected\n\n".to_owned();
        loop {
            let sent = tokio::select! {
                sent = events.send(Bytes::from(event)) => sent.is_ok(),
                _ = stopping.wait_for(|stop| *stop) => false,
            };
            if !sent {
                return;
            }
            event = loop {
                let next = tokio::select! {
                    next = tokio::time::timeout(HEARTBEAT, reader.next()) => next,
                    () = events.closed() => return,
                    _ = stopping.wait_for(|stop| *stop) => return,
                };
                match next {
                    Ok(exchange) if filter.fits(&exchange) => {
                        let data = describe::exchange(&exchange, view.secrets);
                        break format!(
                            "id: {}\nevent: exchange\ndata: {data}\n\n",
                            exchange.number
                        );
                    }
                    Ok(_) => {}
                    Err(_) => break ": heartbeat\n\n".to_owned(),
                }
            };
        }
    });
    let mut response = Response::new(Body::new(Events(waiting)));
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// A body that is sent as it comes.
struct Events(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(context)
            .map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}
