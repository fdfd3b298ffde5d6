//! An issuer's own keys, read from PEM text and private JWKs.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rsa::KeyPairComponents;
use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair, RsaPublicKeyComponents as PublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::algorithm::{Curve, KeyKind, SigningAlgorithm};
use super::key::Pair;

/// A key of your own that an issuer signs with. RSA of 2048 to 8192 bits, EC on P-256, P-384 or
/// P-521, secp256k1, and Ed25519.
///
/// ```
/// use oauth_gauntlet_provider::{KeySource, MockProvider, OwnKey, SigningAlgorithm};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pem = include_str!("../../keys/p384-1.pem");
/// let key = OwnKey::from_pem(pem)?.with_kid("mine");
/// assert_eq!(key.algorithms(), [SigningAlgorithm::Es384]);
/// let provider = MockProvider::builder().keys(KeySource::Own(vec![key])).start().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OwnKey {
    kid: String,
    /// The only algorithm that the key is for, where its JWK says so.
    algorithm: Option<SigningAlgorithm>,
    pair: Arc<Pair>,
}

/// Why a key of one's own cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OwnKeyError {
    /// The text is neither PEM nor JSON.
    #[error("there is neither a PEM block nor a JWK")]
    NotAKey,
    /// The PEM text has other blocks only.
    #[error("the PEM block `{label}` holds no private key")]
    NotPrivate {
        /// What stands after `BEGIN`.
        label: String,
    },
    /// The private key is protected by a password.
    #[error(
        "the private key is encrypted: write it without a password first, as `openssl pkey` does"
    )]
    Encrypted,
    /// The PEM text is damaged.
    #[error("the PEM block `{label}` is not base64, or has no end")]
    Pem {
        /// What stands after `BEGIN`.
        label: String,
    },
    /// The text looks like a JWK and is no JSON object.
    #[error("the JWK is not a JSON object")]
    Json,
    /// A member of the JWK is missing or cannot be used.
    #[error("the JWK has no usable member `{member}`")]
    Member {
        /// Its name (RFC 7518 §6).
        member: &'static str,
    },
    /// The JWK's `alg` is not one that the key can sign with.
    #[error("the JWK says `{algorithm}`, which a key of its kind does not sign with")]
    Algorithm {
        /// The value of `alg`.
        algorithm: String,
    },
    /// The JWK's `use` is not `sig`.
    #[error("the JWK is for `{key_use}`, not for signatures")]
    Use {
        /// The value of `use`.
        key_use: String,
    },
    /// The key is of another kind or size, or its parts do not belong together.
    #[error(
        "the key cannot be used ({reason}): it has to be RSA of 2048 to 8192 bits, EC on P-256, P-384, P-521 or secp256k1, or Ed25519, and sound"
    )]
    Unusable {
        /// What is wrong with it, in a word.
        reason: String,
    },
}

impl OwnKey {
    /// Reads the first private key of a PEM text: PKCS#8 (`PRIVATE KEY`), PKCS#1
    /// (`RSA PRIVATE KEY`) or SEC 1 (`EC PRIVATE KEY`). Its name is its thumbprint (RFC 7638).
    pub fn from_pem(pem: &str) -> Result<Self, OwnKeyError> {
        let mut other = None;
        for block in PemBlocks(pem) {
            let block = block?;
            match block.kinds() {
                Some(kinds) => return Self::from_block(&block, kinds),
                None => other = other.or(Some(block.label)),
            }
        }
        Err(
            other.map_or(OwnKeyError::NotAKey, |label| OwnKeyError::NotPrivate {
                label: label.to_owned(),
            }),
        )
    }

    /// Reads a private JWK (RFC 7517). Its name is its `kid`, else its thumbprint (RFC 7638). With
    /// an `alg` it is for that algorithm alone.
    pub fn from_jwk(jwk: &str) -> Result<Self, OwnKeyError> {
        match serde_json::from_str(jwk) {
            Ok(Value::Object(members)) => Self::from_members(&members),
            _ => Err(OwnKeyError::Json),
        }
    }

    /// Reads every private key of a text: PEM blocks, a JWK, or a JWK Set.
    pub fn read_all(text: &str) -> Result<Vec<Self>, OwnKeyError> {
        if !text.trim_start().starts_with('{') {
            let mut keys = Vec::new();
            for block in PemBlocks(text) {
                let block = block?;
                if let Some(kinds) = block.kinds() {
                    keys.push(Self::from_block(&block, kinds)?);
                }
            }
            // A text without any is an error that says what there is instead.
            return if keys.is_empty() {
                Self::from_pem(text).map(|key| vec![key])
            } else {
                Ok(keys)
            };
        }
        let Ok(Value::Object(members)) = serde_json::from_str(text) else {
            return Err(OwnKeyError::Json);
        };
        match members.get("keys") {
            None => Ok(vec![Self::from_members(&members)?]),
            Some(Value::Array(keys)) if !keys.is_empty() => (keys.iter())
                .map(|key| Self::from_members(key.as_object().ok_or(OwnKeyError::Json)?))
                .collect(),
            Some(_) => Err(OwnKeyError::Member { member: "keys" }),
        }
    }

    /// Gives the key a name of your choice, in place of its own.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = kid.into();
        self
    }

    /// The name. An RSA key is published once for each algorithm in use; all but the main one
    /// have the algorithm added to this name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What the key can sign with.
    pub fn algorithms(&self) -> Vec<SigningAlgorithm> {
        (SigningAlgorithm::ASYMMETRIC.into_iter())
            .filter(|algorithm| self.signs_with(*algorithm))
            .collect()
    }

    pub(crate) fn signs_with(&self, algorithm: SigningAlgorithm) -> bool {
        match self.algorithm {
            Some(only) => only == algorithm,
            None => algorithm.kind() == Some(self.pair.public().kind()),
        }
    }

    /// What the key signs with if nobody says otherwise.
    pub(crate) fn default_algorithm(&self) -> SigningAlgorithm {
        let kind = self.pair.public().kind();
        self.algorithm.unwrap_or_else(|| kind.default_algorithm())
    }

    /// Whether its JWK says the one algorithm that it is for.
    pub(crate) fn has_one_algorithm(&self) -> bool {
        self.algorithm.is_some() || self.pair.public().kind() != KeyKind::Rsa
    }

    pub(crate) fn pair(&self) -> Arc<Pair> {
        Arc::clone(&self.pair)
    }

    fn from_block(block: &PemBlock<'_>, kinds: &[KeyKind]) -> Result<Self, OwnKeyError> {
        let der = block.der()?;
        let mut reason = String::new();
        for kind in kinds {
            match Pair::from_der(*kind, &der) {
                Ok(pair) => return Ok(Self::named(pair, None, None)),
                // What was wrong with an RSA key is worth telling, since there is a size limit.
                Err(error) if reason.is_empty() => reason = error.to_string(),
                Err(_) => {}
            }
        }
        Err(OwnKeyError::Unusable { reason })
    }

    fn named(pair: Pair, kid: Option<&str>, algorithm: Option<SigningAlgorithm>) -> Self {
        Self {
            kid: kid.map_or_else(|| pair.public().thumbprint(), str::to_owned),
            algorithm,
            pair: Arc::new(pair),
        }
    }

    pub(crate) fn from_members(jwk: &Map<String, Value>) -> Result<Self, OwnKeyError> {
        let key_use = jwk.get("use").and_then(Value::as_str).unwrap_or("sig");
        if key_use != "sig" {
            let key_use = key_use.to_owned();
            return Err(OwnKeyError::Use { key_use });
        }
        let text = |member| match jwk.get(member) {
            Some(Value::String(text)) => Ok(text.as_str()),
            _ => Err(OwnKeyError::Member { member }),
        };
        let bytes = |member| {
            let decoded = URL_SAFE_NO_PAD.decode(text(member)?);
            decoded.map_err(|_| OwnKeyError::Member { member })
        };
        let pair = match text("kty")? {
            "RSA" => rsa_pair(&bytes)?,
            "EC" => {
                let curve =
                    Curve::from_name(text("crv")?).ok_or(OwnKeyError::Member { member: "crv" })?;
                let point = [vec![4], bytes("x")?, bytes("y")?].concat();
                EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), &bytes("d")?, &point)
                    .map(|pair| Pair::ec(curve, pair))
            }
            "OKP" if text("crv")? == "Ed25519" => {
                Ed25519KeyPair::from_seed_and_public_key(&bytes("d")?, &bytes("x")?)
                    .map(Pair::ed25519)
            }
            "OKP" => return Err(OwnKeyError::Member { member: "crv" }),
            _ => return Err(OwnKeyError::Member { member: "kty" }),
        };
        let pair = pair.map_err(|error| OwnKeyError::Unusable {
            reason: error.to_string(),
        })?;
        let kid = jwk.get("kid").map(|_| text("kid")).transpose()?;
        let algorithm = match jwk.get("alg").map(|_| text("alg")).transpose()? {
            None => None,
            Some(name) => Some(
                SigningAlgorithm::from_name(name)
                    .filter(|it| it.kind() == Some(pair.public().kind()))
                    .ok_or_else(|| OwnKeyError::Algorithm {
                        algorithm: name.to_owned(),
                    })?,
            ),
        };
        Ok(Self::named(pair, kid, algorithm))
    }
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnKey({})", self.kid)
    }
}

/// All parts are needed: RFC 7518 §6.3.2 lets a producer leave out all but `d`, which nobody does.
fn rsa_pair(
    bytes: &impl Fn(&'static str) -> Result<Vec<u8>, OwnKeyError>,
) -> Result<Result<Pair, aws_lc_rs::error::KeyRejected>, OwnKeyError> {
    let public = |member| {
        let mut value = bytes(member)?;
        let zeros = value.iter().take_while(|byte| **byte == 0).count();
        value.drain(..zeros);
        Ok(value)
    };
    let components = KeyPairComponents {
        public_key: PublicKeyComponents {
            n: public("n")?,
            e: public("e")?,
        },
        d: bytes("d")?,
        p: bytes("p")?,
        q: bytes("q")?,
        dP: bytes("dp")?,
        dQ: bytes("dq")?,
        qInv: bytes("qi")?,
    };
    Ok(RsaKeyPair::from_components(&components).map(Pair::rsa))
}

/// What stands between a `BEGIN` and its `END` (RFC 7468 §2).
struct PemBlock<'a> {
    label: &'a str,
    body: &'a str,
}

impl PemBlock<'_> {
    /// The kinds of key that it may hold; none if it holds no private key.
    fn kinds(&self) -> Option<&'static [KeyKind]> {
        match self.label {
            "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => Some(&KeyKind::ALL),
            "RSA PRIVATE KEY" => Some(&KeyKind::ALL[..1]),
            "EC PRIVATE KEY" => Some(&KeyKind::ALL[1..4]),
            _ => None,
        }
    }

    fn der(&self) -> Result<Vec<u8>, OwnKeyError> {
        if self.label.starts_with("ENCRYPTED") || self.body.contains("ENCRYPTED") {
            return Err(OwnKeyError::Encrypted);
        }
        let base64: String = self.body.split_ascii_whitespace().collect();
        STANDARD.decode(base64).map_err(|_| OwnKeyError::Pem {
            label: self.label.to_owned(),
        })
    }
}

/// The blocks of a PEM text. What stands around them is ignored.
struct PemBlocks<'a>(&'a str);

impl<'a> Iterator for PemBlocks<'a> {
    type Item = Result<PemBlock<'a>, OwnKeyError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (_, rest) = self.0.split_once("-----BEGIN ")?;
        let (label, rest) = rest.split_once("-----")?;
        let Some((body, rest)) = rest.split_once("-----END ") else {
            self.0 = "";
            let label = label.to_owned();
            return Some(Err(OwnKeyError::Pem { label }));
        };
        self.0 = rest;
        Some(Ok(PemBlock { label, body }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PKCS8: [(&str, &str); 5] = [
        ("RS256", include_str!("../../keys/rsa-1.pem")),
        ("ES256", include_str!("../../keys/p256-1.pem")),
        ("ES384", include_str!("../../keys/p384-1.pem")),
        ("ES512", include_str!("../../keys/p521-1.pem")),
        ("EdDSA", include_str!("../../keys/ed25519-1.pem")),
    ];
    // The same keys, as `openssl rsa -traditional` and `openssl ec` write them.
    const RSA_PKCS1: &str = include_str!("../../tests/keys/rsa-1-pkcs1.pem");
    const P256_SEC1: &str = include_str!("../../tests/keys/p256-1-sec1.pem");
    const P521_SEC1: &str = include_str!("../../tests/keys/p521-1-sec1.pem");
    // And as private JWKs.
    const JWKS: &str = include_str!("../../tests/keys/private-jwks.json");

    fn jwk(number: usize) -> Map<String, Value> {
        let set: Value = serde_json::from_str(JWKS).unwrap();
        set["keys"][number].as_object().unwrap().clone()
    }

    fn changed(number: usize, member: &str, value: Value) -> Result<OwnKey, OwnKeyError> {
        let mut jwk = jwk(number);
        jwk.insert(member.to_owned(), value);
        OwnKey::from_jwk(&Value::Object(jwk).to_string())
    }

    #[test]
    fn every_form_of_a_key_gives_the_same_key() {
        let jwks = OwnKey::read_all(JWKS).unwrap();
        for ((name, pem), jwk) in PKCS8.into_iter().zip(&jwks) {
            let key = OwnKey::from_pem(pem).unwrap();
            assert_eq!(key.default_algorithm().as_str(), name);
            assert_eq!(key.kid(), key.pair.public().thumbprint());
            assert_eq!(jwk.kid(), format!("jwk-{name}"));
            assert_eq!(jwk.pair.public(), key.pair.public(), "{name}");
        }
        for (old, new) in [(RSA_PKCS1, 0), (P256_SEC1, 1), (P521_SEC1, 3)] {
            let old = OwnKey::from_pem(old).unwrap();
            let new = OwnKey::from_pem(PKCS8[new].1).unwrap();
            assert_eq!(old.pair.public(), new.pair.public());
        }
    }

    #[test]
    fn a_text_may_have_many_keys_and_other_things_between() {
        let text = format!("A comment.\n{}\n{P256_SEC1}\n{RSA_PKCS1}", PKCS8[4].1);
        let keys = OwnKey::read_all(&text).unwrap();
        let algorithms: Vec<_> = keys.iter().map(OwnKey::default_algorithm).collect();
        assert_eq!(
            algorithms,
            [
                SigningAlgorithm::EdDsa,
                SigningAlgorithm::Es256,
                SigningAlgorithm::Rs256
            ]
        );
        let one = Value::Object(jwk(1)).to_string();
        assert_eq!(OwnKey::read_all(&one).unwrap().len(), 1);
        for none in ["", "text", "{\"keys\": []}", "{", "[]"] {
            assert!(OwnKey::read_all(none).is_err(), "{none}");
        }
    }

    #[test]
    fn an_rsa_key_signs_with_six_algorithms_unless_its_jwk_names_one() {
        let pem = OwnKey::from_pem(PKCS8[0].1).unwrap();
        assert_eq!(pem.algorithms(), SigningAlgorithm::ASYMMETRIC[..6]);
        let only = changed(0, "alg", "PS384".into()).unwrap();
        assert_eq!(only.algorithms(), [SigningAlgorithm::Ps384]);
        assert_eq!(only.default_algorithm(), SigningAlgorithm::Ps384);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let pem = |text: &str| OwnKey::from_pem(text).unwrap_err();
        assert_eq!(pem("no key"), OwnKeyError::NotAKey);
        let public = OwnKey::from_pem(PKCS8[1].1).unwrap().pair.public().pem();
        let label = "PUBLIC KEY".to_owned();
        assert_eq!(pem(&public), OwnKeyError::NotPrivate { label });
        for encrypted in [
            include_str!("../../tests/keys/encrypted-pkcs8.pem"),
            include_str!("../../tests/keys/encrypted-sec1.pem"),
        ] {
            assert_eq!(pem(encrypted), OwnKeyError::Encrypted);
        }
        for damaged in [
            "-----BEGIN PRIVATE KEY-----\nabc",
            "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----",
        ] {
            assert!(matches!(pem(damaged), OwnKeyError::Pem { .. }), "{damaged}");
        }
        for unusable in [
            include_str!("../../tests/keys/rsa-1024.pem"),
            include_str!("../../tests/keys/p224.pem"),
            "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----",
        ] {
            let error = pem(unusable);
            assert!(matches!(error, OwnKeyError::Unusable { .. }), "{error:?}");
        }
        let too_small = pem(include_str!("../../tests/keys/rsa-1024.pem"));
        assert!(too_small.to_string().contains("TooSmall"), "{too_small}");
    }

    #[test]
    fn a_jwk_that_cannot_be_used_says_why() {
        let member = |member| OwnKeyError::Member { member };
        let error = |number, name, value: Value| changed(number, name, value).unwrap_err();
        assert_eq!(OwnKey::from_jwk("[]").unwrap_err(), OwnKeyError::Json);
        assert_eq!(error(0, "kty", "oct".into()), member("kty"));
        assert_eq!(error(1, "crv", "P-224".into()), member("crv"));
        assert_eq!(error(4, "crv", "X25519".into()), member("crv"));
        assert_eq!(error(1, "d", Value::Null), member("d"));
        assert_eq!(error(1, "x", "not base64url".into()), member("x"));
        assert_eq!(error(0, "kid", 7.into()), member("kid"));
        let key_use = "enc".to_owned();
        assert_eq!(error(1, "use", "enc".into()), OwnKeyError::Use { key_use });
        for (number, alg) in [(1, "RS256"), (0, "HS256"), (0, "none"), (4, "ES256")] {
            let algorithm = alg.to_owned();
            assert_eq!(
                error(number, "alg", alg.into()),
                OwnKeyError::Algorithm { algorithm }
            );
        }
        // Halves that do not belong together.
        for (number, name) in [(0, "d"), (0, "qi"), (1, "d"), (4, "d")] {
            let value = jwk(3)["d"].clone();
            let error = error(number, name, value);
            assert!(matches!(error, OwnKeyError::Unusable { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_private_half_is_never_shown() {
        let key = OwnKey::from_jwk(&Value::Object(jwk(1)).to_string()).unwrap();
        assert_eq!(format!("{key:?}"), "OwnKey(jwk-ES256)");
    }
}
