//! The `gauntlet` program: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use gauntlet::cli::{Cli, Command, RunArgs};
use gauntlet::commands;
use gauntlet::report::Exit;

/// Faster than the system's where many small things come and go, as they do for each request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = !error.use_stderr();
            drop(error.print());
            return if asked_for {
                Exit::Well.into()
            } else {
                Exit::Usage.into()
            };
        }
    };
    let command = cli
        .command
        .unwrap_or_else(|| Command::Run(RunArgs::default()));
    // What serves has threads of its own, and is small where nothing else has any.
    let mut builder = match command {
        Command::Serve(_) | Command::Healthcheck(_) => {
            tokio::runtime::Builder::new_current_thread()
        }
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            commands::complain(&format!("the runtime cannot start: {error}"));
            return Exit::Internal.into();
        }
    };
    let exit = runtime.block_on(async {
        match command {
            Command::Run(args) => Box::pin(commands::run::run(args)).await,
            Command::List(args) => commands::list::list(&args),
            Command::Report(args) => commands::report::report(&args),
            Command::Explain(args) => commands::explain::explain(&args),
            Command::Lint(args) => commands::lint::lint(&args),
            Command::Serve(args) => commands::serve::serve(*args).await,
            Command::Doctor(args) => commands::doctor::doctor(&args).await,
            Command::Init(args) => commands::init::init(&args),
            Command::Healthcheck(args) => commands::healthcheck::healthcheck(args).await,
            Command::Client(args) => commands::client::client(&args).await,
            Command::Prove(args) => commands::prove::prove(&args).await,
        }
    });
    // Tasks that were left behind own programs; those end with us.
    gauntlet::target::end_all_programs();
    runtime.shutdown_background();
    exit.into()
}
