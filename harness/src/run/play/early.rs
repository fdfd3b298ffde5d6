//! Faults that are there before the client is: it meets them as it starts.

use std::collections::{BTreeMap, BTreeSet};

use super::{Armed, RunError, Stage};
use crate::run::{Record, Start};
use crate::scenario::Plan;
use crate::target::{Instance, Target};

/// Faults that are armed already, each by its place among the faults of its plan.
#[derive(Default)]
pub(in crate::run) struct Early(BTreeMap<usize, Armed>);

impl Early {
    pub(super) fn take(&mut self, place: usize) -> Option<Armed> {
        self.0.remove(&place)
    }
}

/// Arms faults of a plan, named by their places, for a client that is about to be started.
///
/// # Errors
/// Where one cannot be armed.
pub(in crate::run) fn arm_early(
    target: &Target,
    instance: &Instance,
    plan: &Plan,
    places: &BTreeSet<usize>,
) -> Result<Early, RunError> {
    let stage = Stage::new(target, instance, &plan.settings);
    let faults = plan.faults.iter().enumerate();
    let armed = faults
        .filter(|(place, _)| places.contains(place))
        .map(|(place, fault)| Ok((place, stage.arm(fault)?)))
        .collect::<Result<_, RunError>>()?;
    Ok(Early(armed))
}

/// Plays the steps of a plan on a client that met faults as it started.
///
/// # Errors
/// Where the scenario cannot be played as it is written.
pub(in crate::run) async fn play_started(
    target: &Target,
    instance: &Instance,
    plan: &Plan,
    early: Early,
) -> Result<Record, RunError> {
    let mut stage = Stage::new(target, instance, &plan.settings);
    let mut record = stage.attack(plan, early).await?;
    record.start = Some(Start::Ready);
    Ok(record)
}

/// What is on record of a start after which there is no client.
pub(in crate::run) async fn start_that_failed(
    target: &Target,
    instance: &Instance,
    plan: &Plan,
    early: Early,
    start: Start,
) -> Record {
    let mut stage = Stage::new(target, instance, &plan.settings);
    stage.disarm(early.0.into_values().collect());
    let mut record = stage.record().await;
    record.start = Some(start);
    record
}
