//! The program `mock-provider`: a mock authorization server on a port of this machine.

use std::error::Error as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use oauth_gauntlet_provider::cli::{self, ServeArgs, ServeError};
use tracing_subscriber::EnvFilter;

/// A mock OAuth 2.0 authorization server and OpenID provider
#[derive(Debug, Parser)]
#[command(name = "mock-provider", version, max_term_width = 100)]
struct Args {
    #[command(flatten)]
    serve: ServeArgs,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .init();
    match cli::serve(args.serve).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn report(error: &ServeError) {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    // There is nobody left to tell if stderr is gone.
    let _ = writeln!(std::io::stderr(), "{text}");
}
