//! Where an issuer keeps what it handed out. What may be used once is taken atomically.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::grant::{Grant, Interaction, SignedIn};

/// The storage of one issuer. All times are Unix seconds.
pub(crate) trait Store: fmt::Debug + Send + Sync {
    /// Keeps a page that waits for its answer.
    fn put_interaction(&self, handle: String, interaction: Interaction, life: Life);
    /// Gives an interaction out, once.
    fn take_interaction(&self, handle: &str, now: u64) -> Option<Interaction>;

    /// Keeps a browser's sign-in.
    fn put_session(&self, handle: String, signed_in: SignedIn, life: Life);
    /// The sign-in of a browser.
    fn session(&self, handle: &str, now: u64) -> Option<SignedIn>;
    /// Forgets the sign-in of a browser.
    fn end_session(&self, handle: &str);

    /// Keeps an authorization code.
    fn put_code(&self, code: String, grant: Arc<Grant>, life: Life);
    /// Looks at a code without taking it. Used and expired ones are known for a while.
    fn code(&self, code: &str) -> Option<OneTime>;
    /// Takes a code: true for exactly one caller.
    fn take_code(&self, code: &str) -> bool;

    /// Keeps an access token.
    fn put_access_token(&self, token: String, granted: Granted, life: Life);
    /// What a live access token is good for.
    fn access_token(&self, token: &str, now: u64) -> Option<Granted>;
    /// Forgets every access token.
    fn expire_access_tokens(&self);

    /// Keeps a refresh token.
    fn put_refresh_token(&self, token: String, grant: Arc<Grant>, life: Life);
    /// Looks at a refresh token without taking it. Used ones are known for as long as they
    /// would have lived.
    fn refresh_token(&self, token: &str) -> Option<OneTime>;
    /// Takes a refresh token: true for exactly one caller.
    fn take_refresh_token(&self, token: &str) -> bool;
    /// Forgets every refresh token.
    fn revoke_refresh_tokens(&self);
}

/// From when to when a value lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) now: u64,
    pub(crate) until: u64,
}

/// A code or a refresh token.
#[derive(Debug, Clone)]
pub(crate) struct OneTime {
    pub(crate) grant: Arc<Grant>,
    pub(crate) expires_at: u64,
    pub(crate) used: bool,
}

/// What an access token is good for.
#[derive(Debug, Clone)]
pub(crate) struct Granted {
    pub(crate) grant: Arc<Grant>,
    pub(crate) scopes: Vec<String>,
}

/// Keeps everything in memory, bounded.
#[derive(Debug)]
pub(crate) struct MemoryStore(Mutex<Tables>);

#[derive(Debug)]
struct Tables {
    interactions: Table<Interaction>,
    sessions: Table<SignedIn>,
    codes: Table<OneTime>,
    access_tokens: Table<Granted>,
    refresh_tokens: Table<OneTime>,
}

/// How many entries each table holds before the oldest make room.
const CAPACITY: usize = 20_000;

/// For how many seconds an expired code is still known, so that the refusal can say why.
const CODE_MEMORY: u64 = 600;

impl MemoryStore {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Tables {
            interactions: Table::default(),
            sessions: Table::default(),
            codes: Table::default(),
            access_tokens: Table::default(),
            refresh_tokens: Table::default(),
        }))
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn put_interaction(&self, handle: String, interaction: Interaction, life: Life) {
        self.tables().interactions.insert(handle, interaction, life);
    }

    fn take_interaction(&self, handle: &str, now: u64) -> Option<Interaction> {
        self.tables().interactions.remove(handle, now)
    }

    fn put_session(&self, handle: String, signed_in: SignedIn, life: Life) {
        self.tables().sessions.insert(handle, signed_in, life);
    }

    fn session(&self, handle: &str, now: u64) -> Option<SignedIn> {
        self.tables().sessions.get(handle, now).cloned()
    }

    fn end_session(&self, handle: &str) {
        self.tables().sessions.entries.remove(handle);
    }

    fn put_code(&self, code: String, grant: Arc<Grant>, life: Life) {
        let entry = OneTime {
            grant,
            expires_at: life.until,
            used: false,
        };
        let kept = Life {
            until: life.until.saturating_add(CODE_MEMORY),
            ..life
        };
        self.tables().codes.insert(code, entry, kept);
    }

    fn code(&self, code: &str) -> Option<OneTime> {
        Some(self.tables().codes.entries.get(code)?.value.clone())
    }

    fn take_code(&self, code: &str) -> bool {
        self.tables().codes.take_once(code)
    }

    fn put_access_token(&self, token: String, granted: Granted, life: Life) {
        self.tables().access_tokens.insert(token, granted, life);
    }

    fn access_token(&self, token: &str, now: u64) -> Option<Granted> {
        let granted = self.tables().access_tokens.get(token, now).cloned()?;
        (!granted.grant.is_revoked()).then_some(granted)
    }

    fn expire_access_tokens(&self) {
        self.tables().access_tokens = Table::default();
    }

    fn put_refresh_token(&self, token: String, grant: Arc<Grant>, life: Life) {
        let entry = OneTime {
            grant,
            expires_at: life.until,
            used: false,
        };
        self.tables().refresh_tokens.insert(token, entry, life);
    }

    fn refresh_token(&self, token: &str) -> Option<OneTime> {
        Some(
            self.tables()
                .refresh_tokens
                .entries
                .get(token)?
                .value
                .clone(),
        )
    }

    fn take_refresh_token(&self, token: &str) -> bool {
        self.tables().refresh_tokens.take_once(token)
    }

    fn revoke_refresh_tokens(&self) {
        self.tables().refresh_tokens = Table::default();
    }
}

/// Entries that expire, by key; full tables drop the oldest.
struct Table<V> {
    entries: HashMap<String, Entry<V>>,
    order: VecDeque<String>,
}

struct Entry<V> {
    value: V,
    until: u64,
}

/// The keys are secrets, so only their number is shown.
impl<V> fmt::Debug for Table<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} entries)", self.entries.len())
    }
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<V> Table<V> {
    fn insert(&mut self, key: String, value: V, life: Life) {
        // Entries of one table live about equally long, so the expired ones are in front.
        while let Some(oldest) = self.order.front() {
            let gone = (self.entries.get(oldest)).is_none_or(|entry| entry.until <= life.now);
            if !gone && self.order.len() < CAPACITY {
                break;
            }
            self.entries.remove(oldest);
            self.order.pop_front();
        }
        self.order.push_back(key.clone());
        let until = life.until;
        self.entries.insert(key, Entry { value, until });
    }

    fn get(&self, key: &str, now: u64) -> Option<&V> {
        let entry = self.entries.get(key).filter(|entry| entry.until > now)?;
        Some(&entry.value)
    }

    fn remove(&mut self, key: &str, now: u64) -> Option<V> {
        let entry = self.entries.remove(key).filter(|entry| entry.until > now)?;
        Some(entry.value)
    }
}

impl Table<OneTime> {
    fn take_once(&mut self, key: &str) -> bool {
        let entry = self.entries.get_mut(key);
        entry.is_some_and(|entry| !std::mem::replace(&mut entry.value.used, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Life = Life { now: 0, until: 10 };

    fn signed_in() -> SignedIn {
        SignedIn {
            sub: "alice".to_owned(),
            auth_time: 0,
        }
    }

    #[test]
    fn expired_entries_are_not_given_out_and_make_room() {
        let mut table = Table::default();
        table.insert("a".to_owned(), 1, LIFE);
        assert_eq!(table.get("a", 9), Some(&1));
        assert_eq!(table.get("a", 10), None);
        table.insert("b".to_owned(), 2, Life { now: 11, until: 20 });
        assert_eq!(table.order.len(), 1);
        assert_eq!(table.remove("b", 12), Some(2));
        assert_eq!(table.remove("b", 12), None);
    }

    #[test]
    fn a_full_table_drops_the_oldest() {
        let mut table = Table::default();
        for n in 0..=CAPACITY {
            table.insert(n.to_string(), n, LIFE);
        }
        assert_eq!(table.entries.len(), CAPACITY);
        assert!(table.get("0", 1).is_none());
        assert!(table.get("1", 1).is_some());
    }

    #[test]
    fn a_session_ends() {
        let store = MemoryStore::new();
        store.put_session("s".to_owned(), signed_in(), LIFE);
        assert!(store.session("s", 1).is_some());
        store.end_session("s");
        assert!(store.session("s", 1).is_none());
    }
}
