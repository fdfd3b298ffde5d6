//! The signing keys of an issuer, and how they take turns.

use serde::Deserialize;
use serde_json::json;

use super::ask::{Ask, Outcome, answer};
use crate::issuer::Issuer;
use crate::jose::{KeyStep, SigningAlgorithm};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    step: KeyStep,
    /// Default: all.
    algorithm: Option<SigningAlgorithm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(super) fn list(ask: &Ask) -> Outcome {
    Ok(answer(200, &json!({"keys": ask.issuer()?.keys()})))
}

pub(super) fn step(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let Step { step, algorithm } = ask.body()?;
    let changed = match algorithm {
        Some(algorithm) => issuer.state().keys.step_one(algorithm, step),
        None => issuer.step_keys(step),
    };
    Ok(told(&issuer, changed))
}

pub(super) fn rotate(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let Nothing {} = ask.body()?;
    issuer.rotate_keys();
    Ok(told(&issuer, true))
}

fn told(issuer: &Issuer, changed: bool) -> crate::endpoint::Reply {
    answer(200, &json!({"changed": changed, "keys": issuer.keys()}))
}
