//! The clock of an issuer.

use serde::Deserialize;
use serde_json::json;

use super::ask::{Ask, Outcome, Refusal, answer};
use crate::clock::{Clock, Turn};
use crate::fault::parse_span;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    /// Unix seconds.
    now: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    /// A span of time, such as `1h`.
    by: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Freeze {
    /// Unix seconds. Default: now.
    at: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(super) fn read(ask: &Ask) -> Outcome {
    Ok(tell(ask.issuer()?.clock()))
}

pub(super) fn set(ask: &Ask) -> Outcome {
    let Set { now } = ask.body()?;
    turned(ask, &[Turn::Set(now)])
}

pub(super) fn advance(ask: &Ask) -> Outcome {
    let Advance { by } = ask.body()?;
    let seconds = parse_span(&by).ok_or_else(|| {
        Refusal::invalid(format!(
            "`{by}` is no span of time: write a number and one of `s`, `m`, `h`, `d`, as in `90s`"
        ))
    })?;
    turned(ask, &[Turn::Advance(seconds)])
}

pub(super) fn freeze(ask: &Ask) -> Outcome {
    let Freeze { at } = ask.body()?;
    match at {
        Some(at) => turned(ask, &[Turn::Freeze, Turn::Set(at)]),
        None => turned(ask, &[Turn::Freeze]),
    }
}

pub(super) fn unfreeze(ask: &Ask) -> Outcome {
    let Nothing {} = ask.body()?;
    turned(ask, &[Turn::Unfreeze])
}

fn turned(ask: &Ask, turns: &[Turn]) -> Outcome {
    let issuer = ask.issuer()?;
    for turn in turns {
        issuer.clock().turn(*turn)?;
    }
    Ok(tell(issuer.clock()))
}

fn tell(clock: &Clock) -> crate::endpoint::Reply {
    answer(
        200,
        &json!({"now": clock.now(), "frozen": clock.is_frozen()}),
    )
}
