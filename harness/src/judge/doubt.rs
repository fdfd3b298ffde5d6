//! When a judgement is not to stand before the run was repeated: where time, or what went on
//! beside it, may have decided.

use super::{Judgement, Verdict};
use crate::run::{Arrived, Record, Standing, Start, StepRecord};
use crate::scenario::{Browser, Plan};
use crate::target::Stopped;

/// The status of a client that is asked too much (RFC 6585 §4). Others say what the provider did.
const TOO_BUSY: u16 = 429;

/// Whether a run has to be repeated, with nobody beside it, before its judgement counts.
pub fn is_doubtful(
    plan: &Plan,
    (attack, recovery): (&Record, Option<&Record>),
    judgement: &Judgement,
    beside: bool,
) -> bool {
    let waits = plan.waits_for_a_time_out();
    // A silent client is what such a scenario is about, if it was asked in time.
    let silent = |step: &StepRecord| is_silent(step) && !(waits && was_asked_in_time(attack, step));
    let afterwards = recovery.map_or(&[][..], |run| &run.steps[..]);
    let unanswered = attack.steps.iter().any(silent) || afterwards.iter().any(is_silent);
    let not_let_in = recovery.is_some_and(|run| !lets_in(run));
    let crowded = || {
        let mut runs = [Some(attack), recovery].into_iter().flatten();
        judgement.verdict == Verdict::Inconclusive || runs.any(is_crowded)
    };
    // The same program was ready in time for the control run, and others may be to blame.
    let cut_short = match attack.start {
        Some(Start::Stopped { how, .. }) => match how {
            Stopped::Ended => false,
            Stopped::Killed => true,
            Stopped::Late => !waits,
        },
        Some(Start::Ready) | None => false,
    };
    unanswered || not_let_in || cut_short || (beside && crowded())
}

/// Whether the client answered the clean login afterwards, and let nobody in. What it keeps of a user
/// may last, so that another run on the same client tells nothing.
pub fn is_locked_out(recovery: &Record) -> bool {
    let first = recovery.steps.first();
    let answered = first.is_some_and(|step| step.standing != Standing::NoAnswer);
    recovery.ended.is_none() && answered && !lets_in(recovery)
}

/// Whether the clean login afterwards signed the user in, as far as it was tried.
fn lets_in(recovery: &Record) -> bool {
    let first = recovery.steps.first();
    first.is_none_or(|step| step.standing == Standing::SignedIn(Browser::Victim))
}

/// Whether what was observed in a clean run may come from elsewhere than from what was done in it.
pub fn is_shaken(run: &Record, beside: bool) -> bool {
    run.steps.iter().any(is_silent) || (beside && is_crowded(run))
}

/// Whether a run shows that others went on beside it.
fn is_crowded(run: &Record) -> bool {
    let mut statuses = (run.transcript.iter())
        .filter(|entry| entry.is_page_of_the_app())
        .filter_map(|entry| entry.answer.status());
    run.unclear.is_some() || run.ended.is_some() || statuses.any(|status| status == TOO_BUSY)
}

fn is_silent(step: &StepRecord) -> bool {
    matches!(step.arrival, Arrived::TimedOut | Arrived::Broken)
        || step.standing == Standing::NoAnswer
}

/// Whether the provider fell silent early in a step, so that what came of it is the client's doing.
fn was_asked_in_time(run: &Record, step: &StepRecord) -> bool {
    let early = step.window.from + step.took() / 4;
    run.during(step.window)
        .any(|entry| entry.transport.is_some() && entry.started <= early)
}
