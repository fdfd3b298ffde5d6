//! Signing keys: where they come from, which are published, and which are kept back.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, OnceLock};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::clock;
use crate::protocol::Jwk;
use crate::settings::{KeySource, SigningAlgorithm};

/// The keys of one issuer.
#[derive(Debug)]
pub(crate) struct KeyRing {
    algorithm: SigningAlgorithm,
    material: &'static Material,
    /// The slot that the ring starts at.
    first: usize,
    rotations: AtomicUsize,
}

impl KeyRing {
    pub(crate) fn new(algorithm: SigningAlgorithm, source: KeySource) -> Self {
        let (material, first) = match source {
            KeySource::Test => (&*TEST, 0),
            KeySource::OtherTest => (&*TEST, 1),
            KeySource::Generated => (&*GENERATED, 0),
        };
        Self {
            algorithm,
            material,
            first,
            rotations: AtomicUsize::new(0),
        }
    }

    /// The issuer's own algorithm.
    pub(crate) fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The key that signs now.
    pub(crate) fn signing(&self, algorithm: SigningAlgorithm) -> &'static SigningKey {
        let rotations = self.rotations.load(Ordering::Relaxed);
        self.material
            .get(algorithm, (self.first + rotations) % LIVE)
    }

    /// The key that is never published.
    pub(crate) fn unpublished(&self, algorithm: SigningAlgorithm) -> &'static SigningKey {
        self.material.get(algorithm, UNPUBLISHED)
    }

    /// Every published key: those of all algorithms, the retired ones included.
    pub(crate) fn published(&self) -> Vec<&'static SigningKey> {
        let rotations = self.rotations.load(Ordering::Relaxed);
        let slots: BTreeSet<usize> = (0..=rotations.min(LIVE - 1))
            .map(|step| (self.first + step) % LIVE)
            .collect();
        SigningAlgorithm::ALL
            .into_iter()
            .flat_map(|algorithm| {
                slots
                    .iter()
                    .map(move |slot| self.material.get(algorithm, *slot))
            })
            .collect()
    }

    /// Lets the next key sign. There are three in turn; the old ones stay published.
    pub(crate) fn rotate(&self) {
        self.rotations.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the keys are there without a wait.
    pub(crate) fn is_ready(&self) -> bool {
        self.material.is_ready(self.first)
    }

    /// Makes or loads the keys that are published first.
    pub(crate) fn prepare(&self) {
        for algorithm in SigningAlgorithm::ALL {
            self.material.get(algorithm, self.first);
        }
    }
}

/// How many keys of each algorithm take turns.
const LIVE: usize = 3;
/// The slot of the key that is kept back.
const UNPUBLISHED: usize = 3;
const SLOTS: usize = 4;

static TEST: LazyLock<Material> = LazyLock::new(|| Material::new(load_test_key));
static GENERATED: LazyLock<Material> = LazyLock::new(|| Material::new(generate));

/// Keys of one source, each parsed or made once for the process.
struct Material {
    slots: [[OnceLock<SigningKey>; SLOTS]; 3],
    make: fn(SigningAlgorithm, usize) -> SigningKey,
}

impl Material {
    fn new(make: fn(SigningAlgorithm, usize) -> SigningKey) -> Self {
        Self {
            slots: Default::default(),
            make,
        }
    }

    fn slot(&self, algorithm: SigningAlgorithm, slot: usize) -> &OnceLock<SigningKey> {
        let row = match algorithm {
            SigningAlgorithm::Rs256 => 0,
            SigningAlgorithm::Es256 => 1,
            SigningAlgorithm::EdDsa => 2,
        };
        &self.slots[row][slot]
    }

    fn get(&self, algorithm: SigningAlgorithm, slot: usize) -> &SigningKey {
        (self.slot(algorithm, slot)).get_or_init(|| (self.make)(algorithm, slot))
    }

    fn is_ready(&self, slot: usize) -> bool {
        (SigningAlgorithm::ALL.into_iter()).all(|it| self.slot(it, slot).get().is_some())
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Material(..)")
    }
}

/// One key pair, kept parsed.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) algorithm: SigningAlgorithm,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Signs as the algorithm has it (RFC 7518 §3.3, §3.4, RFC 8037 §3.1).
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        const SOUND: &str = "a parsed key signs any message";
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &clock::entropy(),
                    message,
                    &mut signature,
                )
                .expect(SOUND);
                signature
            }
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&clock::entropy(), message).expect(SOUND);
                signature.as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// Whether the signature is one of this key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let public = self.public_key();
        let verified = match &self.pair {
            Pair::Rsa(_) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
                .verify(message, signature),
            Pair::Ecdsa(_) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).verify(message, signature)
            }
            Pair::Ed25519(_) => UnparsedPublicKey::new(&ED25519, public).verify(message, signature),
        };
        verified.is_ok()
    }

    /// The public half, as it is published.
    pub(crate) fn jwk(&self) -> Jwk {
        let base = Jwk {
            kty: "",
            kid: self.kid.clone(),
            key_use: "sig",
            alg: self.algorithm.as_str(),
            crv: None,
            x: None,
            y: None,
            n: None,
            e: None,
        };
        let text = |bytes: &[u8]| Some(URL_SAFE_NO_PAD.encode(bytes));
        match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                Jwk {
                    kty: "RSA",
                    n: text(public.modulus().big_endian_without_leading_zero()),
                    e: text(public.exponent().big_endian_without_leading_zero()),
                    ..base
                }
            }
            Pair::Ecdsa(pair) => {
                // An uncompressed point: 4, then both coordinates.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                Jwk {
                    kty: "EC",
                    crv: Some("P-256"),
                    x: text(x),
                    y: text(y),
                    ..base
                }
            }
            Pair::Ed25519(pair) => Jwk {
                kty: "OKP",
                crv: Some("Ed25519"),
                x: text(pair.public_key().as_ref()),
                ..base
            },
        }
    }

    /// The public half as PEM text, as `openssl pkey -pubout` prints it. RSA alone.
    pub(crate) fn public_pem(&self) -> Option<String> {
        let Pair::Rsa(pair) = &self.pair else {
            return None;
        };
        let der = pair.public_key().as_der().ok()?;
        let base64 = STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for line in base64.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        Some(pem)
    }

    fn public_key(&self) -> &[u8] {
        match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref(),
            Pair::Ecdsa(pair) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

fn load_test_key(algorithm: SigningAlgorithm, slot: usize) -> SigningKey {
    const SOUND: &str = "the shipped test keys are well-formed";
    let der = decode_pem(test_key(algorithm, slot));
    let pair = match algorithm {
        SigningAlgorithm::Rs256 => Pair::Rsa(RsaKeyPair::from_pkcs8(&der).expect(SOUND)),
        SigningAlgorithm::Es256 => Pair::Ecdsa(
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).expect(SOUND),
        ),
        SigningAlgorithm::EdDsa => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(&der).expect(SOUND)),
    };
    let kid = if slot == UNPUBLISHED {
        "unpublished".to_owned()
    } else {
        format!("{}-{}", algorithm.as_str().to_ascii_lowercase(), slot + 1)
    };
    SigningKey {
        kid,
        algorithm,
        pair,
    }
}

fn test_key(algorithm: SigningAlgorithm, slot: usize) -> &'static str {
    let keys: [&str; SLOTS] = match algorithm {
        SigningAlgorithm::Rs256 => [
            include_str!("../keys/rs256-1.pem"),
            include_str!("../keys/rs256-2.pem"),
            include_str!("../keys/rs256-3.pem"),
            include_str!("../keys/rs256-unpublished.pem"),
        ],
        SigningAlgorithm::Es256 => [
            include_str!("../keys/es256-1.pem"),
            include_str!("../keys/es256-2.pem"),
            include_str!("../keys/es256-3.pem"),
            include_str!("../keys/es256-unpublished.pem"),
        ],
        SigningAlgorithm::EdDsa => [
            include_str!("../keys/eddsa-1.pem"),
            include_str!("../keys/eddsa-2.pem"),
            include_str!("../keys/eddsa-3.pem"),
            include_str!("../keys/eddsa-unpublished.pem"),
        ],
    };
    keys[slot]
}

fn decode_pem(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD
        .decode(base64)
        .expect("the shipped test keys are base64")
}

fn generate(algorithm: SigningAlgorithm, _slot: usize) -> SigningKey {
    const SOUND: &str = "key generation fails only without an entropy source";
    let pair = match algorithm {
        SigningAlgorithm::Rs256 => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect(SOUND)),
        SigningAlgorithm::Es256 => {
            Pair::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect(SOUND))
        }
        SigningAlgorithm::EdDsa => Pair::Ed25519(Ed25519KeyPair::generate().expect(SOUND)),
    };
    let mut key = SigningKey {
        kid: String::new(),
        algorithm,
        pair,
    };
    // A name that follows from the key, so that a restart cannot give two keys the same name.
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.public_key());
    key.kid = URL_SAFE_NO_PAD.encode(&digest.as_ref()[..12]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_key_signs_what_it_verifies() {
        for algorithm in SigningAlgorithm::ALL {
            for slot in 0..SLOTS {
                let key = TEST.get(algorithm, slot);
                let signature = key.sign(b"message");
                assert!(key.verifies(b"message", &signature), "{key:?}");
                assert!(!key.verifies(b"another message", &signature), "{key:?}");
            }
        }
    }

    #[test]
    fn a_rotation_publishes_one_more_key_of_each_algorithm_and_signs_with_it() {
        let ring = KeyRing::new(SigningAlgorithm::Es256, KeySource::Test);
        assert_eq!(ring.published().len(), 3);
        let before = ring.signing(ring.algorithm()).kid.clone();
        ring.rotate();
        assert_eq!(ring.published().len(), 6);
        assert_ne!(ring.signing(ring.algorithm()).kid, before);
        for _ in 0..5 {
            ring.rotate();
        }
        assert_eq!(ring.published().len(), 9);
    }

    #[test]
    fn the_other_test_keys_share_none_with_the_first_and_kept_back_ones_are_never_published() {
        let kids = |source| {
            let ring = KeyRing::new(SigningAlgorithm::Rs256, source);
            ring.published()
                .iter()
                .map(|key| key.kid.clone())
                .collect::<BTreeSet<_>>()
        };
        assert!(kids(KeySource::Test).is_disjoint(&kids(KeySource::OtherTest)));
        assert!(!kids(KeySource::Test).contains("unpublished"));
    }

    #[test]
    fn generated_keys_work_and_are_named_after_themselves() {
        let key = GENERATED.get(SigningAlgorithm::EdDsa, 0);
        assert!(key.verifies(b"message", &key.sign(b"message")));
        assert_eq!(key.kid.len(), 16);
        assert!(std::ptr::eq(key, GENERATED.get(SigningAlgorithm::EdDsa, 0)));
    }

    #[test]
    fn the_pem_text_is_that_of_openssl() {
        let pem = TEST.get(SigningAlgorithm::Rs256, 0).public_pem().unwrap();
        assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"));
        assert!(pem.ends_with("\n-----END PUBLIC KEY-----\n"));
        assert!(TEST.get(SigningAlgorithm::Es256, 0).public_pem().is_none());
    }
}
