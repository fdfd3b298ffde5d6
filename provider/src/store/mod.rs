//! Where an issuer keeps what it handed out: what is kept, and what a store has to be able to do.
//!
//! `memory.rs` keeps it in this process, `redis/` in another one that replicas share; `shelf.rs` is
//! what endpoints use, `gate.rs` what keeps a request honest when the store goes away in its middle.

mod common;
mod gate;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod shelf;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::grant::{Decision, Device, Grant, Interaction, Member, Polls, SignedIn};
use crate::jose::KeySource;
#[cfg(feature = "redis")]
use crate::jose::OwnKey;
#[cfg(feature = "redis")]
use crate::start_error::StartError;

pub(crate) use common::{Bounds, Common, Counts, Entered, SharedFault};
pub(crate) use gate::Dealings;
pub(crate) use memory::MemoryStore;
pub(crate) use shelf::{GENERATION, Shelf};

/// The storage of one issuer. Each operation is atomic. All times are Unix seconds.
pub(crate) trait Store: fmt::Debug + Send + Sync {
    /// Keeps an entry, in place of one with the same key.
    fn put(&self, kind: Kind, key: &str, entry: Entry, life: Life) -> Kept<()>;
    /// Keeps an entry unless there is a live one with the same key: true for exactly one caller.
    fn put_new(&self, kind: Kind, key: &str, entry: Entry, life: Life) -> Kept<bool>;
    /// An entry that has not expired.
    fn get(&self, kind: Kind, key: &str, now: u64) -> Kept<Option<Found>>;
    /// Gives an entry out and forgets it: `Some` for exactly one caller.
    fn take(&self, kind: Kind, key: &str, now: u64) -> Kept<Option<Entry>>;
    /// Marks an entry as used: true for exactly one caller. Used ones are known for a while.
    fn use_once(&self, kind: Kind, key: &str, now: u64) -> Kept<bool>;
    /// Takes back a `put_new`, `take` or `use_once` of this process, whose request then failed.
    fn undo(&self, kind: Kind, key: &str) {
        let _ = (kind, key);
    }
    /// Forgets every entry of a kind.
    fn clear(&self, kind: Kind) -> Kept<()>;
    /// How many entries of a kind have not expired.
    fn count(&self, kind: Kind, now: u64) -> Kept<usize>;
    /// Every entry of a kind that has not expired.
    fn list(&self, kind: Kind, now: u64) -> Kept<Vec<(String, Found)>>;
    /// A number that grows, such as the generation of access tokens.
    fn counter(&self, name: &str) -> Kept<u64>;
    /// Adds one to a counter.
    fn advance_counter(&self, name: &str) -> Kept<()>;
    /// The secret that all replicas of the issuer share: the given one, unless there is one.
    fn shared_secret(&self, proposal: [u8; 32]) -> Kept<[u8; 32]>;
    /// Whether operations may wait for another process, and so must not run on the event loop.
    fn may_wait(&self) -> bool {
        false
    }
}

/// Where the issuers of a provider keep what they hand out.
#[derive(Debug, Clone, Default)]
pub(crate) enum Stores {
    /// In this process.
    #[default]
    Memory,
    /// In Redis or Valkey, for all replicas.
    #[cfg(feature = "redis")]
    Redis(redis::Link),
}

impl Stores {
    /// In the Redis or Valkey server that a URL names.
    #[cfg(feature = "redis")]
    pub(crate) fn redis(url: &str) -> Result<Self, StartError> {
        let client = ::redis::Client::open(url).map_err(StartError::RedisUrl)?;
        let link = redis::Link::open(client).map_err(StartError::Runtime)?;
        Ok(Self::Redis(link))
    }

    /// Whether other processes use them as well.
    pub(crate) fn are_shared(&self) -> bool {
        !matches!(self, Self::Memory)
    }

    /// The storage of the issuer with this identifier.
    #[cfg_attr(
        not(feature = "redis"),
        expect(unused_variables, reason = "only replicas have to agree on a name")
    )]
    pub(crate) fn of(&self, issuer: &str) -> Box<dyn Store> {
        match self {
            Self::Memory => Box::new(MemoryStore::default()),
            #[cfg(feature = "redis")]
            Self::Redis(link) => Box::new(redis::RedisStore::new(link.clone(), issuer)),
        }
    }

    /// The keys of a source. Replicas have those in common that are made for them: the first one
    /// makes them, and they are kept for the issuer with this identifier.
    #[cfg_attr(
        not(feature = "redis"),
        expect(
            unused_variables,
            clippy::unnecessary_wraps,
            clippy::unused_self,
            reason = "only replicas have keys in common"
        )
    )]
    pub(crate) fn keys(&self, issuer: &str, source: KeySource) -> Kept<KeySource> {
        #[cfg(feature = "redis")]
        if source.is_generated()
            && let Some(common) = self.common(issuer)
        {
            let pem = common.first("keys", &KeySource::generate_pem)?;
            let unusable = |error| StoreDown(format!("it holds keys that cannot be used: {error}"));
            let keys = OwnKey::read_all(&pem).map_err(unusable)?;
            return Ok(KeySource::Own(keys));
        }
        Ok(source)
    }

    /// What the issuer with this identifier shares with its replicas, if it can have any.
    #[cfg_attr(
        not(feature = "redis"),
        expect(unused_variables, reason = "only replicas have to agree on a name")
    )]
    pub(crate) fn common(&self, issuer: &str) -> Option<Arc<dyn Common>> {
        match self {
            Self::Memory => None,
            #[cfg(feature = "redis")]
            Self::Redis(link) => Some(Arc::new(redis::RedisStore::new(link.clone(), issuer))),
        }
    }
}

/// What an operation gives, if the store can be reached.
pub(crate) type Kept<T> = Result<T, StoreDown>;

/// The store cannot be reached, or did not answer in time. Nothing is known about what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be reached: {0}")]
pub(crate) struct StoreDown(pub(crate) String);

/// What an entry is about. Keys of different kinds do not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// A page that waits for its answer.
    Interaction,
    /// A browser that is signed in.
    Session,
    /// An authorization code.
    Code,
    /// A refresh token.
    RefreshToken,
    /// A device code (RFC 8628 §3.2).
    DeviceCode,
    /// A user code, which stands for a device code (RFC 8628 §3.2).
    UserCode,
    /// How a device asked so far, by its device code.
    Polls,
    /// What people said to a device, by its device code.
    Decision,
    /// A pushed authorization request (RFC 9126 §2.2).
    PushedRequest,
    /// A grant or an access token that is honoured no longer.
    Revoked,
    /// An identifier that may be seen once, such as the `jti` of an assertion.
    Seen,
    /// A client that somebody signed in to in a session (Back-Channel Logout 1.0 §2.1).
    Member,
    /// A generation of access tokens before the present one that is honoured still.
    Generation,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 13] = [
        Self::Interaction,
        Self::Session,
        Self::Code,
        Self::RefreshToken,
        Self::DeviceCode,
        Self::UserCode,
        Self::Polls,
        Self::Decision,
        Self::PushedRequest,
        Self::Revoked,
        Self::Seen,
        Self::Member,
        Self::Generation,
    ];

    /// A short name, for keys and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Interaction => "interaction",
            Self::Session => "session",
            Self::Code => "code",
            Self::RefreshToken => "refresh-token",
            Self::DeviceCode => "device-code",
            Self::UserCode => "user-code",
            Self::Polls => "polls",
            Self::Decision => "decision",
            Self::PushedRequest => "pushed-request",
            Self::Revoked => "revoked",
            Self::Seen => "seen",
            Self::Member => "member",
            Self::Generation => "generation",
        }
    }
}

/// What is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Entry {
    Interaction(Box<Interaction>),
    Session(SignedIn),
    Member(Member),
    Grant(Arc<Grant>),
    Device(Box<Device>),
    Polls(Polls),
    Decision(Decision),
    Text(String),
    Parameters(Vec<(String, String)>),
    Mark,
}

/// From when to when a value lives, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) now: u64,
    pub(crate) until: u64,
}

impl Life {
    /// A life that begins now.
    pub(crate) fn from(now: u64, seconds: u64) -> Self {
        Self {
            now,
            until: now.saturating_add(seconds),
        }
    }
}

/// An entry that was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) entry: Entry,
    /// Unix seconds.
    pub(crate) until: u64,
    /// Whether it was used.
    pub(crate) used: bool,
}
