//! The program `load`: puts a provider under load from one thread, and says as JSON what came of it.
//!
//! A wrong answer is counted as an error, told, and makes the exit code 1. It is never counted as
//! a success, and a run without a success is never one either.

mod cli;
mod connection;
mod histogram;
mod provider;
mod report;
mod run;
mod sign;
mod target;
mod token;
mod work;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use cli::{Args, Command};

fn main() -> anyhow::Result<ExitCode> {
    let report = match Args::parse().command {
        Command::Sign(args) => serde_json::to_value(sign::measure(&args)?)?,
        Command::Get(args) => drive(run::get(args))?,
        Command::Post(args) => drive(run::post(args))?,
        Command::Userinfo(args) => drive(run::userinfo(args))?,
        Command::ClientCredentials(args) => drive(run::client_credentials(args))?,
        Command::Flow(args) => drive(run::flow(args))?,
    };
    let well = report["errors"] == 0 && report["count"] != 0;
    writeln!(std::io::stdout(), "{report}").context("cannot write the report")?;
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// One thread does it all, so that one core is enough and nothing has to be locked.
fn drive(
    work: impl Future<Output = anyhow::Result<report::Report>>,
) -> anyhow::Result<serde_json::Value> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop")?;
    let report = tokio::task::LocalSet::new().block_on(&runtime, work)?;
    Ok(serde_json::to_value(report)?)
}
