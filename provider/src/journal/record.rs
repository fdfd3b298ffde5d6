//! An exchange as the journal keeps it, and as it is told.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};

use super::{Endpoint, Exchange, Issued, IssuedKind, Notes, RecordedRequest, RecordedResponse};
use crate::fault::{FiredFault, TransportAct};
use crate::{Profile, Violation};

/// An exchange that has ended.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) issuer: Arc<str>,
    pub(crate) endpoint: Endpoint,
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
    pub(crate) method: &'a Method,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a str,
    pub(crate) status: u16,
    pub(crate) reply_headers: &'a HeaderMap,
    pub(crate) reply_body: &'a Bytes,
    pub(crate) transport: Option<TransportAct>,
    pub(crate) notes: Notes,
}

/// How much of a response body is told, in bytes.
pub(super) const MAX_TOLD: usize = 64 * 1024;

/// From how many bytes on a response body is not copied into the text: those are mostly documents
/// that many responses share.
const LARGE: usize = 2 * 1024;

/// What a kept exchange takes beside its text, in bytes, about.
const FRAME: usize = 320;

/// An exchange as it is kept: all that is text in one piece, since most exchanges are never read,
/// and what lies in many pieces for long costs whoever makes and frees it.
#[derive(Debug)]
pub(super) struct Packed {
    issuer: Arc<str>,
    endpoint: Endpoint,
    started: Instant,
    ended: Instant,
    status: u16,
    transport: Option<TransportAct>,
    text: Box<[u8]>,
    /// The response body, where it is not part of the text.
    body: Option<Bytes>,
    remarks: Option<Box<Remarks>>,
}

/// What few exchanges have.
#[derive(Debug)]
struct Remarks {
    violations: Vec<Violation>,
    stricter: Vec<(Profile, Violation)>,
    faults: Vec<FiredFault>,
}

impl Record<'_> {
    pub(super) fn pack(self) -> Packed {
        let Notes {
            client_id,
            user,
            grant,
            flow,
            test,
            violations,
            stricter,
            faults,
            issued,
        } = self.notes;
        let (reply_body, body) = match self.reply_body.len() {
            0..LARGE => (&self.reply_body[..], None),
            LARGE..=MAX_TOLD => (&[][..], Some(self.reply_body.clone())),
            // A copy, since a slice would keep the whole alive.
            _ => (&self.reply_body[..MAX_TOLD], None),
        };
        let noted = [client_id, user, grant, flow, test];
        let heads = [self.headers, self.reply_headers].map(Packer::headers_len);
        let mut text = Packer::with_room_for(
            [
                self.method.as_str().len(),
                self.target.len(),
                self.body.len(),
                reply_body.len(),
            ]
            .into_iter()
            .chain(heads)
            .chain(noted.iter().map(|it| it.as_ref().map_or(0, String::len)))
            .chain(issued.iter().map(|it| it.value.len() + 1)),
        );
        text.piece(self.method.as_str().as_bytes());
        text.piece(self.target.as_bytes());
        text.headers(self.headers, heads[0]);
        text.piece(self.body.as_bytes());
        text.headers(self.reply_headers, heads[1]);
        text.piece(reply_body);
        for note in &noted {
            text.optional(note.as_deref());
        }
        for it in &issued {
            text.issued(it);
        }
        let has_remarks = !(violations.is_empty() && stricter.is_empty() && faults.is_empty());
        let remarks = has_remarks.then(|| {
            Box::new(Remarks {
                violations,
                stricter,
                faults,
            })
        });
        Packed {
            issuer: self.issuer,
            endpoint: self.endpoint,
            started: self.started,
            ended: self.ended,
            status: self.status,
            transport: self.transport,
            text: text.0.into_boxed_slice(),
            body,
            remarks,
        }
    }
}

impl Packed {
    /// About how much it holds, in bytes.
    pub(super) fn size(&self) -> usize {
        let remark = |it: &Remarks| it.violations.len() + it.stricter.len() + it.faults.len();
        let body = self.body.as_ref().map_or(0, Bytes::len);
        FRAME + self.text.len() + body + self.remarks.as_deref().map_or(0, remark) * FRAME
    }

    pub(super) fn tell(&self, number: u64) -> Exchange {
        let mut pieces = Pieces(&self.text);
        let request = RecordedRequest {
            method: pieces.text(),
            target: pieces.text(),
            headers: pieces.headers(),
            body: pieces.text(),
        };
        let response = RecordedResponse {
            status: self.status,
            headers: pieces.headers(),
            body: match (pieces.text(), &self.body) {
                (_, Some(apart)) => String::from_utf8_lossy(apart).into_owned(),
                (body, None) => body,
            },
            transport: self.transport,
        };
        let remarks = self.remarks.as_deref();
        let notes = Notes {
            client_id: pieces.optional(),
            user: pieces.optional(),
            grant: pieces.optional(),
            flow: pieces.optional(),
            test: pieces.optional(),
            violations: remarks.map_or_else(Vec::new, |it| it.violations.clone()),
            stricter: remarks.map_or_else(Vec::new, |it| it.stricter.clone()),
            faults: remarks.map_or_else(Vec::new, |it| it.faults.clone()),
            issued: pieces.issued(),
        };
        Exchange {
            number,
            issuer: self.issuer.to_string(),
            endpoint: self.endpoint,
            started: self.started,
            ended: self.ended,
            request,
            response,
            notes,
        }
    }
}

/// How long the length of a piece is, in bytes.
const PREFIX: usize = size_of::<u32>();

/// The length of a piece that is not there.
const ABSENT: u32 = u32::MAX;

/// Writes pieces one after the other, each behind its length. No piece is near 4 GiB: bodies and
/// heads are bounded where they come in.
struct Packer(Vec<u8>);

impl Packer {
    fn with_room_for(lengths: impl Iterator<Item = usize>) -> Self {
        Self(Vec::with_capacity(
            lengths.map(|length| length + PREFIX).sum(),
        ))
    }

    fn length(&mut self, length: usize) {
        let length = u32::try_from(length).unwrap_or(ABSENT);
        self.0.extend_from_slice(&length.to_ne_bytes());
    }

    fn piece(&mut self, piece: &[u8]) {
        self.length(piece.len());
        self.0.extend_from_slice(piece);
    }

    fn optional(&mut self, piece: Option<&str>) {
        match piece {
            Some(piece) => self.piece(piece.as_bytes()),
            None => self.0.extend_from_slice(&ABSENT.to_ne_bytes()),
        }
    }

    fn headers_len(headers: &HeaderMap) -> usize {
        let headers = headers.iter();
        headers
            .map(|(name, value)| name.as_str().len() + value.len() + 2)
            .sum()
    }

    /// Headers as one text of a known length: a line for each, which is safe since no name or value has
    /// a line break.
    fn headers(&mut self, headers: &HeaderMap, length: usize) {
        self.length(length);
        for (name, value) in headers {
            self.0.extend_from_slice(name.as_str().as_bytes());
            self.0.push(b':');
            self.0.extend_from_slice(value.as_bytes());
            self.0.push(b'\n');
        }
    }

    fn issued(&mut self, issued: &Issued) {
        self.length(issued.value.len() + 1);
        self.0.push(match issued.kind {
            IssuedKind::Code => b'c',
            IssuedKind::AccessToken => b'a',
            IssuedKind::RefreshToken => b'r',
            IssuedKind::IdToken => b'i',
        });
        self.0.extend_from_slice(issued.value.as_bytes());
    }
}

/// Reads what a [`Packer`] wrote.
struct Pieces<'a>(&'a [u8]);

impl<'a> Pieces<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<PREFIX>()?;
        let length = u32::from_ne_bytes(*length);
        self.0 = rest;
        if length == ABSENT {
            return None;
        }
        let (piece, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(piece)
    }

    fn optional(&mut self) -> Option<String> {
        let piece = self.next()?;
        Some(String::from_utf8_lossy(piece).into_owned())
    }

    fn text(&mut self) -> String {
        self.optional().unwrap_or_default()
    }

    fn headers(&mut self) -> Vec<(String, String)> {
        let lines = self.text();
        let pairs = lines.split('\n').filter_map(|line| line.split_once(':'));
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn issued(&mut self) -> Vec<Issued> {
        let mut all = Vec::new();
        while let Some((kind, value)) = self.next().and_then(<[u8]>::split_first) {
            let kind = match kind {
                b'c' => IssuedKind::Code,
                b'a' => IssuedKind::AccessToken,
                b'r' => IssuedKind::RefreshToken,
                _ => IssuedKind::IdToken,
            };
            let value = String::from_utf8_lossy(value).into_owned();
            all.push(Issued { kind, value });
        }
        all
    }
}

#[cfg(test)]
pub(super) mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::Rule;

    pub(in crate::journal) fn record<'a>(
        target: &'a str,
        headers: &'a HeaderMap,
        reply_body: &'a Bytes,
        notes: Notes,
    ) -> Record<'a> {
        let now = crate::clock::instant();
        Record {
            issuer: "main".into(),
            endpoint: Endpoint::Other,
            started: now,
            ended: now,
            method: &Method::GET,
            target,
            headers,
            body: "a=b",
            status: 200,
            reply_headers: headers,
            reply_body,
            transport: None,
            notes,
        }
    }

    #[test]
    fn an_exchange_is_told_as_it_was() {
        let mut headers = HeaderMap::new();
        headers.append("accept", HeaderValue::from_static("a:b"));
        headers.append("x-latin", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        headers.append("accept", HeaderValue::from_static(""));
        let issued: Vec<Issued> = (IssuedKind::ALL.into_iter())
            .map(|kind| Issued {
                kind,
                value: format!("a {}", kind.as_str()),
            })
            .collect();
        let violation = Violation {
            rule: Rule::CodeChallenge,
            detail: "why".to_owned(),
        };
        let body = Bytes::from_static(b"caf\xc3\xa9 \xff");
        let notes = Notes {
            client_id: Some("app".to_owned()),
            user: None,
            grant: Some(String::new()),
            flow: Some("f".to_owned()),
            test: None,
            violations: vec![violation],
            issued: issued.clone(),
            ..Notes::default()
        };
        let told = record("/t?x", &headers, &body, notes).pack().tell(7);
        assert_eq!((told.number, &*told.issuer), (7, "main"));
        assert_eq!(
            (&*told.request.method, &*told.request.target),
            ("GET", "/t?x")
        );
        assert_eq!(told.request.body, "a=b");
        assert_eq!(
            (told.response.status, &*told.response.body),
            (200, "café \u{fffd}")
        );
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for told in [&told.request.headers, &told.response.headers] {
            assert_eq!(told.len(), 3);
            for expected in [
                pair("accept", "a:b"),
                pair("accept", ""),
                pair("x-latin", "caf\u{fffd}"),
            ] {
                assert!(told.contains(&expected), "{told:?}");
            }
        }
        let notes = told.notes;
        assert_eq!(notes.client_id.as_deref(), Some("app"));
        assert_eq!(notes.grant.as_deref(), Some(""));
        assert_eq!(notes.flow.as_deref(), Some("f"));
        assert_eq!((notes.user, notes.test), (None, None));
        assert_eq!(notes.violations.len(), 1);
        assert_eq!(notes.issued, issued);
    }

    #[test]
    fn much_of_a_large_body_is_not_kept() {
        let body = Bytes::from(vec![b'x'; 10 * MAX_TOLD]);
        let packed = record("/", &HeaderMap::new(), &body, Notes::default()).pack();
        assert!(packed.size() < MAX_TOLD + 2 * FRAME);
        assert_eq!(packed.tell(1).response.body.len(), MAX_TOLD);
    }
    #[test]
    fn a_document_that_many_responses_share_is_not_copied() {
        let body = Bytes::from(vec![b'x'; LARGE]);
        let packed = record("/", &HeaderMap::new(), &body, Notes::default()).pack();
        assert_eq!(packed.body.as_ref().unwrap().as_ptr(), body.as_ptr());
        assert!(packed.text.len() < LARGE && packed.size() > LARGE);
        assert_eq!(packed.tell(1).response.body.len(), LARGE);
    }
}
