//! The authorization request (RFC 6749 §4.1.1).

use serde::Deserialize;

/// The parameters of an authorization request that the provider knows, as they came in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct AuthorizationParameters {
    /// RFC 6749 §3.1.1.
    pub(crate) response_type: Option<String>,
    /// RFC 6749 §2.2.
    pub(crate) client_id: Option<String>,
    /// RFC 6749 §3.1.2.
    pub(crate) redirect_uri: Option<String>,
    /// RFC 6749 §3.3, separated by spaces.
    pub(crate) scope: Option<String>,
    /// RFC 6749 §4.1.1.
    pub(crate) state: Option<String>,
    /// OAuth 2.0 Multiple Response Type Encoding Practices §2.1.
    pub(crate) response_mode: Option<String>,
    /// OIDC Core §3.1.2.1.
    pub(crate) nonce: Option<String>,
    /// OIDC Core §3.1.2.1, separated by spaces.
    pub(crate) prompt: Option<String>,
    /// OIDC Core §3.1.2.1, in seconds.
    pub(crate) max_age: Option<String>,
    /// OIDC Core §3.1.2.1.
    pub(crate) login_hint: Option<String>,
    /// RFC 7636 §4.3.
    pub(crate) code_challenge: Option<String>,
    /// RFC 7636 §4.3.
    pub(crate) code_challenge_method: Option<String>,
    /// OIDC Core §5.5, JSON.
    pub(crate) claims: Option<String>,
    /// OIDC Core §3.1.2.1, separated by spaces.
    pub(crate) acr_values: Option<String>,
    /// OIDC Core §3.1.2.1, separated by spaces.
    pub(crate) ui_locales: Option<String>,
    /// OIDC Core §3.1.2.1.
    pub(crate) id_token_hint: Option<String>,
    /// RFC 9449 §10.
    pub(crate) dpop_jkt: Option<String>,
    /// RFC 9101 §5, OIDC Core §6.1.
    pub(crate) request: Option<String>,
    /// RFC 9126 §4.
    pub(crate) request_uri: Option<String>,
}
