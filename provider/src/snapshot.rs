//! What an issuer was like at some moment, and how it becomes so again.

use std::fmt;
use std::sync::{Arc, PoisonError};

use crate::clock::{ClockState, Turn};
use crate::fault::{FaultError, FaultsState};
use crate::issuer::Issuer;
use crate::jose::RingState;
use crate::parties::{Client, User};
use crate::store::{Entry, Found, GENERATION, Kept, Kind, Life, StoreDown};

/// What an issuer was like at some moment: its users, clients, clock, faults, keys, and what it had
/// handed out. From [`Issuer::snapshot`]; the journal is not part of it.
#[derive(Clone)]
pub struct Snapshot(Arc<State>);

struct State {
    clients: Vec<Arc<Client>>,
    users: Vec<User>,
    clock: ClockState,
    faults: FaultsState,
    keys: RingState,
    entries: Vec<(Kind, Vec<(String, Found)>)>,
}

/// It holds secrets, so only sizes are shown.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("clients", &self.0.clients.len())
            .field("users", &self.0.users.len())
            .finish_non_exhaustive()
    }
}

/// Why a snapshot was not taken or not restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the issuer's store did not answer")]
pub struct SnapshotError(#[from] StoreDown);

impl Issuer {
    /// Remembers users, clients, clock, faults, keys, and what was handed out.
    ///
    /// # Errors
    /// If the issuer keeps what it hands out in another process that did not answer.
    ///
    /// ```
    /// use oauth_gauntlet_provider::{MockProvider, User};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = MockProvider::builder().start().await?;
    /// let issuer = provider.issuer();
    /// let before = issuer.snapshot()?;
    /// issuer.set_users(vec![User::new("only-one")]);
    /// issuer.restore(&before)?;
    /// assert_eq!(issuer.users().len(), 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        let state = self.state();
        state.catch_up()?;
        let now = state.now();
        // The generation ends here, and counts on: a token tells so on which side of the snapshot it
        // was handed out.
        let generation = state.store.counter(GENERATION)?.to_string();
        let life = Life::from(now, state.longest_life());
        (state.store).put(Kind::Generation, &generation, Entry::Mark, life)?;
        state.store.advance_counter(GENERATION)?;
        let entries = (Kind::ALL.into_iter())
            .map(|kind| Ok((kind, state.store.list(kind, now)?)))
            .collect::<Kept<Vec<_>>>()?;
        Ok(Snapshot(Arc::new(State {
            clients: self.clients(),
            users: self.users(),
            clock: self.clock().state(),
            faults: state.faults.state(),
            keys: state.keys.state(),
            entries,
        })))
    }

    /// Makes the issuer what it was. Codes, sessions and tokens are then those of the snapshot: what
    /// was handed out since is honoured no longer, and what was used, revoked or expired since is
    /// good again.
    ///
    /// # Errors
    /// If the issuer keeps what it hands out in another process that did not answer.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let state = self.state();
        let was = &*snapshot.0;
        self.clock().turn(Turn::Restore(was.clock))?;
        let now = state.now();
        for (kind, entries) in &was.entries {
            state.store.clear(*kind)?;
            for (key, found) in entries {
                let until = found.until;
                let life = Life { now, until };
                state.store.put(*kind, key, found.entry.clone(), life)?;
                if found.used {
                    state.store.use_once(*kind, key, now)?;
                }
            }
        }
        // What was handed out since belongs to a generation that is over, and was not kept.
        state.store.advance_counter(GENERATION)?;
        self.replace_clients(was.clients.clone());
        self.set_users(was.users.clone());
        state.faults.restore(&was.faults)?;
        state.keys.restore(&was.keys);
        Ok(())
    }

    /// Makes the issuer what it was when it was created: users, clients, clock, faults and keys as
    /// they were set up, nothing handed out that is honoured still, and an empty journal. Snapshots
    /// are still good.
    ///
    /// # Errors
    /// If the issuer keeps what it hands out in another process that did not answer.
    pub fn reset(&self) -> Result<(), SnapshotError> {
        let state = self.state();
        for kind in Kind::ALL {
            state.store.clear(kind)?;
        }
        state.store.advance_counter(GENERATION)?;
        self.clock().turn(Turn::Restore(state.first.clock))?;
        self.set_clients(state.settings.clients.clone());
        self.set_users(state.settings.users.clone());
        state.faults.disarm_all()?;
        let first = state
            .first
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for fault in first.iter() {
            // It could be armed before, so it can be armed again, where replicas can be told.
            if let Err(FaultError::Store { reason }) = self.arm(fault.clone()) {
                return Err(StoreDown(reason).into());
            }
        }
        drop(first);
        state.keys.reset();
        self.journal().forget()?;
        Ok(())
    }
}
