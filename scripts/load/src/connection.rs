//! HTTP/1.1 over one kept connection, with as little work as a right answer needs: requests are
//! bytes that were made before, responses are parsed no further than to their end.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection to a server; made at the first request, and again when the server has closed it.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    made: u64,
}

/// A response, as it lies in the connection's buffer.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    /// The size of the status line and the headers, in bytes.
    pub(crate) head: usize,
    pub(crate) body: &'a [u8],
    pub(crate) location: Option<&'a [u8]>,
}

/// Why there was no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("the server closed the connection within a response")]
    Closed,
    #[error("the response is not HTTP/1.1")]
    NotHttp,
    #[error("the response does not say how long it is")]
    NoLength,
    #[error("the chunks of the response cannot be told apart")]
    Chunks,
    #[error("more came than the response that was asked for")]
    Surplus,
}

/// Responses that are longer are read in several steps.
const BUFFER: usize = 16 * 1024;

/// What the head of a response says.
#[derive(Debug, Default)]
struct Head {
    status: u16,
    /// Where the body begins.
    end: usize,
    length: Option<usize>,
    chunked: bool,
    closes: bool,
    location: Option<Range<usize>>,
}

impl Connection {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            buffer: vec![0; BUFFER],
            made: 0,
        }
    }

    /// How often it was made.
    pub(crate) fn made(&self) -> u64 {
        self.made
    }

    /// Makes the connection, if there is none.
    pub(crate) async fn open(&mut self) -> Result<(), HttpError> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address)
                .await
                .map_err(HttpError::Connect)?;
            stream.set_nodelay(true).map_err(HttpError::Connect)?;
            self.stream = Some(stream);
            self.made += 1;
        }
        Ok(())
    }

    /// Sends a request and reads the response. After an error, the next request makes the
    /// connection anew.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Response<'_>, HttpError> {
        self.open().await?;
        match self.transfer(request).await {
            Ok((head, body)) => {
                if head.closes {
                    self.stream = None;
                }
                Ok(Response {
                    status: head.status,
                    head: head.end,
                    body: &self.buffer[body],
                    location: head.location.map(|location| &self.buffer[location]),
                })
            }
            Err(error) => {
                self.stream = None;
                Err(error)
            }
        }
    }

    async fn transfer(&mut self, request: &[u8]) -> Result<(Head, Range<usize>), HttpError> {
        let stream = self.stream.as_mut().ok_or(HttpError::Closed)?;
        stream.write_all(request).await?;
        let mut filled = read_more(stream, &mut self.buffer, 0).await?;
        let head = loop {
            if let Some(head) = Head::parse(&self.buffer[..filled])? {
                break head;
            }
            filled = read_more(stream, &mut self.buffer, filled).await?;
        };
        let body_end = if head.chunked {
            loop {
                if let Some((body_end, end)) = join_chunks(&mut self.buffer[..filled], head.end)? {
                    if end < filled {
                        return Err(HttpError::Surplus);
                    }
                    break body_end;
                }
                filled = read_more(stream, &mut self.buffer, filled).await?;
            }
        } else {
            let length = match (head.length, head.status) {
                (_, 204 | 304) => 0,
                (Some(length), _) => length,
                (None, _) => return Err(HttpError::NoLength),
            };
            let end = head.end + length;
            while filled < end {
                filled = read_more(stream, &mut self.buffer, filled).await?;
            }
            if filled > end {
                return Err(HttpError::Surplus);
            }
            end
        };
        let body = head.end..body_end;
        Ok((head, body))
    }
}

/// Reads behind what is there already; how much is there then.
async fn read_more(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    filled: usize,
) -> Result<usize, HttpError> {
    if filled == buffer.len() {
        buffer.resize(buffer.len() * 2, 0);
    }
    match stream.read(&mut buffer[filled..]).await? {
        0 => Err(HttpError::Closed),
        read => Ok(filled + read),
    }
}

impl Head {
    /// The head, if it is there as a whole.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, HttpError> {
        let mut head = Self::default();
        let mut start = 0;
        while let Some(length) = bytes[start..].iter().position(|byte| *byte == b'\n') {
            let end = start + length;
            let line = bytes[start..end].trim_ascii_end();
            if start == 0 {
                head.status = status(line).ok_or(HttpError::NotHttp)?;
            } else if line.is_empty() {
                head.end = end + 1;
                return Ok(Some(head));
            } else {
                head.take(line, start);
            }
            start = end + 1;
        }
        Ok(None)
    }

    fn take(&mut self, line: &[u8], start: usize) {
        // Most headers do not matter, and their first letter says so.
        if !matches!(line[0] | 0x20, b'c' | b't' | b'l') {
            return;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            self.length = std::str::from_utf8(value)
                .ok()
                .and_then(|value| value.parse().ok());
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = value.eq_ignore_ascii_case(b"chunked");
        } else if name.eq_ignore_ascii_case(b"connection") {
            self.closes = value.eq_ignore_ascii_case(b"close");
        } else if name.eq_ignore_ascii_case(b"location") {
            let end = start + line.len();
            self.location = Some(end - value.len()..end);
        }
    }
}

fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.1 ")?;
    std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()
}

/// Moves the chunks together (RFC 9112 §7.1), once all are there: where the body and where the
/// response ends. Trailers are not taken.
fn join_chunks(bytes: &mut [u8], start: usize) -> Result<Option<(usize, usize)>, HttpError> {
    // First a look without a change, since the rest may still be on its way.
    let mut chunks: Vec<Range<usize>> = Vec::new();
    let mut at = start;
    loop {
        let Some(line) = bytes[at..].iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let size = std::str::from_utf8(bytes[at..at + line].trim_ascii())
            .ok()
            .and_then(|size| usize::from_str_radix(size, 16).ok())
            .ok_or(HttpError::Chunks)?;
        let data = at + line + 1;
        let end = data.checked_add(size + 2).ok_or(HttpError::Chunks)?;
        if bytes.len() < end {
            return Ok(None);
        }
        if &bytes[end - 2..end] != b"\r\n" {
            return Err(HttpError::Chunks);
        }
        if size == 0 {
            let mut body_end = start;
            for chunk in chunks {
                let length = chunk.len();
                bytes.copy_within(chunk, body_end);
                body_end += length;
            }
            return Ok(Some((body_end, end)));
        }
        chunks.push(data..end - 2);
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text =
            b"HTTP/1.1 303 See Other\r\nLocation: http://a/?x\r\ncontent-Length: 3\r\n\r\nabc";
        assert!(Head::parse(&text[..40]).unwrap().is_none());
        let head = Head::parse(text).unwrap().unwrap();
        assert_eq!((head.status, head.length), (303, Some(3)));
        assert_eq!(&text[head.location.unwrap()], b"http://a/?x");
        assert_eq!(&text[head.end..], b"abc");
        assert!(Head::parse(b"SSH-2.0\r\n").is_err());
    }

    #[test]
    fn chunks_are_joined_once_they_are_whole() {
        let mut bytes = b"4\r\nwell\r\nA\r\n and good.\r\n0\r\n\r\n".to_vec();
        let all = bytes.len();
        for cut in 0..all {
            assert!(
                join_chunks(&mut bytes[..cut], 0).unwrap().is_none(),
                "{cut}"
            );
        }
        let (body, end) = join_chunks(&mut bytes, 0).unwrap().unwrap();
        assert_eq!(&bytes[..body], b"well and good.");
        assert_eq!(end, all);
        assert!(join_chunks(&mut b"x\r\n".to_vec(), 0).is_err());
    }
}
