//! Published keys (RFC 7517 §4, §5). There is no place here for a private half.

use serde::Serialize;

/// A key set.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JwkSet {
    pub(crate) keys: Vec<Jwk>,
}

/// A public key.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Jwk {
    pub(crate) kty: &'static str,
    pub(crate) kid: String,
    #[serde(rename = "use")]
    pub(crate) key_use: &'static str,
    pub(crate) alg: &'static str,
    /// RFC 7518 §6.2.1.1, RFC 8037 §2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crv: Option<&'static str>,
    /// RFC 7518 §6.2.1.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) x: Option<String>,
    /// RFC 7518 §6.2.1.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) y: Option<String>,
    /// RFC 7518 §6.3.1.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) n: Option<String>,
    /// RFC 7518 §6.3.1.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) e: Option<String>,
}
