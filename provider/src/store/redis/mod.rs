//! A store in Redis or Valkey, so that replicas serve one flow.
//!
//! Every operation is one call of `store.lua`, whole or not at all, and has a deadline: what the
//! server comes to too late, it does not do. So an operation that was answered "not reached"
//! changes nothing afterwards, but for one that was done and whose answer was lost; where only one
//! may do it, that is taken back as soon as the server can be reached.

mod common;
mod link;
mod session;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::{FromRedisValue, Value};

use super::{Entry, Found, Kept, Kind, Life, Store, StoreDown};
use crate::clock;
pub(crate) use link::Link;
use link::Operation;

/// For how many seconds of real time an entry outlives its life, which is one by the issuer's
/// clock: that may stand still, or be moved.
const GENEROUS: u64 = 24 * 60 * 60;

/// For how many seconds an entry that was taken can still be put back.
const TAKEN: u64 = 60;

/// How many keys the server looks at in one step of a list.
const STEP: usize = 1_000;

/// The storage of one issuer in Redis or Valkey.
pub(crate) struct RedisStore {
    link: Link,
    /// What the keys of this issuer begin with; the braces keep them on one node of a cluster.
    prefix: String,
    /// Tells this process from other replicas.
    process: String,
    /// The number of the last attempt to do what only one may do.
    attempts: AtomicU64,
}

impl RedisStore {
    pub(crate) fn new(link: Link, issuer: &str) -> Self {
        Self {
            link,
            prefix: format!("gauntlet:{{{issuer}}}:"),
            process: URL_SAFE_NO_PAD.encode(clock::random_bytes::<16>()),
            attempts: AtomicU64::new(0),
        }
    }

    fn key(&self, kind: Kind, key: &str) -> String {
        format!("{}{}:{key}", self.prefix, kind.as_str())
    }

    fn operation(&self, name: &'static str, key: String, arguments: Vec<Vec<u8>>) -> Operation {
        Operation {
            name,
            keys: [format!("{}own", self.prefix), key],
            arguments,
        }
    }

    /// An operation on an entry.
    fn about(
        &self,
        name: &'static str,
        kind: Kind,
        key: &str,
        rest: impl IntoIterator<Item = Vec<u8>>,
    ) -> Operation {
        let mut arguments = vec![kind.as_str().into()];
        arguments.extend(rest);
        self.operation(name, self.key(kind, key), arguments)
    }

    /// An operation on what is the issuer's own.
    fn own<T: FromRedisValue>(&self, name: &'static str, argument: &[u8]) -> Kept<T> {
        let key = format!("{}own", self.prefix);
        let operation = self.operation(name, key, vec![argument.to_vec()]);
        told(self.link.script(operation)?)
    }

    fn next_attempt(&self) -> Vec<u8> {
        let number = self.attempts.fetch_add(1, Ordering::SeqCst) + 1;
        format!("{}:{number}", self.process).into()
    }

    /// Does what only one may do. Where nothing is known of it, it is taken back.
    fn attempt<T: FromRedisValue>(&self, kind: Kind, key: &str, operation: Operation) -> Kept<T> {
        (self.link.script(operation))
            .and_then(told)
            .inspect_err(|_| self.undo(kind, key))
    }

    /// The keys of a kind, of living and dead entries.
    fn keys(&self, kind: Kind) -> Kept<Vec<String>> {
        let mut pattern = escaped(&self.key(kind, ""));
        pattern.push('*');
        let (mut cursor, mut all) = ("0".to_owned(), Vec::new());
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(&pattern);
            scan.arg("COUNT").arg(STEP);
            let (next, keys): (String, Vec<String>) = told(self.link.read(scan)?)?;
            all.extend(keys);
            if next == "0" {
                // A key may come twice.
                all.sort_unstable();
                all.dedup();
                return Ok(all);
            }
            cursor = next;
        }
    }
}

impl Store for RedisStore {
    fn put(&self, kind: Kind, key: &str, entry: Entry, life: Life) -> Kept<()> {
        let rest = entry_arguments(key, &entry, life)?;
        told(self.link.script(self.about("put", kind, key, rest))?)
    }

    fn put_new(&self, kind: Kind, key: &str, entry: Entry, life: Life) -> Kept<bool> {
        let mut rest = entry_arguments(key, &entry, life)?;
        rest.push(self.next_attempt());
        self.attempt(kind, key, self.about("put-new", kind, key, rest))
    }

    fn get(&self, kind: Kind, key: &str, now: u64) -> Kept<Option<Found>> {
        let operation = self.about("get", kind, key, [text(now)]);
        let found: Option<(Vec<u8>, u64, bool)> = told(self.link.script(operation)?)?;
        let found = found.map(|(value, until, used)| {
            Ok(Found {
                entry: entry_of(&value)?,
                until,
                used,
            })
        });
        found.transpose()
    }

    fn take(&self, kind: Kind, key: &str, now: u64) -> Kept<Option<Entry>> {
        let rest = [text(now), self.next_attempt(), text(TAKEN)];
        let taken: Option<Vec<u8>> =
            self.attempt(kind, key, self.about("take", kind, key, rest))?;
        taken.map(|value| entry_of(&value)).transpose()
    }

    fn use_once(&self, kind: Kind, key: &str, now: u64) -> Kept<bool> {
        let rest = [text(now), self.next_attempt()];
        self.attempt(kind, key, self.about("use", kind, key, rest))
    }

    fn undo(&self, kind: Kind, key: &str) {
        let newest = self.attempts.load(Ordering::SeqCst);
        let rest = [text(0), self.process.clone().into(), text(newest)];
        self.link.amend(self.about("undo", kind, key, rest));
    }

    fn clear(&self, kind: Kind) -> Kept<()> {
        self.own("clear", kind.as_str().as_bytes())
    }

    fn count(&self, kind: Kind, now: u64) -> Kept<usize> {
        Ok(self.list(kind, now)?.len())
    }

    fn list(&self, kind: Kind, now: u64) -> Kept<Vec<(String, Found)>> {
        let start = self.key(kind, "");
        let mut all = Vec::new();
        for key in self.keys(kind)? {
            let Some(key) = key.strip_prefix(&start) else {
                continue;
            };
            if let Some(found) = self.get(kind, key, now)? {
                all.push((key.to_owned(), found));
            }
        }
        Ok(all)
    }

    fn counter(&self, name: &str) -> Kept<u64> {
        self.own("counter", name.as_bytes())
    }

    fn advance_counter(&self, name: &str) -> Kept<()> {
        self.own("advance", name.as_bytes())
    }

    fn shared_secret(&self, proposal: [u8; 32]) -> Kept<[u8; 32]> {
        let secret: Vec<u8> = self.own("secret", &proposal)?;
        let size = |_| StoreDown("its secret is none of this provider's".to_owned());
        secret.try_into().map_err(size)
    }

    fn may_wait(&self) -> bool {
        true
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisStore({})", self.prefix)
    }
}

fn text(number: u64) -> Vec<u8> {
    number.to_string().into()
}

fn entry_arguments(key: &str, entry: &Entry, life: Life) -> Kept<Vec<Vec<u8>>> {
    let value = serde_json::to_vec(entry).map_err(|error| StoreDown(error.to_string()))?;
    let seconds = life.until.saturating_sub(life.now);
    // More than the server can count would be refused.
    let real = seconds.saturating_add(GENEROUS).min(u64::from(u32::MAX));
    let arguments = [
        text(life.now),
        value,
        key.into(),
        text(life.until),
        text(real),
    ];
    Ok(arguments.into())
}

/// What another version of the provider wrote may be unreadable: nothing is known then.
fn entry_of(value: &[u8]) -> Kept<Entry> {
    let unreadable = |error| StoreDown(format!("it holds what cannot be read: {error}"));
    serde_json::from_slice(value).map_err(unreadable)
}

fn told<T: FromRedisValue>(value: Value) -> Kept<T> {
    redis::from_redis_value(value).map_err(|error| StoreDown(error.to_string()))
}

/// A text as a pattern that only it fits.
fn escaped(text: &str) -> String {
    let special = |letter: char| matches!(letter, '*' | '?' | '[' | ']' | '\\' | '^' | '-');
    let mut pattern = String::new();
    for letter in text.chars() {
        if special(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}
