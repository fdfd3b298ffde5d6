//! How the keys of one algorithm take turns.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::algorithm::SigningAlgorithm;
use super::source::LazyKey;

/// How many keys of one algorithm are published at most. The oldest makes room.
const MAX_PUBLISHED: usize = 8;

/// One step of the way on which a key takes the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum KeyStep {
    /// The next key is published, and does not sign yet.
    Publish,
    /// The next key signs. The former one stays published, and what it signed stays accepted.
    Use,
    /// The issuer itself no longer accepts what a former key signed. It stays published.
    Retire,
    /// Retired keys are no longer published.
    Drop,
}

/// How far a published key has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// Published, and the next to sign.
    Next,
    /// The one that signs.
    Signing,
    /// It signed once. What it signed is accepted by the issuer itself.
    Former,
    /// What it signed is no longer accepted by the issuer itself.
    Retired,
}

/// A published key, as an issuer tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyInfo {
    /// Its name in the key set.
    pub kid: String,
    /// What it signs with.
    pub alg: SigningAlgorithm,
    /// How far it has come.
    pub state: KeyState,
}

/// The published keys of one algorithm, exactly one of which signs.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    entries: Vec<Entry>,
    /// The key that was dropped last.
    withdrawn: Option<Arc<LazyKey>>,
}

/// A published key.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The how-manieth key of its algorithm it is, from 0.
    pub(crate) turn: usize,
    pub(crate) state: KeyState,
    pub(crate) key: Arc<LazyKey>,
}

impl Row {
    /// A row whose first key signs.
    pub(crate) fn new(key: Arc<LazyKey>, turn: usize) -> Self {
        let state = KeyState::Signing;
        let entries = vec![Entry { turn, state, key }];
        Self {
            entries,
            withdrawn: None,
        }
    }

    /// The key that was dropped last, and is not published again.
    pub(crate) fn withdrawn(&self) -> Option<&Arc<LazyKey>> {
        let published = |key: &LazyKey| self.entries.iter().any(|it| it.key.is_same_test_key(key));
        self.withdrawn.as_ref().filter(|key| !published(key))
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn signing(&self) -> &Entry {
        (self.entries.iter())
            .find(|entry| entry.state == KeyState::Signing)
            .expect("no step leaves a row without a key that signs")
    }

    /// The turn of the key that is published next; none while one waits for its turn.
    pub(crate) fn next_turn(&self) -> Option<usize> {
        if self.entries.iter().any(|it| it.state == KeyState::Next) {
            return None;
        }
        self.entries.iter().map(|it| it.turn + 1).max()
    }

    /// [`KeyStep::Publish`]. False if the key is published already.
    pub(crate) fn publish(&mut self, key: Arc<LazyKey>, turn: usize) -> bool {
        let state = KeyState::Next;
        // The test keys come in turns, so this one may be published still.
        let again = (self.entries.iter_mut()).find(|it| it.key.is_same_test_key(&key));
        if let Some(entry) = again {
            (entry.turn, entry.state) = (turn, state);
            return false;
        }
        if self.entries.len() >= MAX_PUBLISHED {
            let old = |it: &Entry| it.state != KeyState::Signing;
            let oldest = self.entries.iter().position(old);
            oldest.map(|oldest| self.entries.remove(oldest));
        }
        self.entries.push(Entry { turn, state, key });
        true
    }

    /// [`KeyStep::Use`]. False if no key was waiting.
    pub(crate) fn let_next_sign(&mut self) -> bool {
        let has_next = self.entries.iter().any(|it| it.state == KeyState::Next);
        if has_next {
            for entry in &mut self.entries {
                entry.state = match entry.state {
                    KeyState::Next => KeyState::Signing,
                    KeyState::Signing => KeyState::Former,
                    state @ (KeyState::Former | KeyState::Retired) => state,
                };
            }
        }
        has_next
    }

    /// [`KeyStep::Retire`]. False if there was no former key.
    pub(crate) fn retire(&mut self) -> bool {
        let mut any = false;
        for entry in &mut self.entries {
            if entry.state == KeyState::Former {
                entry.state = KeyState::Retired;
                any = true;
            }
        }
        any
    }

    /// [`KeyStep::Drop`]. False if there was no retired key.
    pub(crate) fn drop_retired(&mut self) -> bool {
        let retired = |it: &Entry| it.state == KeyState::Retired;
        let dropped = self.entries.iter().rfind(|it| retired(it));
        let Some(dropped) = dropped.map(|it| Arc::clone(&it.key)) else {
            return false;
        };
        self.withdrawn = Some(dropped);
        self.entries.retain(|it| !retired(it));
        true
    }
}
