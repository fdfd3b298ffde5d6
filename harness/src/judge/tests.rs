//! What a run amounts to, where it hangs on a single observation.

use std::time::Duration;

use super::*;
use crate::run::testing::{record, sign_in};
use crate::run::{FaultRecord, Signatures};
use crate::scenario::Browser;
use crate::scenario::{Source, load};
use crate::target::Stopped;

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

fn later(seconds: u64, act: Act, standing: Standing) -> StepRecord {
    let mut step = sign_in(standing);
    step.act = act;
    for window in [&mut step.window, &mut step.probe] {
        window.from += Duration::from_secs(seconds);
        window.to += Duration::from_secs(seconds);
    }
    step
}

/// The verdict on a client that sends such authorization requests, and sent the attacker's code to
/// the token endpoint, which answered so.
fn redeemed(request: &str, status: u16, standing: Standing) -> Verdict {
    let mut control = clean();
    control.authorize(request);
    let mut attack = record(vec![StepRecord {
        act: Act::Deliver,
        delivered: Some("a-code".to_owned()),
        ..sign_in(standing)
    }]);
    attack.token("grant_type=authorization_code&code=a-code", status);
    let plan = plan("callback/state-forged[invented]");
    judge(&plan, &control, (&attack, Some(&clean()))).verdict
}

#[test]
fn a_code_that_is_exchanged_and_then_not_used_was_refused() {
    let out = Standing::AsksLogin;
    assert_eq!(redeemed("state=x", 200, out), Verdict::Pass);
    assert_eq!(
        redeemed("state=x&code_challenge=y", 200, out),
        Verdict::Pass
    );
    // There was no state to compare.
    assert_eq!(redeemed("nonce=z", 400, out), Verdict::Pass);
}

#[test]
fn a_code_that_is_sent_and_stopped_by_something_else_was_not_refused() {
    let out = Standing::AsksLogin;
    // The provider turned it away, and not the client.
    assert_eq!(redeemed("state=x", 400, out), Verdict::Fail);
    // PKCE or the nonce stands behind the missing check.
    assert_eq!(
        redeemed("state=x&code_challenge=y", 400, out),
        Verdict::Warn
    );
    assert_eq!(redeemed("state=x&nonce=z", 200, out), Verdict::Warn);
    // It was used.
    let theirs = Standing::SignedIn(Browser::Attacker);
    assert_eq!(redeemed("state=x", 200, theirs), Verdict::Fail);
}

#[test]
fn over_tls_only_a_client_that_is_known_to_check_signatures_fails_by_one() {
    let plan = plan("id-token/bad-signature[unpublished-key]");
    let verdict = |signatures, standing| {
        let mut attack = attacked(vec![sign_in(standing)]);
        attack.signatures = signatures;
        judge(&plan, &clean(), (&attack, Some(&clean()))).verdict
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

#[test]
fn who_was_signed_in_before_is_kept_signed_in() {
    let plan = plan("refresh/other-user[other-sub]");
    let mut attack = attacked(vec![
        later(0, Act::SignIn, OWN),
        later(10, Act::Expire, OWN),
        later(20, Act::Visit, OWN),
    ]);
    attack.token("grant_type=refresh_token", 200);
    let judgement = judge(&plan, &clean(), (&attack, Some(&clean())));
    let sentences = judgement.findings.iter().map(|it| it.sentence.as_str());
    let sentences: Vec<&str> = sentences.collect();
    assert_eq!(
        sentences,
        [
            "the client keeps the user signed in although the provider sent this: something else than is right"
        ]
    );
}

#[test]
fn who_does_not_start_and_was_not_seen_to_fetch_the_document_proves_nothing() {
    let plan = plan("discovery/wrong-issuer[other]");
    let mut attack = attacked(Vec::new());
    attack.start = Some(Start::Stopped {
        how: Stopped::Ended,
        words: "it ended".to_owned(),
    });
    let judgement = judge(&plan, &clean(), (&attack, None));
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
}

#[test]
fn who_takes_no_logout_token_proves_nothing_by_refusing_a_wrong_one() {
    let plan = plan("logout/back-channel-forged[bad-signature]");
    let pushed = |status, standing| StepRecord {
        pushed: Some(Ok(status)),
        ..later(10, Act::PushLogout, standing)
    };
    let verdict = |taken, out| {
        let control = record(vec![sign_in(OWN), pushed(taken, out)]);
        let attack = attacked(vec![sign_in(OWN), pushed(400, OWN)]);
        judge(&plan, &control, (&attack, Some(&clean()))).verdict
    };
    assert_eq!(verdict(200, Standing::AsksLogin), Verdict::Pass);
    assert_eq!(verdict(200, OWN), Verdict::Inconclusive);
    assert_eq!(verdict(400, OWN), Verdict::Inconclusive);
    assert_eq!(verdict(400, Standing::AsksLogin), Verdict::Inconclusive);
}

#[test]
fn who_cannot_sign_out_proves_nothing_by_staying_signed_in() {
    let plan = plan("logout/forged");
    let verdict = |standing| {
        let control = record(vec![sign_in(OWN), later(10, Act::SignOut, standing)]);
        let attack = record(vec![sign_in(OWN), later(10, Act::ForgedSignOut, OWN)]);
        judge(&plan, &control, (&attack, Some(&clean()))).verdict
    };
    assert_eq!(verdict(Standing::AsksLogin), Verdict::Pass);
    assert_eq!(verdict(OWN), Verdict::Inconclusive);
}

#[test]
fn keys_that_a_client_keeps_for_a_while_lock_nobody_out() {
    let refused = || attacked(vec![sign_in(Standing::AsksLogin)]);
    let judged = |id: &str| {
        let (attack, recovery) = (refused(), record(vec![sign_in(Standing::AsksLogin)]));
        judge(&plan(id), &clean(), (&attack, Some(&recovery)))
    };
    let judgement = judged("id-token/key-for-encryption[use]");
    assert_eq!(judgement.verdict, Verdict::Pass);
    let reason = judgement
        .reason
        .expect("it says that no clean login follows");
    assert!(reason.contains("keys that it was given"), "{reason}");
    // To keep that there was no answer is another thing.
    assert_ne!(judged("discovery/unreachable[keys]").verdict, Verdict::Pass);
}
