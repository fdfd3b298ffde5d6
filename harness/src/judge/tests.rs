//! What a run amounts to, where it hangs on a single observation.

use super::*;
use crate::run::testing::{record, sign_in};
use crate::run::{FaultRecord, Signatures};
use crate::scenario::{Source, load};

const OWN: Standing = Standing::SignedIn(Browser::Victim);

fn plan(id: &str) -> Plan {
    let plans = load(&Source::Embedded).expect("the shipped scenarios can be read");
    let plan = plans.into_iter().find(|plan| plan.id == id);
    plan.unwrap_or_else(|| panic!("there is no {id}"))
}

fn clean() -> Record {
    record(vec![sign_in(OWN)])
}

/// A run in which one fault fired.
fn attacked(steps: Vec<StepRecord>) -> Record {
    let mut attack = record(steps);
    attack.faults.push(FaultRecord {
        summary: "something else than is right".to_owned(),
        point: "the token endpoint",
        fired: 1,
    });
    attack
}

#[test]
fn over_tls_only_a_client_that_is_known_to_check_signatures_fails_by_one() {
    let plan = plan("id-token/bad-signature[unpublished-key]");
    let verdict = |signatures, standing| {
        let mut attack = attacked(vec![sign_in(standing)]);
        attack.signatures = signatures;
        judge(&plan, &clean(), &attack, &clean()).verdict
    };
    assert_eq!(verdict(None, OWN), Verdict::Fail);
    assert_eq!(verdict(Some(Signatures::Checked), OWN), Verdict::Fail);
    assert_eq!(verdict(Some(Signatures::Unchecked), OWN), Verdict::Info);
    assert_eq!(
        verdict(Some(Signatures::Unknown), OWN),
        Verdict::Inconclusive
    );
    let refused = verdict(Some(Signatures::Unknown), Standing::AsksLogin);
    assert_eq!(refused, Verdict::Pass);
}
