//! The clean login after a run: whether the client still lets its user in.

use oauth_gauntlet_provider::{Endpoint, JwksFault};

use super::aside::{Aside, is_outage};
use super::{Finding, outcome};
use crate::run::{Arrived, Record, Standing};
use crate::scenario::{Browser, Level, Plan, Severity};
use crate::transcript::Entry;

/// Whether a client that was given wrong keys does not ask for others in the login that follows:
/// how long it keeps a key set is its own affair.
pub(super) fn keeps_keys(plan: &Plan, recovery: &Record) -> bool {
    let mut faults = plan.all_faults();
    let mut entries = recovery.transcript.iter();
    let publishes = |jwks: &JwksFault| !jwks.before.is_empty() && jwks.reply.is_none();
    faults.any(|fault| fault.jwks.as_ref().is_some_and(publishes))
        && !entries.any(|entry| entry.endpoint == Some(Endpoint::Jwks))
}

/// Whether the user was told to have another name or address, which a client may keep: its page then
/// names nobody whom we know.
fn renames(plan: &Plan) -> bool {
    const NAMES: [&str; 4] = ["name", "given_name", "preferred_username", "email"];
    let is_name = |name: &String| NAMES.contains(&name.as_str());
    plan.all_faults().any(|fault| {
        let told = fault.userinfo.iter();
        let mut told = told.flat_map(|it| it.set.keys().chain(&it.remove));
        let signed = fault.id_token.iter();
        let mut signed = signed.flat_map(|it| it.claims.keys().chain(&it.remove));
        told.any(is_name) || signed.any(is_name)
    })
}

/// What there is to say of a client that does not let its user in any more.
pub(super) fn defect(plan: &Plan, recovery: &Record) -> Option<Finding> {
    let step = recovery.steps.first()?;
    if step.standing == Standing::SignedIn(Browser::Victim) {
        return None;
    }
    let last = recovery.probed(step);
    // Who is let in, with a page that does not say who it is, and not asked to sign in again, is
    // not locked out.
    let mut asked = recovery.during(step.window);
    let begun = asked.any(Entry::is_authorization_request);
    let shown = last.and_then(|entry| entry.answer.status());
    if step.standing == Standing::Out && shown == Some(200) && (!begun || renames(plan)) {
        return None;
    }
    let everywhere = recovery.steps.get(1).is_some_and(|elsewhere| {
        let own = Standing::SignedIn(elsewhere.browser);
        elsewhere.standing != own && elsewhere.arrival != Arrived::TimedOut
    });
    let shut_out = |when| format!("the client does not let its user in any more {when}");
    let (sentence, aside) = match step.standing {
        Standing::SignedIn(other) => {
            let whose = outcome::name_of(other);
            let sentence = format!(
                "a clean login after the attack signs the victim in to the {whose}'s account"
            );
            (sentence, None)
        }
        _ if is_outage(plan) => (shut_out("after the outage"), Some(Aside::LockedOutByOutage)),
        _ if everywhere => (
            shut_out("after the attack, in any browser"),
            Some(Aside::LockedOutEverywhere),
        ),
        _ => (shut_out("after the attack"), Some(Aside::LockedOutByAttack)),
    };
    // No specification speaks of what stays behind in a browser, or of outages. What stays behind on
    // the server was believed.
    let (level, severity) = match aside {
        None | Some(Aside::LockedOutEverywhere) => (plan.level, plan.scenario.severity),
        Some(_) => {
            let severity = plan.scenario.severity.min(Severity::Medium);
            (Level::Practice, severity)
        }
    };
    Some(Finding {
        sentence,
        expected: "a clean login straight afterwards signs the user in".to_owned(),
        observed: match &step.arrival {
            Arrived::TimedOut => "the login that followed got no answer in time".to_owned(),
            _ => format!(
                "after the login that followed, {}",
                outcome::words(step.standing)
            ),
        },
        level,
        severity,
        exchange: last.map(|entry| entry.number),
        aside,
    })
}
