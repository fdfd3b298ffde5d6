//! What an issuer shares with its replicas beside what is in the store: clock, faults, journal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::IssuerState;
use crate::store::{Common, Kept, StoreDown};

/// What replicas share, and what is known of it here.
#[derive(Debug)]
pub(super) struct Shared {
    common: Arc<dyn Common>,
    /// The version of clock and faults that this replica has.
    known: Mutex<String>,
    /// Whether the faults of the set-up are armed.
    is_set_up: AtomicBool,
}

impl Shared {
    pub(super) fn new(common: Arc<dyn Common>) -> Self {
        Self {
            common,
            known: Mutex::default(),
            is_set_up: AtomicBool::new(false),
        }
    }

    fn known(&self) -> MutexGuard<'_, String> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a store in this process does always succeeds; one elsewhere that cannot be reached is
/// logged, since callers have no way to mend it.
pub(crate) fn reached(kept: Kept<()>) {
    if let Err(down) = kept {
        tracing::error!(%down, "nothing was changed, and nothing new is known");
    }
}

impl IssuerState {
    /// Sets clock and faults to what they are now at all replicas. Does nothing where there can be
    /// none.
    pub(crate) fn catch_up(&self) -> Kept<()> {
        match &self.shared {
            None => Ok(()),
            Some(shared) => self.follow(shared),
        }
    }

    fn follow(&self, shared: &Shared) -> Kept<()> {
        loop {
            if !shared.is_set_up.load(Ordering::SeqCst) {
                self.set_up_faults(shared)?;
            }
            let before = shared.known().clone();
            let Some(news) = shared.common.news(&before)? else {
                return Ok(());
            };
            if !news.has_faults_set_up {
                // The store has forgotten everything, which is a new beginning.
                shared.is_set_up.store(false, Ordering::SeqCst);
                continue;
            }
            let mut known = shared.known();
            if *known != before {
                // Another request was faster, and may know more.
                continue;
            }
            self.settings.clock.follow(news.clock, self.first.clock);
            self.faults.follow(news.faults);
            *known = news.version;
            return Ok(());
        }
    }

    fn set_up_faults(&self, shared: &Shared) -> Kept<()> {
        let first = (self.first.faults.lock()).unwrap_or_else(PoisonError::into_inner);
        let told = (first.iter())
            .map(serde_json::to_string)
            .collect::<Result<Vec<_>, _>>();
        drop(first);
        let told = told.map_err(|error| StoreDown(error.to_string()))?;
        shared.common.set_up_faults(&told)?;
        shared.is_set_up.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// The faults of the set-up are others now.
    pub(super) fn set_up_again(&self) {
        if let Some(shared) = &self.shared {
            shared.is_set_up.store(false, Ordering::SeqCst);
        }
    }
}
