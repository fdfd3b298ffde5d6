//! Clients before an issuer whose certificate they have no reason to trust.

use oauth_gauntlet_provider::Endpoint;

use super::{Finding, Judgement, Verdict, outcome};
use crate::run::{Record, Start};
use crate::scenario::Plan;
use crate::target::Stopped;
use crate::transcript::{Entry, Party};

/// The judgement of a run in which nothing must be asked of the issuers. That a client asks nothing
/// counts where it was seen to call them, and to hang up.
pub(super) fn judgement(plan: &Plan, control: &Record, attack: &Record) -> Judgement {
    if let Some(asked) = worst(attack) {
        return Judgement::of(vec![finding(plan, asked)]);
    }
    let hung_up = match attack.mute_connections {
        None | Some(0) => {
            return Judgement::because(
                Verdict::Inconclusive,
                "the client was not seen to connect to the issuer whose certificate it cannot trust",
            );
        }
        Some(1) => "the client connected, saw the certificate and asked nothing".to_owned(),
        Some(times) => {
            format!("the client connected {times} times, saw the certificate and asked nothing")
        }
    };
    if let Some(Start::Stopped { how, words }) = &attack.start {
        let verdict = match how {
            Stopped::Ended | Stopped::Late => Verdict::Pass,
            Stopped::Killed => Verdict::Inconclusive,
        };
        return Judgement::because(verdict, format!("{hung_up}; it did not start: {words}"));
    }
    let steps = attack.steps.iter().enumerate();
    let findings = steps.filter_map(|(index, step)| {
        let expect = plan.expectation(index)?;
        Some(outcome::findings(plan, expect, (control, attack), step))
    });
    let judgement = Judgement::of(findings.flatten().collect());
    Judgement {
        reason: (judgement.verdict == Verdict::Pass).then_some(hung_up),
        ..judgement
    }
}

/// The request that gives away most, of those that the client itself made.
fn worst(attack: &Record) -> Option<&Entry> {
    let asked = attack.transcript.iter().filter(|entry| {
        entry.from == Party::App && matches!(entry.to, Party::Provider(_)) && !entry.crafted
    });
    let weight = |entry: &&Entry| match entry.endpoint {
        Some(Endpoint::Token) => 2,
        Some(Endpoint::Userinfo) => 1,
        _ => 0,
    };
    // Of several that weigh the same, the first.
    asked.rev().max_by_key(weight)
}

fn finding(plan: &Plan, asked: &Entry) -> Finding {
    let observed = format!("{} {}", asked.method, asked.url.path());
    Finding {
        sentence: "the client speaks to an issuer whose certificate nobody vouches for".to_owned(),
        expected: "the connection is closed before anything is asked".to_owned(),
        observed: match asked.endpoint {
            Some(Endpoint::Token) => format!("{observed}, with the code and the credentials"),
            Some(Endpoint::Userinfo) => format!("{observed}, with the access token"),
            _ => observed,
        },
        level: plan.level,
        severity: plan.scenario.severity,
        exchange: Some(asked.number),
        aside: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Standing;
    use crate::run::testing::{record, sign_in};
    use crate::scenario::{Browser, Source, load};

    fn judged(mute_connections: Option<u64>, asks: bool) -> Judgement {
        let plans = load(&Source::Embedded).expect("the shipped scenarios can be read");
        let plan = plans.into_iter().find(|it| it.id == "request/certificate");
        let plan = plan.expect("it is shipped");
        let control = record(vec![sign_in(Standing::SignedIn(Browser::Victim))]);
        let mut attack = record(vec![sign_in(Standing::AsksLogin)]);
        attack.mute_connections = mute_connections;
        if asks {
            attack.token("grant_type=authorization_code&code=a-code", 200);
        }
        judgement(&plan, &control, &attack)
    }

    #[test]
    fn to_ask_nothing_counts_where_the_client_called() {
        assert_eq!(judged(Some(1), false).verdict, Verdict::Pass);
        assert_eq!(judged(Some(0), false).verdict, Verdict::Inconclusive);
        assert_eq!(judged(None, false).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn who_sends_a_code_to_a_stranger_fails_though_it_hung_up_before() {
        let judgement = judged(Some(1), true);
        assert_eq!(judgement.verdict, Verdict::Fail);
        let observed = &judgement.findings[0].observed;
        assert!(
            observed.ends_with("with the code and the credentials"),
            "{observed}"
        );
    }
}
