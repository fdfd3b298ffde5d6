//! Issuers: make, read, reset, keep and bring back, delete.

use std::sync::PoisonError;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ask::{Ask, DEFAULT, Outcome, Refusal, answer, as_configured, done};
use crate::config::{Files, IssuerConfig};
use crate::endpoint::Reply;
use crate::issuer::Issuer;
use crate::server::CreateIssuerError;
use crate::store::Kind;

/// How many snapshots an issuer keeps.
const MAX_SNAPSHOTS: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    /// Seconds of real time after which the issuer is gone. Default: it stays.
    ttl: Option<u64>,
    /// What is not as the default issuer has it, as in a configuration file.
    #[serde(default)]
    settings: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(super) fn list(ask: &Ask) -> Reply {
    let issuers: Vec<Value> = (ask.host.issuers().iter())
        .map(|(issuer, left)| summary(issuer, *left))
        .collect();
    answer(200, &json!({"issuers": issuers}))
}

pub(super) fn create(ask: &Ask) -> Outcome {
    let Create {
        name,
        ttl,
        settings: given,
    } = ask.body()?;
    if ttl == Some(0) {
        return Err(Refusal::invalid(
            "a `ttl` of 0 seconds is no life; leave it out for one without end",
        ));
    }
    if name == DEFAULT {
        let reason =
            format!("`{DEFAULT}` is how the issuer without a name is called; choose another");
        return Err(Refusal::new(409, "conflict", reason));
    }
    let life = ttl.map(Duration::from_secs);
    let given: IssuerConfig = as_configured(Value::Object(given))?;
    let mut settings = ask.host.usual_settings();
    let faults = (given.apply(&mut settings, Files::Forbidden))
        .map_err(|error| Refusal::invalid(format!("the settings cannot be used: {error}")))?;
    let issuer = ask.host.create(&name, settings, life).map_err(|error| {
        let (status, code) = match error {
            CreateIssuerError::Taken(_) => (409, "conflict"),
            CreateIssuerError::Invalid(_)
            | CreateIssuerError::Reserved(_)
            | CreateIssuerError::KeyedAlgorithm(_) => (400, "invalid_request"),
            CreateIssuerError::SharedKeys { .. } => (503, "temporarily_unavailable"),
        };
        Refusal::new(status, code, error.to_string())
    })?;
    if let Err(error) = issuer.arm_first(faults) {
        ask.host.remove(&name);
        return Err(Refusal::invalid(error.to_string()));
    }
    Ok(answer(201, &summary(&issuer, life)))
}

pub(super) fn read(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let left = (ask.host.issuers().into_iter())
        .find(|(known, _)| known.name() == issuer.name())
        .and_then(|(_, left)| left);
    let mut document = summary(&issuer, left);
    let state = issuer.state();
    let now = state.now();
    let mut kept = serde_json::Map::new();
    for kind in Kind::ALL {
        let count = state
            .store
            .count(kind, now)
            .map_err(crate::snapshot::SnapshotError::from)?;
        kept.insert(kind.as_str().to_owned(), json!(count));
    }
    document["store"] = Value::Object(kept);
    Ok(answer(200, &document))
}

pub(super) fn delete(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    if issuer.name().is_empty() {
        let reason = "the default issuer cannot be deleted; POST /_/issuers/default/reset makes it what it was";
        return Err(Refusal::new(409, "conflict", reason));
    }
    ask.host.remove(issuer.name());
    Ok(done())
}

pub(super) fn reset(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let Nothing {} = ask.body()?;
    issuer.reset()?;
    Ok(done())
}

pub(super) fn list_snapshots(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let kept = issuer
        .state()
        .snapshots
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let ids: Vec<Value> = kept.keys().map(|id| json!({"id": id})).collect();
    Ok(answer(200, &json!({"snapshots": ids})))
}

pub(super) fn take_snapshot(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let Nothing {} = ask.body()?;
    let snapshot = issuer.snapshot()?;
    let mut kept = issuer
        .state()
        .snapshots
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= MAX_SNAPSHOTS {
        let reason = format!("the issuer keeps {MAX_SNAPSHOTS} snapshots already: delete one");
        return Err(Refusal::new(409, "conflict", reason));
    }
    let id = kept.keys().next_back().map_or(1, |last| last + 1);
    kept.insert(id, snapshot);
    Ok(answer(201, &json!({"id": id})))
}

pub(super) fn restore_snapshot(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let id = ask.number(1)?;
    let Nothing {} = ask.body()?;
    let kept = issuer
        .state()
        .snapshots
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let snapshot = kept.get(&id).cloned().ok_or_else(|| no_snapshot(id))?;
    drop(kept);
    issuer.restore(&snapshot)?;
    Ok(done())
}

pub(super) fn delete_snapshot(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let id = ask.number(1)?;
    let mut kept = issuer
        .state()
        .snapshots
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    kept.remove(&id)
        .map(|_| done())
        .ok_or_else(|| no_snapshot(id))
}

fn no_snapshot(id: u64) -> Refusal {
    Refusal::missing(format!(
        "there is no snapshot {id}; GET …/snapshots lists them"
    ))
}

/// What an issuer is called and how much of everything it has.
fn summary(issuer: &Issuer, left: Option<Duration>) -> Value {
    let settings = &issuer.state().settings;
    let name = match issuer.name() {
        "" => DEFAULT,
        name => name,
    };
    json!({
        "name": name,
        "issuer": issuer.url(),
        "profile": settings.profile.as_str(),
        "ttl": left.map(|left| left.as_secs_f64().ceil()),
        "users": issuer.users().len(),
        "clients": issuer.clients().len(),
        "faults": issuer.faults().len(),
        "exchanges": issuer.journal().len(),
        "now": issuer.clock().now(),
        "frozen": issuer.clock().is_frozen(),
    })
}
