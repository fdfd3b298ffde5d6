//! What an issuer had to do with its clients: exchanges, flows, and whether they are as expected.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::ask::{Ask, Outcome, Refusal, answer, done};
use super::describe::{self, Secrets};
use crate::filter::Filter;
use crate::issuer::Issuer;
use crate::verify::Expectation;

/// How long it is waited without a word about it.
const USUAL_WAIT: u64 = 5_000;
/// The longest wait, in milliseconds.
const LONGEST_WAIT: u64 = 60_000;
/// How many exchanges a list has at most, without a word about it.
const USUAL_LIMIT: u64 = 1_000;

/// Parameters of lists, beside the filter.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) secrets: Secrets,
    limit: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wait {
    filter: Filter,
    /// How many exchanges have to fit.
    count: usize,
    timeout_ms: u64,
    secrets: bool,
}

impl Default for Wait {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            count: 1,
            timeout_ms: USUAL_WAIT,
            secrets: false,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    expect: Expectation,
    #[serde(default)]
    filter: Filter,
}

pub(super) fn list(ask: &Ask) -> Outcome {
    let issuer = with_journal(ask)?;
    let (filter, view) = asked(ask)?;
    let mut told: Vec<Value> = Vec::new();
    let all = issuer.journal().known();
    let mut fitting = all.iter().filter(|it| filter.fits(it));
    for exchange in fitting.by_ref().take(view.limit) {
        told.push(describe::exchange(exchange, view.secrets));
    }
    let more = fitting.next().is_some();
    let last = all.last().map_or(0, |it| it.number);
    Ok(answer(
        200,
        &json!({"exchanges": told, "more": more, "last": last}),
    ))
}

pub(super) fn clear(ask: &Ask) -> Outcome {
    ask.issuer()?.journal().forget()?;
    Ok(done())
}

/// The issuer that is asked about, with the exchanges of all replicas.
fn with_journal(ask: &Ask) -> Result<Issuer, Refusal> {
    let issuer = ask.issuer()?;
    issuer.journal().catch_up()?;
    Ok(issuer)
}

pub(super) fn read(ask: &Ask) -> Outcome {
    let (issuer, number) = (with_journal(ask)?, ask.number(1)?);
    let (_, view) = asked(ask)?;
    let all = issuer.journal().known();
    let found = all.iter().find(|it| it.number == number);
    found
        .map(|it| answer(200, &describe::exchange(it, view.secrets)))
        .ok_or_else(|| {
            Refusal::missing(format!(
                "the journal has no exchange {number}, or no longer"
            ))
        })
}

/// Waits until so many exchanges fit, among those so far or to come.
pub(super) async fn wait(ask: &Ask) -> Outcome {
    let issuer = ask.issuer_with_journal().await?;
    let asked: Wait = ask.body()?;
    if asked.timeout_ms > LONGEST_WAIT {
        let reason = format!(
            "a `timeout_ms` of {} is too long: {LONGEST_WAIT} at most",
            asked.timeout_ms
        );
        return Err(Refusal::invalid(reason));
    }
    let mut found = Vec::new();
    let mut reader = issuer
        .journal()
        .reader(Some(asked.filter.since.unwrap_or(0)));
    let search = async {
        while found.len() < asked.count {
            let exchange = reader.next().await;
            if asked.filter.fits(&exchange) {
                found.push(exchange);
            }
        }
    };
    let mut stopping = ask.host.stopping.clone();
    let limit = Duration::from_millis(asked.timeout_ms);
    let came = tokio::select! {
        came = tokio::time::timeout(limit, search) => came.is_ok(),
        _ = stopping.wait_for(|stop| *stop) => {
            return Err(Refusal::new(503, "temporarily_unavailable", "the provider is stopping"));
        }
    };
    let secrets = if asked.secrets {
        Secrets::Shown
    } else {
        Secrets::Hidden
    };
    let told: Vec<Value> = found
        .iter()
        .map(|it| describe::exchange(it, secrets))
        .collect();
    if came {
        return Ok(answer(200, &json!({"exchanges": told})));
    }
    let all = issuer.journal().known();
    let latest: Vec<Value> = all
        .iter()
        .rev()
        .take(20)
        .rev()
        .map(|it| describe::line(it))
        .collect();
    let reason = format!(
        "{} of {} fitting exchanges came within {} ms; `latest` has the last that the journal holds",
        found.len(),
        asked.count,
        asked.timeout_ms
    );
    let refusal = Refusal::new(408, "timeout", reason);
    Err(refusal
        .with("exchanges", json!(told))
        .with("latest", json!(latest)))
}

pub(super) fn list_flows(ask: &Ask) -> Outcome {
    let issuer = with_journal(ask)?;
    let (filter, view) = asked(ask)?;
    // A flow is meant where one of its exchanges is.
    let flows = issuer.flows();
    let meant = flows
        .iter()
        .filter(|flow| flow.exchanges.iter().any(|it| filter.fits(it)));
    let told: Vec<Value> = meant.take(view.limit).map(describe::flow).collect();
    Ok(answer(200, &json!({"flows": told})))
}

pub(super) fn read_flow(ask: &Ask) -> Outcome {
    let (issuer, id) = (with_journal(ask)?, ask.name(1));
    let (_, view) = asked(ask)?;
    let flows = issuer.flows();
    let flow = (flows.iter().find(|flow| flow.id == id)).ok_or_else(|| {
        Refusal::missing(format!("there is no flow `{id}`; GET …/flows lists them"))
    })?;
    let mut document = describe::flow(flow);
    let whole = flow
        .exchanges
        .iter()
        .map(|it| describe::exchange(it, view.secrets));
    document["exchanges"] = Value::Array(whole.collect());
    Ok(answer(200, &document))
}

pub(super) fn verify(ask: &Ask) -> Outcome {
    let issuer = with_journal(ask)?;
    let Question { expect, filter } = ask.body()?;
    if let Expectation::Calls(calls) = &expect
        && [calls.exactly, calls.at_least, calls.at_most]
            .iter()
            .all(Option::is_none)
    {
        let reason = "`calls` says how often: give `exactly`, `at_least` or `at_most`";
        return Err(Refusal::invalid(reason));
    }
    Ok(answer(200, &issuer.verify(&expect, &filter)))
}

/// The filter of a query, and how to tell what fits.
pub(super) fn asked(ask: &Ask) -> Result<(Filter, View), Refusal> {
    const OTHERS: [&str; 2] = ["secrets", "limit"];
    let (others, filter): (Vec<_>, Vec<_>) =
        (ask.query.iter().cloned()).partition(|(name, _)| OTHERS.contains(&name.as_str()));
    let filter = Ask::parameters(&filter, &Filter::NUMBERS)?;
    let mut view = View {
        secrets: Secrets::Hidden,
        limit: usize::try_from(USUAL_LIMIT).unwrap_or(usize::MAX),
    };
    for (name, value) in others {
        let wrong = |wanted: &str| Refusal::invalid(format!("`{name}` is {wanted}, not `{value}`"));
        match (name.as_str(), value.as_str()) {
            ("secrets", "true") => view.secrets = Secrets::Shown,
            ("secrets", "false") => view.secrets = Secrets::Hidden,
            ("secrets", _) => return Err(wrong("`true` or `false`")),
            _ => view.limit = value.parse().map_err(|_| wrong("a number"))?,
        }
    }
    Ok((filter, view))
}
