//! How the issuers of a run are reached: over http or https, under which name, and how the client
//! comes to trust them.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oauth_gauntlet_provider::{
    Addresses, ClaimRule, IssuerSettings, MockProvider, Paths, StartError, Tls, java_options,
    java_trust_store, trust_variables,
};
use reqwest::Client;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::InstanceError;
use super::leftover::TemporaryFolder;
use crate::user_agent;

/// How the issuers are reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ProviderTable {
    /// The issuers are https, with a certificate of a CA that is made for the run. The program is
    /// told to trust it by `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`,
    /// `NODE_EXTRA_CA_CERTS` and `JAVA_TOOL_OPTIONS`, unless `[start.env]` sets them itself; for
    /// others, `{ca_file}` is its path. Default: no.
    pub tls: bool,
    /// A certificate that there is already, in place of one that is made for the run. With
    /// `tls = true`.
    pub certificate: Option<OwnCertificate>,
    /// Further paths of the issuers' endpoints, below the path of each issuer, for a client that has
    /// those of one vendor built in: `{ "/oauth/token" = "token" }`. The endpoints are `authorize`,
    /// `token`, `userinfo`, `jwks`, `metadata`, `end-session`, `par`, `introspection`, `revocation`,
    /// `device` and `registration`. Default: none.
    pub paths: Paths,
    /// Claims that all accounts have besides, in ID tokens and userinfo responses, for a client that
    /// asks for them: `{ groups = ["staff"] }`. Default: none.
    pub claims: Map<String, Value>,
    /// The host in the issuers' URLs, such as `host.docker.internal`. The browsers find it without
    /// help. Default: the address in `listen`.
    pub issuer_host: Option<String>,
    /// The IP address that the provider listens on. Anything but loopback lets others in.
    /// Default: `127.0.0.1`.
    #[schemars(with = "String")]
    pub listen: IpAddr,
}

impl Default for ProviderTable {
    fn default() -> Self {
        Self {
            tls: false,
            certificate: None,
            paths: Paths::default(),
            claims: Map::new(),
            issuer_host: None,
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }
}

/// A certificate that there is already, in files below or beside the target file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OwnCertificate {
    /// The certificate, then those that lead to its CA, as PEM.
    pub chain: PathBuf,
    /// Its private key, as PEM, not encrypted.
    pub key: PathBuf,
    /// The CA that the client trusts, as PEM. Default: the certificate itself.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

/// A provider that runs, and what it takes to reach it.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) provider: Arc<MockProvider>,
    /// For browsers: trusts the provider, and knows where its host is.
    pub(super) http: Client,
    /// What the client needs to trust the provider.
    pub(super) trust: Option<Trust>,
}

/// The issuers' CA in files, and the environment variables that name them.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) ca_file: PathBuf,
    pub(super) variables: Vec<(&'static str, String)>,
    _folder: TemporaryFolder,
}

impl ProviderTable {
    /// Starts the provider; `default` are the settings of the issuer at its root, and a `port` of
    /// 0 is any.
    pub(super) async fn start(
        &self,
        port: u16,
        default: Option<IssuerSettings>,
    ) -> Result<Reached, InstanceError> {
        let failed = |problem: String| InstanceError {
            reason: format!("the provider cannot start: {problem}"),
            advice: (port != 0)
                .then(|| "free the port, or change `issuer-port` in the target file".to_owned()),
            about: vec!["attach".to_owned(), "issuer-port".to_owned()],
            output: Vec::new(),
            stopped: None,
        };
        let mut builder = MockProvider::builder()
            .worker_threads(2)
            .address(self.listen)
            .port(port);
        if let Some(settings) = default {
            builder = builder.settings(settings);
        }
        let mut addresses = Addresses {
            paths: self.paths.clone(),
            ..Addresses::default()
        };
        if let Some(host) = &self.issuer_host {
            // The port is part of every URL, so it has to be known before.
            let listener = TcpListener::bind((self.listen, port));
            let listener = listener.map_err(|error| failed(error.to_string()))?;
            let bound = listener.local_addr().map_err(|e| failed(e.to_string()))?;
            let scheme = if self.tls { "https" } else { "http" };
            builder = builder.listener(listener);
            addresses.public = Some(format!("{scheme}://{host}:{}", bound.port()));
        }
        builder = builder.addresses(addresses);
        let own = self.certificate.as_ref().filter(|_| self.tls);
        let own = own.map(OwnCertificate::read).transpose()?;
        if let Some((ca_pem, tls)) = &own {
            builder = builder.trust(ca_pem.as_str()).tls(tls.clone());
        } else if self.tls {
            let names = self.issuer_host.iter().cloned().collect();
            builder = builder.tls(Tls::RunLocal { names });
        }
        let provider = builder.start().await.map_err(|error| match error {
            StartError::Tls(source) => InstanceError {
                about: ["provider", "certificate"].map(str::to_owned).into(),
                ..InstanceError::new(format!("the issuers cannot be https: {source}"))
            },
            error => failed(error.to_string()),
        })?;
        let ca_pem = own.as_ref().map(|(ca_pem, _)| ca_pem.as_str());
        let ca_pem = ca_pem.or(provider.ca_pem());
        let http = user_agent::trusting(ca_pem, self.host());
        let trust = ca_pem.map(Trust::of).transpose();
        Ok(Reached {
            http: http.map_err(|error| failed(error.to_string()))?,
            trust: trust.map_err(|error| failed(error.to_string()))?,
            provider: Arc::new(provider),
        })
    }

    /// Starts a provider at the same host whose certificate nobody but our own browsers trusts.
    pub(super) async fn start_untrusted(&self) -> Result<Reached, InstanceError> {
        let untrusted = Self {
            tls: true,
            certificate: None,
            ..self.clone()
        };
        untrusted.start(0, None).await
    }

    /// The claims that all accounts have besides.
    pub(super) fn claim_rules(&self) -> Vec<ClaimRule> {
        if self.claims.is_empty() {
            return Vec::new();
        }
        vec![ClaimRule {
            id_token: self.claims.clone(),
            userinfo: self.claims.clone(),
            ..ClaimRule::default()
        }]
    }

    /// Where browsers find the issuers' host.
    pub(super) fn host(&self) -> Option<(&str, IpAddr)> {
        let host = self.issuer_host.as_deref()?;
        let address = match self.listen {
            IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            address => address,
        };
        Some((host, address))
    }
}

impl OwnCertificate {
    /// What the client has to trust, and what the provider serves with.
    fn read(&self) -> Result<(String, Tls), InstanceError> {
        let text = |key: &str, path: &Path| {
            std::fs::read_to_string(path).map_err(|error| InstanceError {
                about: ["provider", "certificate", key].map(str::to_owned).into(),
                advice: Some("paths go from the folder of the target file".to_owned()),
                ..InstanceError::new(format!("{}: {error}", path.display()))
            })
        };
        let chain = text("chain", &self.chain)?;
        let ca_pem = match &self.ca {
            Some(ca) => text("ca", ca)?,
            None => chain.clone(),
        };
        let tls = Tls::Own {
            certificate_chain_pem: chain,
            private_key_pem: text("key", &self.key)?,
        };
        Ok((ca_pem, tls))
    }

    /// The same, by paths from a folder.
    pub(super) fn within(&self, folder: &Path) -> Self {
        Self {
            chain: folder.join(&self.chain),
            key: folder.join(&self.key),
            ca: self.ca.as_ref().map(|ca| folder.join(ca)),
        }
    }
}

impl Trust {
    fn of(ca_pem: &str) -> std::io::Result<Self> {
        let folder = TemporaryFolder::new()?;
        let ca_file = folder.path().join("ca.pem");
        let store = folder.path().join("ca.jks");
        std::fs::write(&ca_file, ca_pem)?;
        let made = java_trust_store(ca_pem).map_err(std::io::Error::other)?;
        std::fs::write(&store, made)?;
        let mut variables: Vec<(&str, String)> = trust_variables(&ca_file)
            .into_iter()
            .map(|variable| (variable.name, variable.value))
            .collect();
        // Options that are there already stay.
        let options = match std::env::var("JAVA_TOOL_OPTIONS") {
            Ok(there) if !there.is_empty() => format!("{there} {}", java_options(&store)),
            _ => java_options(&store),
        };
        variables.push(("JAVA_TOOL_OPTIONS", options));
        Ok(Self {
            ca_file,
            variables,
            _folder: folder,
        })
    }
}
