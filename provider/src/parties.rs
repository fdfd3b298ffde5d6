//! Those who take part: clients and the people who sign in.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How a client proves who it is at the token endpoint (RFC 6749 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// HTTP Basic, with both parts form-encoded first (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the body.
    ClientSecretPost,
    /// Not at all: a public client.
    None,
}

impl AuthMethod {
    /// The name in the registry of RFC 7591 §2.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::None => "none",
        }
    }
}

/// A registered client (RFC 6749 §2).
#[derive(Clone, PartialEq, Eq)]
pub struct Client {
    /// The client identifier.
    pub id: String,
    /// The client secret; `None` for a public client.
    pub secret: Option<String>,
    /// Redirect URIs, compared to the letter. A loopback IP literal may come with any port
    /// (RFC 8252 §7.3).
    pub redirect_uris: Vec<String>,
    /// Where the client may send people after logout.
    pub post_logout_redirect_uris: Vec<String>,
    /// The authentication methods that it may use.
    pub auth_methods: BTreeSet<AuthMethod>,
}

impl Client {
    /// A client that keeps a secret and sends it in either of the two ways.
    pub fn confidential(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: Some(secret.into()),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            auth_methods: BTreeSet::from([
                AuthMethod::ClientSecretBasic,
                AuthMethod::ClientSecretPost,
            ]),
        }
    }

    /// A client that cannot keep a secret (RFC 6749 §2.1).
    pub fn public(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: None,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            auth_methods: BTreeSet::from([AuthMethod::None]),
        }
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
            .field("post_logout_redirect_uris", &self.post_logout_redirect_uris)
            .field("auth_methods", &self.auth_methods)
            .finish()
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
            .claim("email", format!("{sub}@example.test"))
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
