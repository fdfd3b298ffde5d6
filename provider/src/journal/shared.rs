//! The journal of all replicas: exchanges go to what they share, and are read from there.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};

use super::record::Packed;
use super::{
    CAPACITY, Endpoint, Entries, Entry, Exchange, Issued, IssuedKind, Journal, MAX_SIZE, Notes,
    Record, RecordedRequest, RecordedResponse,
};
use crate::clock;
use crate::fault::{FiredFault, TransportAct};
use crate::rules::{Rule, Violation};
use crate::settings::Profile;
use crate::store::{Bounds, Common, Entered, Kept, StoreDown};

/// How long a reader that waits lets pass before it asks again.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// Where the exchanges of all replicas of an issuer are.
pub(super) struct Shared {
    common: Arc<dyn Common>,
    issuer: Arc<str>,
    /// The greatest number that this replica has heard of.
    last: AtomicU64,
    /// Held by who reads, so that what is read is entered in order.
    reading: Mutex<()>,
}

impl Shared {
    pub(super) fn new(common: Arc<dyn Common>, issuer: &Arc<str>) -> Self {
        Self {
            common,
            issuer: Arc::clone(issuer),
            last: AtomicU64::new(0),
            reading: Mutex::new(()),
        }
    }

    /// Enters an exchange for all. Where that fails, nobody will tell of it.
    pub(super) fn record(&self, packed: &Packed) {
        let bounds = Bounds {
            count: CAPACITY,
            size: MAX_SIZE,
        };
        let floor = self.last.load(Ordering::SeqCst);
        let recorded = serde_json::to_vec(&Told::of(packed.tell(0)))
            .map_err(|error| StoreDown(error.to_string()))
            .and_then(|told| self.common.record(&told, floor, bounds));
        match recorded {
            Ok(number) => {
                self.last.fetch_max(number, Ordering::SeqCst);
            }
            Err(down) => tracing::error!(%down, "an exchange is not in the journal"),
        }
    }

    pub(super) fn forget(&self) -> Kept<()> {
        self.common.forget_exchanges()
    }

    /// Reads what is new, step by step.
    fn read(&self, entries: &Mutex<Entries>, told: impl Fn(u64)) -> Kept<()> {
        let _one = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = || entries.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let after = lock().last;
            let page = self.common.exchanges(after)?;
            let newest = page.found.last().map_or(page.last, |it| it.number);
            let new: Vec<_> = (page.found.into_iter())
                .filter_map(|entered| self.entry(&entered))
                .collect();
            let mut entries = lock();
            entries.drop_before(page.oldest);
            for entry in new {
                entries.size += entry.size;
                entries.kept.push_back(Arc::new(entry));
            }
            entries.last = newest.max(after);
            self.last.fetch_max(entries.last, Ordering::SeqCst);
            told(entries.last);
            if newest >= page.last {
                return Ok(());
            }
        }
    }

    fn entry(&self, entered: &Entered) -> Option<Entry> {
        let unreadable =
            |error: &serde_json::Error| tracing::error!(%error, "an exchange cannot be read");
        let told: Told =
            (serde_json::from_slice(&entered.exchange).inspect_err(unreadable)).ok()?;
        let packed = told.pack(Arc::clone(&self.issuer), clock::ago(entered.age));
        Some(Entry {
            number: entered.number,
            size: packed.size(),
            packed,
            told: OnceLock::new(),
        })
    }
}

impl Entries {
    fn drop_before(&mut self, number: u64) {
        let gone = self.kept.partition_point(|entry| entry.number < number);
        let gone: VecDeque<_> = self.kept.drain(..gone).collect();
        self.size -= gone.iter().map(|entry| entry.size).sum::<usize>();
    }
}

impl Journal {
    /// Whether replicas have it as well, so that to use it may mean to wait.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.shared.is_some()
    }

    /// Reads what replicas have entered. Does nothing where there can be none.
    pub(crate) fn catch_up(&self) -> Kept<()> {
        match &self.0.shared {
            None => Ok(()),
            Some(shared) => shared.read(&self.0.entries, |last| {
                self.0.last.send_replace(last);
            }),
        }
    }

    pub(super) fn catch_up_or_say(&self) {
        if let Err(down) = self.catch_up() {
            tracing::error!(%down, "the journal has what is known here");
        }
    }

    /// The same, off the event loop.
    pub(super) async fn hear(&self) {
        if self.is_shared() {
            let journal = self.clone();
            // An error would mean that reading panicked.
            let _ = tokio::task::spawn_blocking(move || journal.catch_up_or_say()).await;
        }
    }

    /// Enters an exchange from within the event loop of the provider.
    pub(crate) fn enter(&self, record: Record<'_>) {
        if self.is_shared() {
            tokio::task::block_in_place(|| self.record(record));
        } else {
            self.record(record);
        }
    }
}

/// An exchange as replicas tell each other, as JSON.
#[derive(Serialize, Deserialize)]
struct Told {
    endpoint: Endpoint,
    /// In microseconds.
    took: u64,
    method: String,
    target: String,
    headers: Pairs,
    body: String,
    status: u16,
    reply_headers: Pairs,
    reply_body: String,
    transport: Option<TransportAct>,
    client_id: Option<String>,
    user: Option<String>,
    grant: Option<String>,
    flow: Option<String>,
    test: Option<String>,
    violations: Vec<(Rule, String)>,
    stricter: Vec<(Profile, Rule, String)>,
    faults: Vec<(u64, String)>,
    issued: Vec<(String, String)>,
}

type Pairs = Vec<(String, String)>;

impl Told {
    fn of(exchange: Exchange) -> Self {
        let Exchange {
            number: _,
            issuer: _,
            endpoint,
            started,
            ended,
            request,
            response,
            notes,
        } = exchange;
        let RecordedRequest {
            method,
            target,
            headers,
            body,
        } = request;
        let RecordedResponse {
            status,
            headers: reply_headers,
            body: reply_body,
            transport,
        } = response;
        let Notes {
            client_id,
            user,
            grant,
            flow,
            test,
            violations,
            stricter,
            faults,
            issued,
        } = notes;
        let took = ended.saturating_duration_since(started);
        let violations = violations.into_iter().map(|it| (it.rule, it.detail));
        let stricter = (stricter.into_iter()).map(|(profile, it)| (profile, it.rule, it.detail));
        let faults = faults.into_iter().map(|it| (it.id, it.summary));
        let issued = (issued.into_iter()).map(|it| (it.kind.as_str().to_owned(), it.value));
        Self {
            endpoint,
            took: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            method,
            target,
            headers,
            body,
            status,
            reply_headers,
            reply_body,
            transport,
            client_id,
            user,
            grant,
            flow,
            test,
            violations: violations.collect(),
            stricter: stricter.collect(),
            faults: faults.collect(),
            issued: issued.collect(),
        }
    }

    fn pack(self, issuer: Arc<str>, ended: Instant) -> Packed {
        let took = Duration::from_micros(self.took);
        let kind = |name: &str| IssuedKind::ALL.into_iter().find(|it| it.as_str() == name);
        let handed_out = self.issued.into_iter().filter_map(|(name, value)| {
            let kind = kind(&name)?;
            Some(Issued { kind, value })
        });
        let broken = |(rule, detail)| Violation { rule, detail };
        let stricter = (self.stricter.into_iter())
            .map(|(profile, rule, detail)| (profile, Violation { rule, detail }));
        let faults = (self.faults.into_iter()).map(|(id, summary)| FiredFault { id, summary });
        let record = Record {
            issuer,
            endpoint: self.endpoint,
            started: ended.checked_sub(took).unwrap_or(ended),
            ended,
            method: &Method::from_bytes(self.method.as_bytes()).unwrap_or_default(),
            target: &self.target,
            headers: &header_map(&self.headers),
            body: &self.body,
            status: self.status,
            reply_headers: &header_map(&self.reply_headers),
            reply_body: &self.reply_body.into(),
            transport: self.transport,
            notes: Notes {
                client_id: self.client_id,
                user: self.user,
                grant: self.grant,
                flow: self.flow,
                test: self.test,
                violations: self.violations.into_iter().map(broken).collect(),
                stricter: stricter.collect(),
                faults: faults.collect(),
                issued: handed_out.collect(),
            },
        };
        record.pack()
    }
}

/// Headers were some once, so they are again.
fn header_map(pairs: &Pairs) -> HeaderMap {
    let header = |(name, value): &(String, String)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    };
    let mut map = HeaderMap::new();
    for (name, value) in pairs.iter().filter_map(header) {
        map.append(name, value);
    }
    map
}
