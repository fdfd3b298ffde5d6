//! What the flows have in common: the provider that they are driven against, and the browser.

use anyhow::{Context as _, Result};
use oauth_gauntlet_provider::{AuthMethod, Client, MockProvider, MockProviderBuilder};
use url::Url;

/// Where the provider sends the browser back to. Nothing listens there: the flows read the URL.
pub const REDIRECT_URI: &str = "http://127.0.0.1:8765/callback";
/// Where the browser goes after logout.
pub const SIGNED_OUT_URI: &str = "http://127.0.0.1:8765/signed-out";
/// A confidential client.
pub const WEB: (&str, &str) = ("web", "web-secret");
/// A public client.
pub const SPA: &str = "spa";

/// A strict provider with the clients above, before it starts.
pub fn strict_provider() -> MockProviderBuilder {
    let with_uris = |client: Client| {
        client
            .redirect_uri(REDIRECT_URI)
            .post_logout_redirect_uri(SIGNED_OUT_URI)
    };
    let web = Client::confidential(WEB.0, WEB.1)
        .auth_methods([AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost]);
    MockProvider::builder()
        .client(with_uris(web))
        .client(with_uris(Client::public(SPA)))
}

/// The parameters of the URL that the provider sends the browser to, as a web framework would
/// hand them to the application.
#[derive(Debug)]
pub struct Callback(Url);

impl Callback {
    /// What is in the query under this name.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.0.query_pairs();
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    /// The authorization code, once the state is known to be ours.
    ///
    /// # Errors
    /// If the state is another one, or there is no code.
    pub fn code(&self, state: &str) -> Result<String> {
        anyhow::ensure!(
            self.parameter("state").as_deref() == Some(state),
            "the state is not ours: {}",
            self.0
        );
        (self.parameter("code")).with_context(|| format!("there is no code: {}", self.0))
    }
}

/// Lets alice sign in.
///
/// # Errors
/// If the provider does not send the browser back.
pub fn sign_in(provider: &MockProvider, authorization_url: &Url) -> Result<Callback> {
    let callback = (provider.issuer()).login(authorization_url.as_str(), "alice")?;
    Ok(Callback(Url::parse(&callback)?))
}
