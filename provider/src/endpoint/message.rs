//! Requests and replies as plain data, as they are recorded.

use std::collections::{BTreeSet, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::{self, AsHeaderName};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;
use serde::de::value::{self, MapDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};

use super::Call;
use crate::fault::DocumentDraft;
use crate::issue::{self, Ready};
use crate::page;
use crate::protocol::{ErrorCode, ErrorResponse};

/// A request, read whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Path and query, undecoded.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// Whether the body was no UTF-8, and so is not here as it came.
    pub(crate) body_is_garbled: bool,
    /// Who sent it.
    pub(crate) peer: Option<SocketAddr>,
    /// The certificate that the sender proved the key of, as DER (RFC 8705 §2).
    pub(crate) certificate: Option<Arc<[u8]>>,
}

/// The parameters of a request, decoded, in their order.
pub(crate) type Pairs = Vec<(String, String)>;

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first value of a header, if it is text.
    pub(crate) fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        text(self.headers.get(name)?)
    }

    /// The parameters of the query.
    pub(crate) fn query(&self) -> Pairs {
        let (_, query) = self.target.split_once('?').unwrap_or_default();
        decode(query)
    }

    /// The parameters of the body.
    pub(crate) fn form(&self) -> Result<Pairs, FormError> {
        if !self.is_form() {
            return Err(FormError::NoForm);
        }
        if self.is_garbled() {
            return Err(FormError::Garbled);
        }
        Ok(decode(&self.body))
    }

    fn is_form(&self) -> bool {
        let content_type = self.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default();
        (media_type.trim()).eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }

    /// The parameters: of the query, or of the body where there is one.
    pub(crate) fn parameters(&self) -> Pairs {
        match self.method == "POST" {
            true if self.is_form() => decode(&self.body),
            true => Pairs::new(),
            false => self.query(),
        }
    }

    /// Whether one of the parameters is no UTF-8, and so not here as it was sent (RFC 6749
    /// Appendix B).
    pub(crate) fn is_garbled(&self) -> bool {
        if self.method == "POST" {
            self.is_form() && (self.body_is_garbled || !is_text(&self.body))
        } else {
            let (_, query) = self.target.split_once('?').unwrap_or_default();
            !is_text(query)
        }
    }

    /// The values of a cookie; there is one for each path that has it.
    pub(crate) fn cookies<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(text)
            .flat_map(|value| value.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .filter_map(move |(cookie, value)| (cookie == name).then_some(value))
    }
}

fn text(value: &HeaderValue) -> Option<&str> {
    std::str::from_utf8(value.as_bytes()).ok()
}

/// What is wrong with the body of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// It is of another type.
    #[error("the body is not application/x-www-form-urlencoded")]
    NoForm,
    /// It has a parameter that is no text.
    #[error("{GARBLED}")]
    Garbled,
}

/// What is said of a request with a parameter that is no text.
pub(crate) const GARBLED: &str = "a parameter is not UTF-8";

/// Whether all that is percent-encoded in a form or a query is UTF-8.
pub(super) fn is_text(encoded: &str) -> bool {
    let mut decoded = Vec::new();
    let mut rest = encoded.as_bytes();
    if !rest.contains(&b'%') {
        return true;
    }
    while let [byte, after @ ..] = rest {
        let escaped = match after {
            [high, low, after @ ..] if *byte == b'%' => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                (digit(high).zip(digit(low))).map(|(high, low)| (high << 4 | low, after))
            }
            _ => None,
        };
        let (byte, after) = match escaped {
            // Two digits make a byte.
            Some((byte, after)) => (byte.to_le_bytes()[0], after),
            None => (*byte, after),
        };
        decoded.push(byte);
        rest = after;
    }
    std::str::from_utf8(&decoded).is_ok()
}

fn decode(text: &str) -> Pairs {
    form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

/// The parameters as a type. Those without a value count as left out (RFC 6749 §3.1); of several
/// with one name the first counts.
pub(crate) fn typed<T: DeserializeOwned + Default>(pairs: &[(String, String)]) -> T {
    let mut seen = HashSet::with_capacity(pairs.len());
    let first = (pairs.iter())
        .filter(|(name, value)| !value.is_empty() && seen.insert(name.as_str()))
        .map(|(name, value)| (name.as_str(), Text(value)));
    // Every member of the types in question is an optional string, so this cannot fail.
    T::deserialize(MapDeserializer::<_, value::Error>::new(first)).unwrap_or_default()
}

/// A parameter's value, as what may also be missing.
struct Text<'a>(&'a str);

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de> for Text<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The first value of a parameter that has one.
pub(crate) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = (pairs.iter()).filter(|(known, value)| known == name && !value.is_empty());
    Some(values.next()?.1.as_str())
}

/// The values of a parameter that may come more than once, in their order.
pub(crate) fn values(pairs: &[(String, String)], name: &str) -> Vec<String> {
    (pairs.iter())
        .filter(|(existing, value)| existing == name && !value.is_empty())
        .map(|(_, value)| value.clone())
        .collect()
}

/// The URI with more parameters in its query.
pub(crate) fn with_parameters(uri: &str, pairs: &[(String, String)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    let query = query.finish();
    let separator = match uri {
        _ if query.is_empty() => "",
        uri if !uri.contains('?') => "?",
        uri if uri.ends_with(['?', '&']) => "",
        _ => "&",
    };
    format!("{uri}{separator}{query}")
}

/// The URI with these parameters as its fragment.
pub(crate) fn with_fragment(uri: &str, pairs: &[(String, String)]) -> String {
    let mut fragment = form_urlencoded::Serializer::new(String::new());
    let fragment = fragment.extend_pairs(pairs).finish();
    format!("{uri}#{fragment}")
}

/// A response, before it is one of an HTTP library.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn text(status: u16, body: String) -> Self {
        let reply = Self::empty(status).header("content-type", "text/plain; charset=utf-8");
        reply.with_body(body)
    }

    /// A document of any other type.
    pub(crate) fn typed(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        (Self::empty(status).header("content-type", content_type)).with_body(body)
    }

    /// A page of ours.
    pub(crate) fn page(status: u16, html: String) -> Self {
        Self::html(status, html, &page::CONTENT_SECURITY_POLICY)
            .header("referrer-policy", "same-origin")
    }

    /// A page that posts itself to a client, which may look at the `Origin` of what it gets.
    pub(crate) fn form_post(html: String) -> Self {
        Self::html(200, html, &page::FORM_POST_POLICY).header("referrer-policy", "strict-origin")
    }

    /// A page that tells the client's page beside it, whose origin is given, what came of a request.
    pub(crate) fn web_message(html: String, origin: &str) -> Self {
        Self::html(200, html, &page::web_message_policy(origin))
            .header("referrer-policy", "no-referrer")
    }

    fn html(status: u16, html: String, content_security_policy: &str) -> Self {
        let reply = Self::empty(status)
            .header("content-type", "text/html; charset=utf-8")
            .header("cache-control", "no-store")
            .header("content-security-policy", content_security_policy)
            .header("x-content-type-options", "nosniff");
        reply.with_body(html)
    }

    /// A page of ours with pages of clients in frames.
    pub(crate) fn page_with_frames(html: String, frames: &[String]) -> Self {
        let origins: BTreeSet<String> = (frames.iter())
            .filter_map(|frame| url::Url::parse(frame).ok())
            .map(|frame| frame.origin().ascii_serialization())
            .collect();
        let origins: Vec<String> = origins.into_iter().collect();
        let policy = page::CONTENT_SECURITY_POLICY.as_str();
        let policy = format!("{policy}; frame-src {}", origins.join(" "));
        let mut reply = Self::page(200, html);
        reply.headers.remove("content-security-policy");
        reply.header("content-security-policy", policy)
    }

    /// A page that says what is wrong.
    pub(crate) fn problem(call: &Call<'_>, status: u16, title: &str, reason: &str) -> Self {
        Self::page(status, page::error(call.at(), title, reason))
    }

    /// Sends the browser on; after a form with a GET (RFC 9110 §15.4.4).
    pub(crate) fn redirect(call: &Call<'_>, location: String) -> Self {
        let status = if call.request.method == "POST" {
            303
        } else {
            302
        };
        Self::empty(status)
            .header("location", location)
            .header("cache-control", "no-store")
            .header("referrer-policy", "no-referrer")
    }

    /// A JSON document of ours that no fault concerns.
    pub(crate) fn json(status: u16, document: &impl Serialize) -> Self {
        let reply = Self::empty(status)
            .constant_header(header::CONTENT_TYPE, "application/json")
            .constant_header(header::CACHE_CONTROL, "no-store");
        // Serialising our own types fails only if a map has keys that are no strings.
        reply.with_body(serde_json::to_vec(document).unwrap_or_default())
    }

    /// An error response (RFC 6749 §5.2).
    pub(crate) fn error(status: u16, error: ErrorCode, description: &str) -> Self {
        let document = ErrorResponse {
            error,
            error_description: issue::describable(description),
        };
        Self::json(status, &document)
    }

    /// A document that has passed the faults.
    pub(crate) fn document(mut draft: DocumentDraft) -> Self {
        Self {
            status: draft.status,
            headers: std::mem::take(&mut draft.headers),
            body: draft.into_body().into(),
        }
    }

    /// A document that is ready, and that no fault concerns.
    pub(crate) fn ready(ready: &Ready) -> Self {
        Self {
            status: ready.draft.status,
            headers: ready.headers.clone(),
            body: ready.body.clone(),
        }
    }

    /// Adds a header. Names and values are ours or checked ones; one that cannot be sent is left
    /// out.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_ref().as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            self.headers.append(name, value);
        }
        self
    }

    /// A header that is always the same, so that nothing has to be parsed or copied.
    pub(crate) fn constant_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.append(name, HeaderValue::from_static(value));
        self
    }

    fn with_body(self, body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_added_to_whatever_query_there_is() {
        let pairs = [("a".to_owned(), "1 2".to_owned())];
        for (uri, expected) in [
            ("http://x/cb", "http://x/cb?a=1+2"),
            ("http://x/cb?", "http://x/cb?a=1+2"),
            ("http://x/cb?b=1", "http://x/cb?b=1&a=1+2"),
            ("http://x/cb?b=1&", "http://x/cb?b=1&a=1+2"),
        ] {
            assert_eq!(with_parameters(uri, &pairs), expected);
            assert_eq!(with_parameters(uri, &[]), uri);
        }
    }

    #[test]
    fn a_cookie_may_come_several_times() {
        let request = Request {
            headers: HeaderMap::from_iter([
                (header::COOKIE, HeaderValue::from_static("a=1; b=2;a=3")),
                (header::COOKIE, HeaderValue::from_static("a=4=5")),
            ]),
            ..Request::default()
        };
        assert_eq!(request.cookies("a").collect::<Vec<_>>(), ["1", "3", "4=5"]);
    }
}
