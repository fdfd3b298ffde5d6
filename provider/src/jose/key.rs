//! Key pairs that are kept parsed, and the keys that an issuer signs with.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "redis")]
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
#[cfg(feature = "redis")]
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::algorithm::{Curve, KeyKind, SigningAlgorithm};
use super::public::PublicKey;
use crate::clock;
use crate::protocol::Jwk;

/// A key pair, kept parsed: to parse an RSA key takes longer than to sign with it.
pub(crate) struct Pair {
    secret: Secret,
    public: PublicKey,
}

enum Secret {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Pair {
    pub(crate) fn generate(kind: KeyKind) -> Self {
        const SOUND: &str = "key generation fails only without an entropy source";
        match kind {
            KeyKind::Rsa => Self::rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect(SOUND)),
            KeyKind::Ec(curve) => {
                Self::ec(curve, EcdsaKeyPair::generate(curve.signing()).expect(SOUND))
            }
            KeyKind::Ed25519 => Self::ed25519(Ed25519KeyPair::generate().expect(SOUND)),
        }
    }

    /// A new pair as PEM, to be kept elsewhere (RFC 7468 §10).
    #[cfg(feature = "redis")]
    pub(crate) fn generate_pem(kind: KeyKind) -> String {
        const SOUND: &str = "key generation fails only without an entropy source";
        let rng = clock::entropy();
        let der = match kind {
            KeyKind::Rsa => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect(SOUND);
                let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair);
                der.expect("a pair that was made can be written")
                    .as_ref()
                    .to_vec()
            }
            KeyKind::Ec(curve) => {
                let made = EcdsaKeyPair::generate_pkcs8(curve.signing(), &rng);
                made.expect(SOUND).as_ref().to_vec()
            }
            KeyKind::Ed25519 => {
                let made = Ed25519KeyPair::generate_pkcs8(&rng);
                made.expect(SOUND).as_ref().to_vec()
            }
        };
        let text = STANDARD.encode(der);
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    /// Reads PKCS#8 (RFC 5958), or the form that the kind had before: PKCS#1 (RFC 8017 §A.1.2)
    /// or SEC 1 (RFC 5915).
    pub(crate) fn from_der(kind: KeyKind, der: &[u8]) -> Result<Self, KeyRejected> {
        match kind {
            KeyKind::Rsa => RsaKeyPair::from_pkcs8(der)
                .or_else(|error| RsaKeyPair::from_der(der).map_err(|_| error))
                .map(Self::rsa),
            KeyKind::Ec(curve) => EcdsaKeyPair::from_private_key_der(curve.signing(), der)
                .map(|pair| Self::ec(curve, pair)),
            KeyKind::Ed25519 => Ed25519KeyPair::from_pkcs8(der).map(Self::ed25519),
        }
    }

    pub(crate) fn rsa(pair: RsaKeyPair) -> Self {
        let public = pair.public_key();
        let n = public.modulus().big_endian_without_leading_zero().to_vec();
        let e = (public.exponent())
            .big_endian_without_leading_zero()
            .to_vec();
        Self {
            secret: Secret::Rsa(pair),
            public: PublicKey::Rsa { n, e },
        }
    }

    pub(crate) fn ec(curve: Curve, pair: EcdsaKeyPair) -> Self {
        let point = pair.public_key().as_ref().to_vec();
        Self {
            secret: Secret::Ec(pair),
            public: PublicKey::Ec { curve, point },
        }
    }

    pub(crate) fn ed25519(pair: Ed25519KeyPair) -> Self {
        let x = pair.public_key().as_ref().to_vec();
        Self {
            secret: Secret::Ed25519(pair),
            public: PublicKey::Ed25519 { x },
        }
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs as the algorithm has it (RFC 7518 §3.3, §3.4, §3.5, RFC 8037 §3.1).
    fn sign(&self, algorithm: SigningAlgorithm, message: &[u8]) -> Vec<u8> {
        const SOUND: &str = "a parsed key signs any message";
        match &self.secret {
            Secret::Rsa(pair) => {
                let scheme = algorithm
                    .rsa()
                    .expect("a signing key has an algorithm of its kind");
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(scheme.signing, &clock::entropy(), message, &mut signature)
                    .expect(SOUND);
                signature
            }
            Secret::Ec(pair) => {
                let signature = pair.sign(&clock::entropy(), message).expect(SOUND);
                signature.as_ref().to_vec()
            }
            Secret::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pair({})", self.public.thumbprint())
    }
}

/// A key pair under the name and with the one algorithm that it is published with.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) algorithm: SigningAlgorithm,
    pair: Arc<Pair>,
}

impl SigningKey {
    /// The algorithm is one of the pair's kind.
    pub(crate) fn new(kid: String, algorithm: SigningAlgorithm, pair: Arc<Pair>) -> Self {
        debug_assert_eq!(algorithm.kind(), Some(pair.public.kind()));
        Self {
            kid,
            algorithm,
            pair,
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(self.algorithm, message)
    }

    /// Whether the signature is one of this key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        (self.pair.public).verifies(self.algorithm, message, signature)
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.pair.public
    }

    /// The public half, as it is published (RFC 7517 §4).
    pub(crate) fn jwk(&self) -> Jwk {
        let mut jwk = Jwk {
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
        jwk.kty = match self.pair.public.kind() {
            KeyKind::Rsa => "RSA",
            KeyKind::Ec(curve) => {
                jwk.crv = Some(curve.as_str());
                "EC"
            }
            KeyKind::Ed25519 => {
                jwk.crv = Some("Ed25519");
                "OKP"
            }
        };
        for (name, value) in self.pair.public.members() {
            match name {
                "x" => jwk.x = Some(value),
                "y" => jwk.y = Some(value),
                "n" => jwk.n = Some(value),
                "e" => jwk.e = Some(value),
                _ => {}
            }
        }
        jwk
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_of_any_kind_signs_what_it_verifies_with_every_algorithm_of_its_kind_alone() {
        for kind in KeyKind::ALL {
            let pair = Arc::new(Pair::generate(kind));
            for algorithm in SigningAlgorithm::ALL {
                if algorithm.kind() != Some(kind) {
                    assert!(!pair.public().verifies(algorithm, b"message", &[0; 64]));
                    continue;
                }
                let key = SigningKey::new("k".to_owned(), algorithm, Arc::clone(&pair));
                let signature = key.sign(b"message");
                assert!(key.verifies(b"message", &signature), "{algorithm:?}");
                assert!(!key.verifies(b"another", &signature), "{algorithm:?}");
                for other in SigningAlgorithm::ALL {
                    let verified = pair.public().verifies(other, b"message", &signature);
                    assert_eq!(verified, other == algorithm, "{algorithm:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn a_jwk_has_no_private_member_and_debug_output_neither() {
        for kind in KeyKind::ALL {
            let pair = Arc::new(Pair::generate(kind));
            let key = SigningKey::new("k".to_owned(), kind.default_algorithm(), pair);
            let jwk = serde_json::to_value(key.jwk()).unwrap();
            for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
                assert_eq!(jwk.get(private), None, "{kind:?} {private}");
            }
            for (name, value) in key.public().members() {
                assert_eq!(jwk[name], value, "{kind:?} {name}");
            }
            assert_eq!(format!("{key:?}"), "SigningKey(k)");
        }
    }

    #[test]
    fn the_pem_text_is_that_of_openssl() {
        let pem = Pair::generate(KeyKind::Rsa).public().pem();
        assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"));
        assert!(pem.ends_with("\n-----END PUBLIC KEY-----\n"));
        let pem = Pair::generate(KeyKind::Ec(Curve::P256)).public().pem();
        assert!(
            pem.starts_with("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE")
        );
    }
}
