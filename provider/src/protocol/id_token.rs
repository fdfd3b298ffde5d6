//! The ID token (OIDC Core §2).

use serde::Serialize;

/// The claims that every ID token has; those about the user stand beside them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct IdTokenClaims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: String,
    pub(crate) exp: u64,
    pub(crate) iat: u64,
    pub(crate) auth_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acr: Option<String>,
    /// Front-Channel Logout 1.0 §3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<String>,
    /// OIDC Core §3.1.3.6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at_hash: Option<String>,
    /// OIDC Core §3.3.2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) c_hash: Option<String>,
    /// FAPI 1.0 Part 2: Advanced §5.2.2.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) s_hash: Option<String>,
}

/// The JOSE header (RFC 7515 §4).
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JoseHeader {
    pub(crate) alg: &'static str,
    pub(crate) typ: &'static str,
    /// None where a client secret signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kid: Option<String>,
}
