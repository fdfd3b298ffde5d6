//! Key sets that clients publish (`jwks_uri`), as they were fetched lately.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::jose::jwk::ClientKeys;

/// For how many seconds a key set is believed to be what the client publishes.
const LIFE: u64 = 60;

/// How many key sets are kept.
const CAPACITY: usize = 1_024;

/// The key sets by URL.
#[derive(Debug, Default)]
pub(crate) struct PublishedKeys(Mutex<HashMap<String, Published>>);

#[derive(Debug)]
struct Published {
    keys: Arc<ClientKeys>,
    /// Unix seconds.
    until: u64,
}

impl PublishedKeys {
    /// The key set that was fetched lately.
    pub(crate) fn known(&self, uri: &str, now: u64) -> Option<Arc<ClientKeys>> {
        let all = self.all();
        let published = all.get(uri).filter(|published| now < published.until)?;
        Some(Arc::clone(&published.keys))
    }

    /// Keeps a key set for a while.
    pub(crate) fn keep(&self, uri: &str, keys: Arc<ClientKeys>, now: u64) {
        let mut all = self.all();
        all.retain(|_, published| now < published.until);
        if all.len() < CAPACITY {
            let until = now.saturating_add(LIFE);
            all.insert(uri.to_owned(), Published { keys, until });
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Published>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_is_known_for_a_minute() {
        let published = PublishedKeys::default();
        assert!(published.known("http://a/jwks", 100).is_none());
        published.keep("http://a/jwks", Arc::default(), 100);
        assert!(published.known("http://a/jwks", 159).is_some());
        assert!(published.known("http://a/jwks", 160).is_none());
        assert!(published.known("http://b/jwks", 100).is_none());
    }

    #[test]
    fn the_number_of_key_sets_is_bounded() {
        let published = PublishedKeys::default();
        for n in 0..=CAPACITY {
            published.keep(&n.to_string(), Arc::default(), 100);
        }
        assert_eq!(published.all().len(), CAPACITY);
        published.keep("again", Arc::default(), 160);
        assert_eq!(published.all().len(), 1);
    }
}
