//! The journal: every exchange that the provider had, typed and raw, bounded, with a subscription.

mod record;
mod shared;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::fault::TransportAct;
use crate::issuer::reached;
pub use crate::notes::{Endpoint, Issued, IssuedKind, Notes};
use crate::store::{Common, Kept};
use record::Packed;
pub(crate) use record::Record;
use shared::Shared;

/// The exchanges that an issuer had: the last 10,000 of them, or fewer where they hold more than
/// 8 MiB. Clones share one journal.
///
/// ```
/// use std::time::Duration;
/// use oauth_gauntlet_provider::{Endpoint, Filter, MockProvider};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = MockProvider::builder().start().await?;
/// let journal = provider.issuer().journal();
/// let mut reader = journal.subscribe();
///
/// // What your client does, wherever it does it:
/// let http = reqwest::Client::builder().no_proxy().build()?;
/// let discovery = format!("{}/.well-known/openid-configuration", provider.base_url());
/// let request = tokio::spawn(http.get(discovery).send());
///
/// let limit = Duration::from_secs(5);
/// let seen = journal.wait_for(|it| it.endpoint == Endpoint::Metadata, limit).await;
/// let seen = seen.ok_or("the client never asked")?;
/// assert_eq!(seen.response.status, 200);
/// assert!(seen.notes.violations.is_empty());
/// assert_eq!(reader.next().await.number, seen.number);
///
/// let failed = Filter { status: Some(400), ..Filter::default() };
/// assert!(!journal.exchanges().iter().any(|it| failed.fits(it)));
/// request.await??;
/// journal.clear();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    entries: Mutex<Entries>,
    /// The number of the last entry, for those who wait.
    last: watch::Sender<u64>,
    /// Where the exchanges of all replicas are, if there can be any. The entries here are then
    /// those that were read from there.
    shared: Option<Shared>,
}

#[derive(Default)]
struct Entries {
    kept: VecDeque<Arc<Entry>>,
    last: u64,
    /// What the kept ones hold, in bytes.
    size: usize,
}

/// An exchange as it was recorded. Most are never read, so it is told in full only then.
struct Entry {
    number: u64,
    /// About how much it holds, in bytes.
    size: usize,
    packed: Packed,
    told: OnceLock<Arc<Exchange>>,
}

/// Exchanges hold secrets, so only their number is shown.
impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Journal({} exchanges)", self.entries().kept.len())
    }
}

/// How many exchanges are kept.
const CAPACITY: usize = 10_000;

/// How much the kept exchanges may hold, in bytes.
const MAX_SIZE: usize = 8 * 1024 * 1024;

impl Journal {
    /// The journal of an issuer; that of all its replicas, if it can have any.
    pub(crate) fn of(common: Option<Arc<dyn Common>>, issuer: &Arc<str>) -> Self {
        Self(Arc::new(Inner {
            entries: Mutex::default(),
            last: watch::Sender::new(0),
            shared: common.map(|common| Shared::new(common, issuer)),
        }))
    }

    /// The exchanges so far, oldest first.
    pub fn exchanges(&self) -> Vec<Arc<Exchange>> {
        self.catch_up_or_say();
        self.known()
    }

    /// The exchanges that are known here, oldest first.
    pub(crate) fn known(&self) -> Vec<Arc<Exchange>> {
        self.entries().kept.iter().map(|it| it.tell()).collect()
    }

    /// How many exchanges are kept.
    pub fn len(&self) -> usize {
        self.catch_up_or_say();
        self.entries().kept.len()
    }

    /// Whether there was no exchange yet, or none since the journal was cleared.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the exchanges so far. Numbers go on where they were.
    pub fn clear(&self) {
        reached(self.forget());
    }

    /// The same, and whether it was done.
    pub(crate) fn forget(&self) -> Kept<()> {
        if let Some(shared) = &self.0.shared {
            shared.forget()?;
        }
        let mut entries = self.entries();
        entries.kept.clear();
        entries.size = 0;
        Ok(())
    }

    /// A reader of the exchanges to come.
    pub fn subscribe(&self) -> Subscription {
        self.catch_up_or_say();
        self.reader(None)
    }

    /// A reader of the exchanges with greater numbers, those so far and those to come.
    pub fn subscribe_after(&self, number: u64) -> Subscription {
        self.reader(Some(number))
    }

    /// A reader of the exchanges after a number, or after all that are known here.
    pub(crate) fn reader(&self, after: Option<u64>) -> Subscription {
        Subscription {
            journal: self.clone(),
            changes: self.0.last.subscribe(),
            seen: after.unwrap_or_else(|| self.entries().last),
        }
    }

    /// The first exchange that `wanted` says yes to, among those so far or to come within `limit`.
    ///
    /// It needs a tokio runtime with a timer, as `#[tokio::test]` makes one.
    pub async fn wait_for(
        &self,
        wanted: impl Fn(&Exchange) -> bool,
        limit: Duration,
    ) -> Option<Arc<Exchange>> {
        let mut subscription = self.reader(Some(0));
        let search = async {
            loop {
                let exchange = subscription.next().await;
                if wanted(&exchange) {
                    return exchange;
                }
            }
        };
        tokio::time::timeout(limit, search).await.ok()
    }

    /// Enters an exchange and gives it its number.
    pub(crate) fn record(&self, record: Record<'_>) {
        let packed = record.pack();
        if let Some(shared) = &self.0.shared {
            return shared.record(&packed);
        }
        let mut entry = Entry {
            number: 0,
            size: packed.size(),
            packed,
            told: OnceLock::new(),
        };
        let (mut dropped, mut dropped_before) = (None, Vec::new());
        let mut entries = self.entries();
        entries.last += 1;
        entry.number = entries.last;
        while entries.kept.len() >= CAPACITY || entries.size + entry.size > MAX_SIZE {
            let Some(oldest) = entries.kept.pop_front() else {
                break;
            };
            entries.size -= oldest.size;
            // Mostly one makes room for one, and that needs no list.
            dropped_before.extend(dropped.replace(oldest));
        }
        entries.size += entry.size;
        entries.kept.push_back(Arc::new(entry));
        // Told under the lock, so that the numbers come in order. Most journals have no readers, and
        // one that comes now looks at the entries before it waits.
        if self.0.last.receiver_count() > 0 {
            self.0.last.send_replace(entries.last);
        }
        drop(entries);
        // What makes room is freed outside the lock.
        drop((dropped, dropped_before));
    }

    fn after(&self, number: u64) -> Option<Arc<Exchange>> {
        let entries = self.entries();
        let next = entries.kept.partition_point(|entry| entry.number <= number);
        entries.kept.get(next).map(|it| it.tell())
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn tell(&self) -> Arc<Exchange> {
        let told = || Arc::new(self.packed.tell(self.number));
        Arc::clone(self.told.get_or_init(told))
    }
}

/// A reader of a journal, from [`Journal::subscribe`]. It misses nothing that is still kept.
#[derive(Debug)]
pub struct Subscription {
    journal: Journal,
    changes: watch::Receiver<u64>,
    seen: u64,
}

impl Subscription {
    /// The next exchange, as soon as there is one.
    pub async fn next(&mut self) -> Arc<Exchange> {
        loop {
            self.journal.hear().await;
            if let Some(exchange) = self.known() {
                return exchange;
            }
            // The sender lives in the journal that this subscription holds, so it is never gone.
            let changed = self.changes.changed();
            if self.journal.is_shared() {
                // Other replicas say nothing on their own.
                let _ = tokio::time::timeout(shared::PAUSE, changed).await;
            } else {
                let _ = changed.await;
            }
        }
    }

    /// The next exchange, if there is one already.
    pub fn try_next(&mut self) -> Option<Arc<Exchange>> {
        self.journal.catch_up_or_say();
        self.known()
    }

    fn known(&mut self) -> Option<Arc<Exchange>> {
        self.changes.mark_unchanged();
        let exchange = self.journal.after(self.seen)?;
        self.seen = exchange.number;
        Some(exchange)
    }
}

/// One request and its response.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Position in the issuer's journal, from 1.
    pub number: u64,
    /// The issuer's name; empty for the default issuer.
    pub issuer: String,
    /// What was asked.
    pub endpoint: Endpoint,
    /// When the request had been read.
    pub started: Instant,
    /// When the response was handed to the connection.
    pub ended: Instant,
    /// The request as it came in.
    pub request: RecordedRequest,
    /// The response as it went out.
    pub response: RecordedResponse,
    /// What the provider made of it.
    pub notes: Notes,
}

/// A request as it came in.
#[derive(Debug, Clone, Default)]
pub struct RecordedRequest {
    /// The method, such as `GET`.
    pub method: String,
    /// Path and query, undecoded.
    pub target: String,
    /// Header names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body; what is not UTF-8 is replaced.
    pub body: String,
}

/// A response as it went out.
#[derive(Debug, Clone, Default)]
pub struct RecordedResponse {
    /// The status code; 0 where a request that the provider made got no answer.
    pub status: u16,
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, cut at 64 KiB.
    pub body: String,
    /// What was done to the response below HTTP, if anything.
    pub transport: Option<TransportAct>,
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::http::HeaderMap;

    use super::record::MAX_TOLD;
    use super::record::tests::record;
    use super::*;

    fn enter(journal: &Journal, target: &str) {
        journal.record(record(
            target,
            &HeaderMap::new(),
            &Bytes::new(),
            Notes::default(),
        ));
    }

    #[test]
    fn large_exchanges_make_room_sooner() {
        let journal = Journal::of(None, &"".into());
        let (headers, body) = (HeaderMap::new(), Bytes::from(vec![b'x'; 1024 * 1024]));
        for _ in 0..200 {
            journal.record(record("/large", &headers, &body, Notes::default()));
        }
        assert_eq!(journal.len(), 127);
        let told = &journal.exchanges()[0];
        assert_eq!((told.number, told.response.body.len()), (74, MAX_TOLD));
    }

    #[test]
    fn numbers_go_on_after_a_clear_and_the_oldest_are_dropped() {
        let journal = Journal::of(None, &"".into());
        enter(&journal, "/a");
        journal.clear();
        assert!(journal.is_empty());
        for _ in 0..=CAPACITY {
            enter(&journal, "/b");
        }
        assert_eq!(journal.len(), CAPACITY);
        assert_eq!(journal.exchanges()[0].number, 3);
    }

    #[tokio::test]
    async fn a_subscription_sees_what_comes_after_it_and_wait_for_what_was_before() {
        let journal = Journal::of(None, &"".into());
        enter(&journal, "/before");
        let mut subscription = journal.subscribe();
        assert!(subscription.try_next().is_none());
        let waiting = tokio::spawn(async move { subscription.next().await.request.target.clone() });
        enter(&journal, "/after");
        assert_eq!(waiting.await.unwrap(), "/after");

        let limit = Duration::from_secs(5);
        let found = journal.wait_for(|e| e.request.target == "/before", limit);
        assert_eq!(found.await.unwrap().number, 1);
        let none = journal.wait_for(|_| false, Duration::from_millis(1));
        assert!(none.await.is_none());
    }
}
