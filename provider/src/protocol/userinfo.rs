//! The userinfo response (OIDC Core §5.3.2).

use serde::Serialize;

/// The claims that every userinfo response has; those about the user stand beside them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct UserinfoClaims<'a> {
    pub(crate) sub: &'a str,
    /// In a response that is signed, as `aud` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aud: Option<&'a str>,
}
