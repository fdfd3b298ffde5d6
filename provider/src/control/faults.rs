//! The faults of an issuer: arm, look at, disarm.

use serde_json::{Value, json};

use super::ask::{Ask, Outcome, Refusal, answer, done};
use crate::fault::{ArmedFault, Fault, FaultError};
use crate::store::StoreDown;

pub(super) fn list(ask: &Ask) -> Outcome {
    let faults: Vec<Value> = ask.issuer()?.faults().iter().map(tell).collect();
    Ok(answer(200, &json!({"faults": faults})))
}

pub(super) fn arm(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let fault: Fault = ask.body()?;
    ask.known_test(fault.when.test.clone())?;
    let armed = (issuer.arm(fault)).map_err(|error| match error {
        FaultError::Store { reason } => StoreDown(reason).into(),
        error => Refusal::invalid(format!(
            "the fault makes no sense: {}",
            with_sources(&error)
        )),
    })?;
    Ok(answer(201, &tell(&armed)))
}

pub(super) fn read(ask: &Ask) -> Outcome {
    Ok(answer(200, &tell(&found(ask)?)))
}

pub(super) fn disarm(ask: &Ask) -> Outcome {
    found(ask)?.end()?;
    Ok(done())
}

pub(super) fn disarm_all(ask: &Ask) -> Outcome {
    ask.issuer()?.state().faults.disarm_all()?;
    Ok(done())
}

fn found(ask: &Ask) -> Result<ArmedFault, Refusal> {
    let faults = ask.issuer()?.faults();
    let id = ask.number(1)?;
    let known: Vec<String> = faults.iter().map(|fault| fault.id().to_string()).collect();
    faults
        .into_iter()
        .find(|fault| fault.id() == id)
        .ok_or_else(|| {
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            Refusal::missing(format!("no fault {id} is armed; armed are: {known}"))
        })
}

fn tell(armed: &ArmedFault) -> Value {
    let counts = armed.counts();
    json!({
        "id": armed.id(),
        "summary": armed.summary(),
        "matched": counts.matched,
        "fired": counts.fired,
        "fault": armed.fault(),
    })
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
