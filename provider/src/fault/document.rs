//! JSON documents on their way out, with the HTTP response around them, and what faults do to them.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Map, Value, json};

use super::object::Object;
use super::placeholder::Placeholders;
use super::repeated::Repeated;
use super::tamper::{Draft, set_json};
use super::{Fault, JwksFault, Moment, Point, Reply};
use crate::jose::{unpublished_jwk, with_certificates};

/// Which JSON document a [`DocumentDraft`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    Metadata,
    Jwks,
    Token,
    Userinfo,
    Introspection,
    Device,
    Par,
    Registration,
}

/// A JSON document and the HTTP response around it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DocumentDraft {
    pub(crate) document: Document,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) members: Object,
    /// Members that are written before and after the document's own.
    repeated: Repeated,
    /// The body, where it is not to be the document.
    body: Option<String>,
    /// What stands before and after the body.
    around: (String, String),
    /// The least size of the body, in bytes.
    pad: usize,
}

const JSON: &str = "application/json";

/// As many headers as most documents go out with.
const USUAL_HEADERS: usize = 6;

impl DocumentDraft {
    pub(crate) fn new(document: Document, members: impl Into<Object>) -> Self {
        let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        Self {
            document,
            status: 200,
            headers,
            members: members.into(),
            repeated: Repeated::default(),
            body: None,
            around: (String::new(), String::new()),
            pad: 0,
        }
    }

    /// With a header of ours.
    pub(crate) fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// The body as it goes out.
    pub(crate) fn into_body(self) -> String {
        let members = self.members;
        let repeated = self.repeated;
        let document = || repeated.around(members.into_text());
        let mut body = self.body.unwrap_or_else(document);
        let (prefix, suffix) = self.around;
        body.insert_str(0, &prefix);
        body.push_str(&suffix);
        let missing = self.pad.saturating_sub(body.len());
        body.extend(std::iter::repeat_n(' ', missing));
        body
    }

    /// The document written in another way than as JSON. What a fault put in the place of body,
    /// type or document stays.
    pub(crate) fn written(
        mut self,
        content_type: &'static str,
        write: impl FnOnce(&str) -> String,
    ) -> Self {
        if self.body.is_none() && !self.members.members().contains_key("error") {
            if (self.headers.get(header::CONTENT_TYPE)).is_some_and(|value| value == JSON) {
                self = self.header(header::CONTENT_TYPE, content_type);
            }
            self.body = Some(write(&self.members.text()));
        }
        self
    }

    /// Puts a header in the place of those with its name. One that cannot be sent is left out.
    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            self.headers.insert(name, value);
        }
    }

    fn apply_reply(&mut self, reply: &Reply, moment: &Moment<'_>) {
        let placeholders = Placeholders::new(moment);
        self.status = reply.status.unwrap_or(self.status);
        if let Some(content_type) = &reply.content_type {
            self.set_header("content-type", content_type);
        }
        for (name, value) in &reply.headers {
            self.set_header(name, &placeholders.fill(value));
        }
        if let Some(body) = &reply.body {
            self.body = Some(placeholders.fill(body));
        }
        let (prefix, suffix) = &mut self.around;
        prefix.insert_str(0, reply.prefix.as_deref().unwrap_or_default());
        suffix.push_str(reply.suffix.as_deref().unwrap_or_default());
        self.pad = reply.pad.unwrap_or(self.pad);
    }

    fn apply_jwks(&mut self, fault: &JwksFault, moment: &Moment<'_>) {
        let keys = self
            .members
            .open()
            .get_mut("keys")
            .and_then(Value::as_array_mut);
        let Some(keys) = keys else { return };
        let honest = keys.first().and_then(Value::as_object).cloned();
        let honest = honest.unwrap_or_default();
        if fault.certificates {
            with_certificates(moment.keys, keys);
        }
        if fault.empty {
            keys.clear();
        }
        for key in keys.iter_mut().filter_map(Value::as_object_mut) {
            key.retain(|name, _| !fault.remove_members.contains(name));
        }
        let mut first: Vec<Value> = (fault.foreign.iter())
            .map(|kid| unpublished_jwk(moment.keys, kid))
            .collect();
        first.extend((1..=fault.fillers).map(|number| {
            let mut filler = honest.clone();
            filler.insert("kid".to_owned(), json!(format!("filler-{number}")));
            Value::Object(filler)
        }));
        first.extend(fault.before.iter().map(|key| match key {
            Value::Object(members) => {
                let mut filled = Map::new();
                for (name, member) in members {
                    let fill = Placeholders::of_json(moment, honest.get(name));
                    filled.insert(name.clone(), fill.fill_json(member));
                }
                Value::Object(filled)
            }
            other => other.clone(),
        }));
        keys.splice(0..0, first);
    }
}

impl Draft for DocumentDraft {
    fn point(&self) -> Point {
        match self.document {
            Document::Metadata => Point::Metadata,
            Document::Jwks => Point::Jwks,
            Document::Token => Point::Token,
            Document::Userinfo => Point::Userinfo,
            Document::Introspection => Point::Introspection,
            Document::Device => Point::Device,
            Document::Par => Point::Par,
            Document::Registration => Point::Registration,
        }
    }

    fn apply(&mut self, fault: &Fault, moment: &Moment<'_>) {
        let change = match self.document {
            Document::Metadata => fault.metadata.as_ref(),
            Document::Token => fault.token.as_ref(),
            Document::Userinfo => fault.userinfo.as_ref(),
            Document::Introspection => fault.introspection.as_ref(),
            Document::Device => fault.device.as_ref(),
            Document::Par => fault.par.as_ref(),
            Document::Registration => fault.registration.as_ref(),
            Document::Jwks => {
                if let Some(jwks) = &fault.jwks {
                    self.apply_jwks(jwks, moment);
                    jwks.reply
                        .iter()
                        .for_each(|it| self.apply_reply(it, moment));
                }
                None
            }
        };
        let Some(change) = change else { return };
        let members = self.members.open();
        set_json(members, &change.set, moment);
        self.repeated
            .extend(members, (&change.before, &change.after), moment);
        members.retain(|name, _| !change.remove.contains(name));
        if let Some(error) = &change.error {
            self.status = 400;
            let error = json!(Placeholders::new(moment).fill(error));
            self.members = Map::from_iter([("error".to_owned(), error)]).into();
        }
        change
            .reply
            .iter()
            .for_each(|it| self.apply_reply(it, moment));
    }
}
