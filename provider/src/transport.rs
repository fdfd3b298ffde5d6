//! The connection below HTTP: an I/O wrapper that a response can command to break the rules.
//!
//! Over TLS, `close` ends TLS in good order, and `trickle` sends a record for each byte. A truncated
//! response ends without a `close_notify`, as if somebody on the way had cut it off (RFC 8446 §6.1).
//! Garbage and resets go below TLS: what arrives is no record.

mod chunks;
mod stream;

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

pub(crate) use chunks::Chunks;
pub(crate) use stream::Stream;

use crate::fault::TransportAct;

/// What a request is told about its connection, and the handle by which its response commands it.
#[derive(Debug, Clone)]
pub(crate) struct Connection(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    peer: SocketAddr,
    client_certificate: Option<Arc<[u8]>>,
    /// Set once, since a connection ends with its command.
    command: OnceLock<Command>,
}

/// What is to happen to the next response of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) act: TransportAct,
    /// The size of the body that follows, in bytes.
    pub(crate) body: usize,
}

impl Connection {
    pub(crate) fn new(peer: SocketAddr, client_certificate: Option<Arc<[u8]>>) -> Self {
        Self(Arc::new(Shared {
            peer,
            client_certificate,
            command: OnceLock::new(),
        }))
    }

    /// The address at the other end.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// The certificate that the client showed and proved the key of, as DER (RFC 8705 §3).
    pub(crate) fn client_certificate(&self) -> Option<&Arc<[u8]>> {
        self.0.client_certificate.as_ref()
    }

    /// From the next byte on, the command is carried out. The connection ends with it.
    pub(crate) fn command(&self, command: Command) {
        // A second one has no connection left to command.
        let _ = self.0.command.set(command);
    }

    fn commanded(&self) -> Option<Command> {
        self.0.command.get().copied()
    }
}

/// A stream that carries out commands.
#[derive(Debug)]
pub(crate) struct Io {
    stream: Stream,
    connection: Connection,
    progress: Progress,
}

/// How far a commanded response has come.
#[derive(Debug, Default)]
struct Progress {
    /// Bytes of the response that went out.
    sent: usize,
    /// Bytes of the head, once its end was seen.
    head: Option<usize>,
    /// What of the head was seen so far; its end may lie across two writes.
    seen: Vec<u8>,
    pause: Option<Pin<Box<Sleep>>>,
}

/// The time between two bytes of a trickle.
const TRICKLE: Duration = Duration::from_millis(100);

/// Neither a status line nor a TLS record.
const GARBAGE: &[u8] = b"\x00\xff\x13\x37 this is not HTTP \x00\r\n\r\n";

impl Io {
    pub(crate) fn new(stream: Stream, connection: Connection) -> Self {
        Self {
            stream,
            connection,
            progress: Progress::default(),
        }
    }

    fn poll_commanded(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        command: Command,
    ) -> Poll<io::Result<usize>> {
        match command.act {
            TransportAct::Hang => Poll::Pending,
            TransportAct::Reset => {
                self.stream.tcp().set_zero_linger()?;
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            TransportAct::Close => {
                ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
                gone()
            }
            TransportAct::Garbage => {
                let rest = GARBAGE.get(self.progress.sent..).unwrap_or_default();
                if rest.is_empty() {
                    return self.poll_cut(cx);
                }
                let written = ready!(Pin::new(self.stream.tcp()).poll_write(cx, rest))?;
                self.progress.sent += written;
                // The honest bytes are not taken; they are offered again until the end comes.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            TransportAct::Truncate => self.poll_truncated(cx, bytes, command.body),
            TransportAct::Trickle => self.poll_trickled(cx, bytes),
            // The one is over when bytes are there to be sent, the other is done above them.
            TransportAct::Delay(_) | TransportAct::Chunked => {
                Pin::new(&mut self.stream).poll_write(cx, bytes)
            }
        }
    }

    fn poll_truncated(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        body: usize,
    ) -> Poll<io::Result<usize>> {
        let head = self.progress.head_within(bytes);
        let allowed = match (head, body) {
            // Without a body there is only the head to cut.
            (Some(head), 0) => head / 2,
            (Some(head), body) => head + body / 2,
            (None, _) => self.progress.sent + bytes.len(),
        };
        let allowed = allowed.saturating_sub(self.progress.sent).min(bytes.len());
        if allowed == 0 {
            return self.poll_cut(cx);
        }
        self.poll_counted(cx, &bytes[..allowed])
    }

    fn poll_trickled(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let head_left = match self.progress.head_within(bytes) {
            Some(head) => head.saturating_sub(self.progress.sent).min(bytes.len()),
            None => bytes.len(),
        };
        if head_left > 0 {
            return self.poll_counted(cx, &bytes[..head_left]);
        }
        let pause =
            (self.progress.pause).get_or_insert_with(|| Box::pin(tokio::time::sleep(TRICKLE)));
        ready!(pause.as_mut().poll(cx));
        self.progress.pause = None;
        self.poll_counted(cx, &bytes[..bytes.len().min(1)])
    }

    fn poll_counted(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.progress.note(&bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        ready!(self.stream.poll_cut(cx))?;
        gone()
    }
}

/// The error that makes the HTTP layer let go of a connection that has ended.
fn gone() -> Poll<io::Result<usize>> {
    Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
}

impl Progress {
    /// The size of the head, if it ends within what went out and `bytes`.
    fn head_within(&self, bytes: &[u8]) -> Option<usize> {
        self.head.or_else(|| {
            let mut seen = self.seen.clone();
            seen.extend_from_slice(bytes);
            let end = seen.windows(4).position(|four| four == b"\r\n\r\n")?;
            Some(end + 4)
        })
    }

    fn note(&mut self, bytes: &[u8]) {
        self.sent += bytes.len();
        if self.head.is_none() {
            self.head = self.head_within(bytes).filter(|head| *head <= self.sent);
            self.seen.extend_from_slice(bytes);
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.connection.commanded() {
            Some(command) => self.poll_commanded(cx, bytes, command),
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.connection.commanded() {
            Some(command) => {
                let bytes = slices.iter().find(|slice| !slice.is_empty());
                self.poll_commanded(cx, bytes.map_or(&[], |slice| &**slice), command)
            }
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_command_stands() {
        let connection = Connection::new(([127, 0, 0, 1], 1).into(), None);
        assert_eq!(connection.peer().port(), 1);
        assert!(connection.client_certificate().is_none());
        assert_eq!(connection.commanded(), None);
        let command = |act| Command { act, body: 0 };
        connection.clone().command(command(TransportAct::Close));
        connection.command(command(TransportAct::Reset));
        assert_eq!(connection.commanded(), Some(command(TransportAct::Close)));
    }
}
