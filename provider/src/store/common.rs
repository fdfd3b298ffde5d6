//! What replicas of an issuer share beside entries: how the clock is set, which faults are armed and
//! how often they fired, and the exchanges.

use std::fmt;

use super::Kept;

/// What all replicas of one issuer see. Each operation is atomic.
pub(crate) trait Common: fmt::Debug + Send + Sync {
    /// What the first of all replicas made under a name.
    #[cfg(feature = "redis")]
    fn first(&self, name: &str, make: &dyn Fn() -> String) -> Kept<String>;

    /// How clock and faults are now; none if they are as they were at that version.
    fn news(&self, known: &str) -> Kept<Option<News>>;

    /// Sets the clock to what `turned` makes of how it is set; of nothing, where nobody set it yet.
    fn turn_clock(&self, turned: &dyn Fn(Option<i64>) -> i64) -> Kept<i64>;

    /// Arms the faults that the issuer is set up with, in place of others that one was set up with.
    /// Does nothing where a replica has armed the same.
    fn set_up_faults(&self, faults: &[String]) -> Kept<()>;
    /// Arms a fault, and gives it a number.
    fn arm(&self, fault: &str) -> Kept<u64>;
    /// Ends a fault, and says how often it had matched and fired; none if it was not armed.
    fn disarm(&self, id: u64) -> Kept<Option<Counts>>;
    /// Arms these faults, and ends all others.
    fn replace_faults(&self, faults: &[(SharedFault, Counts)]) -> Kept<()>;
    /// Counts a response that a fault concerns: the how many-th it is; none if the fault has ended.
    fn count_match(&self, id: u64) -> Kept<Option<u32>>;
    /// Counts a response that a fault changed.
    fn count_fired(&self, id: u64) -> Kept<()>;
    /// How often a fault matched and fired so far; none if it has ended.
    fn counts(&self, id: u64) -> Kept<Option<Counts>>;

    /// Enters an exchange. Its number is greater than `floor` and all before: what comes is the
    /// number.
    fn record(&self, exchange: &[u8], floor: u64, bounds: Bounds) -> Kept<u64>;
    /// The exchanges after a number, or the first so many of them.
    fn exchanges(&self, after: u64) -> Kept<Page>;
    /// Forgets the exchanges so far. Numbers go on where they were.
    fn forget_exchanges(&self) -> Kept<()>;
}

/// How clock and faults are.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) version: String,
    /// Whether faults were set up; they were not where the store has forgotten everything.
    pub(crate) has_faults_set_up: bool,
    /// None where nobody set it yet.
    pub(crate) clock: Option<i64>,
    /// In the order of their numbers.
    pub(crate) faults: Vec<SharedFault>,
}

/// A fault as replicas tell each other.
#[derive(Debug, Clone)]
pub(crate) struct SharedFault {
    pub(crate) id: u64,
    /// JSON.
    pub(crate) fault: String,
}

/// How often a fault was due and fired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) matched: u32,
    pub(crate) fired: u64,
}

/// How much is kept of the exchanges.
#[cfg_attr(
    not(feature = "redis"),
    expect(dead_code, reason = "a store that replicas share reads them")
)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) count: usize,
    /// In bytes.
    pub(crate) size: usize,
}

/// Some exchanges, oldest first.
#[derive(Debug)]
pub(crate) struct Page {
    /// The number of the oldest exchange that is kept, or of the next one.
    pub(crate) oldest: u64,
    /// The number of the newest.
    pub(crate) last: u64,
    pub(crate) found: Vec<Entered>,
}

/// An exchange that was entered.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) number: u64,
    /// How long ago, in microseconds of the server's time.
    pub(crate) age: u64,
    pub(crate) exchange: Vec<u8>,
}
