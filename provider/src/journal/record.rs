//! An exchange as the journal keeps it, and as it is told.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{Endpoint, Exchange, Issued, Notes, RecordedRequest, RecordedResponse};
use crate::fault::TransportAct;

/// An exchange as it is kept: in few pieces, and with none of the connection's own buffers, which
/// would stay alive with them.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) issuer: Arc<str>,
    pub(crate) endpoint: Endpoint,
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: Head,
    pub(crate) body: String,
    pub(crate) status: u16,
    pub(crate) reply_headers: Head,
    pub(crate) reply_body: Bytes,
    pub(crate) transport: Option<TransportAct>,
    pub(crate) notes: Notes,
}

/// How much of a response body is told, in bytes.
pub(super) const MAX_TOLD: usize = 64 * 1024;

impl Record {
    /// Without what is never told of a large body.
    pub(super) fn cut(mut self) -> Self {
        if self.reply_body.len() > MAX_TOLD {
            // A copy, since a slice would keep the whole alive.
            self.reply_body = Bytes::copy_from_slice(&self.reply_body[..MAX_TOLD]);
        }
        self
    }

    /// About how much it holds, in bytes.
    pub(super) fn size(&self) -> usize {
        let issued = |it: &Issued| it.value.len() + 64;
        512 + self.target.len()
            + self.body.len()
            + self.reply_body.len()
            + self.headers.0.len()
            + self.reply_headers.0.len()
            + self.notes.issued.iter().map(issued).sum::<usize>()
    }

    pub(super) fn tell(&self, number: u64) -> Exchange {
        Exchange {
            number,
            issuer: self.issuer.to_string(),
            endpoint: self.endpoint,
            started: self.started,
            ended: self.ended,
            request: RecordedRequest {
                method: self.method.to_string(),
                target: self.target.clone(),
                headers: self.headers.pairs(),
                body: self.body.clone(),
            },
            response: RecordedResponse {
                status: self.status,
                headers: self.reply_headers.pairs(),
                body: String::from_utf8_lossy(&self.reply_body).into_owned(),
                transport: self.transport,
            },
            notes: self.notes.clone(),
        }
    }
}

/// Headers as one text: a line for each, which is safe since no name or value has a line break.
#[derive(Debug, Default)]
pub(crate) struct Head(Box<[u8]>);

impl From<&HeaderMap> for Head {
    fn from(headers: &HeaderMap) -> Self {
        let size =
            |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 2;
        let mut text = Vec::with_capacity(headers.iter().map(size).sum());
        for (name, value) in headers {
            text.extend_from_slice(name.as_str().as_bytes());
            text.push(b':');
            text.extend_from_slice(value.as_bytes());
            text.push(b'\n');
        }
        Self(text.into_boxed_slice())
    }
}

impl Head {
    fn pairs(&self) -> Vec<(String, String)> {
        String::from_utf8_lossy(&self.0)
            .split('\n')
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_told_as_they_came() {
        let mut headers = HeaderMap::new();
        headers.append("accept", HeaderValue::from_static("a:b"));
        headers.append("x-latin", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        headers.append("accept", HeaderValue::from_static(""));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let told = Head::from(&headers).pairs();
        assert_eq!(told.len(), 3);
        for expected in [
            pair("accept", "a:b"),
            pair("accept", ""),
            pair("x-latin", "caf\u{fffd}"),
        ] {
            assert!(told.contains(&expected), "{told:?}");
        }
    }
}
