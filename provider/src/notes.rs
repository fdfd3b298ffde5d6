//! What an exchange was about, and what the provider made of it.

use serde::{Deserialize, Serialize};

use crate::fault::FiredFault;

/// What a request was addressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// The discovery document, in either of its two places.
    Metadata,
    /// The key set.
    Jwks,
    /// The authorization endpoint, with its login and consent pages.
    Authorize,
    /// The token endpoint.
    Token,
    /// The userinfo endpoint.
    Userinfo,
    /// The end-session endpoint (RP-initiated logout).
    EndSession,
    /// The introspection endpoint (RFC 7662).
    Introspection,
    /// The revocation endpoint (RFC 7009).
    Revocation,
    /// The device authorization endpoint, with its user code page (RFC 8628).
    Device,
    /// The pushed authorization request endpoint (RFC 9126).
    Par,
    /// The client registration endpoint (RFC 7591).
    Registration,
    /// A request that the provider makes: a logout token for a client (Back-Channel Logout 1.0).
    BackchannelLogout,
    /// Any other path under the issuer.
    Other,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 13] = [
        Self::Metadata,
        Self::Jwks,
        Self::Authorize,
        Self::Token,
        Self::Userinfo,
        Self::EndSession,
        Self::Introspection,
        Self::Revocation,
        Self::Device,
        Self::Par,
        Self::Registration,
        Self::BackchannelLogout,
        Self::Other,
    ];

    /// The name, as in scenario files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Jwks => "jwks",
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::Userinfo => "userinfo",
            Self::EndSession => "end-session",
            Self::Introspection => "introspection",
            Self::Revocation => "revocation",
            Self::Device => "device",
            Self::Par => "par",
            Self::Registration => "registration",
            Self::BackchannelLogout => "backchannel-logout",
            Self::Other => "other",
        }
    }
}

/// What the provider made of an exchange.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// The client identifier, as far as it was known.
    pub client_id: Option<String>,
    /// The `sub` of the user concerned.
    pub user: Option<String>,
    /// The `grant_type` of a token request.
    pub grant: Option<String>,
    /// The flow that it belongs to: what one authorization request, or one request without a user,
    /// led to. All that is handed out in a flow carries its name.
    pub flow: Option<String>,
    /// The key of the parallel test that it belongs to.
    pub test: Option<String>,
    /// Rules that the request broke, whether they were enforced or only observed.
    pub violations: Vec<crate::Violation>,
    /// Rules that the request broke and the issuer does not have, each with the laxest profile
    /// that has it.
    pub stricter: Vec<(crate::Profile, crate::Violation)>,
    /// Faults that changed this response.
    pub faults: Vec<FiredFault>,
    /// Values that this response handed out.
    pub issued: Vec<Issued>,
}

/// A value that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// What it is.
    pub kind: IssuedKind,
    /// The value itself, as it stands on the wire.
    pub value: String,
}

/// What a value that was handed out is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssuedKind {
    /// An authorization code.
    Code,
    /// An access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
    /// An ID token.
    IdToken,
}

impl IssuedKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Code,
        Self::AccessToken,
        Self::RefreshToken,
        Self::IdToken,
    ];

    /// A short name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::AccessToken => "access-token",
            Self::RefreshToken => "refresh-token",
            Self::IdToken => "id-token",
        }
    }
}
