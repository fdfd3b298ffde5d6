//! Drafts: values on their way out, in wire terms, where the illegal can be said. And what faults
//! do to them.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::placeholder::Placeholders;
use super::{Fault, JwtFault, Moment, Point, Reply, Signing, TransportAct};
use crate::journal::Endpoint;

/// A value at the last moment before the wire.
pub(crate) trait Draft: Clone + PartialEq {
    /// The point of the pipeline that the draft stands at.
    fn point(&self) -> Point;

    /// Whether a fault of this point concerns this very draft.
    fn concerns(&self, _fault: &Fault) -> bool {
        true
    }

    /// Applies a fault of this point.
    fn apply(&mut self, fault: &Fault, moment: &Moment<'_>);
}

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
    pub(crate) headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    pub(crate) members: Map<String, Value>,
    /// The body, where it is not to be the document.
    body: Option<String>,
    /// The least size of the body, in bytes.
    pad: usize,
}

impl DocumentDraft {
    pub(crate) fn new(document: Document, members: Map<String, Value>) -> Self {
        Self {
            document,
            status: 200,
            headers: vec![("content-type".into(), "application/json".into())],
            members,
            body: None,
            pad: 0,
        }
    }

    /// With a header of ours, whose name is in lower case.
    pub(crate) fn header(
        mut self,
        name: &'static str,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.put_header(name.into(), value.into());
        self
    }

    /// The body as it goes out.
    pub(crate) fn into_body(self) -> String {
        let mut body = self.body.unwrap_or_else(|| json_text(&self.members));
        let missing = self.pad.saturating_sub(body.len());
        body.extend(std::iter::repeat_n(' ', missing));
        body
    }

    /// The document written in another way than as JSON. What a fault put in the place of body,
    /// type or document stays.
    pub(crate) fn written(
        mut self,
        content_type: &'static str,
        write: impl FnOnce(&Map<String, Value>) -> String,
    ) -> Self {
        if self.body.is_none() && !self.members.contains_key("error") {
            let json = ("content-type", "application/json");
            let headers = self.headers.iter_mut();
            for (_, value) in headers.filter(|(name, value)| (&**name, &**value) == json) {
                *value = content_type.into();
            }
            self.body = Some(write(&self.members));
        }
        self
    }

    fn set_header(&mut self, name: &str, value: String) {
        self.put_header(name.to_ascii_lowercase().into(), value.into());
    }

    fn put_header(&mut self, name: Cow<'static, str>, value: Cow<'static, str>) {
        self.headers.retain(|(existing, _)| *existing != name);
        self.headers.push((name, value));
    }

    fn apply_reply(&mut self, reply: &Reply, moment: &Moment<'_>) {
        let placeholders = Placeholders::new(moment);
        self.status = reply.status.unwrap_or(self.status);
        if let Some(content_type) = &reply.content_type {
            self.set_header("content-type", content_type.clone());
        }
        for (name, value) in &reply.headers {
            self.set_header(name, placeholders.fill(value));
        }
        if let Some(body) = &reply.body {
            self.body = Some(placeholders.fill(body));
        }
        self.pad = reply.pad.unwrap_or(self.pad);
    }

    fn apply_jwks(&mut self, fault: &super::JwksFault) {
        let keys = self.members.get_mut("keys").and_then(Value::as_array_mut);
        let Some(keys) = keys else { return };
        if fault.empty {
            keys.clear();
        }
        for key in keys.iter_mut().filter_map(Value::as_object_mut) {
            key.retain(|name, _| !fault.remove_members.contains(name));
        }
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
                    self.apply_jwks(jwks);
                    jwks.reply
                        .iter()
                        .for_each(|it| self.apply_reply(it, moment));
                }
                None
            }
        };
        let Some(change) = change else { return };
        set_json(&mut self.members, &change.set, moment);
        self.members.retain(|name, _| !change.remove.contains(name));
        if let Some(error) = &change.error {
            self.status = 400;
            self.members = Map::from_iter([(
                "error".to_owned(),
                json!(Placeholders::new(moment).fill(error)),
            )]);
        }
        change
            .reply
            .iter()
            .for_each(|it| self.apply_reply(it, moment));
    }
}

/// A JSON object as text.
pub(crate) fn json_text(members: &Map<String, Value>) -> String {
    serde_json::to_string(members).expect("a JSON object can be written")
}

/// Which JWT a [`JwtDraft`] is.
#[expect(clippy::enum_variant_names, reason = "the specifications call them so")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JwtKind {
    IdToken,
    AccessToken,
    LogoutToken,
}

/// A JWT before it is signed: JOSE header, claims, and how to sign.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JwtDraft {
    pub(crate) kind: JwtKind,
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    /// How it is signed; `None` is the honest way.
    pub(crate) signing: Option<Signing>,
    /// Header parameters that stay as they are, whatever the way of signing brings along.
    pub(crate) header_set: Vec<String>,
}

impl JwtDraft {
    pub(crate) fn new(
        kind: JwtKind,
        header: Map<String, Value>,
        claims: Map<String, Value>,
    ) -> Self {
        Self {
            kind,
            header,
            claims,
            signing: None,
            header_set: Vec::new(),
        }
    }

    fn change<'a>(&self, fault: &'a Fault) -> Option<&'a JwtFault> {
        match self.kind {
            JwtKind::IdToken => fault.id_token.as_ref(),
            JwtKind::AccessToken => fault.access_token.as_ref()?.jwt.as_ref(),
            JwtKind::LogoutToken => fault.logout_token.as_ref(),
        }
    }
}

impl Draft for JwtDraft {
    fn point(&self) -> Point {
        match self.kind {
            JwtKind::IdToken => Point::IdToken,
            JwtKind::AccessToken => Point::AccessToken,
            JwtKind::LogoutToken => Point::LogoutToken,
        }
    }

    fn concerns(&self, fault: &Fault) -> bool {
        self.change(fault).is_some()
    }

    fn apply(&mut self, fault: &Fault, moment: &Moment<'_>) {
        let Some(change) = self.change(fault) else {
            return;
        };
        for (name, by) in &change.shift {
            let now = i64::try_from(moment.now).unwrap_or(i64::MAX);
            let honest = self.claims.get(name).and_then(Value::as_i64).unwrap_or(now);
            let shifted = honest.saturating_add(by.seconds);
            self.claims.insert(name.clone(), json!(shifted));
        }
        set_json(&mut self.claims, &change.claims, moment);
        self.claims.retain(|name, _| !change.remove.contains(name));
        set_json(&mut self.header, &change.header, moment);
        self.header
            .retain(|name, _| !change.remove_header.contains(name));
        let names = change.header.keys().chain(&change.remove_header);
        self.header_set.extend(names.cloned());
        self.signing = change.sign.or(self.signing);
    }
}

/// The parameters of an authorization response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedirectDraft {
    pub(crate) parameters: Vec<(String, String)>,
}

impl RedirectDraft {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        get(&self.parameters, name)
    }
}

impl Draft for RedirectDraft {
    fn point(&self) -> Point {
        Point::Redirect
    }

    fn apply(&mut self, fault: &Fault, moment: &Moment<'_>) {
        let Some(change) = &fault.redirect else {
            return;
        };
        let honest = self.parameters.clone();
        if let Some(error) = &change.error {
            let fill = Placeholders::new(moment);
            let mut parameters = vec![("error".to_owned(), fill.fill(&error.code))];
            let description = error.description.as_deref().map(|it| fill.fill(it));
            parameters.extend(description.map(|it| ("error_description".to_owned(), it)));
            self.parameters.retain(|(name, _)| match name.as_str() {
                "code" | "access_token" | "token_type" | "expires_in" | "scope" | "id_token" => {
                    error.keep_code
                }
                "error" | "error_description" => false,
                _ => true,
            });
            parameters.append(&mut self.parameters);
            self.parameters = parameters;
        }
        set_pairs(&mut self.parameters, &change.set, moment);
        self.parameters
            .retain(|(name, _)| !change.remove.contains(name));
        for (name, value) in &change.append {
            let placeholders = Placeholders::of_text(moment, get(&honest, name));
            self.parameters
                .push((name.clone(), placeholders.fill(value)));
        }
    }
}

/// An authorization request, before anybody signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthorizeDraft {
    pub(crate) parameters: Vec<(String, String)>,
    /// Where the browser is sent with the parameters, in place of being served.
    pub(crate) forward_to: Option<String>,
}

impl Draft for AuthorizeDraft {
    fn point(&self) -> Point {
        Point::Authorize
    }

    fn apply(&mut self, fault: &Fault, moment: &Moment<'_>) {
        let Some(change) = &fault.authorize else {
            return;
        };
        self.forward_to = Some(Placeholders::new(moment).fill(&change.forward_to));
        set_pairs(&mut self.parameters, &change.set, moment);
    }
}

/// What an access token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccessTokenDraft {
    pub(crate) honoured: bool,
}

impl Draft for AccessTokenDraft {
    fn point(&self) -> Point {
        Point::AccessToken
    }

    fn concerns(&self, fault: &Fault) -> bool {
        fault
            .access_token
            .as_ref()
            .is_some_and(|change| change.dead)
    }

    fn apply(&mut self, _: &Fault, _: &Moment<'_>) {
        self.honoured = false;
    }
}

/// How a response goes over the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TransportDraft {
    pub(crate) endpoint: Endpoint,
    pub(crate) act: Option<TransportAct>,
}

impl Draft for TransportDraft {
    fn point(&self) -> Point {
        Point::Transport
    }

    fn concerns(&self, fault: &Fault) -> bool {
        (fault.transport.as_ref()).is_some_and(|change| change.at == self.endpoint)
    }

    fn apply(&mut self, fault: &Fault, _: &Moment<'_>) {
        self.act = fault.transport.as_ref().map(|change| change.act);
    }
}

fn set_json(members: &mut Map<String, Value>, set: &Map<String, Value>, moment: &Moment<'_>) {
    for (name, value) in set {
        let placeholders = Placeholders::of_json(moment, members.get(name));
        let value = placeholders.fill_json(value);
        members.insert(name.clone(), value);
    }
}

fn set_pairs(
    pairs: &mut Vec<(String, String)>,
    set: &std::collections::BTreeMap<String, String>,
    moment: &Moment<'_>,
) {
    for (name, value) in set {
        let value = Placeholders::of_text(moment, get(pairs, name)).fill(value);
        match pairs.iter_mut().find(|(existing, _)| existing == name) {
            Some((_, existing)) => *existing = value,
            None => pairs.push((name.clone(), value)),
        }
    }
}

fn get<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let pair = pairs.iter().find(|(existing, _)| existing == name)?;
    Some(&pair.1)
}
