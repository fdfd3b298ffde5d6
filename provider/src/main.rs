//! The program `mock-provider`: a mock authorization server on a port of this machine.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use oauth_gauntlet_provider::cli::{self, ENVIRONMENT_HELP, HealthcheckArgs, ServeArgs};

/// Faster than the system's where many small things come and go, as they do for each request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A mock OAuth 2.0 authorization server and OpenID provider
#[derive(Debug, Parser)]
#[command(name = "mock-provider", version, max_term_width = 100, after_help = ENVIRONMENT_HELP)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask a provider whether it is well: exit code 0 or 1
    Healthcheck(HealthcheckArgs),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Args { serve, command } = Args::parse();
    match command {
        None => match cli::serve(serve).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                report(&error);
                ExitCode::from(error.exit_code())
            }
        },
        Some(Command::Healthcheck(args)) => match cli::healthcheck(args).await {
            Ok(url) => {
                // There is nobody left to tell if stdout is gone.
                let _ = writeln!(std::io::stdout(), "healthy: {url}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                report(&error);
                ExitCode::FAILURE
            }
        },
    }
}

fn report(error: &dyn Error) {
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
