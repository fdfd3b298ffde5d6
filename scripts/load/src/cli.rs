//! What can be typed.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Puts a provider under load and says as JSON what came of it
#[derive(Debug, Parser)]
#[command(name = "load", max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// GETs a URL again and again; the body has to stay the same
    Get(GetArgs),
    /// POSTs a form to a URL again and again; the body of the response has to stay the same
    Post(PostArgs),
    /// Obtains access tokens, then asks for userinfo with them
    Userinfo(UserinfoArgs),
    /// Obtains access tokens by the client credentials grant
    ClientCredentials(ClientCredentialsArgs),
    /// Whole sign-ins: authorize, token, userinfo
    Flow(FlowArgs),
    /// Signs with a kept key, and does nothing else
    Sign(SignArgs),
}

/// How much load, and for how long.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct LoadArgs {
    /// How many connections; each has at most one request under way
    #[arg(long, default_value_t = 16, value_name = "NUMBER")]
    pub(crate) connections: usize,
    /// How long to measure, in seconds
    #[arg(long, default_value = "5", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) seconds: Duration,
    /// Stop after so many, whatever the time
    #[arg(long, value_name = "NUMBER")]
    pub(crate) count: Option<u64>,
    /// How long to go on before measuring, in seconds
    #[arg(long, default_value = "1", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) warm_up: Duration,
    /// At most so many a second, evenly spread; without it, as many as are answered
    #[arg(long, value_name = "NUMBER")]
    pub(crate) rate: Option<f64>,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct GetArgs {
    /// The URL; `{n}` in it stands for the numbers from 0 to `--spread`
    pub(crate) url: String,
    /// How many numbers `{n}` stands for, one after the other
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub(crate) spread: usize,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct PostArgs {
    /// The URL
    pub(crate) url: String,
    /// The form, encoded
    #[arg(long, value_name = "FORM")]
    pub(crate) form: String,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

/// How to reach a provider, and as which client.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ProviderArgs {
    /// The discovery document; `{n}` in it stands for the numbers from 0 to `--spread`
    pub(crate) discovery: String,
    /// How many numbers `{n}` stands for, one after the other
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub(crate) spread: usize,
    /// The client's identifier
    #[arg(long, default_value = "load", value_name = "ID")]
    pub(crate) client_id: String,
    /// The client's secret
    #[arg(long, default_value = "load-secret", value_name = "SECRET")]
    pub(crate) client_secret: String,
    /// How the client authenticates
    #[arg(long, default_value = "basic")]
    pub(crate) auth: Auth,
    /// Where the provider sends people back to; never asked
    #[arg(
        long,
        default_value = "http://127.0.0.1:1/callback",
        value_name = "URI"
    )]
    pub(crate) redirect_uri: String,
    /// The scopes to ask for
    #[arg(long, default_value = "openid", value_name = "SCOPES")]
    pub(crate) scope: String,
    /// A `Cookie` header for authorization requests
    #[arg(long, value_name = "COOKIES")]
    pub(crate) cookie: Option<String>,
    /// Send no nonce
    #[arg(long)]
    pub(crate) no_nonce: bool,
    /// Send no code challenge (RFC 7636)
    #[arg(long)]
    pub(crate) no_pkce: bool,
    /// What signed tokens have to be signed with
    #[arg(long, default_value = "RS256")]
    pub(crate) alg: Algorithm,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct UserinfoArgs {
    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
    /// How many access tokens to obtain first and use in turn; one for each connection at least
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub(crate) tokens: usize,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ClientCredentialsArgs {
    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
    /// What the access token has to be
    #[arg(long, default_value = "jwt")]
    pub(crate) token: TokenForm,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct FlowArgs {
    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
    /// Where a flow ends
    #[arg(long, default_value = "userinfo")]
    pub(crate) until: Until,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct SignArgs {
    /// What to sign with
    pub(crate) alg: Algorithm,
    /// How many bytes are signed
    #[arg(long, default_value_t = 400, value_name = "NUMBER")]
    pub(crate) bytes: usize,
    /// How long to measure, in seconds
    #[arg(long, default_value = "2", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) seconds: Duration,
}

/// How the client authenticates at the token endpoint (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    Basic,
    Post,
}

/// What tokens are signed with (RFC 7518 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Algorithm {
    #[value(name = "RS256")]
    Rs256,
    #[value(name = "ES256")]
    Es256,
}

impl Algorithm {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// What an access token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenForm {
    Jwt,
    Opaque,
}

/// Where a flow ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Until {
    Code,
    Token,
    Userinfo,
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "this is no number of seconds".to_owned())
}

/// The first address of a host and port, IPv4 before IPv6.
pub(crate) fn resolve(host: &str, port: u16) -> std::io::Result<SocketAddr> {
    use std::net::ToSocketAddrs as _;
    let mut found: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found
        .into_iter()
        .next()
        .ok_or_else(|| std::io::Error::other(format!("`{host}` has no address")))
}
