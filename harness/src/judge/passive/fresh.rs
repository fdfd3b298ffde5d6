//! Whether every login has values of its own that tie the response to the browser.

use std::collections::BTreeMap;

use super::{Tally, authorization_requests};
use crate::run::Record;
use crate::scenario::Level;
use crate::transcript::{Entry, Party};

/// RFC 6749 §10.12, RFC 9700 §2.1.
pub(super) fn fresh_values(tally: &mut Tally<'_>, runs: &[&Record]) {
    let mut seen: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        tally.run = index;
        let own = |entry: &&Entry| matches!(entry.from, Party::Browser(_));
        // A hostile issuer passes a request on; within one step that is the same request and not a
        // second one.
        let mut here = Vec::new();
        for entry in authorization_requests(run).filter(own) {
            tally.looked_at += 1;
            let values: Vec<(&str, String)> = ["state", "code_challenge", "nonce"]
                .into_iter()
                .filter_map(|name| entry.query(name).map(|value| (name, value)))
                .collect();
            if values.is_empty() {
                tally.found(
                    Some(entry),
                    "nothing in the client's authorization request ties the response to this browser".to_owned(),
                    "a state, a code_challenge or a nonce, new for every login",
                    "none of the three".to_owned(),
                );
            }
            let step = run
                .steps
                .iter()
                .position(|step| entry.started < step.probe.to);
            let values = (step, values);
            if here.contains(&values) {
                continue;
            }
            for value in &values.1 {
                if seen.insert(value.clone(), entry.number).is_some() {
                    tally.found(
                        Some(entry),
                        format!("the client uses the same {} again", value.0),
                        "a new value for every login",
                        format!("{} was seen before", value.0),
                    );
                    // Where PKCE or a nonce ties the response to the browser, `state` may say
                    // something else (RFC 9700 §2.1).
                    if value.0 == "state"
                        && values.1.len() > 1
                        && let Some((_, finding)) = tally.findings.last_mut()
                    {
                        finding.level = Level::Practice;
                    }
                }
            }
            here.push(values);
        }
    }
}
