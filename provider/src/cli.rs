//! The command line of the provider, for its own program and for those that embed it.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde_json::Value;

pub use crate::config::ConfigError;

use crate::builder::StartError;
use crate::config::Config;
use crate::listen;
use crate::parties::User;
use crate::server::MockProvider;
use crate::settings::{IssuerSettings, KeySource, Profile, SignIn, SigningAlgorithm};

/// The port without `--port`.
pub const DEFAULT_PORT: u16 = 9400;

/// How many named issuers are created on demand.
const MAX_ISSUERS: usize = 1_000;

/// What to serve, as typed on the command line.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// Port to listen on; 0 lets the system choose
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT)]
    pub port: u16,
    /// Address to listen on; anything but loopback lets others sign in as anybody
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub host: IpAddr,
    /// TOML file with users, clients, scopes, lifetimes and faults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Somebody who can sign in, in place of the default users; repeatable
    #[arg(long, value_name = "NAME[:CLAIM=VALUE,…]", value_parser = parse_user)]
    pub user: Vec<User>,
    /// Always sign this user in, without a page
    #[arg(long, value_name = "SUB")]
    pub auto: Option<String>,
    /// Accept registered clients only, and enforce every rule
    #[arg(long)]
    pub strict: bool,
    /// Algorithm that signs ID tokens: RS256 (default), RS384, RS512, PS256, PS384, PS512, ES256,
    /// ES384, ES512 or EdDSA
    #[arg(long, value_name = "ALG", value_parser = parse_algorithm)]
    pub alg: Option<SigningAlgorithm>,
    /// Make codes and tokens foreseeable, for reproducible runs
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
}

impl Default for ServeArgs {
    fn default() -> Self {
        Self {
            port: DEFAULT_PORT,
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            config: None,
            user: Vec::new(),
            auto: None,
            strict: false,
            alg: None,
            seed: None,
        }
    }
}

/// Why the provider was not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration file cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The port is taken.
    #[error(
        "port {port} of {host} is in use: stop what listens there, or choose another with `--port` (`--port 0` takes a free one)"
    )]
    PortInUse {
        /// The address.
        host: IpAddr,
        /// The port.
        port: u16,
    },
    /// The provider did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The start cannot be reported, or the end not be waited for.
    #[error("cannot use the terminal")]
    Terminal(#[source] io::Error),
}

impl ServeError {
    /// The exit code of a program: 2 for a wrong file, 3 for what is wrong with the machine.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::PortInUse { .. } | Self::Start(_) | Self::Terminal(_) => 3,
        }
    }
}

/// Serves until Ctrl-C. What a client needs to know is printed first.
///
/// # Errors
/// If the configuration cannot be used, or the address not be listened on.
pub async fn serve(args: ServeArgs) -> Result<(), ServeError> {
    listen::raise_open_files();
    let (host, port) = (args.host, args.port);
    let (settings, faults) = prepare(args)?;
    let greeting = Greeting::new(&settings);
    let mut builder = MockProvider::builder()
        .address(host)
        .port(port)
        .settings(settings)
        .issuers_on_demand(Some(MAX_ISSUERS));
    for fault in faults {
        builder = builder.fault(fault);
    }
    let provider = builder.start().await.map_err(|error| match error {
        StartError::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
            ServeError::PortInUse { host, port }
        }
        other => ServeError::Start(other),
    })?;
    // Before the greeting, since whoever reads it may want to end this at once.
    let interrupts = Interrupts::new().map_err(ServeError::Terminal)?;
    greeting
        .print(provider.base_url())
        .map_err(ServeError::Terminal)?;
    interrupts.next().await;
    provider.shut_down().await;
    Ok(())
}

fn prepare(args: ServeArgs) -> Result<(IssuerSettings, Vec<crate::Fault>), ConfigError> {
    let mut settings = IssuerSettings {
        profile: Profile::Lax,
        keys: KeySource::Generated,
        seed: args.seed,
        ..IssuerSettings::default()
    };
    let mut config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    let faults = std::mem::take(&mut config.faults);
    let has_users = !config.users.is_empty();
    config.apply(&mut settings);
    if !args.user.is_empty() {
        if !has_users {
            settings.users.clear();
        }
        settings.users.extend(args.user);
    }
    if args.strict {
        settings.profile = Profile::Strict;
    }
    if let Some(sub) = args.auto {
        settings.sign_in = SignIn::Auto { sub };
    }
    if let Some(algorithm) = args.alg {
        settings.algorithm = algorithm;
    }
    Ok((settings, faults))
}

/// What a client needs to know.
struct Greeting {
    users: String,
    clients: String,
}

impl Greeting {
    fn new(settings: &IssuerSettings) -> Self {
        let users: Vec<&str> = settings
            .users
            .iter()
            .map(|user| user.sub.as_str())
            .collect();
        let users = match &settings.sign_in {
            SignIn::Page => format!("{} (no password)", users.join(", ")),
            SignIn::Auto { sub } => format!("{sub} is always signed in, without a page"),
        };
        let clients: Vec<&str> = settings
            .clients
            .iter()
            .map(|client| client.id.as_str())
            .collect();
        let clients = match (settings.profile, clients.is_empty()) {
            (Profile::Lax, _) => "any client id, secret and redirect URI is accepted".to_owned(),
            (_, false) => format!("only {}", clients.join(", ")),
            (_, true) => "none is registered: add [[client]] to a --config file".to_owned(),
        };
        Self { users, clients }
    }

    fn print(&self, issuer: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "Mock provider, issuer {issuer}")?;
        writeln!(
            out,
            "  discovery  {issuer}/.well-known/openid-configuration"
        )?;
        writeln!(out, "  users      {}", self.users)?;
        writeln!(out, "  clients    {}", self.clients)?;
        writeln!(out, "  more       {issuer}/NAME is an issuer of its own")?;
        writeln!(out, "Press Ctrl-C to stop.")?;
        out.flush()
    }
}

/// Listens for the wish to end, from the moment it is made.
#[cfg(unix)]
struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Interrupts {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Listens for the wish to end, from the moment it is made.
#[cfg(windows)]
struct Interrupts(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Interrupts {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(mut self) {
        self.0.recv().await;
    }
}

/// `dora` or `dora:email=dora@example.test,admin=true`. A value that is JSON is taken as such.
fn parse_user(text: &str) -> Result<User, String> {
    let (sub, claims) = text.split_once(':').unwrap_or((text, ""));
    if sub.is_empty() {
        return Err("the name is missing before `:`".to_owned());
    }
    let mut user = User::from_sub(sub);
    for claim in claims.split(',').filter(|claim| !claim.is_empty()) {
        let (name, value) = claim
            .split_once('=')
            .ok_or_else(|| format!("`{claim}` is not CLAIM=VALUE"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        user = user.claim(name, value);
    }
    Ok(user)
}

fn parse_algorithm(text: &str) -> Result<SigningAlgorithm, String> {
    SigningAlgorithm::ASYMMETRIC
        .into_iter()
        .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| {
            let known = SigningAlgorithm::ASYMMETRIC.map(SigningAlgorithm::as_str);
            format!("the algorithms are {}", known.join(", "))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_with_claims() {
        let user = parse_user("dora:email=dora@x.test,admin=true,age=7").unwrap();
        assert_eq!(user.sub, "dora");
        assert_eq!(user.claims["email"], "dora@x.test");
        assert_eq!(user.claims["admin"], true);
        assert_eq!(user.claims["age"], 7);
        assert_eq!(user.claims["name"], "Dora");
        assert!(parse_user(":a=b").is_err());
        assert!(parse_user("dora:email").is_err());
    }

    #[test]
    fn an_algorithm_is_read_in_any_case() {
        assert_eq!(parse_algorithm("eddsa"), Ok(SigningAlgorithm::EdDsa));
        assert!(parse_algorithm("HS256").is_err());
    }

    #[test]
    fn serving_is_lax_unless_told_otherwise() {
        let (settings, _) = prepare(ServeArgs::default()).unwrap();
        assert_eq!(settings.profile, Profile::Lax);
        let strict = ServeArgs {
            strict: true,
            user: vec![User::from_sub("dora")],
            ..ServeArgs::default()
        };
        let (settings, _) = prepare(strict).unwrap();
        assert_eq!(settings.profile, Profile::Strict);
        assert_eq!(settings.users.len(), 1);
    }
}
