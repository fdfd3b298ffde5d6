//! A body of which nobody knows beforehand how long it is.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use hyper::body::{Body, Frame};

/// The most that one chunk holds, in bytes.
const CHUNK: usize = 4 * 1024;

/// A body that is sent chunk by chunk (RFC 9112 §7.1).
#[derive(Debug)]
pub(crate) struct Chunks(pub(crate) Bytes);

/// The size hint is left at "unknown", which is what makes chunks of it.
impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.0.len().min(CHUNK);
        let chunk = self.0.split_to(length);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(chunk))))
    }
}
