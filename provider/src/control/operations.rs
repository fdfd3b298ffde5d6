//! What those need who keep the provider running: health, metrics, and what there is.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::ask::{Ask, Outcome, Refusal, answer};
use super::routes::ROUTES;
use crate::endpoint::Reply;
use crate::metrics::Gauges;
use crate::store::{GENERATION, Kind};

/// The description of the API.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

pub(super) fn document() -> Reply {
    Reply::typed(200, "application/json", DOCUMENT)
}

/// The paths and methods, for people.
pub(super) fn index() -> Reply {
    let mut text =
        "The control API of the mock provider. GET /_/openapi.json describes it.\n\n".to_owned();
    for (path, methods) in ROUTES {
        for (method, _) in methods {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{method:<7} /_{path}");
        }
    }
    Reply::text(200, text)
}

/// The process answers, so it lives.
pub(super) fn health() -> Reply {
    answer(200, &json!({"status": "ok"}))
}

/// Whether the provider can serve: its store answers, and it is not about to stop.
pub(super) fn ready(ask: &Ask) -> Outcome {
    let refused = |reason: &str| {
        Err(Refusal::new(503, "temporarily_unavailable", reason).header("retry-after", "1"))
    };
    if *ask.host.stopping.borrow() {
        return refused("the provider is stopping");
    }
    let Some(issuer) = ask.host.issuer("", false) else {
        return refused("there is no issuer");
    };
    let state = issuer.state();
    if state.store.counter(GENERATION).is_err() {
        return refused("the provider's store cannot be reached");
    }
    Ok(answer(200, &json!({"status": "ready"})))
}

pub(super) fn metrics(ask: &Ask) -> Reply {
    let issuers = ask.host.issuers();
    let mut gauges = Gauges {
        issuers: issuers.len(),
        entries: Kind::ALL
            .iter()
            .map(|kind| (kind.as_str(), 0))
            .collect::<BTreeMap<_, _>>(),
        exchanges: 0,
    };
    for (issuer, _) in &issuers {
        let state = issuer.state();
        let now = state.now();
        gauges.exchanges += issuer.journal().len();
        if state.store.may_wait() {
            // What replicas share is no part of this process, and to count it takes long.
            continue;
        }
        for kind in Kind::ALL {
            let count = state.store.count(kind, now).unwrap_or_default();
            *gauges.entries.entry(kind.as_str()).or_insert(0) += count;
        }
    }
    let text = ask.host.metrics.text(&gauges);
    Reply::typed(200, "text/plain; version=0.0.4; charset=utf-8", text)
}
