//! Whether a provider answers, asked from its own machine: images without a shell have no other
//! program that could.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use super::args::ServeArgs;
use super::layers::Layered;
use crate::config::{ConfigError, ServerConfig};
use crate::outbound::Outbound;
use crate::tls::TlsError;

/// Where to ask. What is not given is as the environment and the configuration file of the
/// provider have it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct HealthcheckArgs {
    /// The provider's URL, with its base path
    #[arg(long, value_name = "URL", conflicts_with = "port")]
    url: Option<String>,
    /// The port on this machine
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The provider's configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The CA to trust, as the provider's `--ca-file` wrote it
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// Why a provider is not healthy, as far as can be seen.
#[derive(Debug, thiserror::Error)]
pub enum HealthcheckError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The CA to trust cannot be used.
    #[error(transparent)]
    Ca(#[from] TlsError),
    /// It does not answer, or not well.
    #[error("{0}")]
    Unhealthy(String),
}

/// Asks a provider whether it is well, and returns the URL that answered.
///
/// # Errors
/// If it is not, or cannot be asked.
pub async fn healthcheck(args: HealthcheckArgs) -> Result<String, HealthcheckError> {
    let flags = ServeArgs {
        config: args.config,
        port: args.port,
        ..ServeArgs::default()
    };
    let server = Layered::read(flags, std::env::vars())?.config.server;
    let ca_file = args.ca_file.as_ref().or(server.ca_file.as_ref());
    let mut cas = Vec::new();
    // With a certificate of one's own, the file of its chain may have its root.
    for path in ca_file.into_iter().chain(&server.tls_cert) {
        let read = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.clone(),
            source,
        });
        cas.push(read?);
    }
    let outbound = Outbound::trusting(&cas)?;
    let base = args.url.unwrap_or_else(|| local_url(&server));
    let base = base.trim_end_matches('/');
    let health = format!("{base}/_/health");
    match outbound.get(&health, "application/json").await {
        Ok(response) if response.status == 200 => return Ok(health),
        Ok(response) if response.status != 404 => {
            let status = response.status;
            let said = format!("{health} answered with status {status}");
            return Err(HealthcheckError::Unhealthy(said));
        }
        Ok(_) => {}
        Err(error) => return Err(HealthcheckError::Unhealthy(with_causes(&error))),
    }
    // Other providers, and issuers of this one, say whether they are there by their discovery.
    let discovery = format!("{base}/.well-known/openid-configuration");
    let document = outbound.get_json(&discovery).await;
    let document = document.map_err(|error| HealthcheckError::Unhealthy(with_causes(&error)))?;
    if document.get("issuer").is_none() {
        let said = format!("{discovery} names no issuer");
        return Err(HealthcheckError::Unhealthy(said));
    }
    Ok(discovery)
}

fn local_url(server: &ServerConfig) -> String {
    let host = match server.host {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = std::net::SocketAddr::new(host, server.port);
    let scheme = if server.tls { "https" } else { "http" };
    format!("{scheme}://{address}{}", server.base_path.as_str())
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
