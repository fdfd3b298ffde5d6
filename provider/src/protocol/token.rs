//! The token request and response.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The parameters of a token request that the provider knows, as they came in (RFC 6749 §4.1.3,
/// §4.3.2, §6, §2.3.1; RFC 7636 §4.5).
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TokenParameters {
    pub(crate) grant_type: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) code_verifier: Option<String>,
    pub(crate) refresh_token: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<String>,
    /// RFC 7521 §4.2.
    pub(crate) client_assertion: Option<String>,
    pub(crate) client_assertion_type: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    /// RFC 8628 §3.4.
    pub(crate) device_code: Option<String>,
    /// RFC 7523 §2.1.
    pub(crate) assertion: Option<String>,
    /// RFC 8693 §2.1, as are the following.
    pub(crate) subject_token: Option<String>,
    pub(crate) subject_token_type: Option<String>,
    pub(crate) actor_token: Option<String>,
    pub(crate) actor_token_type: Option<String>,
    pub(crate) requested_token_type: Option<String>,
    /// It may come more than once.
    #[serde(skip)]
    pub(crate) audience: Vec<String>,
    /// It may come more than once (RFC 8707 §2).
    #[serde(skip)]
    pub(crate) resource: Vec<String>,
}

impl fmt::Debug for TokenParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenParameters")
            .field("grant_type", &self.grant_type)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// A successful token response (RFC 6749 §5.1, OIDC Core §3.1.3.3).
#[derive(Clone, Serialize)]
pub(crate) struct TokenResponse {
    pub(crate) access_token: String,
    pub(crate) token_type: &'static str,
    /// Seconds.
    pub(crate) expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    /// Separated by spaces; left out where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_token: Option<String>,
    /// RFC 8693 §2.2.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issued_token_type: Option<&'static str>,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
