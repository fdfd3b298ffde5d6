//! The logout token (Back-Channel Logout 1.0 §2.4).

use serde::Serialize;
use serde_json::Value;

/// The claims of a logout token. There is never a nonce among them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LogoutTokenClaims {
    pub(crate) iss: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<String>,
    pub(crate) aud: String,
    pub(crate) iat: u64,
    pub(crate) exp: u64,
    pub(crate) jti: String,
    /// One member, named by a URI, with an empty object.
    pub(crate) events: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<String>,
}
