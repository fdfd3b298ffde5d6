//! A provider as its discovery document describes it, and the requests that one client sends to it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use anyhow::{Context as _, bail};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::cli::{Auth, ProviderArgs};
use crate::connection::Connection;
use crate::target::{PLACEHOLDER, Target};
use crate::token::{Signed, TokenError};

/// Where to ask for what, and as whom.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) args: ProviderArgs,
    pub(crate) authorization: Option<Target>,
    pub(crate) token: Target,
    pub(crate) userinfo: Option<Target>,
    key_set: Target,
    /// The key sets that were asked for so far.
    key_sets: RefCell<HashMap<usize, Rc<Value>>>,
}

/// The code verifier of every flow: providers cannot know, and hashing it anew would measure
/// the driver.
const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more-0";

impl Provider {
    pub(crate) async fn discover(args: ProviderArgs) -> anyhow::Result<Self> {
        let discovery = Target::parse(&args.discovery)?;
        let document = json(&discovery, 0).await?;
        let endpoint = |name: &str| -> anyhow::Result<Option<Target>> {
            let Some(url) = document[name].as_str() else {
                return Ok(None);
            };
            let mut target = Target::parse(url)?;
            if let Some(segment) = discovery
                .path
                .split('/')
                .find(|it| it.contains(PLACEHOLDER))
            {
                let zero = segment.replace(PLACEHOLDER, "0");
                let path = target.path.clone();
                target.path = path.replacen(&format!("/{zero}/"), &format!("/{segment}/"), 1);
                if target.path == path {
                    bail!("`{url}` does not hold `/{zero}/`, as the discovery document's URL does");
                }
            }
            if target.address != discovery.address {
                bail!("`{url}` is not where the discovery document is");
            }
            Ok(Some(target))
        };
        let wanted = |name: &str| {
            endpoint(name)?.with_context(|| format!("the discovery document has no `{name}`"))
        };
        Ok(Self {
            authorization: endpoint("authorization_endpoint")?,
            token: wanted("token_endpoint")?,
            userinfo: endpoint("userinfo_endpoint")?,
            key_set: wanted("jwks_uri")?,
            key_sets: RefCell::default(),
            args,
        })
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection::new(self.token.address)
    }

    /// Checks the signature of a token of one issuer.
    pub(crate) async fn verify(&self, token: &[u8], number: usize) -> Result<(), VerifyError> {
        let known = self.key_sets.borrow().get(&number).cloned();
        let key_set = if let Some(key_set) = known {
            key_set
        } else {
            let key_set = json(&self.key_set, number).await;
            let key_set = key_set.map_err(|error| VerifyError::KeySet(format!("{error:#}")))?;
            let key_set = Rc::new(key_set);
            (self.key_sets.borrow_mut()).insert(number, Rc::clone(&key_set));
            key_set
        };
        Ok(Signed::parse(token)?.verify(self.args.alg, &key_set)?)
    }

    /// The query of an authorization request, but for state and nonce (RFC 6749 §4.1.1).
    pub(crate) fn authorization_query(&self) -> String {
        let args = &self.args;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &args.client_id)
            .append_pair("redirect_uri", &args.redirect_uri)
            .append_pair("scope", &args.scope);
        if !args.no_pkce {
            let hash = digest::digest(&digest::SHA256, VERIFIER.as_bytes());
            query
                .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(hash))
                .append_pair("code_challenge_method", "S256");
        }
        query.finish()
    }

    /// The form of a token request for a code, which is appended as it came (RFC 6749 §4.1.3).
    pub(crate) fn code_form(&self) -> String {
        let args = &self.args;
        let mut form = self.client_form();
        form.append_pair("grant_type", "authorization_code")
            .append_pair("redirect_uri", &args.redirect_uri);
        if !args.no_pkce {
            form.append_pair("code_verifier", VERIFIER);
        }
        format!("{}&code=", form.finish())
    }

    /// The form of a token request by client credentials (RFC 6749 §4.4.2).
    pub(crate) fn client_credentials_form(&self) -> String {
        let mut form = self.client_form();
        form.append_pair("grant_type", "client_credentials");
        form.finish()
    }

    fn client_form(&self) -> form_urlencoded::Serializer<'static, String> {
        let args = &self.args;
        let mut form = form_urlencoded::Serializer::new(String::new());
        if args.auth == Auth::Post {
            form.append_pair("client_id", &args.client_id)
                .append_pair("client_secret", &args.client_secret);
        }
        form
    }

    /// The headers of a token request, each with its end.
    pub(crate) fn client_headers(&self) -> String {
        let args = &self.args;
        match args.auth {
            Auth::Post => String::new(),
            Auth::Basic => {
                let encode = |text: &str| -> String {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect()
                };
                let pair = format!(
                    "{}:{}",
                    encode(&args.client_id),
                    encode(&args.client_secret)
                );
                format!("authorization: Basic {}\r\n", STANDARD.encode(pair))
            }
        }
    }
}

/// Why a signature could not be found to be right.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    #[error("the key set cannot be read: {0}")]
    KeySet(String),
    #[error(transparent)]
    Token(#[from] TokenError),
}

async fn json(target: &Target, number: usize) -> anyhow::Result<Value> {
    let url = || format!("http://{}{}", target.host, target.path_of(number));
    let mut connection = Connection::new(target.address);
    let response = connection
        .exchange(&target.get(number, ""))
        .await
        .with_context(url)?;
    if response.status != 200 {
        bail!("{} answers {}", url(), response.status);
    }
    serde_json::from_slice(response.body).with_context(|| format!("{} is no JSON", url()))
}
