//! A plan on a client: its faults meet one that runs or, where they are in what a client reads as it
//! starts and never again, one that is about to.

use std::collections::BTreeSet;

use super::play::{Early, RunError, arm_early, play, play_started, start_that_failed};
use super::{Record, Start};
use crate::scenario::{Plan, Role, document};
use crate::target::{Instance, InstanceError, Manner, Pool, Reach, Spec};
use crate::transcript::Party;

/// What was played.
pub(super) struct Played {
    pub(super) instance: Instance,
    pub(super) attack: Record,
    /// None, where what is wrong was there as the client started: it keeps what it read until it is
    /// started again, and a start without that is what the control is.
    pub(super) recovery: Option<Record>,
}

/// Why nothing was played.
pub(super) enum NotPlayed {
    Instance(InstanceError),
    Run(RunError),
}

impl From<InstanceError> for NotPlayed {
    fn from(error: InstanceError) -> Self {
        Self::Instance(error)
    }
}

impl From<RunError> for NotPlayed {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

/// Plays a plan on a client that is used in this manner.
pub(super) async fn played(
    pool: &Pool,
    plan: &Plan,
    manner: Manner,
    control: &Record,
) -> Result<Played, NotPlayed> {
    let (target, spec) = (pool.target(), Spec::of(plan));
    let mut early = read_at_start_alone(plan, control);
    let is_program = matches!(target.reach, Reach::Command { .. });
    let is_started = manner == Manner::Own && is_program;
    let distrusts = plan.settings.untrusted_certificate;
    if distrusts && !is_program {
        let instance = pool.acquire_as(&spec, manner).await?;
        let attack = Box::pin(play_started(target, &instance, plan, Early::default())).await?;
        return Ok(Played {
            instance,
            attack,
            recovery: None,
        });
    }
    if (early.is_empty() && !distrusts) || !is_started {
        let instance = pool.acquire_as(&spec, manner).await?;
        let (attack, recovery) = Box::pin(play(target, &instance, plan)).await?;
        // Some read it at their start, and go on meanwhile: when that is done depends on moments.
        let missed = attack.faults.iter().any(|fault| fault.fired == 0);
        if missed && is_started {
            early = read_at_start_alone(plan, &attack);
        }
        if early.is_empty() || !is_started {
            return Ok(Played {
                instance,
                attack,
                recovery: Some(recovery),
            });
        }
    }
    let draft = pool.draft_program(&spec).await?;
    let early = arm_early(target, &draft.instance, plan, &early)?;
    let (instance, started) = pool.start_program(draft, &spec).await;
    let attack = match started {
        Ok(()) => Box::pin(play_started(target, &instance, plan, early)).await?,
        Err(error) => {
            let Some(how) = error.stopped else {
                return Err(error.into());
            };
            let start = Start::Stopped {
                how,
                words: error.reason,
            };
            start_that_failed(target, &instance, plan, early, start).await
        }
    };
    Ok(Played {
        instance,
        attack,
        recovery: None,
    })
}

/// The faults of a plan, by their places, in documents that the control run shows the client to
/// read before anybody's login and not during one.
fn read_at_start_alone(plan: &Plan, control: &Record) -> BTreeSet<usize> {
    let Some(first) = control.steps.first() else {
        return BTreeSet::new();
    };
    let places = plan.faults.iter().enumerate().filter(|(_, fault)| {
        let document = document(fault);
        let role = Role::named(fault.when.issuer.as_deref());
        let mut asked = (control.transcript.iter())
            .filter(|entry| document.is_some() && entry.endpoint == document)
            .filter(|entry| entry.from == Party::App && entry.to == Party::Provider(role))
            .map(|entry| entry.started < first.window.from)
            .peekable();
        asked.peek().is_some() && asked.all(|early| early)
    });
    places.map(|(place, _)| place).collect()
}
