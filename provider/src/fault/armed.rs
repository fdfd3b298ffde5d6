//! Faults that are armed: which of them concern a response, and which have fired.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::tamper::Draft;
use super::{Fault, FaultError, Point, When};
use crate::jose::KeyRing;
use crate::journal::Notes;
use crate::store::{Common, Counts, Dealings, Kept, SharedFault, StoreDown};

/// A fault that an issuer was armed with. Clones stand for the same one.
#[derive(Debug, Clone)]
pub struct ArmedFault(Arc<Armed>);

#[derive(Debug)]
struct Armed {
    id: u64,
    fault: Fault,
    point: Point,
    summary: String,
    /// How many requests matched so far.
    seen: AtomicU32,
    fired: AtomicU64,
    disarmed: AtomicBool,
    /// Where replicas count together; what is counted here is then the last that is known of it.
    common: Option<Arc<dyn Common>>,
}

impl ArmedFault {
    /// Its number within the issuer, from 1.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// How many responses it has changed.
    pub fn fired(&self) -> u64 {
        self.counts().fired
    }

    /// How many responses it concerned: those at its point for which its conditions hold, counted
    /// before `nth` and `times`.
    pub fn matched(&self) -> u32 {
        self.counts().matched
    }

    /// Both, at all replicas. Where they cannot be asked, what is known of it here.
    pub(crate) fn counts(&self) -> Counts {
        let told = self.0.common.as_ref().map(|it| it.counts(self.0.id));
        match told {
            Some(Ok(Some(counts))) => self.0.set_counts(counts),
            Some(Err(down)) => tracing::error!(%down, "nothing new is known of a fault"),
            Some(Ok(None)) | None => {}
        }
        Counts {
            matched: self.0.seen.load(Ordering::SeqCst),
            fired: self.0.fired.load(Ordering::SeqCst),
        }
    }

    /// What was armed.
    pub fn fault(&self) -> &Fault {
        &self.0.fault
    }

    /// Ends it: responses from now on are not changed by it.
    pub fn disarm(&self) {
        if let Err(down) = self.end() {
            tracing::error!(%down, "a fault was not disarmed");
        }
    }

    /// The same, and whether it was done.
    pub(crate) fn end(&self) -> Kept<()> {
        if let Some(common) = &self.0.common
            && let Some(counts) = common.disarm(self.0.id)?
        {
            self.0.set_counts(counts);
        }
        self.0.disarmed.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// What it does, in human words.
    pub fn summary(&self) -> &str {
        &self.0.summary
    }
}

/// A fault that changed a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiredFault {
    /// The number of the armed fault.
    pub id: u64,
    /// What it does, in human words, such as `id-token: aud = "another-client"`.
    pub summary: String,
}

/// The circumstances of a response, as far as they are known when a draft is tampered with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) issuer_name: &'a str,
    pub(crate) issuer_url: &'a str,
    /// The URL of the endpoint, without a query.
    pub(crate) url: &'a str,
    pub(crate) redirect_uri: Option<&'a str>,
    /// The issuer's time.
    pub(crate) now: u64,
    /// The issuer's keys.
    pub(crate) keys: &'a KeyRing,
    /// Who is concerned; and where fired faults are noted.
    pub(crate) notes: &'a RefCell<Notes>,
    /// Where it is noted that replicas could not be asked, if somebody is waiting for the response.
    pub(crate) dealings: Option<&'a Dealings>,
}

/// The faults of one issuer, in the order in which they were armed.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: RwLock<Vec<Arc<Armed>>>,
    /// Whether there may be any, so that honest issuers need not look.
    any: AtomicBool,
    last_id: AtomicU64,
    /// Where replicas keep their faults; what is here is then as it was last heard.
    common: Option<Arc<dyn Common>>,
}

/// What an issuer was armed with at some moment.
#[derive(Debug, Clone)]
pub(crate) struct FaultsState(Vec<(Arc<Armed>, Counts)>);

impl Faults {
    pub(crate) fn of(common: Option<Arc<dyn Common>>) -> Self {
        Self {
            common,
            ..Self::default()
        }
    }

    pub(crate) fn arm(&self, fault: Fault) -> Result<ArmedFault, FaultError> {
        let mut armed = Armed::new(fault)?;
        armed.id = match &self.common {
            None => self.last_id.fetch_add(1, Ordering::SeqCst) + 1,
            Some(common) => {
                let id = armed.told().and_then(|told| common.arm(&told.fault));
                id.map_err(|StoreDown(reason)| FaultError::Store { reason })?
            }
        };
        armed.common.clone_from(&self.common);
        let armed = Arc::new(armed);
        let mut all = self.armed.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|fault| fault.id != armed.id && !fault.disarmed.load(Ordering::SeqCst));
        all.push(Arc::clone(&armed));
        self.any.store(true, Ordering::SeqCst);
        Ok(ArmedFault(armed))
    }

    /// Those that were not disarmed.
    pub(crate) fn list(&self) -> Vec<ArmedFault> {
        let all = self.armed.read().unwrap_or_else(PoisonError::into_inner);
        (all.iter())
            .filter(|fault| !fault.disarmed.load(Ordering::SeqCst))
            .map(|fault| ArmedFault(Arc::clone(fault)))
            .collect()
    }

    /// Which faults are armed now, and how often each was due and fired.
    pub(crate) fn state(&self) -> FaultsState {
        let counted = |fault: ArmedFault| (Arc::clone(&fault.0), fault.counts());
        FaultsState(self.list().into_iter().map(counted).collect())
    }

    /// Arms what was armed then, with the counts of then, and nothing else.
    pub(crate) fn restore(&self, state: &FaultsState) -> Kept<()> {
        if let Some(common) = &self.common {
            let told = |(fault, counts): &(Arc<Armed>, Counts)| Ok((fault.told()?, *counts));
            let faults = state.0.iter().map(told).collect::<Kept<Vec<_>>>()?;
            common.replace_faults(&faults)?;
        }
        let mut all = self.armed.write().unwrap_or_else(PoisonError::into_inner);
        for fault in all.drain(..) {
            fault.disarmed.store(true, Ordering::SeqCst);
        }
        for (fault, counts) in &state.0 {
            fault.set_counts(*counts);
            fault.disarmed.store(false, Ordering::SeqCst);
            all.push(Arc::clone(fault));
        }
        self.any.store(!all.is_empty(), Ordering::SeqCst);
        Ok(())
    }

    pub(crate) fn disarm_all(&self) -> Kept<()> {
        self.restore(&FaultsState(Vec::new()))
    }

    /// Arms those of the replicas, and nothing else.
    pub(crate) fn follow(&self, faults: Vec<SharedFault>) {
        let mut all = self.armed.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *all);
        for SharedFault { id, fault } in faults {
            let Some(mut armed) = serde_json::from_str(&fault)
                .ok()
                .and_then(|fault| Armed::new(fault).ok())
            else {
                tracing::error!(
                    id,
                    "another version of the provider armed what is unknown here"
                );
                continue;
            };
            armed.id = id;
            armed.common.clone_from(&self.common);
            let same = |known: &&Arc<Armed>| known.id == id && known.fault == armed.fault;
            let known = before.iter().find(same).cloned();
            all.push(known.unwrap_or_else(|| Arc::new(armed)));
        }
        for fault in &before {
            let is_armed = all.iter().any(|it| Arc::ptr_eq(it, fault));
            fault.disarmed.store(!is_armed, Ordering::SeqCst);
        }
        self.any.store(!all.is_empty(), Ordering::SeqCst);
    }

    /// Whether nothing is armed, so that every draft leaves as it is.
    pub(crate) fn is_idle(&self) -> bool {
        !self.any.load(Ordering::SeqCst)
    }

    /// The draft as it leaves, with every fault applied that concerns it. The one door between
    /// honest artefacts and misbehaviour.
    pub(crate) fn tamper<D: Draft>(&self, moment: &Moment<'_>, draft: D) -> D {
        let all = self.armed.read().unwrap_or_else(PoisonError::into_inner);
        if self.common.is_some() {
            // Replicas may have to be waited for, which must not keep others waiting.
            let own = all.clone();
            drop(all);
            return tampered(&own, moment, draft);
        }
        tampered(&all, moment, draft)
    }
}

fn tampered<D: Draft>(all: &[Arc<Armed>], moment: &Moment<'_>, mut draft: D) -> D {
    for armed in all {
        let point_is_here = armed.point == draft.point() && draft.concerns(&armed.fault);
        if point_is_here && armed.is_due(moment) {
            let honest = draft.clone();
            draft.apply(&armed.fault, moment);
            if draft == honest {
                // What changes nothing has not fired: nobody could have noticed it.
                continue;
            }
            armed.count_fired(moment);
            moment.notes.borrow_mut().faults.push(FiredFault {
                id: armed.id,
                summary: armed.summary.clone(),
            });
        }
    }
    draft
}

impl Armed {
    /// A fault that makes sense, without a number.
    fn new(fault: Fault) -> Result<Self, FaultError> {
        let summary = fault.summary();
        let (fault, point) = fault.checked()?;
        Ok(Self {
            id: 0,
            fault,
            point,
            summary,
            seen: AtomicU32::new(0),
            fired: AtomicU64::new(0),
            disarmed: AtomicBool::new(false),
            common: None,
        })
    }

    fn told(&self) -> Kept<SharedFault> {
        let fault = serde_json::to_string(&self.fault);
        let unwritable = |error: serde_json::Error| StoreDown(error.to_string());
        Ok(SharedFault {
            id: self.id,
            fault: fault.map_err(unwritable)?,
        })
    }

    fn set_counts(&self, counts: Counts) {
        self.seen.store(counts.matched, Ordering::SeqCst);
        self.fired.store(counts.fired, Ordering::SeqCst);
    }

    /// Whether the fault applies now; counts the request if its other conditions hold.
    fn is_due(&self, moment: &Moment<'_>) -> bool {
        if self.disarmed.load(Ordering::SeqCst) || !matches(&self.fault.when, moment) {
            return false;
        }
        let count = match &self.common {
            None => self.seen.fetch_add(1, Ordering::SeqCst).saturating_add(1),
            Some(common) => match moment.reached(common.count_match(self.id)).flatten() {
                Some(count) => count,
                None => return false,
            },
        };
        let When { nth, times, .. } = &self.fault.when;
        nth.is_none_or(|nth| count == nth) && times.is_none_or(|times| count <= times)
    }

    fn count_fired(&self, moment: &Moment<'_>) {
        self.fired.fetch_add(1, Ordering::SeqCst);
        if let Some(common) = &self.common {
            moment.reached(common.count_fired(self.id));
        }
    }
}

impl Moment<'_> {
    /// What the replicas' store gave, if it could be reached.
    fn reached<T>(&self, kept: Kept<T>) -> Option<T> {
        match self.dealings {
            Some(dealings) => dealings.reached(kept),
            None => (kept.inspect_err(|down| tracing::error!(%down, "a fault was left out"))).ok(),
        }
    }
}

fn matches(when: &When, moment: &Moment<'_>) -> bool {
    fn holds(wanted: Option<&String>, actual: Option<&String>) -> bool {
        wanted.is_none_or(|wanted| actual == Some(wanted))
    }
    let notes = moment.notes.borrow();
    (when.issuer.as_ref()).is_none_or(|name| name == moment.issuer_name)
        && holds(when.client.as_ref(), notes.client_id.as_ref())
        && holds(when.user.as_ref(), notes.user.as_ref())
        && holds(when.grant.as_ref(), notes.grant.as_ref())
        && holds(when.test.as_ref(), notes.test.as_ref())
}
