//! Where an issuer's keys come from. None is made or parsed before it is first used.

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::algorithm::{Curve, KeyKind, SigningAlgorithm};
use super::key::{Pair, SigningKey};
use super::own::OwnKey;

/// Where signing keys come from.
#[derive(Debug, Clone, Default)]
pub enum KeySource {
    /// The shipped test keys. Everybody knows their private halves.
    #[default]
    Test,
    /// The shipped test keys in another order, for a second issuer that must not share a key
    /// with the first.
    OtherTest,
    /// Keys made for this process, in the background.
    Generated,
    /// Keys of your own, in the order in which they take turns. The first one for an algorithm
    /// signs; a rotation takes the next, and makes one where there is none. Algorithms that no
    /// own key is for are not supported. An empty list is the same as `Generated`.
    Own(Vec<OwnKey>),
}

impl KeySource {
    /// The PEM text of keys that replicas make together, one of each kind.
    #[cfg(feature = "redis")]
    pub(crate) fn generate_pem() -> String {
        KeyKind::ALL.map(Pair::generate_pem).concat()
    }

    /// Whether its keys are made for this process, so that no other one has them.
    #[cfg(feature = "redis")]
    pub(crate) fn is_generated(&self) -> bool {
        match self {
            Self::Generated => true,
            Self::Own(keys) => keys.is_empty(),
            Self::Test | Self::OtherTest => false,
        }
    }

    /// Whether keys of this source can sign with the algorithm.
    pub fn supports(&self, algorithm: SigningAlgorithm) -> bool {
        match self {
            Self::Test | Self::OtherTest | Self::Generated => !algorithm.is_symmetric(),
            Self::Own(keys) if keys.is_empty() => !algorithm.is_symmetric(),
            Self::Own(keys) => keys.iter().any(|key| key.signs_with(algorithm)),
        }
    }
}

/// How many test keys of each kind take turns.
pub(crate) const TURNS: usize = 3;
/// The slot of the test key that is kept back.
const KEPT_BACK: usize = 3;
const SLOTS: usize = 4;

static TEST: LazyLock<[[Arc<LazyPair>; SLOTS]; KeyKind::ALL.len()]> = LazyLock::new(|| {
    KeyKind::ALL.map(|kind| std::array::from_fn(|slot| LazyPair::new(Make::Test(kind, slot))))
});
static GENERATED: LazyLock<[Arc<LazyPair>; KeyKind::ALL.len()]> =
    LazyLock::new(|| KeyKind::ALL.map(|kind| LazyPair::new(Make::Generate(kind))));
static GENERATED_KEPT_BACK: LazyLock<[Arc<LazyPair>; KeyKind::ALL.len()]> =
    LazyLock::new(|| KeyKind::ALL.map(|kind| LazyPair::new(Make::Generate(kind))));

/// A pair that is made or parsed when it is first used.
pub(crate) struct LazyPair {
    make: Make,
    pair: OnceLock<Arc<Pair>>,
}

#[derive(Clone, Copy)]
enum Make {
    Test(KeyKind, usize),
    Generate(KeyKind),
}

impl LazyPair {
    fn new(make: Make) -> Arc<Self> {
        let pair = OnceLock::new();
        Arc::new(Self { make, pair })
    }

    fn get(&self) -> Arc<Pair> {
        let pair = self.pair.get_or_init(|| {
            Arc::new(match self.make {
                Make::Test(kind, slot) => load(kind, slot),
                Make::Generate(kind) => Pair::generate(kind),
            })
        });
        Arc::clone(pair)
    }
}

/// A signing key that is made or parsed when it is first used.
pub(crate) struct LazyKey {
    pub(crate) algorithm: SigningAlgorithm,
    pub(crate) origin: Origin,
    key: OnceLock<Arc<SigningKey>>,
}

/// Where one key comes from, which says what it is called.
pub(crate) enum Origin {
    /// The test key of a slot.
    Test { slot: usize, pair: Arc<LazyPair> },
    /// Made in this process, and named after itself.
    Generated(Arc<LazyPair>),
    /// Somebody's own.
    Own { kid: String, pair: Arc<Pair> },
}

impl LazyKey {
    pub(crate) fn new(algorithm: SigningAlgorithm, origin: Origin) -> Arc<Self> {
        Arc::new(Self {
            algorithm,
            origin,
            key: OnceLock::new(),
        })
    }

    pub(crate) fn test(algorithm: SigningAlgorithm, turn: usize) -> Arc<Self> {
        let slot = turn % TURNS;
        let pair = Arc::clone(&TEST[index(algorithm)][slot]);
        Self::new(algorithm, Origin::Test { slot, pair })
    }

    /// The key that all issuers of the process start with.
    pub(crate) fn generated(algorithm: SigningAlgorithm) -> Arc<Self> {
        let pair = Arc::clone(&GENERATED[index(algorithm)]);
        Self::new(algorithm, Origin::Generated(pair))
    }

    /// A key that is nobody else's.
    pub(crate) fn fresh(algorithm: SigningAlgorithm) -> Arc<Self> {
        let pair = LazyPair::new(Make::Generate(KeyKind::ALL[index(algorithm)]));
        Self::new(algorithm, Origin::Generated(pair))
    }

    /// The key; there may be a wait while it is made.
    pub(crate) fn get(&self) -> Arc<SigningKey> {
        let key = self.key.get_or_init(|| {
            let (kid, pair) = match &self.origin {
                Origin::Test { slot, pair } => {
                    let name = self.algorithm.as_str().to_ascii_lowercase();
                    (format!("{name}-{}", slot + 1), pair.get())
                }
                Origin::Generated(pair) => {
                    let pair = pair.get();
                    (name_of(self.algorithm, &pair), pair)
                }
                Origin::Own { kid, pair } => (kid.clone(), Arc::clone(pair)),
            };
            Arc::new(SigningKey::new(kid, self.algorithm, pair))
        });
        Arc::clone(key)
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.key.get().is_some()
    }

    pub(crate) fn is_same_test_key(&self, other: &Self) -> bool {
        match (&self.origin, &other.origin) {
            (Origin::Test { slot, .. }, Origin::Test { slot: other, .. }) => slot == other,
            _ => false,
        }
    }
}

impl fmt::Debug for LazyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LazyKey({})", self.algorithm.as_str())
    }
}

/// The key that is never published.
pub(crate) fn kept_back(source: &KeySource, algorithm: SigningAlgorithm) -> SigningKey {
    let pair = match source {
        KeySource::Test | KeySource::OtherTest => TEST[index(algorithm)][KEPT_BACK].get(),
        KeySource::Generated | KeySource::Own(_) => GENERATED_KEPT_BACK[index(algorithm)].get(),
    };
    SigningKey::new("unpublished".to_owned(), algorithm, pair)
}

fn index(algorithm: SigningAlgorithm) -> usize {
    let kind = algorithm.kind();
    kind.expect("only algorithms of key pairs have keys")
        .index()
}

/// A name that follows from the key, so that a restart cannot give two keys the same name.
fn name_of(algorithm: SigningAlgorithm, pair: &Pair) -> String {
    let named = format!("{} {}", algorithm.as_str(), pair.public().thumbprint());
    let digest = digest::digest(&digest::SHA256, named.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..12])
}

fn load(kind: KeyKind, slot: usize) -> Pair {
    let base64: String = (test_key(kind, slot).lines())
        .filter(|line| !line.starts_with('-'))
        .collect();
    let der = STANDARD.decode(base64);
    let der = der.expect("the shipped test keys are base64");
    Pair::from_der(kind, &der).expect("the shipped test keys are well-formed")
}

fn test_key(kind: KeyKind, slot: usize) -> &'static str {
    let keys: [&str; SLOTS] = match kind {
        KeyKind::Rsa => [
            include_str!("../../keys/rsa-1.pem"),
            include_str!("../../keys/rsa-2.pem"),
            include_str!("../../keys/rsa-3.pem"),
            include_str!("../../keys/rsa-unpublished.pem"),
        ],
        KeyKind::Ec(Curve::P256) => [
            include_str!("../../keys/p256-1.pem"),
            include_str!("../../keys/p256-2.pem"),
            include_str!("../../keys/p256-3.pem"),
            include_str!("../../keys/p256-unpublished.pem"),
        ],
        KeyKind::Ec(Curve::P384) => [
            include_str!("../../keys/p384-1.pem"),
            include_str!("../../keys/p384-2.pem"),
            include_str!("../../keys/p384-3.pem"),
            include_str!("../../keys/p384-unpublished.pem"),
        ],
        KeyKind::Ec(Curve::P521) => [
            include_str!("../../keys/p521-1.pem"),
            include_str!("../../keys/p521-2.pem"),
            include_str!("../../keys/p521-3.pem"),
            include_str!("../../keys/p521-unpublished.pem"),
        ],
        KeyKind::Ec(Curve::Secp256k1) => [
            include_str!("../../keys/secp256k1-1.pem"),
            include_str!("../../keys/secp256k1-2.pem"),
            include_str!("../../keys/secp256k1-3.pem"),
            include_str!("../../keys/secp256k1-unpublished.pem"),
        ],
        KeyKind::Ed25519 => [
            include_str!("../../keys/ed25519-1.pem"),
            include_str!("../../keys/ed25519-2.pem"),
            include_str!("../../keys/ed25519-3.pem"),
            include_str!("../../keys/ed25519-unpublished.pem"),
        ],
    };
    keys[slot]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_key_signs_what_it_verifies() {
        for algorithm in SigningAlgorithm::ASYMMETRIC {
            let mut keys: Vec<Arc<SigningKey>> = (0..TURNS)
                .map(|turn| LazyKey::test(algorithm, turn).get())
                .collect();
            keys.push(Arc::new(kept_back(&KeySource::Test, algorithm)));
            for (number, key) in keys.iter().enumerate() {
                let signature = key.sign(b"message");
                for (other, it) in keys.iter().enumerate() {
                    assert_eq!(it.verifies(b"message", &signature), other == number);
                }
            }
        }
    }

    #[test]
    fn generated_keys_are_shared_unless_they_are_fresh_and_named_after_themselves() {
        let key = |it: Arc<LazyKey>| it.get();
        let rs256 = key(LazyKey::generated(SigningAlgorithm::Rs256));
        assert_eq!(rs256.kid.len(), 16);
        assert_eq!(
            rs256.kid,
            key(LazyKey::generated(SigningAlgorithm::Rs256)).kid
        );
        let ps256 = key(LazyKey::generated(SigningAlgorithm::Ps256));
        assert_eq!(rs256.public(), ps256.public());
        assert_ne!(rs256.kid, ps256.kid);
        let fresh = key(LazyKey::fresh(SigningAlgorithm::EdDsa));
        let shared = key(LazyKey::generated(SigningAlgorithm::EdDsa));
        assert_ne!(fresh.public(), shared.public());
    }
}
