//! Drafts: values on their way out, in wire terms, where the illegal can be said. And what faults
//! do to them.

use serde_json::{Map, Value, json};

use super::object::Object;
use super::placeholder::Placeholders;
use super::repeated::Repeated;
use super::{Fault, JwtFault, Moment, Point, Signing, TransportAct};
use crate::jose::{Secret, Signer, SigningAlgorithm};
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
    pub(crate) header: Object,
    pub(crate) claims: Object,
    /// Claims that are written before and after those.
    pub(crate) repeated: Repeated,
    /// How it is signed; `None` is the honest way.
    pub(crate) signing: Option<Signing>,
    /// Header parameters that stay as they are, whatever the way of signing brings along.
    pub(crate) header_set: Vec<String>,
}

impl JwtDraft {
    pub(crate) fn new(kind: JwtKind, header: impl Into<Object>, claims: impl Into<Object>) -> Self {
        Self {
            kind,
            header: header.into(),
            claims: claims.into(),
            repeated: Repeated::default(),
            signing: None,
            header_set: Vec::new(),
        }
    }

    /// What signs it, where a fault wants the client's secret for that; else the honest signer.
    pub(crate) fn signer(&self, honest: Signer, secret: Option<&str>) -> Signer {
        if self.signing != Some(Signing::HmacWithClientSecret) {
            return honest;
        }
        let secret = secret.unwrap_or_default().as_bytes();
        Secret::new(SigningAlgorithm::Hs256, secret).map_or(honest, Signer::Secret)
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
        let claims = self.claims.open();
        for (name, by) in &change.shift {
            let now = i64::try_from(moment.now).unwrap_or(i64::MAX);
            let honest = claims.get(name).and_then(Value::as_i64).unwrap_or(now);
            let shifted = honest.saturating_add(by.seconds);
            claims.insert(name.clone(), json!(shifted));
        }
        for name in &change.fractional {
            if let Some(honest) = claims.get(name).and_then(Value::as_f64) {
                claims.insert(name.clone(), json!(honest - 0.5));
            }
        }
        let around = (&change.claims_before, &change.claims_after);
        self.repeated.extend(claims, around, moment);
        set_json(claims, &change.claims, moment);
        claims.retain(|name, _| !change.remove.contains(name));
        let header = self.header.open();
        set_json(header, &change.header, moment);
        header.retain(|name, _| !change.remove_header.contains(name));
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

pub(super) fn set_json(
    members: &mut Map<String, Value>,
    set: &Map<String, Value>,
    moment: &Moment<'_>,
) {
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
