//! Clients that were started with the faults armed: what it means that one did not start, and what
//! is left out where it did.

use super::{Finding, Judgement, Verdict};
use crate::run::Record;
use crate::scenario::{Level, Outcome, Plan};
use crate::target::Stopped;
use crate::transcript::Entry;

/// The judgement of a client that started in the control run, and not with the faults. Not to start
/// is to refuse, where the document was seen to be fetched.
pub(super) fn stopped(plan: &Plan, attack: &Record, how: Stopped, words: &str) -> Judgement {
    let unproven = |reason: String| Judgement::because(Verdict::Inconclusive, reason);
    let Some(met) = met(attack) else {
        return unproven(format!(
            "the client did not start, and was not seen to meet the fault: {words}"
        ));
    };
    let expect = plan.expectation(plan.steps.len().saturating_sub(1));
    let explains = expect.is_some_and(|expect| expect.explains);
    let found = |sentence: &str, expected: &str, observed: &str| {
        let sent: Vec<&str> = attack.faults.iter().map(|it| it.summary.as_str()).collect();
        Finding {
            sentence: format!(
                "{sentence} when the provider sent this: {}",
                sent.join("; ")
            ),
            expected: expected.to_owned(),
            observed: observed.to_owned(),
            level: plan.level,
            severity: plan.scenario.severity,
            exchange: Some(met.number),
            aside: None,
        }
    };
    let number = met.number;
    let point = attack
        .faults
        .first()
        .map_or("document", |fault| fault.point);
    match (expect.and_then(|expect| expect.outcome), how) {
        (Some(Outcome::SignedIn), _) => Judgement::of(vec![found(
            "the client did not start",
            "the client starts, and the user is signed in",
            words,
        )]),
        (Some(Outcome::Refused | Outcome::OwnOrRefused), Stopped::Ended) => {
            if explains && attack.log.trim().is_empty() {
                return Judgement::of(vec![Finding {
                    level: Level::Practice,
                    ..found(
                        "the client ended without a word",
                        "it says why it does not start",
                        &format!("{words}, and it printed nothing"),
                    )
                }]);
            }
            let asked = match met.transport {
                Some(_) => "asked for",
                None => "read",
            };
            let reason = format!(
                "the client {asked} {point} and did not start (exchange {number}): {words}"
            );
            Judgement::because(Verdict::Pass, reason)
        }
        (Some(Outcome::Refused | Outcome::OwnOrRefused), Stopped::Late)
            if explains || plan.waits_for_a_time_out() =>
        {
            Judgement::of(vec![found(
                "the client neither started nor ended",
                "it starts without what it did not get, or ends and says why",
                words,
            )])
        }
        _ => unproven(format!(
            "the client asked for {point} (exchange {number}) and did not start, which does not \
             say whether it does what is expected: {words}"
        )),
    }
}

/// What there is to know of a pass of a client that did start.
pub(super) fn without_recovery(attack: &Record) -> String {
    let first = attack
        .transcript
        .iter()
        .find(|entry| carries_a_fault(entry));
    let number = first.map(|entry| format!(" (exchange {})", entry.number));
    format!(
        "the fault was there as the client started{}, so no clean login follows: what it read then \
         it may keep until its next start",
        number.unwrap_or_default()
    )
}

/// The exchange in which the client met the faults, if it met them all.
fn met(attack: &Record) -> Option<&Entry> {
    let last = attack
        .transcript
        .iter()
        .rfind(|entry| carries_a_fault(entry));
    last.filter(|_| attack.faults.iter().all(|fault| fault.fired > 0))
}

fn carries_a_fault(entry: &Entry) -> bool {
    !entry.faults.is_empty() || entry.transport.is_some()
}
