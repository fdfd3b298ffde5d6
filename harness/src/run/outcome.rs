//! What came of playing a plan.

use std::sync::Arc;
use std::time::Duration;

use super::Record;
use super::order::Kept;
use super::play::RunError;
use super::played::NotPlayed;
use crate::judge::{Aside, Judgement, Verdict};
use crate::scenario::{Level, Plan};
use crate::target::InstanceError;

/// What became of one scenario.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The plan that was run.
    pub plan: Arc<Plan>,
    /// The judgement.
    pub judgement: Judgement,
    /// How long it took.
    pub took: Duration,
    /// The record of the run that the judgement rests on.
    pub record: Option<Arc<Record>>,
    /// The last lines of the client's output, where it ended or did not start.
    pub output: Vec<String>,
}

impl Outcome {
    pub(super) fn of(plan: &Arc<Plan>, judgement: Judgement) -> Self {
        Self {
            plan: Arc::clone(plan),
            judgement,
            took: Duration::ZERO,
            record: None,
            output: Vec::new(),
        }
    }

    /// What reports tell of the ground of its findings.
    pub fn about(&self) -> About<'_> {
        let scenario = &self.plan.scenario;
        let of_scenario = About {
            level: self.plan.level,
            spec: &scenario.spec,
            cwe: &scenario.cwe,
            why: &scenario.why,
            fix: &scenario.fix,
        };
        match self.judgement.aside() {
            None => of_scenario,
            // What the scenario asks for was not done; only that is seen in another way.
            Some(aside @ Aside::LockedOutEverywhere) => About {
                why: aside.why(),
                fix: aside.fix(),
                ..of_scenario
            },
            Some(aside) => About {
                level: Level::Practice,
                spec: &[],
                cwe: &[],
                why: aside.why(),
                fix: aside.fix(),
            },
        }
    }
}

/// What findings rest on, why they matter, and how to mend them.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// How binding the requirement is.
    pub level: Level,
    /// Specifications and sections.
    pub spec: &'a [String],
    /// Weakness numbers of the Common Weakness Enumeration.
    pub cwe: &'a [u32],
    /// Who could do what to whom.
    pub why: &'a str,
    /// How to mend it.
    pub fix: &'a str,
}

/// What came of playing a plan once.
pub(super) struct Run {
    pub(super) outcome: Outcome,
    /// It has to be run again before its outcome counts.
    pub(super) is_doubtful: bool,
    /// The clean login afterwards did not sign the user in, and the next may not either.
    pub(super) locked_out: bool,
    pub(super) kept: Vec<Kept>,
}

impl Run {
    pub(super) fn certain(outcome: Outcome) -> Self {
        Self {
            outcome,
            is_doubtful: false,
            locked_out: false,
            kept: Vec::new(),
        }
    }

    pub(super) fn because(plan: &Arc<Plan>, verdict: Verdict, reason: impl Into<String>) -> Self {
        Self::certain(Outcome::of(plan, Judgement::because(verdict, reason)))
    }
}

/// How many lines of its output a client is shown with that ended, did not start, or signed nobody
/// in.
pub(super) const LAST_WORDS: usize = 8;

impl NotPlayed {
    /// Why nothing is proven of the plan.
    pub(super) fn of(self, plan: &Arc<Plan>) -> Run {
        match self {
            Self::Instance(error) => Run::certain(not_started(plan, &error)),
            Self::Run(error) => {
                let verdict = match error {
                    RunError::Fault(_) => Verdict::Error,
                    RunError::Missing { .. }
                    | RunError::Unsaid(_)
                    | RunError::Page(_)
                    | RunError::Browser(_)
                    | RunError::Ended { .. } => Verdict::Inconclusive,
                };
                let mut run = Run::because(plan, verdict, error.to_string());
                // A client that another scenario has broken provides nothing either.
                run.is_doubtful = matches!(error, RunError::Missing { .. } | RunError::Page(_));
                if let RunError::Ended { output, .. } = error {
                    run.outcome.output = output;
                }
                run
            }
        }
    }
}

/// A client that did not start proves nothing.
fn not_started(plan: &Arc<Plan>, error: &InstanceError) -> Outcome {
    let mut outcome = Outcome::of(
        plan,
        Judgement::because(Verdict::Inconclusive, error.reason.clone()),
    );
    outcome.output.clone_from(&error.output);
    outcome
}
