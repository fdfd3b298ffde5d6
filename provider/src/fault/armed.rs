//! Faults that are armed: which of them concern a response, and which have fired.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::tamper::Draft;
use super::{Fault, FaultError, Point, When};
use crate::journal::Notes;

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
}

impl ArmedFault {
    /// Its number within the issuer, from 1.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// How many responses it has changed.
    pub fn fired(&self) -> u64 {
        self.0.fired.load(Ordering::SeqCst)
    }

    /// How many responses it concerned: those at its point for which its conditions hold, counted
    /// before `nth` and `times`.
    pub fn matched(&self) -> u32 {
        self.0.seen.load(Ordering::SeqCst)
    }

    /// What was armed.
    pub fn fault(&self) -> &Fault {
        &self.0.fault
    }

    /// Ends it: responses from now on are not changed by it.
    pub fn disarm(&self) {
        self.0.disarmed.store(true, Ordering::SeqCst);
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
    /// Who is concerned; and where fired faults are noted.
    pub(crate) notes: &'a RefCell<Notes>,
}

/// The faults of one issuer, in the order in which they were armed.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: RwLock<Vec<Arc<Armed>>>,
    /// Whether there may be any, so that honest issuers need not look.
    any: AtomicBool,
    last_id: AtomicU64,
}

/// What an issuer was armed with at some moment.
#[derive(Debug, Clone)]
pub(crate) struct FaultsState(Vec<Counted>);

#[derive(Debug, Clone)]
struct Counted {
    fault: Arc<Armed>,
    seen: u32,
    fired: u64,
}

impl Faults {
    pub(crate) fn arm(&self, fault: Fault) -> Result<ArmedFault, FaultError> {
        let summary = fault.summary();
        let (fault, point) = fault.checked()?;
        let armed = Arc::new(Armed {
            id: self.last_id.fetch_add(1, Ordering::SeqCst) + 1,
            fault,
            point,
            summary,
            seen: AtomicU32::new(0),
            fired: AtomicU64::new(0),
            disarmed: AtomicBool::new(false),
        });
        let mut all = self.armed.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|fault| !fault.disarmed.load(Ordering::SeqCst));
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
        let all = self.armed.read().unwrap_or_else(PoisonError::into_inner);
        let count = |fault: &Arc<Armed>| Counted {
            fault: Arc::clone(fault),
            seen: fault.seen.load(Ordering::SeqCst),
            fired: fault.fired.load(Ordering::SeqCst),
        };
        FaultsState(
            (all.iter())
                .filter(|fault| !fault.disarmed.load(Ordering::SeqCst))
                .map(count)
                .collect(),
        )
    }

    /// Arms what was armed then, with the counts of then, and nothing else.
    pub(crate) fn restore(&self, state: &FaultsState) {
        let mut all = self.armed.write().unwrap_or_else(PoisonError::into_inner);
        for fault in all.drain(..) {
            fault.disarmed.store(true, Ordering::SeqCst);
        }
        for Counted { fault, seen, fired } in &state.0 {
            fault.seen.store(*seen, Ordering::SeqCst);
            fault.fired.store(*fired, Ordering::SeqCst);
            fault.disarmed.store(false, Ordering::SeqCst);
            all.push(Arc::clone(fault));
        }
        self.any.store(!all.is_empty(), Ordering::SeqCst);
    }

    pub(crate) fn disarm_all(&self) {
        let mut all = self.armed.write().unwrap_or_else(PoisonError::into_inner);
        for fault in all.drain(..) {
            fault.disarmed.store(true, Ordering::SeqCst);
        }
        self.any.store(false, Ordering::SeqCst);
    }

    /// Whether nothing is armed, so that every draft leaves as it is.
    pub(crate) fn is_idle(&self) -> bool {
        !self.any.load(Ordering::SeqCst)
    }

    /// The draft as it leaves, with every fault applied that concerns it. The one door between
    /// honest artefacts and misbehaviour.
    pub(crate) fn tamper<D: Draft>(&self, moment: &Moment<'_>, mut draft: D) -> D {
        let all = self.armed.read().unwrap_or_else(PoisonError::into_inner);
        for armed in all.iter() {
            let point_is_here = armed.point == draft.point() && draft.concerns(&armed.fault);
            if point_is_here && armed.is_due(moment) {
                let honest = draft.clone();
                draft.apply(&armed.fault, moment);
                if draft == honest {
                    // What changes nothing has not fired: nobody could have noticed it.
                    continue;
                }
                armed.fired.fetch_add(1, Ordering::SeqCst);
                moment.notes.borrow_mut().faults.push(FiredFault {
                    id: armed.id,
                    summary: armed.summary.clone(),
                });
            }
        }
        draft
    }
}

impl Armed {
    /// Whether the fault applies now; counts the request if its other conditions hold.
    fn is_due(&self, moment: &Moment<'_>) -> bool {
        if self.disarmed.load(Ordering::SeqCst) || !matches(&self.fault.when, moment) {
            return false;
        }
        let count = self.seen.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        let When { nth, times, .. } = &self.fault.when;
        nth.is_none_or(|nth| count == nth) && times.is_none_or(|times| count <= times)
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
