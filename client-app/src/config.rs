//! What the program is told: the only reader of the environment.
//!
//! Everything is parsed here, once, into types that cannot be wrong, so that the rest of the
//! program has no configuration errors to think about.

mod provider;
mod vars;

pub use provider::{Algorithm, ClientAuth, ProviderConfig};
pub use vars::ConfigError;

pub(crate) use provider::{Endpoints, Kind};

use std::{net::SocketAddr, path::PathBuf, time::Duration};
use url::Url;
use vars::Vars;

/// The complete configuration of the client.
#[derive(Clone, Debug)]
pub struct Config {
    listen: SocketAddr,
    base_url: BaseUrl,
    pub(crate) back_channel_timeout: Duration,
    pub(crate) session_dir: Option<PathBuf>,
    pub(crate) providers: Vec<ProviderConfig>,
}

/// Where browsers reach us: as configured, or derived from the address that we listen on.
#[derive(Clone, Debug)]
enum BaseUrl {
    Configured(Url),
    OfPort(u16),
}

impl Config {
    /// Reads the configuration through `get`, which looks a variable up by its name.
    ///
    /// A variable that is empty counts as absent. Without any variable the result is a public
    /// client of the provider at `http://127.0.0.1:9400`.
    ///
    /// ```
    /// let config = client_app::Config::from_vars(|name| match name {
    ///     "OIDC_ISSUER" => Some("https://op.example".into()),
    ///     "BASE_URL" => Some("https://app.example".into()),
    ///     _ => None,
    /// })?;
    /// assert_eq!(config.redirect_uri(), "https://app.example/callback");
    /// # Ok::<(), client_app::ConfigError>(())
    /// ```
    pub fn from_vars(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let vars = Vars::new(&get);
        let listen: SocketAddr = match vars.text("LISTEN") {
            None => SocketAddr::from(([127, 0, 0, 1], 8000)),
            Some(text) => text.parse().map_err(|_| {
                ConfigError::invalid("LISTEN", "it is not ADDRESS:PORT", "127.0.0.1:8000")
            })?,
        };
        Ok(Self {
            listen,
            base_url: base_url(&vars, listen)?,
            back_channel_timeout: back_channel_timeout(&vars)?,
            session_dir: vars.text("SESSION_DIR").map(PathBuf::from),
            providers: provider::read_all(&vars)?,
        })
    }

    /// The address to listen on; its port may be 0, for any free one.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// The same configuration, once the listener is bound and a port of 0 has become a real one.
    ///
    /// A `BASE_URL` that was given stays as it is.
    #[must_use]
    pub fn bound_to(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        if let BaseUrl::OfPort(port) = &mut self.base_url {
            *port = address.port();
        }
        self
    }

    /// The origin under which browsers reach the client, without a slash at its end.
    pub fn base_url(&self) -> String {
        match &self.base_url {
            BaseUrl::Configured(url) => url.origin().ascii_serialization(),
            BaseUrl::OfPort(port) => format!("http://localhost:{port}"),
        }
    }

    /// The redirect URI to register at the providers: the base URL and `/callback`.
    pub fn redirect_uri(&self) -> String {
        format!("{}/callback", self.base_url())
    }

    /// Whether browsers reach the client over TLS, so that cookies have to be `Secure`.
    pub(crate) fn is_https(&self) -> bool {
        match &self.base_url {
            BaseUrl::Configured(url) => url.scheme() == "https",
            BaseUrl::OfPort(_) => false,
        }
    }

    /// The providers that a user can sign in with, in the configured order.
    pub fn providers(&self) -> &[ProviderConfig] {
        &self.providers
    }
}

fn base_url(vars: &Vars<'_>, listen: SocketAddr) -> Result<BaseUrl, ConfigError> {
    let Some(endpoint) = vars.endpoint("BASE_URL")? else {
        return Ok(BaseUrl::OfPort(listen.port()));
    };
    let url = endpoint.as_url();
    if url.path() != "/" || url.query().is_some() {
        let problem = "the client lives at the root of its origin";
        let example = "https://app.example, without a path";
        return Err(ConfigError::invalid("BASE_URL", problem, example));
    }
    Ok(BaseUrl::Configured(url.clone()))
}

fn back_channel_timeout(vars: &Vars<'_>) -> Result<Duration, ConfigError> {
    let Some(text) = vars.text("BACK_CHANNEL_TIMEOUT") else {
        return Ok(Duration::from_secs(10));
    };
    text.parse::<f64>()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|timeout| !timeout.is_zero())
        .ok_or_else(|| {
            let problem = "it is not a number of seconds above zero";
            ConfigError::invalid("BACK_CHANNEL_TIMEOUT", problem, "10 or 0.5")
        })
}

#[cfg(test)]
mod tests;
