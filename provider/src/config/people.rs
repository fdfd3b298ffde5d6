//! Clients and users as configuration files and the control API write them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::values::{Secret, Span};
use crate::jose::{ContentEncryption, KeyManagementAlgorithm, SigningAlgorithm};
use crate::names::{AccessTokenFormat, AuthMethod, GrantType, ResponseType, SubjectType};
use crate::parties::{CertificateName, Client, Encryption, User};

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct UserConfig {
    /// The subject identifier (OIDC Core §8).
    pub(crate) sub: String,
    /// Claims about the user; the granted scopes decide which are released. Without this key,
    /// name and e-mail address are made from `sub`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) claims: Option<Map<String, Value>>,
}

impl From<UserConfig> for User {
    fn from(config: UserConfig) -> Self {
        let UserConfig { sub, claims } = config;
        match claims {
            Some(claims) => Self { sub, claims },
            None => Self::from_sub(sub),
        }
    }
}

impl From<&User> for UserConfig {
    fn from(user: &User) -> Self {
        let User { sub, claims } = user.clone();
        Self {
            sub,
            claims: Some(claims),
        }
    }
}

/// A registered client. The members are those of RFC 7591 §2 and its relatives; what is left out
/// is as the issuer has it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the specifications have them"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ClientConfig {
    /// The client identifier.
    pub(crate) id: String,
    /// The client secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Secret>,
    /// What pages call the client. Default: its identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Redirect URIs, compared to the letter. A loopback IP literal may come with any port
    /// (RFC 8252 §7.3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) redirect_uris: Vec<String>,
    /// Where the client may send people after logout.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// The authentication methods that it may use. Default: with a secret, `client_secret_basic`
    /// and `client_secret_post`; with keys, `private_key_jwt`; with a certificate,
    /// `tls_client_auth`; with none of them, `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth_methods: Option<BTreeSet<AuthMethod>>,
    /// What its assertions have to be signed with, where it authenticates by such. Default: any
    /// algorithm that the method takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assertion_algorithm: Option<SigningAlgorithm>,
    /// The grants that it may use. Default: all that the issuer serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grant_types: Option<BTreeSet<GrantType>>,
    /// The response types that it may use. Default: all that the issuer serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response_types: Option<BTreeSet<ResponseType>>,
    /// The scopes that it may ask for. Default: all that exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scopes: Option<BTreeSet<String>>,
    /// Its public keys, a JWK Set (RFC 7517 §5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jwks: Option<Map<String, Value>>,
    /// Where its public keys are published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jwks_uri: Option<String>,
    /// What its access tokens look like. Default: as the issuer has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access_token_format: Option<AccessTokenFormat>,
    /// How long its access tokens live. Default: as the issuer has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access_token_lifetime: Option<Span>,
    /// What its ID tokens are signed with. Default: as the issuer has it. A symmetric algorithm
    /// is keyed with the client secret (OIDC Core §10.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_token_algorithm: Option<SigningAlgorithm>,
    /// How its ID tokens are encrypted. Default: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_token_encryption: Option<EncryptionConfig>,
    /// What its userinfo responses are signed with. Default: plain JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) userinfo_algorithm: Option<SigningAlgorithm>,
    /// How its userinfo responses are encrypted. Default: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) userinfo_encryption: Option<EncryptionConfig>,
    /// What its authorization responses are signed with, where it asks for JWTs (JARM §3).
    /// Default: as the issuer has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authorization_algorithm: Option<SigningAlgorithm>,
    /// What its request objects have to be signed with (RFC 9101 §6.1). Default: anything but
    /// `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_object_algorithm: Option<SigningAlgorithm>,
    /// Whether it has to send its authorization requests as request objects (RFC 9101 §10.5).
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) require_signed_request_object: bool,
    /// Whether it has to push its authorization requests (RFC 9126 §6).
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) require_pushed_authorization_requests: bool,
    /// Whether its access tokens are always bound to a DPoP key (RFC 9449 §5.2).
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) dpop_bound_access_tokens: bool,
    /// Whether its access tokens are bound to its certificate (RFC 8705 §3.4).
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) certificate_bound_access_tokens: bool,
    /// The certificate that it authenticates with (RFC 8705 §2.1.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<CertificateConfig>,
    /// What it gets as the `sub` of a user (OIDC Core §8). Default: `public`.
    #[serde(default)]
    pub(crate) subject_type: SubjectType,
    /// The sector of its pairwise subjects: a host. Default: that of its first redirect URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sector_identifier: Option<String>,
    /// Where logout tokens are posted to (Back-Channel Logout 1.0 §2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backchannel_logout_uri: Option<String>,
    /// Whether logout tokens need a `sid`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) backchannel_logout_session_required: bool,
    /// What is shown in an iframe at logout (Front-Channel Logout 1.0 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frontchannel_logout_uri: Option<String>,
    /// Whether that URI gets `iss` and `sid`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) frontchannel_logout_session_required: bool,
    /// The `max_age` of a request that has none, in seconds (OIDC Dynamic Client Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default_max_age: Option<u64>,
}

/// How a JWT is encrypted to a client (RFC 7518 §4, §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct EncryptionConfig {
    /// How the content encryption key is agreed on.
    pub(crate) algorithm: KeyManagementAlgorithm,
    /// How the content is encrypted. Default: `A128CBC-HS256`.
    #[serde(default)]
    pub(crate) content: ContentEncryption,
}

/// Which certificate a client authenticates with; exactly one member is compared (RFC 8705
/// §2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CertificateConfig {
    /// The subject's distinguished name, as RFC 4514 writes it.
    SubjectDn(String),
    /// A DNS name.
    Dns(String),
    /// A URI.
    Uri(String),
    /// An IP address.
    Ip(String),
    /// An e-mail address.
    Email(String),
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

impl From<ClientConfig> for Client {
    fn from(config: ClientConfig) -> Self {
        let auth_methods = config.auth_methods.clone();
        Self {
            auth_methods: auth_methods.unwrap_or_else(|| config.natural_auth_methods()),
            id: config.id,
            secret: config.secret.map(|secret| secret.0),
            name: config.name,
            redirect_uris: config.redirect_uris,
            post_logout_redirect_uris: config.post_logout_redirect_uris,
            grant_types: config.grant_types,
            response_types: config.response_types,
            scopes: config.scopes,
            jwks: config.jwks.map(Value::Object),
            jwks_uri: config.jwks_uri,
            access_token_format: config.access_token_format,
            access_token_lifetime: config.access_token_lifetime.map(|span| span.0),
            assertion_algorithm: config.assertion_algorithm,
            id_token_algorithm: config.id_token_algorithm,
            id_token_encryption: config.id_token_encryption.map(Into::into),
            userinfo_algorithm: config.userinfo_algorithm,
            userinfo_encryption: config.userinfo_encryption.map(Into::into),
            authorization_algorithm: config.authorization_algorithm,
            request_object_algorithm: config.request_object_algorithm,
            require_signed_request_object: config.require_signed_request_object,
            require_pushed_authorization_requests: config.require_pushed_authorization_requests,
            dpop_bound_access_tokens: config.dpop_bound_access_tokens,
            certificate_bound_access_tokens: config.certificate_bound_access_tokens,
            certificate: config.certificate.map(Into::into),
            subject_type: config.subject_type,
            sector_identifier: config.sector_identifier,
            backchannel_logout_uri: config.backchannel_logout_uri,
            backchannel_logout_session_required: config.backchannel_logout_session_required,
            frontchannel_logout_uri: config.frontchannel_logout_uri,
            frontchannel_logout_session_required: config.frontchannel_logout_session_required,
            default_max_age: config.default_max_age,
            registered_from: None,
        }
    }
}

impl From<&Client> for ClientConfig {
    fn from(client: &Client) -> Self {
        let client = client.clone();
        Self {
            id: client.id,
            secret: client.secret.map(Secret),
            name: client.name,
            redirect_uris: client.redirect_uris,
            post_logout_redirect_uris: client.post_logout_redirect_uris,
            auth_methods: Some(client.auth_methods),
            grant_types: client.grant_types,
            response_types: client.response_types,
            scopes: client.scopes,
            jwks: client.jwks.and_then(|jwks| match jwks {
                Value::Object(members) => Some(members),
                _ => None,
            }),
            jwks_uri: client.jwks_uri,
            access_token_format: client.access_token_format,
            access_token_lifetime: client.access_token_lifetime.map(Span),
            assertion_algorithm: client.assertion_algorithm,
            id_token_algorithm: client.id_token_algorithm,
            id_token_encryption: client.id_token_encryption.map(Into::into),
            userinfo_algorithm: client.userinfo_algorithm,
            userinfo_encryption: client.userinfo_encryption.map(Into::into),
            authorization_algorithm: client.authorization_algorithm,
            request_object_algorithm: client.request_object_algorithm,
            require_signed_request_object: client.require_signed_request_object,
            require_pushed_authorization_requests: client.require_pushed_authorization_requests,
            dpop_bound_access_tokens: client.dpop_bound_access_tokens,
            certificate_bound_access_tokens: client.certificate_bound_access_tokens,
            certificate: client.certificate.map(Into::into),
            subject_type: client.subject_type,
            sector_identifier: client.sector_identifier,
            backchannel_logout_uri: client.backchannel_logout_uri,
            backchannel_logout_session_required: client.backchannel_logout_session_required,
            frontchannel_logout_uri: client.frontchannel_logout_uri,
            frontchannel_logout_session_required: client.frontchannel_logout_session_required,
            default_max_age: client.default_max_age,
        }
    }
}

impl ClientConfig {
    /// What a client with such credentials is expected to use.
    fn natural_auth_methods(&self) -> BTreeSet<AuthMethod> {
        let mut methods = BTreeSet::new();
        if self.secret.is_some() {
            methods.extend([AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost]);
        }
        if self.certificate.is_some() {
            methods.insert(AuthMethod::TlsClientAuth);
        }
        // Beside other credentials, keys may be there for encryption alone.
        let has_keys = self.jwks.is_some() || self.jwks_uri.is_some();
        if methods.is_empty() && has_keys {
            methods.insert(AuthMethod::PrivateKeyJwt);
        }
        if methods.is_empty() {
            methods.insert(AuthMethod::None);
        }
        methods
    }
}

impl From<EncryptionConfig> for Encryption {
    fn from(config: EncryptionConfig) -> Self {
        let EncryptionConfig { algorithm, content } = config;
        Self { algorithm, content }
    }
}

impl From<Encryption> for EncryptionConfig {
    fn from(encryption: Encryption) -> Self {
        let Encryption { algorithm, content } = encryption;
        Self { algorithm, content }
    }
}

impl From<CertificateConfig> for CertificateName {
    fn from(config: CertificateConfig) -> Self {
        match config {
            CertificateConfig::SubjectDn(name) => Self::SubjectDn(name),
            CertificateConfig::Dns(name) => Self::Dns(name),
            CertificateConfig::Uri(name) => Self::Uri(name),
            CertificateConfig::Ip(name) => Self::Ip(name),
            CertificateConfig::Email(name) => Self::Email(name),
        }
    }
}

impl From<CertificateName> for CertificateConfig {
    fn from(name: CertificateName) -> Self {
        match name {
            CertificateName::SubjectDn(name) => Self::SubjectDn(name),
            CertificateName::Dns(name) => Self::Dns(name),
            CertificateName::Uri(name) => Self::Uri(name),
            CertificateName::Ip(name) => Self::Ip(name),
            CertificateName::Email(name) => Self::Email(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn client(config: Value) -> Client {
        serde_json::from_value::<ClientConfig>(config)
            .unwrap()
            .into()
    }

    #[test]
    fn credentials_say_how_a_client_authenticates() {
        for (config, methods) in [
            (json!({"id": "a"}), vec![AuthMethod::None]),
            (
                json!({"id": "a", "secret": "s", "jwks": {"keys": []}}),
                vec![AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost],
            ),
            (
                json!({"id": "a", "jwks-uri": "http://localhost/jwks"}),
                vec![AuthMethod::PrivateKeyJwt],
            ),
            (
                json!({"id": "a", "certificate": {"dns": "a.test"}}),
                vec![AuthMethod::TlsClientAuth],
            ),
            (
                json!({"id": "a", "secret": "s", "auth-methods": ["client_secret_jwt"]}),
                vec![AuthMethod::ClientSecretJwt],
            ),
        ] {
            assert_eq!(client(config).auth_methods, methods.into_iter().collect());
        }
    }

    #[test]
    fn a_client_survives_being_written_and_read() {
        let written = json!({
            "id": "a",
            "secret": "s",
            "name": "A",
            "redirect-uris": ["http://localhost/a"],
            "auth-methods": ["client_secret_basic"],
            "grant-types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
            "response-types": ["code id_token"],
            "access-token-lifetime": "5m",
            "id-token-encryption": {"algorithm": "ECDH-ES", "content": "A256GCM"},
            "dpop-bound-access-tokens": true,
            "certificate": {"subject-dn": "CN=a"},
            "subject-type": "pairwise",
        });
        let read = client(written.clone());
        let again = serde_json::to_value(ClientConfig::from(&read)).unwrap();
        assert_eq!(again, written);
    }

    #[test]
    fn the_secret_of_a_client_is_not_shown() {
        let config = json!({"id": "a", "secret": "the-secret"});
        let config: ClientConfig = serde_json::from_value(config).unwrap();
        assert!(!format!("{config:?}").contains("the-secret"));
    }
}
