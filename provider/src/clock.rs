//! Time and randomness as values. No other file of this crate asks the system for either.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::ChaCha12Rng;
use rand::{Rng as _, SeedableRng as _};

use crate::store::{Common, Kept};

/// The time as an issuer sees it. Clones share one clock, so moving one moves all.
///
/// ```
/// use std::time::Duration;
/// use oauth_gauntlet_provider::{Client, Clock, MockProvider, TokensFor};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = Clock::fixed(1_800_000_000);
/// let app = Client::public("app");
/// let provider = MockProvider::builder().client(app).clock(clock.clone()).start().await?;
/// let tokens = provider.issuer().tokens(TokensFor::new("app", "alice"))?;
/// let bearer = format!("Bearer {}", tokens["access_token"].as_str().ok_or("a token")?);
/// let http = reqwest::Client::builder().no_proxy().build()?;
/// let userinfo = http.get(format!("{}/userinfo", provider.base_url()));
/// let userinfo = userinfo.header("authorization", bearer);
/// assert_eq!(userinfo.try_clone().ok_or("no body")?.send().await?.status(), 200);
///
/// // Access tokens live for an hour, which is over at once.
/// clock.advance(Duration::from_hours(1));
/// assert_eq!(provider.issuer().clock().now(), 1_800_003_600);
/// assert_eq!(userinfo.send().await?.status(), 401);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    dial: AtomicI64,
    /// Where replicas keep how the clock is set, for each issuer that has it.
    shared: RwLock<Vec<SharedDial>>,
}

/// Where replicas of an issuer keep how its clock is set, and how it is set before anybody did.
#[derive(Clone)]
struct SharedDial {
    common: Weak<dyn Common>,
    first: Dial,
}

/// A way to set a clock.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Turn {
    /// Forward, by so many seconds.
    Advance(u64),
    /// To a point in time, in Unix seconds.
    Set(u64),
    Freeze,
    Unfreeze,
    /// As it was.
    Restore(ClockState),
}

/// How a clock is set: what it shows while it stands still, or how far it is from the system's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dial {
    /// Unix seconds.
    Frozen(i64),
    /// Seconds ahead of the system's time, or behind it where negative.
    Running(i64),
}

impl Dial {
    /// In one number, so that a clock is read without a lock.
    fn packed(self) -> i64 {
        let (seconds, bit) = match self {
            Self::Frozen(seconds) => (seconds, 1),
            Self::Running(seconds) => (seconds, 0),
        };
        seconds.clamp(-FARTHEST, FARTHEST) << 1 | bit
    }

    fn unpacked(packed: i64) -> Self {
        let seconds = packed >> 1;
        if packed & 1 == 1 {
            Self::Frozen(seconds)
        } else {
            Self::Running(seconds)
        }
    }

    fn shows(self, system: i64) -> i64 {
        match self {
            Self::Frozen(seconds) => seconds,
            Self::Running(ahead) => system.saturating_add(ahead),
        }
    }

    fn turned(self, turn: Turn, system: i64) -> Self {
        match (turn, self) {
            (Turn::Advance(by), Self::Frozen(at)) => Self::Frozen(at.saturating_add(signed(by))),
            (Turn::Advance(by), Self::Running(ahead)) => {
                Self::Running(ahead.saturating_add(signed(by)))
            }
            (Turn::Set(to), Self::Frozen(_)) => Self::Frozen(signed(to)),
            (Turn::Set(to), Self::Running(_)) => Self::Running(signed(to).saturating_sub(system)),
            (Turn::Freeze, _) => Self::Frozen(self.shows(system)),
            (Turn::Unfreeze, _) => Self::Running(self.shows(system).saturating_sub(system)),
            (Turn::Restore(ClockState(dial)), _) => dial,
        }
    }
}

/// The farthest that a clock can be set, in seconds from the epoch or from the system's time.
const FARTHEST: i64 = i64::MAX >> 2;

/// How a clock was set at some moment, to be set so again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockState(Dial);

impl Clock {
    /// The system's time.
    pub fn system() -> Self {
        Self::at(Dial::Running(0))
    }

    /// A clock that stands still at `unix_seconds` until it is moved.
    pub fn fixed(unix_seconds: u64) -> Self {
        Self::at(Dial::Frozen(signed(unix_seconds)))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn now(&self) -> u64 {
        let dial = self.dial();
        let system = match dial {
            Dial::Frozen(_) => 0,
            Dial::Running(_) => signed(system_seconds()),
        };
        u64::try_from(dial.shows(system)).unwrap_or(0)
    }

    /// The time, if the clock stands still.
    pub(crate) fn standing_still(&self) -> Option<u64> {
        self.is_frozen().then(|| self.now())
    }

    /// Moves the clock forward, in whole seconds.
    pub fn advance(&self, by: Duration) {
        self.turn_or_say(Turn::Advance(by.as_secs()));
    }

    /// Sets the clock, forward or back. It goes on running if it ran, and stands still if it did.
    ///
    /// What an issuer has let go of because it had expired does not come back with the time.
    pub fn set(&self, unix_seconds: u64) {
        self.turn_or_say(Turn::Set(unix_seconds));
    }

    /// Lets the clock stand still at what it shows now.
    pub fn freeze(&self) {
        self.turn_or_say(Turn::Freeze);
    }

    /// Lets the clock run on from what it shows now.
    pub fn unfreeze(&self) {
        self.turn_or_say(Turn::Unfreeze);
    }

    /// Whether the clock stands still.
    pub fn is_frozen(&self) -> bool {
        matches!(self.dial(), Dial::Frozen(_))
    }

    /// A clock of its own that shows the same.
    pub(crate) fn detached(&self) -> Self {
        Self::at(self.dial())
    }

    pub(crate) fn state(&self) -> ClockState {
        ClockState(self.dial())
    }

    /// Sets the clock, for all replicas of the issuers that have it.
    pub(crate) fn turn(&self, turn: Turn) -> Kept<()> {
        let system = signed(system_seconds());
        let turned = |packed| Dial::unpacked(packed).turned(turn, system).packed();
        let shared = (self.0.shared.read()).unwrap_or_else(PoisonError::into_inner);
        let mut is_shared = false;
        for SharedDial { common, first } in shared.iter() {
            if let Some(common) = common.upgrade() {
                let from = |known: Option<i64>| turned(known.unwrap_or(first.packed()));
                let to = common.turn_clock(&from)?;
                self.0.dial.store(to, Ordering::Relaxed);
                is_shared = true;
            }
        }
        if !is_shared {
            let next = |packed| Some(turned(packed));
            // It always turns, so the result says nothing.
            let _ = (self.0.dial).fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        }
        Ok(())
    }

    fn turn_or_say(&self, turn: Turn) {
        if let Err(down) = self.turn(turn) {
            tracing::error!(%down, "the clock was not set");
        }
    }

    /// Lets whoever sets this clock set it for all replicas of an issuer.
    pub(crate) fn share(&self, common: &Arc<dyn Common>) {
        let mut shared = (self.0.shared.write()).unwrap_or_else(PoisonError::into_inner);
        shared.retain(|it| it.common.strong_count() > 0);
        shared.push(SharedDial {
            common: Arc::downgrade(common),
            first: self.dial(),
        });
    }

    /// Is set as a replica set it; as it was at first, where none did.
    pub(crate) fn follow(&self, packed: Option<i64>, first: ClockState) {
        let packed = packed.unwrap_or(first.0.packed());
        self.0.dial.store(packed, Ordering::Relaxed);
    }

    fn at(dial: Dial) -> Self {
        Self(Arc::new(Inner {
            dial: AtomicI64::new(dial.packed()),
            shared: RwLock::default(),
        }))
    }

    fn dial(&self) -> Dial {
        Dial::unpacked(self.0.dial.load(Ordering::Relaxed))
    }
}

fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(FARTHEST)
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_frozen() {
            "frozen"
        } else {
            "running"
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

/// The point on the monotonic clock that was so many microseconds ago.
pub(crate) fn ago(microseconds: u64) -> Instant {
    let now = instant();
    now.checked_sub(Duration::from_micros(microseconds))
        .unwrap_or(now)
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

/// A name of 128 random bits that nobody can foresee, in 22 letters of base64url.
pub(crate) fn unforeseen() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<16>())
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
    fn a_clock_can_be_set_frozen_and_let_go() {
        let clock = Clock::system();
        assert!(!clock.is_frozen());
        clock.set(1_000);
        assert!((1_000..1_060).contains(&clock.now()));
        clock.freeze();
        clock.set(5);
        clock.advance(Duration::from_secs(5));
        assert_eq!((clock.now(), clock.is_frozen()), (10, true));
        let before = clock.state();
        let own = clock.detached();
        clock.unfreeze();
        assert!((10..70).contains(&clock.now()));
        clock.advance(Duration::MAX);
        assert!(clock.now() > 1 << 40);
        clock.turn(Turn::Restore(before)).unwrap();
        assert_eq!((clock.now(), own.now()), (10, 10));
    }

    #[test]
    fn the_same_seed_gives_the_same_tokens() {
        let (one, two) = (Randomness::new(Some(7)), Randomness::new(Some(7)));
        assert_eq!(one.token(), two.token());
        assert_ne!(one.token(), one.token());
        assert_ne!(Randomness::new(None).token(), Randomness::new(None).token());
    }
}
