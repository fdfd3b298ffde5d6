//! The clock of an issuer.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::ask::{Ask, Outcome, Refusal, answer};
use crate::clock::Clock;
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
    turned(ask, |clock| clock.set(now))
}

pub(super) fn advance(ask: &Ask) -> Outcome {
    let Advance { by } = ask.body()?;
    let seconds = parse_span(&by).ok_or_else(|| {
        Refusal::invalid(format!(
            "`{by}` is no span of time: write a number and one of `s`, `m`, `h`, `d`, as in `90s`"
        ))
    })?;
    turned(ask, |clock| clock.advance(Duration::from_secs(seconds)))
}

pub(super) fn freeze(ask: &Ask) -> Outcome {
    let Freeze { at } = ask.body()?;
    turned(ask, |clock| {
        clock.freeze();
        if let Some(at) = at {
            clock.set(at);
        }
    })
}

pub(super) fn unfreeze(ask: &Ask) -> Outcome {
    let Nothing {} = ask.body()?;
    turned(ask, Clock::unfreeze)
}

fn turned(ask: &Ask, turn: impl FnOnce(&Clock)) -> Outcome {
    let issuer = ask.issuer()?;
    turn(issuer.clock());
    Ok(tell(issuer.clock()))
}

fn tell(clock: &Clock) -> crate::endpoint::Reply {
    answer(
        200,
        &json!({"now": clock.now(), "frozen": clock.is_frozen()}),
    )
}
