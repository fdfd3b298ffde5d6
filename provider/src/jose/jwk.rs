//! The public keys of clients, read from their JWKs (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::{Curve, KeyManagementAlgorithm, SigningAlgorithm};
use super::public::PublicKey;

/// How many keys a client may have.
const MAX_KEYS: usize = 64;

/// The members that only the owner of a key may know (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A client's key set. Keys that are not understood are not in it (RFC 7517 §5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClientKeys(Vec<ClientKey>);

/// One key of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientKey {
    pub(crate) kid: Option<String>,
    /// The only algorithm that it is for, if its JWK says so (RFC 7517 §4.4).
    algorithm: Option<String>,
    /// What it is for, if its JWK says so (RFC 7517 §4.2, §4.3).
    key_use: Option<KeyUse>,
    pub(crate) public: PublicKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyUse {
    Signing,
    Encryption,
}

/// Why a key set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwkSetError {
    /// It is no JWK Set.
    #[error("the key set is no JSON object with an array `keys`")]
    NotASet,
    /// It has more keys than any client needs.
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooMany,
    /// A private key was sent.
    #[error("a key has the private member `{member}`: send the public half alone")]
    Private {
        /// Its name.
        member: &'static str,
    },
}

/// Why a single JWK cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwkError {
    /// A private key was sent.
    #[error("the key has the private member `{member}`: send the public half alone")]
    Private {
        /// Its name.
        member: &'static str,
    },
    /// It is not a key of a kind that is supported, or not a sound one.
    #[error(
        "the key is not supported: it has to be RSA of 2048 to 8192 bits, EC on P-256, P-384, P-521 or secp256k1, or Ed25519, and sound"
    )]
    Unsupported,
}

impl PublicKey {
    /// Reads the public key of a JWK, whatever it is for.
    pub(crate) fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, JwkError> {
        match PRIVATE.into_iter().find(|member| jwk.contains_key(*member)) {
            Some(member) => Err(JwkError::Private { member }),
            None => Self::from_members(jwk).ok_or(JwkError::Unsupported),
        }
    }

    fn from_members(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |member: &str| jwk.get(member).and_then(Value::as_str);
        let bytes = |member: &str| URL_SAFE_NO_PAD.decode(text(member)?).ok();
        match text("kty")? {
            "RSA" => Self::rsa(&bytes("n")?, &bytes("e")?),
            "EC" => {
                let curve = Curve::from_name(text("crv")?)?;
                Self::ec(curve, &bytes("x")?, &bytes("y")?)
            }
            "OKP" if text("crv")? == "Ed25519" => Self::ed25519(&bytes("x")?),
            _ => None,
        }
    }
}

impl ClientKeys {
    /// Reads a JWK Set. A key of an unknown kind, curve or algorithm is left out.
    pub(crate) fn parse(set: &Value) -> Result<Self, JwkSetError> {
        let keys = set.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or(JwkSetError::NotASet)?;
        if keys.len() > MAX_KEYS {
            return Err(JwkSetError::TooMany);
        }
        let mut understood = Vec::new();
        for jwk in keys.iter().filter_map(Value::as_object) {
            match PublicKey::from_jwk(jwk) {
                Ok(public) => understood.extend(ClientKey::new(jwk, public)),
                // A symmetric key is of no kind that we use.
                Err(JwkError::Private { member: "k" } | JwkError::Unsupported) => {}
                Err(JwkError::Private { member }) => return Err(JwkSetError::Private { member }),
            }
        }
        Ok(Self(understood))
    }

    /// Whether there is no key that is understood.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ClientKey> {
        self.0.iter()
    }

    /// The keys that may have signed with the algorithm.
    pub(crate) fn signing(&self, algorithm: SigningAlgorithm) -> impl Iterator<Item = &ClientKey> {
        self.0.iter().filter(move |key| {
            key.key_use != Some(KeyUse::Encryption)
                && key.is_for(|only| SigningAlgorithm::from_name(only) == Some(algorithm))
                && algorithm.kind() == Some(key.public.kind())
        })
    }

    /// The key to encrypt to: the first that is meant for it, or else the first that may serve.
    pub(crate) fn encryption(&self, algorithm: KeyManagementAlgorithm) -> Option<&ClientKey> {
        let able = || {
            self.0.iter().filter(|key| {
                key.key_use != Some(KeyUse::Signing)
                    && key.is_for(|only| only == algorithm.as_str())
                    && algorithm.takes(key.public.kind())
            })
        };
        let meant = |key: &&ClientKey| key.key_use.is_some() || key.algorithm.is_some();
        able().find(meant).or_else(|| able().next())
    }
}

impl ClientKey {
    /// None where the key is for something else than signatures and encryption.
    fn new(jwk: &Map<String, Value>, public: PublicKey) -> Option<Self> {
        let text = |member: &str| jwk.get(member).and_then(Value::as_str).map(str::to_owned);
        let may_verify = |operations: &Vec<Value>| operations.iter().any(|it| it == "verify");
        let operations = jwk.get("key_ops").and_then(Value::as_array);
        let key_use = match (text("use").as_deref(), operations) {
            (None, None) => None,
            (Some("sig"), _) => Some(KeyUse::Signing),
            (None, Some(operations)) if may_verify(operations) => Some(KeyUse::Signing),
            (Some("enc"), _) | (None, Some(_)) => Some(KeyUse::Encryption),
            (Some(_), _) => return None,
        };
        Some(Self {
            kid: text("kid"),
            algorithm: text("alg"),
            key_use,
            public,
        })
    }

    /// Whether the algorithm that its JWK names, if any, is the one that is needed.
    fn is_for(&self, is_needed: impl FnOnce(&str) -> bool) -> bool {
        self.algorithm.as_deref().is_none_or(is_needed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jose::algorithm::{ContentEncryption, KeyKind};
    use crate::jose::jwe::{Content, encrypt};
    use crate::jose::key::Pair;

    fn jwk(kind: KeyKind, more: &Value) -> Value {
        let mut jwk = Pair::generate(kind).public().jwk();
        jwk.extend(more.as_object().unwrap().clone());
        Value::Object(jwk)
    }

    fn parse(keys: &[Value]) -> Result<ClientKeys, JwkSetError> {
        ClientKeys::parse(&json!({"keys": keys}))
    }

    fn kid(key: &ClientKey) -> &str {
        key.kid.as_deref().unwrap()
    }

    #[test]
    fn a_key_of_any_kind_is_read_back() {
        for kind in KeyKind::ALL {
            let public = Pair::generate(kind).public().clone();
            assert_eq!(PublicKey::from_jwk(&public.jwk()), Ok(public));
        }
    }

    #[test]
    fn what_is_not_understood_is_left_out() {
        let p256 = KeyKind::Ec(Curve::P256);
        let mut off_the_curve = jwk(p256, &json!({}));
        off_the_curve["x"] = off_the_curve["y"].clone();
        let keys = parse(&[
            json!({"kty": "oct", "k": "c2VjcmV0"}),
            json!({"kty": "OKP", "crv": "X25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
            json!({"kty": "EC", "crv": "P-224", "x": "AA", "y": "AA"}),
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "RSA"}),
            json!({"kty": 7}),
            json!("no object"),
            off_the_curve,
            jwk(p256, &json!({"use": "else"})),
        ]);
        assert!(keys.unwrap().is_empty());
        assert!(!parse(&[jwk(p256, &json!({}))]).unwrap().is_empty());
    }

    #[test]
    fn a_private_member_is_an_error_and_so_is_what_is_no_set() {
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
            let key = jwk(KeyKind::Ed25519, &json!({member: "AA"}));
            assert_eq!(
                PublicKey::from_jwk(key.as_object().unwrap()),
                Err(JwkError::Private { member })
            );
            assert_eq!(parse(&[key]), Err(JwkSetError::Private { member }));
        }
        for none in [json!([]), json!({}), json!({"keys": {}}), json!(null)] {
            assert_eq!(ClientKeys::parse(&none), Err(JwkSetError::NotASet));
        }
        let many = vec![json!({}); MAX_KEYS + 1];
        assert_eq!(parse(&many), Err(JwkSetError::TooMany));
        assert!(parse(&many[1..]).is_ok());
    }

    #[test]
    fn a_key_is_used_for_what_it_is_meant_for() {
        let keys = parse(&[
            jwk(KeyKind::Rsa, &json!({"kid": "any"})),
            jwk(KeyKind::Rsa, &json!({"kid": "sig", "use": "sig"})),
            jwk(KeyKind::Rsa, &json!({"kid": "ps256", "alg": "PS256"})),
            jwk(KeyKind::Rsa, &json!({"kid": "ops", "key_ops": ["verify"]})),
            jwk(
                KeyKind::Rsa,
                &json!({"kid": "wrap", "key_ops": ["wrapKey"]}),
            ),
            jwk(
                KeyKind::Rsa,
                &json!({"kid": "enc", "use": "enc", "alg": "RSA-OAEP-256"}),
            ),
            jwk(KeyKind::Ec(Curve::P384), &json!({"kid": "ec"})),
        ]);
        let keys = keys.unwrap();
        let signing = |algorithm| keys.signing(algorithm).map(kid).collect::<Vec<_>>();
        assert_eq!(signing(SigningAlgorithm::Rs256), ["any", "sig", "ops"]);
        assert_eq!(
            signing(SigningAlgorithm::Ps256),
            ["any", "sig", "ps256", "ops"]
        );
        assert_eq!(signing(SigningAlgorithm::Es384), ["ec"]);
        assert!(signing(SigningAlgorithm::Es256).is_empty());
        assert!(signing(SigningAlgorithm::Hs256).is_empty());
        let encryption = |algorithm| keys.encryption(algorithm).map(kid);
        assert_eq!(encryption(KeyManagementAlgorithm::RsaOaep256), Some("wrap"));
        assert_eq!(encryption(KeyManagementAlgorithm::EcdhEs), Some("ec"));
        assert_eq!(
            ClientKeys::default().encryption(KeyManagementAlgorithm::EcdhEs),
            None
        );
    }

    proptest::proptest! {
        #[test]
        fn no_key_makes_it_panic(
            kind in 0_usize..4,
            long in proptest::collection::vec(proptest::num::u8::ANY, 250..270),
            short in proptest::collection::vec(proptest::num::u8::ANY, 0..70),
        ) {
            let kty = ["RSA", "EC", "OKP", "oct"][kind];
            let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            for crv in ["P-256", "P-384", "P-521", "secp256k1", "Ed25519"] {
                let keys = parse(&[json!({
                    "kty": kty, "crv": crv, "n": text(&long), "e": text(&short[..short.len().min(3)]),
                    "x": text(&short), "y": text(&short),
                })]).unwrap();
                for algorithm in KeyManagementAlgorithm::ALL {
                    let content = Content::Jwt("a.b.c");
                    let _ = encrypt(content, &keys, algorithm, ContentEncryption::default());
                }
                for key in keys.signing(SigningAlgorithm::Rs256) {
                    assert!(!key.public.verifies(SigningAlgorithm::Rs256, b"message", &long));
                }
            }
        }
    }
}
