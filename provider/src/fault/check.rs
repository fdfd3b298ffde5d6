//! Whether a fault makes sense, before it is armed.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{DocumentFault, Fault, Reply};

/// The point of the pipeline that a fault changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// The discovery document.
    Metadata,
    /// The published key set.
    Jwks,
    /// The authorization request, before anybody signs in.
    Authorize,
    /// The authorization response.
    Redirect,
    /// The token response.
    Token,
    /// The ID token.
    IdToken,
    /// What the access token is worth.
    AccessToken,
    /// The userinfo response.
    Userinfo,
    /// The introspection response.
    Introspection,
    /// The device authorization response.
    Device,
    /// The response to a pushed authorization request.
    Par,
    /// The client registration response.
    Registration,
    /// The logout token.
    LogoutToken,
    /// The connection below HTTP.
    Transport,
}

impl Point {
    /// The key in a fault that names the point.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Jwks => "jwks",
            Self::Authorize => "authorize",
            Self::Redirect => "redirect",
            Self::Token => "token",
            Self::IdToken => "id-token",
            Self::AccessToken => "access-token",
            Self::Userinfo => "userinfo",
            Self::Introspection => "introspection",
            Self::Device => "device",
            Self::Par => "par",
            Self::Registration => "registration",
            Self::LogoutToken => "logout-token",
            Self::Transport => "transport",
        }
    }
}

/// Why a fault cannot be armed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No point is named.
    #[error(
        "the fault names no point: set one of `metadata`, `jwks`, `authorize`, `redirect`, `token`, `id-token`, `access-token`, `userinfo`, `introspection`, `device`, `par`, `registration`, `logout-token`, `transport`"
    )]
    NoPoint,
    /// More than one point is named.
    #[error("the fault names `{}` and `{}`: one fault changes one point, so write two", .0.as_str(), .1.as_str())]
    TwoPoints(Point, Point),
    /// The point is named, and nothing is changed there.
    #[error("the fault changes nothing at `{}`", .0.as_str())]
    NoChange(Point),
    /// Raw JSON text that is no JSON object.
    #[error("`{member}` is no JSON object: {problem}")]
    Json {
        /// `json` or `claims-json`.
        member: &'static str,
        /// What the parser says.
        problem: String,
    },
    /// A status that no final response has.
    #[error("the status {0} is not between 200 and 599")]
    Status(u16),
    /// A header that cannot be sent.
    #[error(
        "the header `{0}` cannot be sent: its name or its value has letters that HTTP does not allow"
    )]
    Header(String),
    /// Requests are counted from 1.
    #[error("`{0}` is counted from 1")]
    Zero(&'static str),
    /// The replicas of the issuer cannot be told, since their store did not answer.
    #[error("the store of the replicas cannot be reached: {reason}")]
    Store {
        /// What is known of the failure.
        reason: String,
    },
}

impl Fault {
    /// The one point that the fault changes.
    ///
    /// # Errors
    /// If no point or more than one is set.
    pub fn point(&self) -> Result<Point, FaultError> {
        let mut points = [
            (self.metadata.is_some(), Point::Metadata),
            (self.jwks.is_some(), Point::Jwks),
            (self.authorize.is_some(), Point::Authorize),
            (self.redirect.is_some(), Point::Redirect),
            (self.token.is_some(), Point::Token),
            (self.id_token.is_some(), Point::IdToken),
            (self.access_token.is_some(), Point::AccessToken),
            (self.userinfo.is_some(), Point::Userinfo),
            (self.introspection.is_some(), Point::Introspection),
            (self.device.is_some(), Point::Device),
            (self.par.is_some(), Point::Par),
            (self.registration.is_some(), Point::Registration),
            (self.logout_token.is_some(), Point::LogoutToken),
            (self.transport.is_some(), Point::Transport),
        ]
        .into_iter()
        .filter_map(|(set, point)| set.then_some(point));
        let point = points.next().ok_or(FaultError::NoPoint)?;
        match points.next() {
            Some(second) => Err(FaultError::TwoPoints(point, second)),
            None => Ok(point),
        }
    }

    /// Checks everything that can be wrong with a fault before it is armed.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<Point, FaultError> {
        self.clone().checked().map(|(_, point)| point)
    }

    /// The fault with its raw JSON parsed and merged in, so that applying it cannot fail.
    pub(super) fn checked(mut self) -> Result<(Self, Point), FaultError> {
        let point = self.point()?;
        if self.when.nth == Some(0) {
            return Err(FaultError::Zero("nth"));
        }
        if self.when.times == Some(0) {
            return Err(FaultError::Zero("times"));
        }
        let documents = [
            &mut self.metadata,
            &mut self.token,
            &mut self.userinfo,
            &mut self.introspection,
            &mut self.device,
            &mut self.par,
            &mut self.registration,
        ];
        for document in documents.into_iter().flatten() {
            merge(&mut document.set, document.json.take(), "json")?;
            check_reply(document.reply.as_ref())?;
            if *document == DocumentFault::default() {
                return Err(FaultError::NoChange(point));
            }
        }
        if let Some(jwks) = &self.jwks {
            check_reply(jwks.reply.as_ref())?;
            if *jwks == super::JwksFault::default() {
                return Err(FaultError::NoChange(point));
            }
        }
        if self.access_token == Some(super::AccessTokenFault::default()) {
            return Err(FaultError::NoChange(point));
        }
        let in_access_token = (self.access_token.as_mut()).and_then(|it| it.jwt.as_mut());
        let jwts = [
            self.id_token.as_mut(),
            self.logout_token.as_mut(),
            in_access_token,
        ];
        for jwt in jwts.into_iter().flatten() {
            merge(&mut jwt.claims, jwt.claims_json.take(), "claims-json")?;
            if *jwt == super::JwtFault::default() {
                return Err(FaultError::NoChange(point));
            }
        }
        let nothing_at_redirect =
            (self.redirect.as_ref()).is_some_and(|it| *it == super::RedirectFault::default());
        if nothing_at_redirect {
            return Err(FaultError::NoChange(point));
        }
        Ok((self, point))
    }
}

fn merge(
    members: &mut Map<String, Value>,
    json: Option<String>,
    member: &'static str,
) -> Result<(), FaultError> {
    let Some(json) = json else { return Ok(()) };
    let more: Map<String, Value> =
        serde_json::from_str(&json).map_err(|error| FaultError::Json {
            member,
            problem: error.to_string(),
        })?;
    members.extend(more);
    Ok(())
}

fn check_reply(reply: Option<&Reply>) -> Result<(), FaultError> {
    let Some(reply) = reply else { return Ok(()) };
    if let Some(status) = reply.status
        && !(200..600).contains(&status)
    {
        return Err(FaultError::Status(status));
    }
    debug_assert!(
        reply
            .status
            .is_none_or(|it| StatusCode::from_u16(it).is_ok())
    );
    let content_type = reply
        .content_type
        .iter()
        .map(|it| ("content-type", it.as_str()));
    let headers = reply
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in headers.chain(content_type) {
        if HeaderName::try_from(name).is_err() || HeaderValue::from_str(value).is_err() {
            return Err(FaultError::Header(name.to_owned()));
        }
    }
    Ok(())
}
