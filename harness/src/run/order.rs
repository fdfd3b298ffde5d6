//! Which runs have to wait for which, and what is kept of them until all have ended.

use std::sync::Arc;

use tokio::sync::watch;

use super::Record;
use crate::target::{Instance, LogBuffer, Manner};

/// Runs that have to end before others begin.
#[derive(Debug)]
pub(super) struct Phase(watch::Sender<usize>);

impl Default for Phase {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

/// A run that has yet to end; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Yet(watch::Sender<usize>);

impl Drop for Yet {
    fn drop(&mut self) {
        self.0.send_modify(|left| *left -= 1);
    }
}

impl Phase {
    /// One more run has yet to end.
    pub(super) fn enter(&self) -> Yet {
        self.0.send_modify(|left| *left += 1);
        Yet(self.0.clone())
    }

    /// Waits until none is left.
    pub(super) async fn is_over(&self) {
        // The sender is here, so the wait ends with the last run and never with an error.
        let _ = self.0.subscribe().wait_for(|left| *left == 0).await;
    }
}

/// How a run uses the client, and what waits for its end.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) manner: Manner,
    /// It leaves this one once it has been played beside others.
    pub(super) phase: Option<Yet>,
    /// It leaves this one when it is judged; none for those that come last.
    pub(super) all: Option<Yet>,
}

/// A record, with what it needs to be completed.
#[derive(Debug)]
pub(super) struct Kept {
    /// What it is a record of: a plan's id or a control's steps, and which part.
    pub(super) of: (String, u8),
    pub(super) record: Arc<Record>,
    log: LogBuffer,
    log_from: usize,
    log_to: usize,
}

/// How much of what a client prints after a run is looked through for secrets of the run, in
/// bytes. Some programs print late.
const PRINTED_LATE: usize = 16 * 1024;

impl Kept {
    pub(super) fn of(whose: &str, part: u8, record: Arc<Record>, instance: &Instance) -> Self {
        Self {
            of: (whose.to_owned(), part),
            record,
            log: instance.log.clone(),
            log_from: instance.log_from,
            log_to: instance.log.written() + PRINTED_LATE,
        }
    }

    /// The record with what the client printed until now.
    pub(super) fn settled(self) -> Arc<Record> {
        let Self {
            mut record,
            log,
            log_from,
            log_to,
            ..
        } = self;
        let printed = log.between(log_from, log_to);
        if printed.len() > record.log.len() {
            Arc::make_mut(&mut record).log = printed;
        }
        record
    }
}
