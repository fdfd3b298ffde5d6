//! The store of one process: bounded tables whose expired entries are gone.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::{Entry, Found, Kept, Kind, Life, Store};

/// Keeps everything in memory, bounded.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    tables: [Mutex<Table>; Kind::ALL.len()],
    counters: Mutex<BTreeMap<String, u64>>,
    secret: OnceLock<[u8; 32]>,
}

/// How many entries each table holds before those that would expire first make room.
const CAPACITY: usize = 1_000_000;

/// How many used entries each table still knows, so that a second use can be told from a wrong
/// value.
const USED_CAPACITY: usize = 4_096;

/// Tables are given memory back below this share of what they once held.
const SHRINK_BELOW: usize = 4;

impl MemoryStore {
    fn table(&self, kind: Kind) -> MutexGuard<'_, Table> {
        self.tables[kind as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn counters(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn put(&self, kind: Kind, key: &str, entry: Entry, life: Life) -> Kept<()> {
        self.table(kind).insert(key, entry, life);
        Ok(())
    }

    fn put_new(&self, kind: Kind, key: &str, entry: Entry, life: Life) -> Kept<bool> {
        let mut table = self.table(kind);
        table.sweep(life.now);
        let is_new = !table.slots.contains_key(key);
        if is_new {
            table.insert(key, entry, life);
        }
        Ok(is_new)
    }

    fn get(&self, kind: Kind, key: &str, now: u64) -> Kept<Option<Found>> {
        let mut table = self.table(kind);
        table.sweep(now);
        Ok(table.slots.get(key).map(Found::from))
    }

    fn take(&self, kind: Kind, key: &str, now: u64) -> Kept<Option<Entry>> {
        let mut table = self.table(kind);
        table.sweep(now);
        Ok(table.remove(key).map(|slot| slot.entry))
    }

    fn use_once(&self, kind: Kind, key: &str, now: u64) -> Kept<bool> {
        let mut table = self.table(kind);
        table.sweep(now);
        Ok(table.use_once(key))
    }

    fn clear(&self, kind: Kind) -> Kept<()> {
        *self.table(kind) = Table::default();
        Ok(())
    }

    fn count(&self, kind: Kind, now: u64) -> Kept<usize> {
        let mut table = self.table(kind);
        table.sweep(now);
        Ok(table.slots.len())
    }

    fn list(&self, kind: Kind, now: u64) -> Kept<Vec<(String, Found)>> {
        let mut table = self.table(kind);
        table.sweep(now);
        Ok((table.slots.iter())
            .map(|(key, slot)| (key.to_string(), Found::from(slot)))
            .collect())
    }

    fn counter(&self, name: &str) -> Kept<u64> {
        Ok(self.counters().get(name).copied().unwrap_or(0))
    }

    fn advance_counter(&self, name: &str) -> Kept<()> {
        *self.counters().entry(name.to_owned()).or_insert(0) += 1;
        Ok(())
    }

    fn shared_secret(&self, proposal: [u8; 32]) -> Kept<[u8; 32]> {
        Ok(*self.secret.get_or_init(|| proposal))
    }
}

/// Entries by key, and their keys in the order in which they expire. What is gone from one is gone
/// from the other.
#[derive(Default)]
struct Table {
    slots: HashMap<Arc<str>, Slot>,
    /// By the second in which they expire, then by number.
    expiring: BTreeMap<(u64, u64), Arc<str>>,
    /// Used entries, oldest first.
    used: VecDeque<Arc<str>>,
    /// The number of the next entry.
    next: u64,
}

struct Slot {
    entry: Entry,
    until: u64,
    number: u64,
    used: bool,
}

impl From<&Slot> for Found {
    fn from(slot: &Slot) -> Self {
        Self {
            entry: slot.entry.clone(),
            until: slot.until,
            used: slot.used,
        }
    }
}

/// The keys are secrets, so only their number is shown.
impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} entries)", self.slots.len())
    }
}

impl Table {
    fn insert(&mut self, key: &str, entry: Entry, life: Life) {
        self.sweep(life.now);
        self.remove(key);
        while self.slots.len() >= CAPACITY && self.drop_next() {}
        let key: Arc<str> = key.into();
        let slot = Slot {
            entry,
            until: life.until,
            number: self.next,
            used: false,
        };
        self.next += 1;
        self.expiring
            .insert((slot.until, slot.number), Arc::clone(&key));
        self.slots.insert(key, slot);
    }

    fn remove(&mut self, key: &str) -> Option<Slot> {
        let slot = self.slots.remove(key)?;
        self.expiring.remove(&(slot.until, slot.number));
        Some(slot)
    }

    /// Forgets what has expired.
    fn sweep(&mut self, now: u64) {
        let mut swept = false;
        while let Some(first) = self.expiring.first_entry()
            && first.key().0 <= now
        {
            self.slots.remove(&first.remove());
            swept = true;
        }
        if swept {
            self.give_back();
        }
    }

    /// Makes room: forgets the one that would expire first.
    fn drop_next(&mut self) -> bool {
        let first = self.expiring.pop_first();
        if let Some((_, key)) = &first {
            self.slots.remove(key);
        }
        first.is_some()
    }

    fn use_once(&mut self, key: &str) -> bool {
        let Some((key, slot)) = self.slots.get_key_value(key) else {
            return false;
        };
        if slot.used {
            return false;
        }
        let key = Arc::clone(key);
        if let Some(slot) = self.slots.get_mut(&key) {
            slot.used = true;
        }
        self.used.push_back(key);
        if self.used.len() > USED_CAPACITY
            && let Some(oldest) = self.used.pop_front()
            && self.slots.get(&oldest).is_some_and(|slot| slot.used)
        {
            self.remove(&oldest);
        }
        true
    }

    fn give_back(&mut self) {
        let capacity = self.slots.capacity();
        if capacity > 4_096 && self.slots.len() < capacity / SHRINK_BELOW {
            self.slots.shrink_to(self.slots.len() * 2);
        }
        self.used.retain(|key| self.slots.contains_key(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind::Code;
    const LIFE: Life = Life { now: 0, until: 10 };

    fn put(store: &MemoryStore, key: &str, life: Life) {
        store.put(KIND, key, Entry::Mark, life).unwrap();
    }

    #[test]
    fn what_has_expired_is_gone_whatever_stands_before_it() {
        let store = MemoryStore::default();
        put(&store, "long", Life { now: 0, until: 99 });
        put(&store, "short", LIFE);
        assert!(store.get(KIND, "short", 9).unwrap().is_some());
        assert!(store.get(KIND, "short", 10).unwrap().is_none());
        assert_eq!(store.count(KIND, 10).unwrap(), 1);
        assert_eq!(store.table(KIND).expiring.len(), 1);
    }

    #[test]
    fn an_entry_that_was_put_anew_lives_its_new_life() {
        let store = MemoryStore::default();
        put(&store, "a", LIFE);
        put(&store, "a", Life { now: 1, until: 20 });
        assert!(store.get(KIND, "a", 15).unwrap().is_some());
        assert!(store.take(KIND, "a", 15).unwrap().is_some());
        assert!(store.take(KIND, "a", 15).unwrap().is_none());
    }

    #[test]
    fn an_entry_is_used_once_and_a_key_is_new_once() {
        let store = MemoryStore::default();
        put(&store, "a", LIFE);
        assert!(store.use_once(KIND, "a", 1).unwrap());
        assert!(!store.use_once(KIND, "a", 1).unwrap());
        assert!(store.get(KIND, "a", 1).unwrap().unwrap().used);
        assert!(!store.use_once(KIND, "unknown", 1).unwrap());
        assert!(store.put_new(Kind::Seen, "j", Entry::Mark, LIFE).unwrap());
        assert!(!store.put_new(Kind::Seen, "j", Entry::Mark, LIFE).unwrap());
        let later = Life { now: 10, until: 20 };
        assert!(store.put_new(Kind::Seen, "j", Entry::Mark, later).unwrap());
    }

    #[test]
    fn used_entries_are_known_for_a_while_and_then_make_room() {
        let store = MemoryStore::default();
        for n in 0..=USED_CAPACITY {
            let key = n.to_string();
            put(&store, &key, LIFE);
            assert!(store.use_once(KIND, &key, 1).unwrap());
        }
        assert_eq!(store.count(KIND, 1).unwrap(), USED_CAPACITY);
        assert!(store.get(KIND, "0", 1).unwrap().is_none());
        assert!(store.get(KIND, "1", 1).unwrap().unwrap().used);
    }

    #[test]
    fn what_is_gone_leaves_nothing_behind_until_it_would_have_expired() {
        let store = MemoryStore::default();
        for n in 0..3 * USED_CAPACITY {
            let key = n.to_string();
            put(&store, &key, LIFE);
            assert!(store.use_once(KIND, &key, 1).unwrap());
        }
        put(&store, "taken", LIFE);
        assert!(store.take(KIND, "taken", 1).unwrap().is_some());
        put(&store, "anew", LIFE);
        put(&store, "anew", Life { now: 1, until: 20 });
        assert_eq!(store.table(KIND).expiring.len(), USED_CAPACITY + 1);
    }

    #[test]
    fn memory_is_given_back() {
        let store = MemoryStore::default();
        for n in 0..50_000 {
            put(&store, &n.to_string(), LIFE);
        }
        assert!(store.table(KIND).slots.capacity() >= 50_000);
        assert_eq!(store.count(KIND, 10).unwrap(), 0);
        assert!(store.table(KIND).slots.capacity() < 5_000);
    }
}
