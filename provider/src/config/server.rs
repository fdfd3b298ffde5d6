//! The settings of a provider as a whole, the same for all its issuers.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::values::{BasePath, BaseUrl, Secret, Span};
use crate::paths::Paths;
use crate::urls::{Addresses, Side};

/// The port of a program that was not told another.
pub(crate) const DEFAULT_PORT: u16 = 9400;

/// Where the provider listens, under which addresses it is reached, and how it works as a program.
/// Paths that are not absolute begin where the configuration file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct ServerConfig {
    /// The port to listen on; 0 takes a free one. Default: 9400.
    pub(crate) port: u16,
    /// The address to listen on. Anything but loopback lets others sign in as anybody. Default:
    /// `127.0.0.1`.
    pub(crate) host: IpAddr,
    /// Where browsers reach the provider, such as `http://localhost:9400`. Default: where it
    /// listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_url: Option<BaseUrl>,
    /// Where clients reach it on their back channel, such as `http://provider:9400` in a
    /// container network. Default: the same as `public-url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) internal_url: Option<BaseUrl>,
    /// Which of both is in the issuer identifier. Default: `internal`, since that is where a
    /// client fetches the discovery document (OIDC Discovery 1.0 §4.3).
    pub(crate) issuer_url: Side,
    /// What stands before every path, such as `/auth`. Default: nothing.
    pub(crate) base_path: BasePath,
    /// Further paths of endpoints, below that of each issuer, for clients that have them built in,
    /// such as `{ "/oauth/token" = "token" }`. Default: none.
    #[serde(skip_serializing_if = "Paths::is_empty")]
    pub(crate) paths: Paths,
    /// Whether `X-Forwarded-Proto`, `-Host`, `-Port` and `-Prefix` replace the public URL, request
    /// by request. Only a proxy that sets them itself makes this sound. Default: no.
    pub(crate) trust_forwarded: bool,
    /// Whether to serve HTTPS, with a certificate of a CA that is made for this run unless there
    /// is one of your own. Default: no.
    pub(crate) tls: bool,
    /// Host names and IP addresses that the certificate of this run is for, beside the usual ones
    /// of this machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tls_names: Vec<String>,
    /// A PEM file with a certificate of your own, and those that lead to its root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// A PEM file with its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_key: Option<PathBuf>,
    /// PEM files with CAs that are trusted when the provider calls clients over HTTPS.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tls_trust: Vec<PathBuf>,
    /// Where to write the CA of this run, for clients to trust.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// What whoever uses the control API below `/_/` has to send, as `Authorization: Bearer KEY`.
    /// Default: nothing, and only programs on this machine may use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) control_key: Option<Secret>,
    /// Whether requests are refused that belong to no parallel test. Default: no.
    pub(crate) require_test_key: bool,
    /// The Redis or Valkey server that replicas share, such as `redis://localhost:6379`:
    /// `redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]`. It needs `public-url`, and a program that was
    /// built with it. Default: none, and all is kept in this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) redis: Option<Secret>,
    /// Where to write, once it answers, under which addresses; it is removed at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ready_file: Option<PathBuf>,
    /// What is logged, to stderr. Default: `warnings`.
    pub(crate) log: Log,
    /// How it is logged. Default: `text`.
    pub(crate) log_format: LogFormat,
    /// How many threads serve requests. Default: 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub(crate) workers: usize,
    /// How many named issuers are created when they are first asked for. Default: 1000.
    pub(crate) issuers_on_demand: usize,
    /// How many connections are served at the same time; more wait until one ends. Default:
    /// 16384.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub(crate) max_connections: u32,
    /// How long a connection may stay without a whole request head. Default: `1m`.
    pub(crate) idle_time: Span,
    /// How long requests in flight may take at the end. Default: `2s`.
    pub(crate) grace: Span,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            port: DEFAULT_PORT,
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            public_url: None,
            internal_url: None,
            issuer_url: Side::default(),
            base_path: BasePath::default(),
            paths: Paths::default(),
            trust_forwarded: false,
            tls: false,
            tls_names: Vec::new(),
            tls_cert: None,
            tls_key: None,
            tls_trust: Vec::new(),
            ca_file: None,
            control_key: None,
            require_test_key: false,
            redis: None,
            ready_file: None,
            log: Log::default(),
            log_format: LogFormat::default(),
            workers: 1,
            issuers_on_demand: 1_000,
            max_connections: 16_384,
            idle_time: Span(Duration::from_mins(1)),
            grace: Span(Duration::from_secs(2)),
        }
    }
}

/// What is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Log {
    /// What is wrong with the provider itself.
    Errors,
    /// What somebody should know about as well.
    #[default]
    Warnings,
    /// Every request, without what is secret in it, as well.
    Requests,
}

/// How it is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
}

impl ServerConfig {
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses {
            public: self.public_url.clone().map(String::from),
            internal: self.internal_url.clone().map(String::from),
            issuer: self.issuer_url,
            base_path: self.base_path.as_str().to_owned(),
            paths: self.paths.clone(),
            forwarded: self.trust_forwarded,
        }
    }
}
