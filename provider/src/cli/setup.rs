//! From a configuration to what is started, and what makes no sense on the way.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use url::Url;

use super::layers::{Layered, Origins};
use crate::builder::MockProviderBuilder;
use crate::config::{Config, ConfigError, Files, IssuerConfig, ServerConfig};
use crate::fault::Fault;
use crate::server::{self, MockProvider};
use crate::settings::{IssuerSettings, KeySource, Profile, SignIn};
use crate::tls::Tls;

/// What is to be started.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) server: ServerConfig,
    pub(crate) default: IssuerSettings,
    pub(crate) faults: Vec<Fault>,
    pub(crate) named: Vec<Named>,
    tls: Option<Tls>,
    trusted: Vec<String>,
}

/// An issuer beside the default one.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) settings: IssuerSettings,
    pub(crate) faults: Vec<Fault>,
}

impl Setup {
    /// Reads the files that are named, and checks that all fits together.
    pub(crate) fn new(layered: &Layered) -> Result<Self, ConfigError> {
        let Layered {
            config, origins, ..
        } = layered;
        let Config {
            server,
            default,
            named,
        } = config.clone();
        let mut settings = IssuerSettings {
            profile: Profile::Lax,
            keys: KeySource::Generated,
            ..IssuerSettings::default()
        };
        let given = Given { origins, at: "" };
        let faults = given.settings(default, &mut settings)?;
        let named = named.into_iter().map(|(name, config)| {
            let mut settings = settings.clone();
            let at = format!("issuer.{name}.");
            let given = Given { origins, at: &at };
            server::check_name(&name).map_err(|source| given.explain(source.into()))?;
            let faults = given.settings(config, &mut settings)?;
            Ok(Named {
                name,
                settings,
                faults,
            })
        });
        let named = named.collect::<Result<_, ConfigError>>()?;
        let tls = tls(&server, origins)?;
        replica(&server, origins)?;
        let trusted = server.tls_trust.iter().map(|path| read(path));
        let trusted = trusted.collect::<Result<_, _>>()?;
        Ok(Self {
            server,
            default: settings,
            faults,
            named,
            tls,
            trusted,
        })
    }

    pub(crate) fn builder(&self) -> MockProviderBuilder {
        let server = &self.server;
        let mut builder = MockProvider::builder()
            .address(server.host)
            .port(server.port)
            .addresses(server.addresses())
            .worker_threads(server.workers)
            .max_connections(server.max_connections)
            .idle_time(server.idle_time.0)
            .grace(server.grace.0)
            .settings(self.default.clone())
            .issuers_on_demand(Some(server.issuers_on_demand));
        builder = builder.require_test_key(server.require_test_key);
        if let Some(key) = &server.control_key {
            builder = builder.control_key(key.0.clone());
        }
        #[cfg(feature = "redis")]
        if let Some(url) = &server.redis {
            builder = builder.redis(url.0.clone());
        }
        for fault in &self.faults {
            builder = builder.fault(fault.clone());
        }
        if let Some(tls) = &self.tls {
            builder = builder.tls(tls.clone());
        }
        for ca in &self.trusted {
            builder = builder.trust(ca);
        }
        builder
    }
}

/// One issuer's part of what was given.
struct Given<'a> {
    origins: &'a Origins,
    /// The path of its keys.
    at: &'a str,
}

impl Given<'_> {
    fn settings(
        &self,
        config: IssuerConfig,
        settings: &mut IssuerSettings,
    ) -> Result<Vec<Fault>, ConfigError> {
        let faults = config.apply(settings, Files::Allowed);
        let faults = faults.and_then(|faults| self.check(settings).map(|()| faults));
        faults.map_err(|source| self.explain(source))
    }

    /// Says what a mistake is in, where it does not say so itself.
    fn explain(&self, source: ConfigError) -> ConfigError {
        let part = match self.at.strip_prefix("issuer.") {
            Some(name) => Some(format!("issuer `{}`", name.trim_end_matches('.'))),
            None if matches!(source, ConfigError::Fault { .. } | ConfigError::Key { .. }) => {
                self.origins.file().map(|file| format!("`{file}`"))
            }
            None => None,
        };
        match part {
            Some(part) => ConfigError::In {
                part,
                source: Box::new(source),
            },
            None => source,
        }
    }

    fn check(&self, settings: &IssuerSettings) -> Result<(), ConfigError> {
        let subs = settings.users.iter().map(|user| user.sub.as_str());
        only_once(subs, "user")?;
        let ids = settings.clients.iter().map(|client| client.id.as_str());
        only_once(ids, "client")?;
        if let SignIn::Auto { sub } = &settings.sign_in
            && settings.profile != Profile::Lax
            && !settings.users.iter().any(|user| user.sub == *sub)
        {
            let known: Vec<&str> = settings
                .users
                .iter()
                .map(|user| user.sub.as_str())
                .collect();
            return Err(ConfigError::Contradiction(format!(
                "{} signs `{sub}` in, who is no user, and {} accepts users that exist alone: name one of {}, or add [[user]] sub = \"{sub}\"",
                self.said("auto"),
                self.said("profile"),
                known.join(", ")
            )));
        }
        if settings.algorithm.is_symmetric() {
            let name = settings.algorithm.as_str();
            return Err(ConfigError::Contradiction(format!(
                "{} is {name}, which is keyed with the secret of one client: leave it out, and give the [[client]] `id-token-algorithm = \"{name}\"`",
                self.said("algorithm"),
            )));
        }
        if !settings.keys.supports(settings.algorithm) {
            return Err(ConfigError::Contradiction(format!(
                "{} is {}, which none of the keys of {} signs with",
                self.said("algorithm"),
                settings.algorithm.as_str(),
                self.said("keys"),
            )));
        }
        Ok(())
    }

    /// A key, and who set it.
    fn said(&self, key: &str) -> String {
        said(self.origins, &format!("{}{key}", self.at))
    }
}

fn said(origins: &Origins, path: &str) -> String {
    match origins.of(path) {
        Some(origin) => format!("`{path}` ({origin})"),
        None => format!("`{path}` (by default)"),
    }
}

fn only_once<'a>(names: impl Iterator<Item = &'a str>, kind: &str) -> Result<(), ConfigError> {
    let mut known = BTreeSet::new();
    for name in names {
        if !known.insert(name) {
            let twice = format!("there are two of [[{kind}]] `{name}`: remove one");
            return Err(ConfigError::Contradiction(twice));
        }
    }
    Ok(())
}

fn tls(server: &ServerConfig, origins: &Origins) -> Result<Option<Tls>, ConfigError> {
    let wrong = |text: String| Err(ConfigError::Contradiction(text));
    let cert_or_key = server.tls_cert.as_ref().or(server.tls_key.as_ref());
    if !server.tls {
        let needs = [
            ("tls-names", !server.tls_names.is_empty()),
            ("ca-file", server.ca_file.is_some()),
            ("tls-cert", server.tls_cert.is_some()),
            ("tls-key", server.tls_key.is_some()),
        ];
        let idle = needs.into_iter().find(|(_, given)| *given);
        return match idle {
            None => Ok(None),
            Some((key, _)) => wrong(format!(
                "{} needs HTTPS, and {} says no: add `--tls`",
                said(origins, &format!("server.{key}")),
                said(origins, "server.tls"),
            )),
        };
    }
    let own = match (&server.tls_cert, &server.tls_key) {
        (Some(cert), Some(key)) => Tls::Own {
            certificate_chain_pem: read(cert)?,
            private_key_pem: read(key)?,
        },
        (None, None) => {
            let urls = [&server.public_url, &server.internal_url];
            let urls = urls.into_iter().flatten().cloned().map(String::from);
            // Whoever is to come in by a URL has to find its host in the certificate.
            let hosts = urls.filter_map(|url| Some(Url::parse(&url).ok()?.host_str()?.to_owned()));
            let hosts = hosts.map(|host| host.trim_matches(['[', ']']).to_owned());
            return Ok(Some(Tls::RunLocal {
                names: server.tls_names.iter().cloned().chain(hosts).collect(),
            }));
        }
        _ => {
            let there = cert_or_key.map_or_else(String::new, |path| path.display().to_string());
            return wrong(format!(
                "`{there}` is one half of a certificate of your own: give both `tls-cert` and `tls-key`"
            ));
        }
    };
    for (key, given) in [
        ("ca-file", server.ca_file.is_some()),
        ("tls-names", !server.tls_names.is_empty()),
    ] {
        if given {
            return wrong(format!(
                "{} is for the certificate that is made for a run, and {} is one of your own",
                said(origins, &format!("server.{key}")),
                said(origins, "server.tls-cert"),
            ));
        }
    }
    Ok(Some(own))
}

/// Whether this program was built with all that a configuration wants.
pub(crate) fn check_build(layered: &Layered) -> Result<(), ConfigError> {
    if cfg!(feature = "redis") || layered.config.server.redis.is_none() {
        return Ok(());
    }
    Err(ConfigError::Contradiction(format!(
        "{} cannot be used: this program was built without it; build it with `--features redis`",
        said(&layered.origins, "server.redis")
    )))
}

/// What a replica needs.
fn replica(server: &ServerConfig, origins: &Origins) -> Result<(), ConfigError> {
    let Some(url) = &server.redis else {
        return Ok(());
    };
    let said = said(origins, "server.redis");
    let wrong = |text: &str| Err(ConfigError::Contradiction(format!("{said} {text}")));
    if url.0.starts_with("rediss://") {
        return wrong(
            "asks for TLS, which is not supported: use `redis://`, within a network that you trust or through a tunnel",
        );
    }
    if !url.0.starts_with("redis://") {
        return wrong(
            "is no URL of a Redis or Valkey server: write it as redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]",
        );
    }
    if server.public_url.is_none() {
        return wrong(
            "needs `public-url`, the address that all replicas are reached under, such as that of the proxy before them",
        );
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: PathBuf::from(path),
        source,
    })
}
