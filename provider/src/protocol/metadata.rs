//! The discovery document (OIDC Discovery 1.0 §3, RFC 8414 §2).

use serde::Serialize;

/// What the provider says about itself.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the specification has them")]
pub(crate) struct ProviderMetadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) userinfo_endpoint: String,
    /// RFC 9126 §5.
    pub(crate) pushed_authorization_request_endpoint: String,
    /// RFC 9126 §5.
    pub(crate) require_pushed_authorization_requests: bool,
    pub(crate) jwks_uri: String,
    /// RP-Initiated Logout 1.0 §2.1.
    pub(crate) end_session_endpoint: String,
    pub(crate) introspection_endpoint: String,
    pub(crate) revocation_endpoint: String,
    /// RFC 8628 §4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_authorization_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) registration_endpoint: Option<String>,
    pub(crate) scopes_supported: Vec<String>,
    pub(crate) claims_supported: Vec<String>,
    pub(crate) response_types_supported: Vec<&'static str>,
    pub(crate) response_modes_supported: Vec<&'static str>,
    /// JARM §4.
    pub(crate) authorization_signing_alg_values_supported: Vec<&'static str>,
    pub(crate) request_object_signing_alg_values_supported: Vec<&'static str>,
    /// RFC 9101 §10.5.
    pub(crate) require_signed_request_object: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) acr_values_supported: Vec<String>,
    pub(crate) ui_locales_supported: Vec<&'static str>,
    pub(crate) grant_types_supported: Vec<&'static str>,
    pub(crate) subject_types_supported: Vec<&'static str>,
    pub(crate) id_token_signing_alg_values_supported: Vec<&'static str>,
    /// OIDC Discovery 1.0 §3; JWE, as are the three after it.
    pub(crate) id_token_encryption_alg_values_supported: Vec<&'static str>,
    pub(crate) id_token_encryption_enc_values_supported: Vec<&'static str>,
    pub(crate) userinfo_signing_alg_values_supported: Vec<&'static str>,
    pub(crate) userinfo_encryption_alg_values_supported: Vec<&'static str>,
    pub(crate) userinfo_encryption_enc_values_supported: Vec<&'static str>,
    pub(crate) token_endpoint_auth_methods_supported: Vec<&'static str>,
    pub(crate) token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    pub(crate) introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    pub(crate) introspection_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    pub(crate) revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    pub(crate) revocation_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    /// RFC 9449 §5.1.
    pub(crate) dpop_signing_alg_values_supported: Vec<&'static str>,
    /// RFC 8705 §3.3.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) tls_client_certificate_bound_access_tokens: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) code_challenge_methods_supported: Vec<&'static str>,
    /// Initiating User Registration 1.0 §4 has the name.
    pub(crate) prompt_values_supported: Vec<&'static str>,
    /// RFC 9207 §3.
    pub(crate) authorization_response_iss_parameter_supported: bool,
    /// Front-Channel Logout 1.0 §3.
    pub(crate) frontchannel_logout_supported: bool,
    pub(crate) frontchannel_logout_session_supported: bool,
    /// Back-Channel Logout 1.0 §2.1.
    pub(crate) backchannel_logout_supported: bool,
    pub(crate) backchannel_logout_session_supported: bool,
    pub(crate) claims_parameter_supported: bool,
    pub(crate) request_parameter_supported: bool,
    pub(crate) request_uri_parameter_supported: bool,
}
