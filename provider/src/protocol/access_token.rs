//! The access token as a JWT (RFC 9068).

use serde::Serialize;
use serde_json::Value;

/// The claims of RFC 9068 §2.2; what the issuer was told to add stands beside them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AccessTokenClaims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: Value,
    pub(crate) exp: u64,
    pub(crate) iat: u64,
    pub(crate) jti: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cnf: Option<Confirmation>,
    /// RFC 8693 §4.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) act: Option<Value>,
}

/// Whom a token is bound to (RFC 7800 §3.1).
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Confirmation {
    /// RFC 9449 §6.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jkt: Option<String>,
    /// RFC 8705 §3.1.
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<String>,
}
