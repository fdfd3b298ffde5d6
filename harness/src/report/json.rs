//! The report for programs.

use serde_json::{Value, json};

use super::{Exit, Tally};
use crate::run::Outcome;
use crate::transcript::{Redactor, render_entry};

/// The report: the target, a `results` list, and the sums. Times stand apart, so that two reports
/// can be compared without them.
pub fn json(target: &str, outcomes: &[Outcome], exit: Exit) -> Value {
    let results: Vec<Value> = outcomes.iter().map(result).collect();
    let seconds: serde_json::Map<String, Value> = outcomes
        .iter()
        .map(|outcome| (outcome.plan.id.clone(), json!(outcome.took.as_secs_f64())))
        .collect();
    json!({
        "gauntlet": env!("CARGO_PKG_VERSION"),
        "target": target,
        "exit": exit as u8,
        "summary": Tally::of(outcomes),
        "results": results,
        "seconds": seconds,
    })
}

fn result(outcome: &Outcome) -> Value {
    let plan = &outcome.plan;
    let judgement = &outcome.judgement;
    let redactor = outcome
        .record
        .as_deref()
        .map(Redactor::of)
        .unwrap_or_default();
    let findings: Vec<Value> = judgement
        .findings
        .iter()
        .map(|finding| {
            json!({
                "sentence": redactor.text(&finding.sentence),
                "expected": finding.expected,
                "observed": redactor.text(&finding.observed),
                "level": finding.level,
                "severity": finding.severity,
                "exchange": finding.exchange,
            })
        })
        .collect();
    let transcript: Vec<Value> = outcome
        .record
        .iter()
        .flat_map(|record| &record.transcript)
        .map(|entry| {
            json!({
                "number": entry.number,
                "from": entry.from,
                "to": entry.to,
                "method": entry.method,
                "url": redactor.text(entry.url.as_str()),
                "status": entry.answer.status(),
                "faults": entry.faults.iter().map(|fault| redactor.text(fault)).collect::<Vec<_>>(),
                "text": render_entry(entry, &redactor),
            })
        })
        .collect();
    json!({
        "id": plan.id,
        "title": plan.title,
        "verdict": judgement.verdict.word().to_lowercase(),
        "level": plan.level,
        "severity": plan.scenario.severity,
        "spec": plan.scenario.spec,
        "cwe": plan.scenario.cwe,
        "alias": plan.scenario.alias,
        "reason": judgement.reason.as_deref().map(|reason| redactor.text(reason)),
        "findings": findings,
        "transcript": transcript,
    })
}
