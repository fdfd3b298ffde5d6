//! The OAuth and OpenID Connect clients of crates.io against a strict provider: one test for each
//! library and flow. Each is written as the documentation of the library has it, and asserts what
//! an application would rely on. The flows are those of `../flows.txt`.

mod oauth2_flows;
mod oauth2_key_flows;
mod openidconnect_flows;
mod openidconnect_key_flows;

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Trial};

/// What a library makes of a flow.
struct Flow {
    name: &'static str,
    outcome: Outcome,
}

enum Outcome {
    Runs(Box<dyn FnOnce() -> Result<()> + Send>),
    /// With the reason.
    NotSupported(&'static str),
}

fn flow<F>(name: &'static str, run: fn() -> F) -> Flow
where
    F: Future<Output = Result<()>> + 'static,
{
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(run())
    };
    Flow {
        name,
        outcome: Outcome::Runs(Box::new(run)),
    }
}

fn not_supported(name: &'static str, why: &'static str) -> Flow {
    Flow {
        name,
        outcome: Outcome::NotSupported(why),
    }
}

fn trials(library: &str, flows: Vec<Flow>) -> Vec<Trial> {
    let known: BTreeSet<&str> = include_str!("../../../flows.txt")
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let told: BTreeSet<&str> = flows.iter().map(|flow| flow.name).collect();
    assert_eq!(
        told, known,
        "{library} must have each flow of flows.txt, or say why not"
    );
    flows
        .into_iter()
        .map(|Flow { name, outcome }| {
            let name = format!("{library}::{name}");
            match outcome {
                Outcome::Runs(run) => {
                    Trial::test(name, || run().map_err(|error| format!("{error:?}").into()))
                }
                Outcome::NotSupported(why) => Trial::test(name, || Ok(()))
                    .with_kind(format!("not supported by the library: {why}"))
                    .with_ignored_flag(true),
            }
        })
        .collect()
}

fn main() -> ExitCode {
    let mut flows = openidconnect_flows::flows();
    flows.extend(openidconnect_key_flows::flows());
    let mut all = trials("openidconnect", flows);
    let mut flows = oauth2_flows::flows();
    flows.extend(oauth2_key_flows::flows());
    all.extend(trials("oauth2", flows));
    libtest_mimic::run(&Arguments::from_args(), all).exit_code()
}
