//! Direct requests to a provider: one way to make the HTTP client, one way to use it.

use crate::config::ProviderConfig;
use reqwest::{Client, ClientBuilder, RequestBuilder, redirect::Policy};
use serde::Deserialize;
use std::{error::Error, fmt, time::Duration};

/// The longest reply that is read, in bytes.
const LONGEST_REPLY: usize = 1024 * 1024;

/// Which part of the provider was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Metadata,
    Jwks,
    Token,
    Userinfo,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "its metadata",
            Self::Jwks => "its keys",
            Self::Token => "tokens",
            Self::Userinfo => "userinfo",
        })
    }
}

/// A reply that has arrived completely.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The `error` of an OAuth error response (RFC 6749 section 5.2), if the body is one.
    pub(crate) fn oauth_error(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct ErrorResponse {
            error: String,
        }
        let response: ErrorResponse = serde_json::from_slice(&self.body).ok()?;
        Some(response.error)
    }
}

/// Why there is no reply. Holds no part of a request or a reply, so that it can be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BackChannelError {
    #[error("no complete reply in time")]
    TimedOut,
    #[error("the reply is longer than {LONGEST_REPLY} bytes")]
    TooLong,
    #[error("no connection ({0})")]
    NotConnected(String),
    #[error("the connection broke ({0})")]
    Broken(String),
}

impl From<reqwest::Error> for BackChannelError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::TimedOut;
        }
        let connecting = error.is_connect();
        let mut deepest: &dyn Error = &error;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        let cause = deepest.to_string();
        if connecting {
            Self::NotConnected(cause)
        } else {
            Self::Broken(cause)
        }
    }
}

/// The only constructor of an HTTP client.
///
/// It follows no redirects: a redirected request would carry codes and tokens to wherever a reply
/// says (RFC 9700 section 4.12). And no provider can hold a request longer than `timeout`.
pub(crate) fn client(
    provider: &ProviderConfig,
    timeout: Duration,
) -> Result<Client, reqwest::Error> {
    let mut builder = ClientBuilder::new()
        .user_agent(concat!("client-app/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .timeout(timeout);
    let urls = provider.configured_urls();
    if urls.iter().all(|url| url.is_loopback()) {
        builder = builder.no_proxy();
    }
    if urls.iter().all(|url| url.is_plain_http()) {
        // Without TLS no certificates are needed, and a machine may have none.
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

/// Sends one request and reads the reply, up to the bound.
pub(crate) async fn send(request: RequestBuilder) -> Result<Reply, BackChannelError> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LONGEST_REPLY {
            return Err(BackChannelError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, body })
}
