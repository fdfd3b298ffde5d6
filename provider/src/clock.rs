//! Time and randomness as values. No other file of this crate asks the system for either.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::ChaCha12Rng;
use rand::{Rng as _, SeedableRng as _};

/// The time as an issuer sees it. Clones share one clock, so moving one moves all.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    /// Unix seconds at which the clock stands still; `None` for the system's time.
    fixed: Option<u64>,
    /// Seconds that were added since.
    ahead: AtomicU64,
}

impl Clock {
    /// The system's time.
    pub fn system() -> Self {
        Self(Arc::new(Inner {
            fixed: None,
            ahead: AtomicU64::new(0),
        }))
    }

    /// A clock that stands still at `unix_seconds` until it is advanced.
    pub fn fixed(unix_seconds: u64) -> Self {
        Self(Arc::new(Inner {
            fixed: Some(unix_seconds),
            ahead: AtomicU64::new(0),
        }))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn now(&self) -> u64 {
        let base = self.0.fixed.unwrap_or_else(system_seconds);
        base.saturating_add(self.0.ahead.load(Ordering::Relaxed))
    }

    /// The time, if the clock stands still.
    pub(crate) fn standing_still(&self) -> Option<u64> {
        self.0.fixed.map(|_| self.now())
    }

    /// Moves the clock forward, in whole seconds.
    pub fn advance(&self, by: Duration) {
        self.0.ahead.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.0.fixed.is_some() {
            "fixed"
        } else {
            "system"
        };
        write!(f, "Clock({kind}, {})", self.now())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the time"
)]
fn system_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A point on the monotonic clock, for how long things take.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the time"
)]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// What signatures, key generation and encryption draw from. It is never seeded.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that makes randomness"
)]
pub(crate) fn entropy() -> SystemRandom {
    SystemRandom::new()
}

/// A key or nonce that nobody can foresee, seed or no seed.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    entropy()
        .fill(&mut bytes)
        .expect("random bytes run out only without an entropy source");
    bytes
}

/// Where codes, tokens and handles come from: unpredictable, unless a seed was given.
pub(crate) struct Randomness(Mutex<ChaCha12Rng>);

impl Randomness {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that makes randomness"
    )]
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let generator = match seed {
            Some(seed) => ChaCha12Rng::seed_from_u64(seed),
            None => rand::make_rng(),
        };
        Self(Mutex::new(generator))
    }

    /// A value of 256 random bits, in 43 letters of base64url.
    pub(crate) fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    /// A name of 128 random bits, in 22 letters of base64url.
    pub(crate) fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<16>())
    }

    /// A symmetric key.
    pub(crate) fn key(&self) -> [u8; 32] {
        self.bytes()
    }

    /// So many random bytes.
    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Randomness(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_stands_still_until_it_is_advanced() {
        let clock = Clock::fixed(1_000);
        assert_eq!(clock.now(), 1_000);
        clock.clone().advance(Duration::from_mins(1));
        assert_eq!(clock.now(), 1_060);
    }

    #[test]
    fn the_same_seed_gives_the_same_tokens() {
        let (one, two) = (Randomness::new(Some(7)), Randomness::new(Some(7)));
        assert_eq!(one.token(), two.token());
        assert_ne!(one.token(), one.token());
        assert_ne!(Randomness::new(None).token(), Randomness::new(None).token());
    }
}
