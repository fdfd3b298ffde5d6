//! Who uses a client together with whom: runs beside each other on one client, told apart by a
//! key; runs that have it to themselves for a while; runs that get one of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oauth_gauntlet_provider::{Issuer, MockProvider};
use tokio::sync::{Mutex, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::instance::{Instance, InstanceError, Spec};
use super::pool::Pool;
use super::{Reach, Restart};
use crate::scenario::{Settings, Touches};

/// How a run uses a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// One of its own, freshly started.
    Own,
    /// One that other runs use at the same time.
    Beside,
    /// One that other runs use before and after it.
    Alone,
}

/// The client that runs share.
#[derive(Debug, Default)]
pub(super) struct Seats {
    client: Mutex<Option<Arc<Instance>>>,
    /// It did not answer, so the next run gets another one.
    stale: AtomicBool,
    gate: Arc<RwLock<()>>,
}

/// A run's place on a shared client. Its accounts, its key and its faults end with it.
#[derive(Debug)]
pub(super) struct Seat {
    manner: Manner,
    key: Option<String>,
    provider: Arc<MockProvider>,
    issuers: [Issuer; 2],
    accounts: Vec<String>,
    _gate: Gate,
}

#[derive(Debug)]
enum Gate {
    Beside { _guard: OwnedRwLockReadGuard<()> },
    Alone { _guard: OwnedRwLockWriteGuard<()> },
}

impl Drop for Seat {
    fn drop(&mut self) {
        for issuer in &self.issuers {
            if self.key.is_none() {
                issuer.disarm_all();
            }
            for sub in &self.accounts {
                issuer.remove_user(sub);
            }
        }
        if let Some(key) = &self.key {
            self.provider.end_test(key);
        }
    }
}

impl Pool {
    /// How a run uses a client; none, where it would need a fresh one and there is no such thing.
    pub fn manner(&self, spec: &Spec) -> Option<Manner> {
        if self.cannot_lead_a_browser(spec).is_some() {
            return None;
        }
        let restarts = match &self.target.reach {
            Reach::Builtin(_) => return Some(Manner::Own),
            // Files that name an issuer are there once, so there is one client at a time.
            Reach::Command { start, .. }
                if !start.files.is_empty() && start.restart != Restart::Never =>
            {
                return Some(Manner::Own);
            }
            Reach::Command { start, .. } => match start.restart {
                Restart::PerScenario => return Some(Manner::Own),
                Restart::PerRun => true,
                Restart::Never => false,
            },
            Reach::Attached(_) => false,
        };
        let fresh = restarts.then_some(Manner::Own);
        if spec.settings != Settings::default() {
            return fresh;
        }
        match spec.touches {
            Touches::Documents => fresh,
            // A client with few workers could serve nobody else while it waits.
            _ if spec.short_time_out && restarts => fresh,
            Touches::Keys => fresh.or(Some(Manner::Alone)),
            Touches::Others => Some(Manner::Alone),
            Touches::Nothing => Some(Manner::Beside),
        }
    }

    /// Why a plan cannot run on this target, if so.
    pub fn refuses(&self, spec: &Spec) -> Option<&'static str> {
        let reason = self.cannot_lead_a_browser(spec);
        let reason = reason.unwrap_or("needs a restart of the client");
        self.manner(spec).is_none().then_some(reason)
    }

    fn cannot_lead_a_browser(&self, spec: &Spec) -> Option<&'static str> {
        self.target.browser.as_ref()?;
        if spec.settings.proxy {
            Some("needs a proxy, which no real browser is led through")
        } else if spec.settings.untrusted_certificate {
            Some("needs issuers that no real browser would open")
        } else {
            None
        }
    }

    /// An instance for one run.
    ///
    /// # Errors
    /// Where the client does not start.
    pub async fn acquire(&self, spec: &Spec) -> Result<Instance, InstanceError> {
        let manner = self.manner(spec).unwrap_or(Manner::Own);
        self.acquire_as(spec, manner).await
    }

    /// An instance for one run that uses its client in this manner.
    ///
    /// # Errors
    /// Where the client does not start.
    pub async fn acquire_as(&self, spec: &Spec, manner: Manner) -> Result<Instance, InstanceError> {
        let gate = Arc::clone(&self.seats.gate);
        let gate = match manner {
            Manner::Own => return self.start_own(spec).await,
            Manner::Beside => Gate::Beside {
                _guard: gate.read_owned().await,
            },
            Manner::Alone => Gate::Alone {
                _guard: gate.write_owned().await,
            },
        };
        let client = self.shared_client().await?;
        let mut instance = client.for_another();
        if manner == Manner::Beside {
            while self.reached.provider.begin_test(&instance.mark).is_err() {
                instance.name_accounts();
            }
            instance.key = Some(instance.mark.clone());
        }
        let users = instance.users();
        let accounts = users.iter().map(|user| user.sub.clone()).collect();
        let issuers = [instance.honest.clone(), instance.attacker.clone()];
        for issuer in &issuers {
            for user in &users {
                issuer.add_user(user.clone());
            }
        }
        instance.seat = Some(Seat {
            manner,
            key: instance.key.clone(),
            provider: Arc::clone(&self.reached.provider),
            issuers,
            accounts,
            _gate: gate,
        });
        Ok(instance)
    }

    /// Takes an instance back. A client that a run had to itself and that did not answer is let go,
    /// where another one can be started.
    pub fn release(&self, instance: Instance, answered: bool) {
        let alone = (instance.seat.as_ref()).is_some_and(|seat| seat.manner == Manner::Alone);
        if alone && !answered {
            self.let_go();
        }
        drop(instance);
    }

    /// Has the next run that shares a client get another one, where one can be started.
    pub fn let_go(&self) {
        if self.restarts() {
            self.seats.stale.store(true, Ordering::SeqCst);
        }
    }

    /// Whether a client can be started anew.
    pub fn restarts(&self) -> bool {
        match &self.target.reach {
            Reach::Builtin(_) => true,
            Reach::Command { start, .. } => start.restart != Restart::Never,
            Reach::Attached(_) => false,
        }
    }

    /// The client that runs share; a new one, where the last one has ended.
    async fn shared_client(&self) -> Result<Arc<Instance>, InstanceError> {
        let mut shared = self.seats.client.lock().await;
        let stale = self.seats.stale.swap(false, Ordering::SeqCst);
        if let Some(client) = shared.as_ref().filter(|_| !stale) {
            match client.ended() {
                None => return Ok(Arc::clone(client)),
                Some(how) if !self.restarts() => {
                    let reason = format!(
                        "the client's program ended ({how}) during this or an earlier scenario, \
                         and the harness may not start it again"
                    );
                    return Err(InstanceError {
                        output: client.log.last_lines(8),
                        ..InstanceError::new(reason)
                    });
                }
                Some(_) => {}
            }
        }
        let client = Arc::new(self.start_own(&Spec::default()).await?);
        *shared = Some(Arc::clone(&client));
        Ok(client)
    }
}
