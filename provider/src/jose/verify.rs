//! Tokens that clients signed: assertions, request objects, proofs (RFC 7515 §5.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::SigningAlgorithm;
use super::jwk::{ClientKeys, JwkError};
use super::jws::Secret;
use super::key::SigningKey;
use super::public::PublicKey;

/// How long a token may be, in bytes.
const MAX_LENGTH: usize = 64 * 1_024;

/// How much of a client's own words an error repeats, in letters.
const MAX_QUOTED: usize = 64;

/// Header and claims of a token whose signature is right. Whether the claims are is still open.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verified {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    pub(crate) algorithm: SigningAlgorithm,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwsError {
    /// It is too long.
    #[error("the token is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// It is not three parts of base64url, the first two JSON objects.
    #[error("the token is no compact JWS: {0}")]
    Malformed(&'static str),
    /// `alg` is `none`.
    #[error("the token is not signed")]
    Unsigned,
    /// `alg` is unknown, or not one of those that are accepted here.
    #[error("the algorithm `{algorithm}` is not accepted here")]
    Algorithm {
        /// What stands in `alg`, shortened.
        algorithm: String,
    },
    /// The header says that it must be understood in ways that we do not know (RFC 7515 §4.1.11).
    #[error("the header has `crit`, and none of its extensions is understood")]
    Critical,
    /// No key for the algorithm.
    #[error("the client has no key for `{}`", .0.as_str())]
    NoKey(SigningAlgorithm),
    /// No key of this name for the algorithm.
    #[error("the client has no key `{kid}` for `{}`", algorithm.as_str())]
    UnknownKid {
        /// What stands in `kid`, shortened.
        kid: String,
        /// What it would be used with.
        algorithm: SigningAlgorithm,
    },
    /// No key verifies the signature.
    #[error("the signature is wrong")]
    Signature,
    /// The header has no `jwk` (RFC 9449 §4.2).
    #[error("the header has no public key `jwk`")]
    NoEmbeddedKey,
    /// The `jwk` in the header cannot be used.
    #[error("the `jwk` in the header: {0}")]
    EmbeddedKey(#[from] JwkError),
}

/// Verifies with the keys of a client: the one that `kid` names, or else any that fits.
pub(crate) fn verify(
    token: &str,
    keys: &ClientKeys,
    allowed: &[SigningAlgorithm],
) -> Result<Verified, JwsError> {
    Jws::parse(token)?.verify(keys, allowed)
}

/// Verifies with a secret that the client shares with us.
pub(crate) fn verify_with_secret(
    token: &str,
    secret: &[u8],
    allowed: &[SigningAlgorithm],
) -> Result<Verified, JwsError> {
    Jws::parse(token)?.verify_with_secret(secret, allowed)
}

/// Verifies with the public key in the token's own header, which is returned as well: a proof that
/// its maker has the private half, and of nothing else (RFC 9449 §4.2).
pub(crate) fn verify_with_embedded_key(
    token: &str,
    allowed: &[SigningAlgorithm],
) -> Result<(Verified, PublicKey), JwsError> {
    Jws::parse(token)?.verify_with_embedded_key(allowed)
}

/// A token that was taken apart, and nothing else.
#[derive(Debug)]
pub(crate) struct Jws<'a> {
    message: &'a [u8],
    signature: Vec<u8>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl<'a> Jws<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, JwsError> {
        if token.len() > MAX_LENGTH {
            return Err(JwsError::TooLong);
        }
        let parts = JwsError::Malformed("it has not three parts");
        let (message, signature) = token.rsplit_once('.').ok_or_else(|| parts.clone())?;
        let (header, claims) = message.split_once('.').ok_or_else(|| parts.clone())?;
        if claims.contains('.') {
            return Err(parts);
        }
        let decode = |part: &str| {
            let decoded = URL_SAFE_NO_PAD.decode(part);
            decoded.map_err(|_| JwsError::Malformed("a part is not base64url"))
        };
        let object = |part: &str, what| {
            let object = serde_json::from_slice(&decode(part)?);
            object.map_err(|_| JwsError::Malformed(what))
        };
        Ok(Self {
            message: message.as_bytes(),
            signature: decode(signature)?,
            header: object(header, "the header is not a JSON object")?,
            claims: object(claims, "the claims are not a JSON object")?,
        })
    }

    /// What the token says, true or not: enough to find out whose keys to verify it with.
    pub(crate) fn unverified_claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The header, true or not.
    pub(crate) fn unverified_header(&self) -> &Map<String, Value> {
        &self.header
    }

    /// [`verify`].
    pub(crate) fn verify(
        self,
        keys: &ClientKeys,
        allowed: &[SigningAlgorithm],
    ) -> Result<Verified, JwsError> {
        let algorithm = self.accepted_algorithm(allowed)?;
        if keys.signing(algorithm).next().is_none() {
            return Err(JwsError::NoKey(algorithm));
        }
        let kid = self.kid()?;
        let named = |it: Option<&str>| kid.is_none_or(|kid| it == Some(kid));
        let mut candidates = (keys.signing(algorithm))
            .filter(|key| named(key.kid.as_deref()))
            .peekable();
        if let (Some(kid), None) = (kid, candidates.peek()) {
            let kid = quoted(kid);
            return Err(JwsError::UnknownKid { kid, algorithm });
        }
        let mut keys = candidates.map(|key| &key.public);
        if keys.any(|key| key.verifies(algorithm, self.message, &self.signature)) {
            Ok(self.verified(algorithm))
        } else {
            Err(JwsError::Signature)
        }
    }

    /// [`verify_with_secret`].
    pub(crate) fn verify_with_secret(
        self,
        secret: &[u8],
        allowed: &[SigningAlgorithm],
    ) -> Result<Verified, JwsError> {
        let algorithm = self.accepted_algorithm(allowed)?;
        let secret = Secret::new(algorithm, secret).ok_or(JwsError::NoKey(algorithm))?;
        if secret.verifies(self.message, &self.signature) {
            Ok(self.verified(algorithm))
        } else {
            Err(JwsError::Signature)
        }
    }

    /// [`verify_with_embedded_key`].
    pub(crate) fn verify_with_embedded_key(
        self,
        allowed: &[SigningAlgorithm],
    ) -> Result<(Verified, PublicKey), JwsError> {
        let algorithm = self.accepted_algorithm(allowed)?;
        let jwk = self.header.get("jwk").and_then(Value::as_object);
        let key = PublicKey::from_jwk(jwk.ok_or(JwsError::NoEmbeddedKey)?)?;
        if key.verifies(algorithm, self.message, &self.signature) {
            Ok((self.verified(algorithm), key))
        } else {
            Err(JwsError::Signature)
        }
    }

    /// The name of the key, if the header has one.
    pub(crate) fn kid(&self) -> Result<Option<&str>, JwsError> {
        match self.header.get("kid") {
            None => Ok(None),
            Some(Value::String(kid)) => Ok(Some(kid)),
            Some(_) => Err(JwsError::Malformed("`kid` is not a string")),
        }
    }

    /// The algorithm, if it is known and one of these.
    fn accepted_algorithm(
        &self,
        allowed: &[SigningAlgorithm],
    ) -> Result<SigningAlgorithm, JwsError> {
        if self.header.contains_key("crit") {
            return Err(JwsError::Critical);
        }
        let name = self.header.get("alg").and_then(Value::as_str);
        let name = name.ok_or(JwsError::Malformed("`alg` is missing"))?;
        if name.eq_ignore_ascii_case("none") {
            return Err(JwsError::Unsigned);
        }
        SigningAlgorithm::from_name(name)
            .filter(|algorithm| allowed.contains(algorithm))
            .ok_or_else(|| JwsError::Algorithm {
                algorithm: quoted(name),
            })
    }

    /// The algorithm that the header names, accepted or not.
    pub(crate) fn algorithm(&self) -> Option<SigningAlgorithm> {
        SigningAlgorithm::from_name(self.header.get("alg")?.as_str()?)
    }

    /// The token, if this key of ours signed it.
    pub(crate) fn signed_by(self, key: &SigningKey) -> Option<Verified> {
        key.verifies(self.message, &self.signature)
            .then(|| self.verified(key.algorithm))
    }

    fn verified(self, algorithm: SigningAlgorithm) -> Verified {
        Verified {
            header: self.header,
            claims: self.claims,
            algorithm,
        }
    }
}

fn quoted(text: &str) -> String {
    text.chars().take(MAX_QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
    use serde_json::json;

    use super::*;
    use crate::jose::algorithm::{Curve, KeyKind};
    use crate::jose::jws::compact;
    use crate::jose::key::Pair;

    const PAIRS: [(KeyKind, &str); 6] = [
        (KeyKind::Rsa, include_str!("../../keys/rsa-1.pem")),
        (
            KeyKind::Ec(Curve::P256),
            include_str!("../../keys/p256-1.pem"),
        ),
        (
            KeyKind::Ec(Curve::P384),
            include_str!("../../keys/p384-1.pem"),
        ),
        (
            KeyKind::Ec(Curve::P521),
            include_str!("../../keys/p521-1.pem"),
        ),
        (
            KeyKind::Ec(Curve::Secp256k1),
            include_str!("../../keys/secp256k1-1.pem"),
        ),
        (KeyKind::Ed25519, include_str!("../../keys/ed25519-1.pem")),
    ];

    /// The key of the algorithm, called `k`, and its PEM text.
    fn key(algorithm: SigningAlgorithm) -> (SigningKey, &'static str) {
        let kind = algorithm.kind().unwrap();
        let (_, pem) = PAIRS[kind.index()];
        let pair = crate::OwnKey::from_pem(pem).unwrap().pair();
        (SigningKey::new("k".to_owned(), algorithm, pair), pem)
    }

    fn set(keys: &[&SigningKey]) -> ClientKeys {
        let keys: Vec<_> = keys.iter().map(|key| json!(key.jwk())).collect();
        ClientKeys::parse(&json!({"keys": keys})).unwrap()
    }

    fn token(key: &SigningKey, header: &Value) -> String {
        let claims = json!({"iss": "app"});
        compact(&header.to_string(), &claims.to_string(), |it| key.sign(it))
    }

    fn honest(key: &SigningKey) -> String {
        token(key, &json!({"alg": key.algorithm.as_str(), "kid": key.kid}))
    }

    fn theirs(algorithm: SigningAlgorithm) -> jsonwebtoken::Algorithm {
        algorithm.as_str().parse().unwrap()
    }

    /// What the other library knows as well.
    fn known_to_both() -> impl Iterator<Item = SigningAlgorithm> {
        let unknown = [SigningAlgorithm::Es512, SigningAlgorithm::Es256k];
        (SigningAlgorithm::ALL.into_iter()).filter(move |it| !unknown.contains(it))
    }

    #[test]
    fn what_another_library_signs_is_verified() {
        let claims = json!({"iss": "app"});
        for algorithm in known_to_both() {
            let header = Header::new(theirs(algorithm));
            let verified = if algorithm.is_symmetric() {
                let key = EncodingKey::from_secret(b"secret");
                let token = encode(&header, &claims, &key).unwrap();
                verify_with_secret(&token, b"secret", &[algorithm])
            } else {
                let (key, pem) = key(algorithm);
                let pem = pem.as_bytes();
                let theirs = match algorithm.kind().unwrap() {
                    KeyKind::Rsa => EncodingKey::from_rsa_pem(pem),
                    KeyKind::Ec(_) => EncodingKey::from_ec_pem(pem),
                    KeyKind::Ed25519 => EncodingKey::from_ed_pem(pem),
                };
                let token = encode(&header, &claims, &theirs.unwrap()).unwrap();
                verify(&token, &set(&[&key]), &[algorithm])
            };
            let verified = verified.unwrap();
            assert_eq!(Value::Object(verified.claims), claims, "{algorithm:?}");
            assert_eq!(verified.algorithm, algorithm);
            assert_eq!(verified.header["typ"], "JWT");
        }
    }

    #[test]
    fn what_is_signed_here_is_verified_by_another_library() {
        for algorithm in known_to_both() {
            let mut validation = Validation::new(theirs(algorithm));
            validation.required_spec_claims.clear();
            let header = json!({"alg": algorithm.as_str()});
            let (token, key) = if let Some(secret) = Secret::new(algorithm, b"secret") {
                let token = compact(&header.to_string(), "{}", |it| secret.sign(it));
                (token, DecodingKey::from_secret(b"secret"))
            } else {
                let (key, _) = key(algorithm);
                let jwk = serde_json::from_value(json!(key.jwk())).unwrap();
                (honest(&key), DecodingKey::from_jwk(&jwk).unwrap())
            };
            assert!(
                decode::<Value>(&token, &key, &validation).is_ok(),
                "{algorithm:?}"
            );
        }
    }

    #[test]
    fn a_signature_of_es512_is_that_of_the_specification() {
        // RFC 7515, Appendix A.4.
        let decode = |text| URL_SAFE_NO_PAD.decode(text).unwrap();
        let x = "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk";
        let y = "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2";
        let signature = "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw\
                         _7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukO\
                         XolLzeO_Jn";
        let key = PublicKey::ec(Curve::P521, &decode(x), &decode(y)).unwrap();
        let message = b"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA";
        assert!(key.verifies(SigningAlgorithm::Es512, message, &decode(signature)));
    }

    #[test]
    fn what_is_signed_here_with_es512_is_verified_here() {
        let (key, _) = key(SigningAlgorithm::Es512);
        let allowed = [SigningAlgorithm::Es512];
        assert!(verify(&honest(&key), &set(&[&key]), &allowed).is_ok());
    }

    #[test]
    fn only_accepted_algorithms_that_fit_the_key_are_verified() {
        let all = SigningAlgorithm::ALL;
        let (key, _) = key(SigningAlgorithm::Ps256);
        let keys = set(&[&key]);
        let error =
            |token: &str, allowed: &[SigningAlgorithm]| verify(token, &keys, allowed).unwrap_err();
        let refused = |algorithm: &str| JwsError::Algorithm {
            algorithm: algorithm.to_owned(),
        };
        assert!(verify(&honest(&key), &keys, &all).is_ok());
        assert_eq!(
            error(&honest(&key), &[SigningAlgorithm::Rs256]),
            refused("PS256")
        );
        // The key is said to be for PS256 alone, and is none for a secret or a curve.
        for (alg, algorithm) in [
            ("RS256", SigningAlgorithm::Rs256),
            ("ES256", SigningAlgorithm::Es256),
            ("HS256", SigningAlgorithm::Hs256),
        ] {
            let token = token(&key, &json!({"alg": alg, "kid": "k"}));
            assert_eq!(error(&token, &all), JwsError::NoKey(algorithm));
        }
        for none in ["none", "None", "nOnE"] {
            let token = token(&key, &json!({"alg": none}));
            assert_eq!(error(&token, &all), JwsError::Unsigned);
        }
        let long = "x".repeat(1_000);
        for unknown in ["", "ps256", "RS1", &long] {
            let token = token(&key, &json!({"alg": unknown}));
            assert_eq!(
                error(&token, &all),
                refused(&unknown[..unknown.len().min(64)])
            );
        }
        // The public key as a secret.
        let pem = key.public().pem();
        let secret = Secret::new(SigningAlgorithm::Hs256, pem.as_bytes()).unwrap();
        let header = json!({"alg": "HS256", "kid": "k"});
        let confused = compact(&header.to_string(), "{}", |it| secret.sign(it));
        assert_eq!(
            error(&confused, &all),
            JwsError::NoKey(SigningAlgorithm::Hs256)
        );
        assert_eq!(
            verify_with_secret(&honest(&key), pem.as_bytes(), &all),
            Err(JwsError::NoKey(SigningAlgorithm::Ps256))
        );
    }

    #[test]
    fn the_key_that_is_named_is_the_only_one_that_is_tried() {
        let generate = |kid: &str| {
            let pair = Arc::new(Pair::generate(KeyKind::Ed25519));
            SigningKey::new(kid.to_owned(), SigningAlgorithm::EdDsa, pair)
        };
        let (one, two, stranger) = (generate("one"), generate("two"), generate("three"));
        let keys = set(&[&one, &two]);
        let outcome = |key: &SigningKey, header: Value| {
            verify(&token(key, &header), &keys, &SigningAlgorithm::ALL).map(|it| it.algorithm)
        };
        assert!(outcome(&two, json!({"alg": "EdDSA", "kid": "two"})).is_ok());
        assert!(outcome(&two, json!({"alg": "EdDSA"})).is_ok());
        assert_eq!(
            outcome(&two, json!({"alg": "EdDSA", "kid": "one"})),
            Err(JwsError::Signature)
        );
        assert_eq!(
            outcome(&stranger, json!({"alg": "EdDSA"})),
            Err(JwsError::Signature)
        );
        assert_eq!(
            outcome(&stranger, json!({"alg": "EdDSA", "kid": "three"})),
            Err(JwsError::UnknownKid {
                kid: "three".to_owned(),
                algorithm: SigningAlgorithm::EdDsa
            })
        );
        assert!(matches!(
            outcome(&one, json!({"alg": "EdDSA", "kid": 1})),
            Err(JwsError::Malformed(_))
        ));
        for crit in [json!(["exp"]), json!([]), json!(null)] {
            let header = json!({"alg": "EdDSA", "kid": "one", "crit": crit});
            assert_eq!(outcome(&one, header), Err(JwsError::Critical));
        }
    }

    #[test]
    fn what_a_token_says_can_be_read_before_it_is_verified() {
        let (key, _) = key(SigningAlgorithm::EdDsa);
        let token = honest(&key);
        let jws = Jws::parse(&token).unwrap();
        assert_eq!(jws.unverified_claims()["iss"], "app");
        assert_eq!(jws.algorithm(), Some(SigningAlgorithm::EdDsa));
        assert_eq!(jws.kid(), Ok(Some("k")));
    }

    #[test]
    fn a_proof_is_verified_with_the_public_key_that_it_brings_along() {
        for algorithm in SigningAlgorithm::ASYMMETRIC {
            let (key, _) = key(algorithm);
            let jwk = key.public().jwk();
            let header = json!({"typ": "dpop+jwt", "alg": algorithm.as_str(), "jwk": jwk});
            let proof = token(&key, &header);
            let (verified, public) = verify_with_embedded_key(&proof, &[algorithm]).unwrap();
            assert_eq!(verified.header["typ"], "dpop+jwt");
            assert_eq!(public.thumbprint(), key.public().thumbprint());
            let mut private = header.clone();
            private["jwk"]["d"] = json!("AA");
            let error = |header: &Value| {
                verify_with_embedded_key(&token(&key, header), &[algorithm]).unwrap_err()
            };
            let member = "d";
            assert_eq!(
                error(&private),
                JwsError::EmbeddedKey(JwkError::Private { member })
            );
            let mut other = header.clone();
            other["jwk"] = json!(Pair::generate(algorithm.kind().unwrap()).public().jwk());
            assert_eq!(error(&other), JwsError::Signature);
            let without = json!({"alg": algorithm.as_str()});
            assert_eq!(error(&without), JwsError::NoEmbeddedKey);
        }
    }

    #[test]
    fn what_is_no_compact_jws_is_refused() {
        let (key, _) = key(SigningAlgorithm::EdDsa);
        let keys = set(&[&key]);
        let refused = |token: &str| {
            let error = verify(token, &keys, &SigningAlgorithm::ALL).unwrap_err();
            matches!(error, JwsError::Malformed(_))
        };
        let honest = honest(&key);
        for token in [
            String::new(),
            "..".to_owned(),
            "é.é.é".to_owned(),
            "e30.e30.".to_owned(),
            "W10.e30.AA".to_owned(),
            "e30.W10.AA".to_owned(),
            format!("{honest}="),
            format!("{honest}."),
            format!(" {honest}"),
            format!("{honest}\n"),
            honest.replace('.', ".."),
            honest[..honest.rfind('.').unwrap()].to_owned(),
        ] {
            assert!(refused(&token), "{token}");
        }
        // The last letter has bits that mean nothing, and have to be zero.
        let sloppy = format!("{}B", &honest[..honest.len() - 1]);
        assert!(refused(&sloppy), "{sloppy}");
        let long = "a".repeat(MAX_LENGTH + 1);
        let error = verify(&long, &keys, &SigningAlgorithm::ALL);
        assert_eq!(error, Err(JwsError::TooLong));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(token in ".{0,200}", parts in "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}") {
            for text in [&token, &parts] {
                assert!(verify(text, &ClientKeys::default(), &SigningAlgorithm::ALL).is_err());
                assert!(verify_with_secret(text, b"secret", &SigningAlgorithm::ALL).is_err());
                assert!(verify_with_embedded_key(text, &SigningAlgorithm::ALL).is_err());
            }
        }
    }
}
