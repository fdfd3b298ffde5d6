//! Parallel tests on one provider: which keys there are, and which one a request carries.
//!
//! A test sends its key with what it does in the browser. What is then handed out carries the key
//! on to the back channel.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use axum::http::HeaderName;

/// The request header with the key of a test.
pub(crate) static HEADER: HeaderName = HeaderName::from_static("gauntlet-test");
/// The cookie that says the same, for browsers.
pub(crate) const COOKIE: &str = "gauntlet_test";

/// How many keys there can be at a time.
const CAPACITY: usize = 100_000;

/// The keys of the parallel tests of one provider.
#[derive(Debug)]
pub(crate) struct Tests {
    keys: RwLock<BTreeSet<String>>,
    /// Whether a request without a key is refused.
    required: bool,
}

/// Why a key was not registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestKeyError {
    /// It is none.
    #[error(
        "`{0}` is no key of a test: use 1 to 64 of the letters A-Z, a-z, 0-9, `-`, `.` and `_`"
    )]
    Invalid(String),
    /// Another test has it.
    #[error("there is a test `{0}` already")]
    Taken(String),
    /// There are too many.
    #[error("there are {CAPACITY} tests already: delete those that have ended")]
    TooMany,
}

impl Tests {
    pub(crate) fn new(required: bool) -> Self {
        Self {
            keys: RwLock::default(),
            required,
        }
    }

    pub(crate) fn are_required(&self) -> bool {
        self.required
    }

    pub(crate) fn register(&self, key: &str) -> Result<(), TestKeyError> {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if key.is_empty() || key.len() > 64 || !key.bytes().all(letters) {
            return Err(TestKeyError::Invalid(key.to_owned()));
        }
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.contains(key) {
            return Err(TestKeyError::Taken(key.to_owned()));
        }
        if keys.len() >= CAPACITY {
            return Err(TestKeyError::TooMany);
        }
        keys.insert(key.to_owned());
        Ok(())
    }

    /// False if there was no such test.
    pub(crate) fn end(&self, key: &str) -> bool {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.remove(key)
    }

    pub(crate) fn knows(&self, key: &str) -> bool {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.contains(key)
    }

    pub(crate) fn list(&self) -> Vec<String> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_registered_once_and_ends() {
        let tests = Tests::new(false);
        assert_eq!(tests.register("a-1"), Ok(()));
        assert_eq!(
            tests.register("a-1"),
            Err(TestKeyError::Taken("a-1".to_owned()))
        );
        for wrong in ["", "a b", "ä", "a;b", &"x".repeat(65)] {
            assert_eq!(
                tests.register(wrong),
                Err(TestKeyError::Invalid(wrong.to_owned()))
            );
        }
        assert!(tests.knows("a-1") && !tests.knows("b"));
        assert!(tests.end("a-1") && !tests.end("a-1"));
        assert!(tests.list().is_empty());
    }
}
