//! What the flows have in common: the provider that they are driven against, and the browser.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use oauth_gauntlet_provider::{
    AuthMethod, CertificateName, Client, DeviceSettings, GrantType, IssuerSettings, MockProvider,
    MockProviderBuilder, Tls,
};
use oauth2::{AuthorizationCode, CsrfToken, HttpRequest, HttpResponse};
use reqwest::{Certificate, Identity};
use url::Url;

/// Where the provider sends the browser back to. Nothing listens there: the flows read the URL.
pub const REDIRECT_URI: &str = "http://127.0.0.1:8765/callback";
/// Where the browser goes after logout.
pub const SIGNED_OUT_URI: &str = "http://127.0.0.1:8765/signed-out";
/// A confidential client.
pub const WEB: (&str, &str) = ("web", "web-secret");
/// A public client.
pub const SPA: &str = "spa";

/// A client that is known by its certificate.
pub const CERTIFIED: &str = "certified";

/// What a resource server calls itself.
pub const API: &str = "https://api.example.test/";

/// A strict provider with the clients above, before it starts.
pub fn strict_provider() -> MockProviderBuilder {
    let with_uris = |client: Client| {
        client
            .redirect_uri(REDIRECT_URI)
            .post_logout_redirect_uri(SIGNED_OUT_URI)
    };
    let settings = IssuerSettings {
        grants: BTreeSet::from(GrantType::ALL),
        device: DeviceSettings {
            auto: Some("alice".to_owned()),
            interval: Duration::from_secs(1),
            pending_polls: 1,
            ..DeviceSettings::default()
        },
        ..IssuerSettings::default()
    };
    let certificate = CertificateName::SubjectDn("CN=app,O=Shop".to_owned());
    let certified = Client {
        certificate: Some(certificate),
        ..Client::public(CERTIFIED).auth_methods([AuthMethod::TlsClientAuth])
    };
    MockProvider::builder()
        .settings(settings)
        .client(certified)
        .client(with_uris(Client::confidential(WEB.0, WEB.1)))
        .client(with_uris(Client::public(SPA)))
}

/// The same over HTTPS, without which both libraries revoke nothing.
pub fn strict_https_provider() -> MockProviderBuilder {
    strict_provider().tls(Tls::run_local())
}

/// An HTTP client that trusts the CA of the provider, and nobody else.
///
/// # Errors
/// If there is none, since the provider does not serve HTTPS.
pub fn trusting(provider: &MockProvider) -> Result<reqwest::Client> {
    let ca = provider.ca_pem().context("the provider has no CA")?;
    let ca = Certificate::from_pem(ca.as_bytes())?;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]);
    Ok(client.build()?)
}

/// The same, with a certificate by which the provider knows the client.
///
/// # Errors
/// As above.
pub fn certified(provider: &MockProvider) -> Result<reqwest::Client> {
    let ca = provider.ca_pem().context("the provider has no CA")?;
    let ca = Certificate::from_pem(ca.as_bytes())?;
    let own = Identity::from_pem(include_bytes!("../../certificate.pem"))?;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]);
    Ok(client.identity(own).build()?)
}

/// An HTTP client as the documentation of both libraries has it.
///
/// # Errors
/// If there is none.
pub fn http() -> Result<oauth2::reqwest::Client> {
    // Following redirects opens the client up to SSRF vulnerabilities.
    let policy = oauth2::reqwest::redirect::Policy::none();
    let builder = oauth2::reqwest::ClientBuilder::new();
    Ok(builder.redirect(policy).no_proxy().build()?)
}

/// Sends a request of the libraries with an HTTP client that they do not know, as they allow it.
///
/// # Errors
/// If there is no response.
pub async fn send(
    client: reqwest::Client,
    request: HttpRequest,
) -> Result<HttpResponse, reqwest::Error> {
    let response = client.execute(request.try_into()?).await?;
    let status = response.status();
    let mut taken = HttpResponse::new(response.bytes().await?.to_vec());
    *taken.status_mut() = status;
    Ok(taken)
}

/// The parameters of the URL that the provider sends the browser to, as a web framework would
/// hand them to the application.
#[derive(Debug)]
pub struct Callback(Url);

impl Callback {
    /// What is in the query, or else in the fragment, under this name.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let part = self.0.query().or(self.0.fragment()).unwrap_or_default();
        let mut pairs = url::form_urlencoded::parse(part.as_bytes());
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
    let callback = (provider.issuer()).callback(authorization_url.as_str(), "alice")?;
    let mut url = Url::parse(&callback.url)?;
    if let Some(form) = &callback.form {
        url.query_pairs_mut().extend_pairs(form);
    }
    Ok(Callback(url))
}

/// Lets alice sign in, and takes the code that comes back with our state.
///
/// # Errors
/// If there is no code, or another state.
pub fn take_code(
    provider: &MockProvider,
    authorization_url: &Url,
    state: &CsrfToken,
) -> Result<AuthorizationCode> {
    let code = sign_in(provider, authorization_url)?.code(state.secret())?;
    Ok(AuthorizationCode::new(code))
}
