//! The program: reads flags and environment, binds, serves until it is told to stop.

use anyhow::Context as _;
use clap::Parser;
use client_app::{Config, app};
use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// Reference OAuth 2.0 / OpenID Connect client.
///
/// Every option can be given as the environment variable that its help names. For several
/// providers set PROVIDERS=one,two, and the variables of each with its name inside, as in
/// OIDC_ONE_ISSUER. RUST_LOG sets how much is logged.
#[derive(Parser)]
#[command(version, about)]
#[expect(clippy::doc_markdown, reason = "help texts are shown as they are")]
struct Flags {
    /// Address and port to listen on; port 0 takes a free one [LISTEN; default 127.0.0.1:8000]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Where browsers reach the client [BASE_URL; default http://localhost and the port]
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Time that a provider has for each request, in seconds [BACK_CHANNEL_TIMEOUT; default 10]
    #[arg(long, value_name = "SECONDS")]
    back_channel_timeout: Option<String>,
    /// Keep sessions as files here instead of in memory [SESSION_DIR]
    #[arg(long, value_name = "DIR")]
    session_dir: Option<String>,
    /// The OpenID provider's issuer identifier [OIDC_ISSUER; default http://127.0.0.1:9400]
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The client id at the provider [OIDC_CLIENT_ID; default client-app]
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// How the secret in OIDC_CLIENT_SECRET is sent: client_secret_basic or client_secret_post
    /// [OIDC_CLIENT_AUTH]
    #[arg(long, value_name = "METHOD")]
    client_auth: Option<String>,
    /// The scopes to ask for [OIDC_SCOPES; default "openid profile email offline_access"]
    #[arg(long, value_name = "SCOPES")]
    scopes: Option<String>,
    /// The allowed signature algorithms of ID tokens [OIDC_ID_TOKEN_ALGS; default RS256]
    #[arg(long, value_name = "LIST")]
    id_token_algs: Option<String>,
    /// The names of several providers [PROVIDERS]
    #[arg(long, value_name = "LIST")]
    providers: Option<String>,
    /// A plain OAuth 2.0 provider's authorization endpoint [OAUTH_AUTHORIZATION_ENDPOINT]
    #[arg(long, value_name = "URL")]
    oauth_authorization_endpoint: Option<String>,
    /// Its token endpoint [OAUTH_TOKEN_ENDPOINT]
    #[arg(long, value_name = "URL")]
    oauth_token_endpoint: Option<String>,
    /// Its userinfo endpoint [OAUTH_USERINFO_ENDPOINT]
    #[arg(long, value_name = "URL")]
    oauth_userinfo_endpoint: Option<String>,
}

impl Flags {
    /// The variable that a flag stands for. The secret has none: it would be seen in the list of
    /// processes.
    fn get(&self, variable: &str) -> Option<String> {
        let flag = match variable {
            "LISTEN" => &self.listen,
            "BASE_URL" => &self.base_url,
            "BACK_CHANNEL_TIMEOUT" => &self.back_channel_timeout,
            "SESSION_DIR" => &self.session_dir,
            "OIDC_ISSUER" => &self.issuer,
            "OIDC_CLIENT_ID" => &self.client_id,
            "OIDC_CLIENT_AUTH" => &self.client_auth,
            "OIDC_SCOPES" => &self.scopes,
            "OIDC_ID_TOKEN_ALGS" => &self.id_token_algs,
            "PROVIDERS" => &self.providers,
            "OAUTH_AUTHORIZATION_ENDPOINT" => &self.oauth_authorization_endpoint,
            "OAUTH_TOKEN_ENDPOINT" => &self.oauth_token_endpoint,
            "OAUTH_USERINFO_ENDPOINT" => &self.oauth_userinfo_endpoint,
            _ => &None,
        };
        flag.clone()
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Flags::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "client-app: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: &Flags) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,client_app=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();

    let config = Config::from_vars(|name| flags.get(name).or_else(|| std::env::var(name).ok()))?;
    let address = config.listen();
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; choose another port with --listen")
    })?;
    let config = config.bound_to(listener.local_addr()?);
    let started = format!("client-app listening on {}\n", config.base_url());
    let router = app(config)?;

    // A closed standard output is no reason not to serve.
    let _ = std::io::stdout().write_all(started.as_bytes());
    axum::serve(listener, router)
        .with_graceful_shutdown(stop())
        .await?;
    Ok(())
}

/// Waits for Ctrl-C. Where signals cannot be listened to, it waits for ever.
async fn stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
