//! Words of the specifications that settings and messages share: grants, response types and modes,
//! code challenge methods, authentication methods.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A grant of the token endpoint, by its `grant_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum GrantType {
    /// RFC 6749 §4.1.
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
    /// Tokens straight from the authorization endpoint: RFC 6749 §4.2, OIDC Core §3.2 and §3.3.
    #[serde(rename = "implicit")]
    Implicit,
    /// RFC 6749 §6.
    #[serde(rename = "refresh_token")]
    RefreshToken,
    /// RFC 6749 §4.4.
    #[serde(rename = "client_credentials")]
    ClientCredentials,
    /// RFC 6749 §4.3; left out of OAuth 2.1.
    #[serde(rename = "password")]
    Password,
    /// RFC 8628.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// RFC 8693.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
    /// RFC 7523 §2.1.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:jwt-bearer")]
    JwtBearer,
}

impl GrantType {
    /// Every grant, in the order in which they are advertised.
    pub const ALL: [Self; 8] = [
        Self::AuthorizationCode,
        Self::Implicit,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::Password,
        Self::DeviceCode,
        Self::TokenExchange,
        Self::JwtBearer,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::Implicit => "implicit",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
        }
    }

    /// The grant of a `grant_type`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == name)
    }

    pub(crate) fn without_password() -> BTreeSet<Self> {
        (Self::ALL.into_iter())
            .filter(|grant| *grant != Self::Password)
            .collect()
    }
}

/// What an access token looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AccessTokenFormat {
    /// Letters that mean nothing to anybody but the provider.
    #[default]
    Opaque,
    /// A signed JWT (RFC 9068).
    Jwt,
}

/// How a code challenge is made from a code verifier (RFC 7636 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ChallengeMethod {
    /// The base64url form of the verifier's SHA-256 hash.
    S256,
    /// The verifier itself.
    #[serde(rename = "plain")]
    Plain,
}

impl ChallengeMethod {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S256 => "S256",
            Self::Plain => "plain",
        }
    }
}

/// How the parameters of an authorization response travel (OAuth 2.0 Multiple Response Type
/// Encoding Practices §2.1, OAuth 2.0 Form Post Response Mode §2, JARM §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[serde(rename = "query")]
    Query,
    /// In the fragment of the redirect URI.
    #[serde(rename = "fragment")]
    Fragment,
    /// In a form that the browser posts.
    #[serde(rename = "form_post")]
    FormPost,
    /// In a message to the window that opened the page, or has it in a frame
    /// (draft-sakimura-oauth-wmrm-01 §2).
    #[serde(rename = "web_message")]
    WebMessage,
    /// As a JWT in the query.
    #[serde(rename = "query.jwt")]
    QueryJwt,
    /// As a JWT in the fragment.
    #[serde(rename = "fragment.jwt")]
    FragmentJwt,
    /// As a JWT in a form.
    #[serde(rename = "form_post.jwt")]
    FormPostJwt,
    /// As a JWT, where the response type has its parameters by default.
    #[serde(rename = "jwt")]
    Jwt,
}

impl ResponseMode {
    /// Every mode, in the order in which they are advertised.
    pub const ALL: [Self; 8] = [
        Self::Query,
        Self::Fragment,
        Self::FormPost,
        Self::WebMessage,
        Self::QueryJwt,
        Self::FragmentJwt,
        Self::FormPostJwt,
        Self::Jwt,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::WebMessage => "web_message",
            Self::QueryJwt => "query.jwt",
            Self::FragmentJwt => "fragment.jwt",
            Self::FormPostJwt => "form_post.jwt",
            Self::Jwt => "jwt",
        }
    }

    /// The mode of a `response_mode`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }

    /// Whether the parameters travel as a JWT.
    pub(crate) fn is_signed(self) -> bool {
        matches!(
            self,
            Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt | Self::Jwt
        )
    }
}

/// What the authorization endpoint is asked for (RFC 6749 §3.1.1, OAuth 2.0 Multiple Response Type
/// Encoding Practices §3 to §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ResponseType {
    /// A code.
    #[serde(rename = "code")]
    Code,
    /// An ID token.
    #[serde(rename = "id_token")]
    IdToken,
    /// An access token.
    #[serde(rename = "token")]
    Token,
    /// An ID token and an access token.
    #[serde(rename = "id_token token")]
    IdTokenToken,
    /// A code and an ID token.
    #[serde(rename = "code id_token")]
    CodeIdToken,
    /// A code and an access token.
    #[serde(rename = "code token")]
    CodeToken,
    /// All three.
    #[serde(rename = "code id_token token")]
    CodeIdTokenToken,
    /// Nothing but the proof that it was allowed.
    #[serde(rename = "none")]
    None,
}

impl ResponseType {
    /// Every response type, in the order in which they are advertised.
    pub const ALL: [Self; 8] = [
        Self::Code,
        Self::IdToken,
        Self::IdTokenToken,
        Self::CodeIdToken,
        Self::CodeToken,
        Self::CodeIdTokenToken,
        Self::Token,
        Self::None,
    ];

    /// The name on the wire. The order of its words does not matter there.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::IdToken => "id_token",
            Self::Token => "token",
            Self::IdTokenToken => "id_token token",
            Self::CodeIdToken => "code id_token",
            Self::CodeToken => "code token",
            Self::CodeIdTokenToken => "code id_token token",
            Self::None => "none",
        }
    }

    /// The response type of a `response_type`, whatever the order of its words.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut asked = words(text);
        asked.sort_unstable();
        Self::ALL.into_iter().find(|it| {
            let mut known = words(it.as_str());
            known.sort_unstable();
            known == asked
        })
    }

    /// How its parameters travel where a request does not say (OAuth 2.0 Multiple Response Type
    /// Encoding Practices §5); or, if they are to be a JWT, how that travels (JARM §2.3.4).
    pub(crate) fn default_mode(self, as_jwt: bool) -> ResponseMode {
        match (self.has_id_token() || self.has_token(), as_jwt) {
            (false, false) => ResponseMode::Query,
            (false, true) => ResponseMode::QueryJwt,
            (true, false) => ResponseMode::Fragment,
            (true, true) => ResponseMode::FragmentJwt,
        }
    }

    /// Whether its parameters may travel in this way: no token in a query, where servers log it
    /// (OAuth 2.0 Multiple Response Type Encoding Practices §5, JARM §2.3.1).
    pub(crate) fn allows(self, mode: ResponseMode) -> bool {
        let in_query = matches!(mode, ResponseMode::Query | ResponseMode::QueryJwt);
        !(in_query && (self.has_id_token() || self.has_token()))
    }

    pub(crate) fn has_code(self) -> bool {
        matches!(
            self,
            Self::Code | Self::CodeIdToken | Self::CodeToken | Self::CodeIdTokenToken
        )
    }

    pub(crate) fn has_id_token(self) -> bool {
        matches!(
            self,
            Self::IdToken | Self::IdTokenToken | Self::CodeIdToken | Self::CodeIdTokenToken
        )
    }

    pub(crate) fn has_token(self) -> bool {
        matches!(
            self,
            Self::Token | Self::IdTokenToken | Self::CodeToken | Self::CodeIdTokenToken
        )
    }
}

/// How a client proves who it is at the token endpoint (RFC 6749 §2.3, OIDC Core §9, RFC 8705 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// HTTP Basic, with both parts form-encoded first (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the body.
    ClientSecretPost,
    /// An assertion that is keyed with the client secret (OIDC Core §9).
    ClientSecretJwt,
    /// An assertion that is signed with a key of the client (OIDC Core §9, RFC 7523 §2.2).
    PrivateKeyJwt,
    /// A client certificate of a trusted authority (RFC 8705 §2.1).
    TlsClientAuth,
    /// A client certificate whose key is registered (RFC 8705 §2.2).
    SelfSignedTlsClientAuth,
    /// Not at all: a public client.
    None,
}

impl AuthMethod {
    /// Every method, in the order in which they are advertised.
    pub const ALL: [Self; 7] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::ClientSecretJwt,
        Self::PrivateKeyJwt,
        Self::TlsClientAuth,
        Self::SelfSignedTlsClientAuth,
        Self::None,
    ];

    /// The name in the registry of RFC 7591 §2.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
            Self::None => "none",
        }
    }
}

/// What a client gets as the `sub` of a user (OIDC Core §8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SubjectType {
    /// The same `sub` as every client.
    #[default]
    Public,
    /// A `sub` of its sector's own.
    Pairwise,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_response_type_come_in_any_order() {
        for known in ResponseType::ALL {
            let mut words: Vec<&str> = known.as_str().split(' ').collect();
            words.reverse();
            assert_eq!(ResponseType::parse(&words.join(" ")), Some(known));
        }
        for unknown in [
            "",
            "code code",
            "code  token",
            "Code",
            "none code",
            "id_token code x",
        ] {
            assert_eq!(ResponseType::parse(unknown), None, "{unknown}");
        }
    }
}
