//! A store in the course of one request: once it could not be reached, it is asked nothing more,
//! and what the request had won by then is given back.

use std::cell::RefCell;

use super::{Entry, Found, Kept, Kind, Life, Store, StoreDown};

/// What one request had to do with its store.
#[derive(Debug, Default)]
pub(crate) struct Dealings {
    /// Set when the store could not be reached.
    down: RefCell<Option<StoreDown>>,
    /// What the request took, used or put as the only one.
    won: RefCell<Vec<(Kind, String)>>,
}

impl Dealings {
    /// What the store gave, if it could be reached.
    pub(crate) fn reached<T>(&self, kept: Kept<T>) -> Option<T> {
        kept.inspect_err(|down| {
            self.down.borrow_mut().get_or_insert_with(|| down.clone());
        })
        .ok()
    }

    /// Makes the dealings of a request within the request its own.
    pub(crate) fn take_over(&self, inner: &Self) {
        if let Some(down) = inner.down.borrow_mut().take() {
            self.down.borrow_mut().get_or_insert(down);
        }
        self.won.borrow_mut().append(&mut inner.won.borrow_mut());
    }

    /// Why the request cannot be answered. What it won is given back then, so that it can be made
    /// again.
    pub(crate) fn settle(&self, store: &dyn Store) -> Option<StoreDown> {
        let down = self.down.borrow_mut().take()?;
        for (kind, key) in self.won.borrow_mut().drain(..) {
            store.undo(kind, &key);
        }
        Some(down)
    }
}

/// A store in the course of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) dealings: &'a Dealings,
}

impl<'a> Gate<'a> {
    /// The store, unless it could not be reached before.
    fn open(self) -> Kept<&'a dyn Store> {
        match &*self.dealings.down.borrow() {
            Some(down) => Err(down.clone()),
            None => Ok(self.store),
        }
    }

    fn won(self, kind: Kind, key: &str) {
        // A store that is always reached need not remember.
        if self.store.may_wait() {
            let won = (kind, key.to_owned());
            self.dealings.won.borrow_mut().push(won);
        }
    }

    pub(super) fn put(self, kind: Kind, key: &str, entry: Entry, life: Life) -> Kept<()> {
        self.open()?.put(kind, key, entry, life)
    }

    pub(super) fn put_new(self, kind: Kind, key: &str, entry: Entry, life: Life) -> Kept<bool> {
        let is_new = self.open()?.put_new(kind, key, entry, life)?;
        if is_new {
            self.won(kind, key);
        }
        Ok(is_new)
    }

    pub(super) fn get(self, kind: Kind, key: &str, now: u64) -> Kept<Option<Found>> {
        self.open()?.get(kind, key, now)
    }

    pub(super) fn take(self, kind: Kind, key: &str, now: u64) -> Kept<Option<Entry>> {
        let taken = self.open()?.take(kind, key, now)?;
        if taken.is_some() {
            self.won(kind, key);
        }
        Ok(taken)
    }

    pub(super) fn use_once(self, kind: Kind, key: &str, now: u64) -> Kept<bool> {
        let is_first = self.open()?.use_once(kind, key, now)?;
        if is_first {
            self.won(kind, key);
        }
        Ok(is_first)
    }

    pub(super) fn counter(self, name: &str) -> Kept<u64> {
        self.open()?.counter(name)
    }
}
