//! Those who take part: clients and the people who sign in.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::jose::{ContentEncryption, KeyManagementAlgorithm, SigningAlgorithm};
use crate::names::{AccessTokenFormat, AuthMethod, GrantType, ResponseType, SubjectType};

/// A registered client (RFC 6749 §2). The members are those of RFC 7591 §2 and OIDC Dynamic Client
/// Registration 1.0 §2; what is `None` is as the issuer has it.
///
/// ```
/// use std::time::Duration;
/// use oauth_gauntlet_provider::{AccessTokenFormat, AuthMethod, Client, MockProvider, User};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let shop = Client {
///     access_token_format: Some(AccessTokenFormat::Jwt),
///     access_token_lifetime: Some(Duration::from_mins(5)),
///     backchannel_logout_uri: Some("http://localhost:3000/logout".to_owned()),
///     ..Client::confidential("shop", "secret")
///         .redirect_uri("http://localhost:3000/callback")
///         .auth_methods([AuthMethod::ClientSecretBasic])
/// };
/// let native = Client::public("native").redirect_uri("http://127.0.0.1/callback");
/// assert!(native.is_public());
///
/// let provider = MockProvider::builder().client(shop).start().await?;
/// let issuer = provider.issuer();
/// issuer.add_client(native);
/// issuer.add_user(User::new("dora").claim("email", "dora@example.com"));
/// assert_eq!(issuer.clients().len(), 2);
/// assert!(issuer.remove_user("alice"));
/// # Ok(())
/// # }
/// ```
#[expect(
    clippy::struct_excessive_bools,
    reason = "the specifications have them"
)]
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The client identifier.
    pub id: String,
    /// The client secret; `None` for a client without one.
    pub secret: Option<String>,
    /// What pages call the client. Default: its identifier.
    pub name: Option<String>,
    /// Redirect URIs, compared to the letter. A loopback IP literal may come with any port
    /// (RFC 8252 §7.3).
    pub redirect_uris: Vec<String>,
    /// Where the client may send people after logout.
    pub post_logout_redirect_uris: Vec<String>,
    /// The authentication methods that it may use.
    pub auth_methods: BTreeSet<AuthMethod>,
    /// What its assertions have to be signed with, where it authenticates by such (OIDC Dynamic
    /// Client Registration 1.0 §2). Default: any algorithm that the method takes.
    pub assertion_algorithm: Option<SigningAlgorithm>,
    /// The grants that it may use. Default: all that the issuer serves.
    pub grant_types: Option<BTreeSet<GrantType>>,
    /// The response types that it may use. Default: all that the issuer serves.
    pub response_types: Option<BTreeSet<ResponseType>>,
    /// The scopes that it may ask for. Default: all that exist.
    pub scopes: Option<BTreeSet<String>>,
    /// Its public keys, a JWK Set (RFC 7517 §5).
    pub jwks: Option<Value>,
    /// Where its public keys are published.
    pub jwks_uri: Option<String>,
    /// What its access tokens look like. Default: as the issuer has it.
    pub access_token_format: Option<AccessTokenFormat>,
    /// How long its access tokens live. Default: as the issuer has it.
    pub access_token_lifetime: Option<Duration>,
    /// What its ID tokens are signed with. Default: as the issuer has it. A symmetric algorithm
    /// is keyed with the client secret (OIDC Core §10.1).
    pub id_token_algorithm: Option<SigningAlgorithm>,
    /// How its ID tokens are encrypted. Default: not at all.
    pub id_token_encryption: Option<Encryption>,
    /// What its userinfo responses are signed with. Default: plain JSON.
    pub userinfo_algorithm: Option<SigningAlgorithm>,
    /// How its userinfo responses are encrypted. Default: not at all.
    pub userinfo_encryption: Option<Encryption>,
    /// What its authorization responses are signed with, where it asks for JWTs (JARM §3).
    /// Default: as the issuer has it.
    pub authorization_algorithm: Option<SigningAlgorithm>,
    /// What its request objects have to be signed with (RFC 9101 §6.1). Default: anything but
    /// `none`.
    pub request_object_algorithm: Option<SigningAlgorithm>,
    /// Whether it has to send its authorization requests as request objects (RFC 9101 §10.5).
    pub require_signed_request_object: bool,
    /// Whether it has to push its authorization requests (RFC 9126 §6).
    pub require_pushed_authorization_requests: bool,
    /// Whether its access tokens are always bound to a DPoP key (RFC 9449 §5.2).
    pub dpop_bound_access_tokens: bool,
    /// Whether its access tokens are bound to its certificate (RFC 8705 §3.4).
    pub certificate_bound_access_tokens: bool,
    /// The certificate that it authenticates with (RFC 8705 §2.1.2).
    pub certificate: Option<CertificateName>,
    /// What it gets as the `sub` of a user (OIDC Core §8).
    pub subject_type: SubjectType,
    /// The sector of its pairwise subjects: a host. Default: that of its first redirect URI.
    pub sector_identifier: Option<String>,
    /// Where logout tokens are posted to (Back-Channel Logout 1.0 §2.2).
    pub backchannel_logout_uri: Option<String>,
    /// Whether logout tokens need a `sid`.
    pub backchannel_logout_session_required: bool,
    /// What is shown in an iframe at logout (Front-Channel Logout 1.0 §2).
    pub frontchannel_logout_uri: Option<String>,
    /// Whether that URI gets `iss` and `sid`.
    pub frontchannel_logout_session_required: bool,
    /// The `max_age` of a request that has none, in seconds (OIDC Dynamic Client Registration §2).
    pub default_max_age: Option<u64>,
    /// From where the client registered itself, where anybody may ([`crate::Registration::Open`]).
    /// Its `jwks_uri`, `backchannel_logout_uri` and `sector_identifier_uri` are then called only if
    /// they lead to that machine. Default: it did not, and they are called wherever they lead.
    pub registered_from: Option<IpAddr>,
}

/// How a JWT is encrypted to a client (RFC 7518 §4, §5). The key is one of the client's JWK Set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encryption {
    /// How the content encryption key is agreed on.
    pub algorithm: KeyManagementAlgorithm,
    /// How the content is encrypted.
    pub content: ContentEncryption,
}

/// Which certificate a client authenticates with; exactly one member is compared (RFC 8705
/// §2.1.2). Who issued the certificate is not looked at: a mock has no authorities to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateName {
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

impl Client {
    /// A client that keeps a secret and sends it in either of the two ways.
    pub fn confidential(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: Some(secret.into()),
            auth_methods: BTreeSet::from([
                AuthMethod::ClientSecretBasic,
                AuthMethod::ClientSecretPost,
            ]),
            ..Self::default()
        }
    }

    /// A client that cannot keep a secret (RFC 6749 §2.1).
    pub fn public(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            auth_methods: BTreeSet::from([AuthMethod::None]),
            ..Self::default()
        }
    }

    /// A client that signs assertions with its own keys (RFC 7523 §2.2); `jwks` is its JWK Set.
    pub fn with_keys(id: impl Into<String>, jwks: Value) -> Self {
        Self {
            id: id.into(),
            jwks: Some(jwks),
            auth_methods: BTreeSet::from([AuthMethod::PrivateKeyJwt]),
            ..Self::default()
        }
    }

    /// Whether the client has no way to prove who it is (RFC 6749 §2.1).
    pub fn is_public(&self) -> bool {
        self.auth_methods.iter().all(|it| *it == AuthMethod::None)
    }

    /// Registers one more redirect URI.
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Registers one more place to go to after logout.
    #[must_use]
    pub fn post_logout_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.post_logout_redirect_uris.push(uri.into());
        self
    }

    /// Restricts the client to these authentication methods.
    #[must_use]
    pub fn auth_methods(mut self, methods: impl IntoIterator<Item = AuthMethod>) -> Self {
        self.auth_methods = methods.into_iter().collect();
        self
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("secret", &self.secret.as_ref().map(|_| "<hidden>"))
            .field("redirect_uris", &self.redirect_uris)
            .field("auth_methods", &self.auth_methods)
            .finish_non_exhaustive()
    }
}

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The subject identifier (OIDC Core §8).
    pub sub: String,
    /// Claims about the user; the granted scopes decide which are released.
    pub claims: Map<String, Value>,
}

impl User {
    /// A user without claims.
    pub fn new(sub: impl Into<String>) -> Self {
        Self {
            sub: sub.into(),
            claims: Map::new(),
        }
    }

    /// Adds a claim.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// A user with the claims that most applications ask for, made from the `sub`.
    pub fn from_sub(sub: impl Into<String>) -> Self {
        let sub = sub.into();
        let mut letters = sub.chars();
        let name: String = letters.next().map_or_else(String::new, |first| {
            first.to_uppercase().chain(letters).collect()
        });
        Self::new(sub.clone())
            .claim("name", name)
            .claim("preferred_username", sub.clone())
            .claim("email", format!("{sub}@example.com"))
            .claim("email_verified", true)
    }

    /// What to call the user on a page.
    pub fn display_name(&self) -> &str {
        self.claims
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or(&self.sub)
    }

    /// Alice and Bob, who have everything, and Carol, who has no e-mail address.
    pub fn defaults() -> Vec<Self> {
        vec![
            Self::from_sub("alice")
                .claim("name", "Alice Adams")
                .claim("given_name", "Alice")
                .claim("family_name", "Adams")
                .claim("locale", "en-GB")
                .claim("phone_number", "+1 555 0100")
                .claim("phone_number_verified", true)
                .claim(
                    "address",
                    json!({"locality": "Springfield", "country": "US"}),
                ),
            Self::from_sub("bob")
                .claim("name", "Bob Baker")
                .claim("given_name", "Bob")
                .claim("family_name", "Baker")
                .claim("locale", "de-AT"),
            Self::new("carol")
                .claim("name", "Carol Clark")
                .claim("given_name", "Carol")
                .claim("family_name", "Clark")
                .claim("preferred_username", "carol"),
        ]
    }
}
