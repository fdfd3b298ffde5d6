//! Tokens without a flow: a user's, and JWTs that say whatever they are told to.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Issuer;
use crate::endpoint;
use crate::fault::{JwtDraft, JwtKind};
use crate::jose::{self, Signer, SigningAlgorithm};

/// Whose tokens are wanted, of [`Issuer::tokens`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokensFor {
    /// The client that they are issued to.
    pub client_id: String,
    /// The `sub` of the user that they are about.
    pub sub: String,
    /// The scopes that are granted, separated by spaces (RFC 6749 §3.3). Default: `openid`, which
    /// brings an ID token. With `offline_access` there is a refresh token.
    pub scope: String,
    /// The `nonce` of the ID token (OIDC Core §2). Default: none.
    pub nonce: Option<String>,
    /// The parallel test that they belong to. Default: none.
    pub test: Option<String>,
}

impl TokensFor {
    /// A user's tokens for a client.
    pub fn new(client_id: impl Into<String>, sub: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            sub: sub.into(),
            scope: "openid".to_owned(),
            nonce: None,
            test: None,
        }
    }

    /// Grants these scopes, separated by spaces.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// Gives the ID token a `nonce`.
    #[must_use]
    pub fn nonce(mut self, nonce: impl Into<String>) -> Self {
        self.nonce = Some(nonce.into());
        self
    }

    /// Lets the tokens belong to a parallel test.
    #[must_use]
    pub fn test(mut self, key: impl Into<String>) -> Self {
        self.test = Some(key.into());
        self
    }
}

/// Why there are no tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokensError {
    /// No client has this identifier, and the issuer is not lax.
    #[error("no client `{client_id}` is registered")]
    UnknownClient {
        /// What was given.
        client_id: String,
    },
    /// Nobody has this `sub`.
    #[error("there is no user `{sub}`")]
    UnknownUser {
        /// What was given.
        sub: String,
    },
    /// The issuer grants no such scope, and is not lax.
    #[error("there is no scope `{scope}`")]
    UnknownScope {
        /// What was given.
        scope: String,
    },
    /// The answer is none with tokens: a fault made it so, or the store cannot be reached.
    #[error("the token endpoint would answer with status {status} and no tokens")]
    Answer {
        /// The status code.
        status: u16,
    },
}

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// What is to be signed is no JSON object.
    #[error("the claims are no JSON object")]
    NotAnObject,
    /// The issuer has no key for the algorithm.
    #[error("the issuer has no key for `{}`; it has some for {known}", algorithm.as_str())]
    NoKey {
        /// What was asked for.
        algorithm: SigningAlgorithm,
        /// The algorithms that it has published keys for.
        known: String,
    },
}

impl Issuer {
    /// The token response (RFC 6749 §5.1), as if the user had just signed in to the client: its
    /// tokens are good at every endpoint. Armed faults apply. It is no exchange, so the journal
    /// does not have it.
    ///
    /// # Errors
    /// If there is no such client, user or scope, or a fault made the answer an error.
    ///
    /// ```
    /// use oauth_gauntlet_provider::{Client, MockProvider, TokensFor};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let app = Client::confidential("my-app", "secret");
    /// let provider = MockProvider::builder().client(app).start().await?;
    /// let issuer = provider.issuer();
    ///
    /// // An API under test takes Alice's access token …
    /// let tokens = issuer.tokens(TokensFor::new("my-app", "alice").scope("openid email"))?;
    /// let bearer = format!("Bearer {}", tokens["access_token"].as_str().ok_or("a token")?);
    /// let http = reqwest::Client::builder().no_proxy().build()?;
    /// let userinfo = http.get(format!("{}/userinfo", issuer.url()));
    /// let userinfo = userinfo.header("authorization", &bearer).send().await?;
    /// assert_eq!(userinfo.status(), 200);
    ///
    /// // … and has to refuse a token that says what no user ever got.
    /// let forged = issuer.sign(&serde_json::json!({"iss": issuer.url(), "sub": "root"}))?;
    /// assert_eq!(forged.split('.').count(), 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tokens(&self, wanted: TokensFor) -> Result<Map<String, Value>, TokensError> {
        let reply = endpoint::tokens_on_demand(self, wanted)?;
        let status = reply.status;
        match serde_json::from_slice(&reply.body) {
            Ok(Value::Object(tokens)) if status == 200 => Ok(tokens),
            Ok(_) | Err(_) => Err(TokensError::Answer { status }),
        }
    }

    /// A JWT with these claims and no others (RFC 7519), signed as the issuer signs ID tokens.
    ///
    /// # Errors
    /// If the claims are no JSON object.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, SignError> {
        self.sign_as(self.state().keys.algorithm(), &Map::new(), claims)
    }

    /// The same with another algorithm. The members of `header` come beside `alg`, `typ` and `kid`
    /// in the JOSE header, or in their place (RFC 7515 §4).
    ///
    /// # Errors
    /// If the claims are no JSON object, or the issuer has no key for the algorithm.
    pub fn sign_as(
        &self,
        algorithm: SigningAlgorithm,
        header: &Map<String, Value>,
        claims: &impl Serialize,
    ) -> Result<String, SignError> {
        let keys = &self.state().keys;
        let Ok(Value::Object(claims)) = serde_json::to_value(claims) else {
            return Err(SignError::NotAnObject);
        };
        let key = keys.signing(algorithm).ok_or_else(|| {
            let known: Vec<&str> = keys.algorithms().iter().map(|it| it.as_str()).collect();
            let known = known.join(", ");
            SignError::NoKey { algorithm, known }
        })?;
        let mut all = Map::from_iter([
            ("alg".to_owned(), json!(algorithm.as_str())),
            ("typ".to_owned(), json!("JWT")),
            ("kid".to_owned(), json!(key.kid)),
        ]);
        all.extend(header.clone());
        let draft = JwtDraft::new(JwtKind::IdToken, all, claims);
        Ok(jose::sign_with(keys, &Signer::Key(key), draft))
    }
}
