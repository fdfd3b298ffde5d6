//! Introspection and revocation.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Confirmation;

/// The parameters of an introspection or revocation request, as they came in (RFC 7662 §2.1,
/// RFC 7009 §2.1). The hint is not needed: every token tells what it is.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TokenInQuestion {
    pub(crate) token: Option<String>,
}

impl fmt::Debug for TokenInQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenInQuestion(..)")
    }
}

/// What introspection says of a token that is honoured (RFC 7662 §2.2); what the issuer was told
/// to add stands beside it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct IntrospectionResponse {
    pub(crate) active: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) scope: String,
    pub(crate) client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    /// How it is sent (RFC 6749 §5.1); a refresh token has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_type: Option<&'static str>,
    pub(crate) exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iat: Option<u64>,
    pub(crate) sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aud: Option<Value>,
    pub(crate) iss: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jti: Option<String>,
    /// RFC 9470 §6.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth_time: Option<u64>,
    /// RFC 8705 §3.2, RFC 9449 §6.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cnf: Option<Confirmation>,
    /// RFC 8693 §4.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) act: Option<Value>,
}
