//! Compact JWS by hand (RFC 7515 §7.1): what an issuer signs, and what it recognises as its own.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::algorithm::SigningAlgorithm;
use super::certificate::certificate;
use super::key::SigningKey;
use super::known::known_text;
use super::ring::KeyRing;
use super::verify::{Jws, Verified};
use crate::fault::{JwtDraft, Signing};

/// What a token is signed with.
#[derive(Debug, Clone)]
pub(crate) enum Signer {
    /// A key of the issuer.
    Key(Arc<SigningKey>),
    /// The secret of the client that the token is for (OIDC Core §10.1).
    Secret(Secret),
}

/// A secret that both sides know, and the algorithm that it is used with.
#[derive(Clone)]
pub(crate) struct Secret {
    algorithm: SigningAlgorithm,
    key: Box<hmac::Key>,
}

impl Secret {
    /// None where the algorithm is not a symmetric one.
    pub(crate) fn new(algorithm: SigningAlgorithm, secret: &[u8]) -> Option<Self> {
        let key = Box::new(hmac::Key::new(algorithm.hmac()?, secret));
        Some(Self { algorithm, key })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key, message).as_ref().to_vec()
    }

    /// Compares in constant time.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        hmac::verify(&self.key, message, signature).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.algorithm.as_str())
    }
}

impl Signer {
    pub(crate) fn algorithm(&self) -> SigningAlgorithm {
        match self {
            Self::Key(key) => key.algorithm,
            Self::Secret(secret) => secret.algorithm,
        }
    }

    /// The name of the key in the issuer's key set; a secret has none.
    pub(crate) fn kid(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(&key.kid),
            Self::Secret(_) => None,
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Key(key) => key.sign(message),
            Self::Secret(secret) => secret.sign(message),
        }
    }

    /// Nobody can know what this one signs with.
    fn unknown(&self, keys: &KeyRing) -> Self {
        match self {
            Self::Key(key) => Self::Key(Arc::new(keys.unpublished(key.algorithm))),
            Self::Secret(secret) => {
                let other = secret.sign(b"a secret that is not the client's");
                let other = Secret::new(secret.algorithm, &other);
                other.map_or_else(|| self.clone(), Self::Secret)
            }
        }
    }
}

/// Signs a draft as it says. The honest signer is given.
pub(crate) fn sign_with(keys: &KeyRing, signer: &Signer, mut draft: JwtDraft) -> String {
    match draft.signing {
        None => finish(&draft, |message| signer.sign(message)),
        Some(Signing::None) => {
            set_header(&mut draft, "alg", "none");
            finish(&draft, |_| Vec::new())
        }
        Some(
            how @ (Signing::HmacWithPublicKey
            | Signing::HmacWithTrimmedPem
            | Signing::HmacWithPkcs1Pem
            | Signing::HmacWithCertificate
            | Signing::HmacWithOpenssh
            | Signing::HmacWithOpensshEc
            | Signing::HmacWithDer
            | Signing::HmacWithJwk
            | Signing::HmacWithModulus
            | Signing::HmacWithEmptyKey),
        ) => {
            set_header(&mut draft, "alg", "HS256");
            let (kid, text) = known_text(keys, how);
            if let Some(kid) = kid {
                set_header(&mut draft, "kid", &kid);
            }
            let key = hmac::Key::new(hmac::HMAC_SHA256, &text);
            finish(&draft, |message| {
                hmac::sign(&key, message).as_ref().to_vec()
            })
        }
        Some(Signing::HmacWithClientSecret) => {
            set_header(&mut draft, "alg", "HS256");
            finish(&draft, |message| signer.sign(message))
        }
        Some(how @ (Signing::EmbeddedKey | Signing::EmbeddedEcKey)) => {
            let key = keys.unpublished(match how {
                Signing::EmbeddedEcKey => SigningAlgorithm::Es256,
                _ => signing_algorithm(signer, keys),
            });
            set_header(&mut draft, "alg", key.algorithm.as_str());
            let jwk = key.public().jwk();
            draft.header.open().insert("jwk".to_owned(), jwk.into());
            finish(&draft, |message| key.sign(message))
        }
        Some(Signing::ZeroSignature) => {
            let key = keys.signing(SigningAlgorithm::Es256);
            let key = key.unwrap_or_else(|| keys.own());
            set_header(&mut draft, "alg", key.algorithm.as_str());
            set_header(&mut draft, "kid", &key.kid);
            finish(&draft, |message| vec![0; key.sign(message).len()])
        }
        Some(Signing::MixedSerialization) => mixed(signer, &draft),
        Some(Signing::CorruptSignature) => finish(&draft, |message| {
            let mut signature = signer.sign(message);
            // In the middle: the last letter of base64url has bits that some ignore.
            let middle = signature.len() / 2;
            signature[middle] ^= 0b0101_0101;
            signature
        }),
        Some(Signing::UnpublishedKey) => {
            let unknown = signer.unknown(keys);
            finish(&draft, |message| unknown.sign(message))
        }
        Some(Signing::UnknownKid) => {
            set_header(&mut draft, "kid", "unknown-key");
            let unknown = signer.unknown(keys);
            finish(&draft, |message| unknown.sign(message))
        }
        Some(how @ (Signing::OtherAlgorithm | Signing::Es256k | Signing::WithdrawnKey)) => {
            let key = match how {
                Signing::WithdrawnKey => keys.withdrawn(signing_algorithm(signer, keys)),
                Signing::Es256k => keys.published_or_new(SigningAlgorithm::Es256k),
                _ => keys.other(signer.algorithm()),
            };
            set_header(&mut draft, "alg", key.algorithm.as_str());
            set_header(&mut draft, "kid", &key.kid);
            finish(&draft, |message| key.sign(message))
        }
    }
}

/// The draft's claims in the compact form, without a signature, as the name of a member of a JWS
/// that is rightly signed for somebody else.
fn mixed(signer: &Signer, draft: &JwtDraft) -> String {
    let forged = finish(draft, |_| Vec::new());
    let (header, _) = forged.split_once('.').unwrap_or_default();
    let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"somebody-else"}"#);
    let signature = signer.sign(format!("{header}.{payload}").as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(signature);
    // Four characters of no alphabet, which a lenient decoder leaves out, before a group of four.
    format!(
        r#"{{"~~{forged}":"","protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#
    )
}

/// An algorithm of key pairs: the honest one, or else the issuer's.
fn signing_algorithm(signer: &Signer, keys: &KeyRing) -> SigningAlgorithm {
    let honest = signer.algorithm();
    if honest.is_symmetric() {
        keys.algorithm()
    } else {
        honest
    }
}

/// The key that is never published, as it would be (RFC 7517 §4).
pub(crate) fn unpublished_jwk(keys: &KeyRing, kid: &str) -> Value {
    let key = keys.unpublished(keys.algorithm());
    let mut jwk = key.public().jwk();
    let more = [
        ("kid", kid),
        ("use", "sig"),
        ("alg", key.algorithm.as_str()),
    ];
    jwk.extend(more.map(|(name, value)| (name.to_owned(), json!(value))));
    Value::Object(jwk)
}

/// Adds to the JWKs of published keys the certificates that there can be for them (`x5c`, RFC 7517
/// §4.7).
pub(crate) fn with_certificates(keys: &KeyRing, jwks: &mut [Value]) {
    for key in keys.published() {
        let jwk = (jwks.iter_mut())
            .filter_map(Value::as_object_mut)
            .find(|jwk| jwk.get("kid").is_some_and(|kid| *kid == key.kid));
        if let Some(jwk) = jwk
            && let Some(der) = certificate(&key)
        {
            jwk.insert("x5c".to_owned(), json!([STANDARD.encode(der)]));
        }
    }
}

/// A token that this issuer signed, however long ago, and still accepts.
pub(crate) fn own_token(keys: &KeyRing, token: &str) -> Option<Verified> {
    let jws = Jws::parse(token).ok()?;
    let key = keys.accepted(jws.algorithm()?, jws.kid().ok()??)?;
    jws.signed_by(&key)
}

/// The claims of such a token.
pub(crate) fn own_claims(keys: &KeyRing, token: &str) -> Option<Map<String, Value>> {
    own_token(keys, token).map(|token| token.claims)
}

/// The left half of the hash that goes with the algorithm, for `at_hash`, `c_hash` and `s_hash`
/// (OIDC Core §3.1.3.6, §3.3.2.11).
pub(crate) fn half_hash(algorithm: SigningAlgorithm, value: &str) -> String {
    let digest = digest::digest(algorithm.hash(), value.as_bytes());
    let bytes = digest.as_ref();
    URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() / 2])
}

/// The compact form of a header and claims, which are JSON texts, signed by the given function.
pub(crate) fn compact(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    // Four letters for three bytes; most signatures are no longer than that of an RSA key.
    let mut token = String::with_capacity((header.len() + claims.len()) / 3 * 4 + 400);
    for part in [header, claims] {
        URL_SAFE_NO_PAD.encode_string(part, &mut token);
        token.push('.');
    }
    let signature = sign(token.trim_end_matches('.').as_bytes());
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

/// Sets what the way of signing brings along, unless the header was set on purpose.
fn set_header(draft: &mut JwtDraft, name: &str, value: &str) {
    if !draft.header_set.iter().any(|set| set == name) {
        draft.header.open().insert(name.to_owned(), json!(value));
    }
}

fn finish(draft: &JwtDraft, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let claims = draft.claims.text().into_owned();
    compact(&draft.header.text(), &draft.repeated.around(claims), sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::{KeySource, OwnKey};

    const FAULTS: [Signing; 5] = [
        Signing::None,
        Signing::HmacWithPublicKey,
        Signing::CorruptSignature,
        Signing::UnpublishedKey,
        Signing::UnknownKid,
    ];

    fn draft(signer: &Signer) -> JwtDraft {
        let header = json!({"alg": signer.algorithm().as_str(), "kid": signer.kid()});
        let claims = json!({"sub": "alice"});
        JwtDraft::new(
            crate::fault::JwtKind::IdToken,
            header.as_object().unwrap().clone(),
            claims.as_object().unwrap().clone(),
        )
    }

    fn faulty(signer: &Signer, how: Signing) -> JwtDraft {
        JwtDraft {
            signing: Some(how),
            ..draft(signer)
        }
    }

    fn header(token: &str) -> Value {
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap());
        serde_json::from_slice(&header.unwrap()).unwrap()
    }

    /// Signs a draft as it says, with the issuer's own key.
    fn sign(keys: &KeyRing, draft: JwtDraft) -> String {
        sign_with(keys, &Signer::Key(keys.own()), draft)
    }

    #[test]
    fn only_what_the_issuer_signed_rightly_is_its_own() {
        for algorithm in SigningAlgorithm::ASYMMETRIC {
            let keys = KeyRing::new(algorithm, KeySource::Test);
            let own = Signer::Key(keys.own());
            let token = sign(&keys, draft(&own));
            assert_eq!(own_claims(&keys, &token).unwrap()["sub"], "alice");
            for how in FAULTS {
                let token = sign(&keys, faulty(&own, how));
                assert_eq!(own_claims(&keys, &token), None, "{how:?}");
            }
        }
        let keys = KeyRing::new(SigningAlgorithm::Rs256, KeySource::Test);
        for rubbish in ["", ".", "..", "a.b.c", "e30.e30.", "é.é.é"] {
            assert_eq!(own_claims(&keys, rubbish), None);
        }
    }

    #[test]
    fn another_algorithm_is_named_in_the_header_and_signs_rightly() {
        for algorithm in SigningAlgorithm::ASYMMETRIC {
            let keys = KeyRing::new(algorithm, KeySource::Test);
            let own = Signer::Key(keys.own());
            let token = sign(&keys, faulty(&own, Signing::OtherAlgorithm));
            assert!(own_claims(&keys, &token).is_some());
            assert_ne!(header(&token)["alg"], algorithm.as_str());
        }
    }

    #[test]
    fn a_token_keyed_with_a_secret_can_be_as_faulty_as_any() {
        let keys = KeyRing::new(SigningAlgorithm::Rs256, KeySource::Test);
        for algorithm in [
            SigningAlgorithm::Hs256,
            SigningAlgorithm::Hs384,
            SigningAlgorithm::Hs512,
        ] {
            let secret = Secret::new(algorithm, b"secret").unwrap();
            let signer = Signer::Secret(secret.clone());
            let verified = |token: &str| {
                let (message, signature) = token.rsplit_once('.').unwrap();
                let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
                secret.verifies(message.as_bytes(), &signature)
            };
            assert!(verified(&sign_with(&keys, &signer, draft(&signer))));
            for how in FAULTS {
                let token = sign_with(&keys, &signer, faulty(&signer, how));
                assert!(!verified(&token), "{algorithm:?} {how:?}");
            }
            let token = sign_with(&keys, &signer, faulty(&signer, Signing::OtherAlgorithm));
            assert!(own_claims(&keys, &token).is_some());
        }
        assert!(Secret::new(SigningAlgorithm::Rs256, b"secret").is_none());
    }

    #[test]
    fn the_public_key_as_a_secret_verifies_as_a_confused_library_would() {
        use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
        let pem = include_str!("../../keys/p384-1.pem");
        let alone = KeySource::Own(vec![OwnKey::from_pem(pem).unwrap()]);
        for (algorithm, source, signs) in [
            (
                SigningAlgorithm::Rs256,
                KeySource::Test,
                SigningAlgorithm::Rs256,
            ),
            (
                SigningAlgorithm::Es256,
                KeySource::Test,
                SigningAlgorithm::Rs256,
            ),
            (SigningAlgorithm::Es384, alone, SigningAlgorithm::Es384),
        ] {
            let keys = KeyRing::new(algorithm, source);
            let own = Signer::Key(keys.own());
            let token = sign(&keys, faulty(&own, Signing::HmacWithPublicKey));
            let pem = keys.signing(signs).unwrap().public().pem();
            let mut validation = Validation::new(Algorithm::HS256);
            validation.required_spec_claims.clear();
            let key = DecodingKey::from_secret(pem.as_bytes());
            assert!(decode::<Value>(&token, &key, &validation).is_ok());
        }
    }

    #[test]
    fn half_hashes_are_those_of_the_specification() {
        // OIDC Core 1.0, Appendix A.3 and A.4.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        let code = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
        let rs256 = |value| half_hash(SigningAlgorithm::Rs256, value);
        assert_eq!(rs256(token), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(rs256(code), "LDktKdoQak3Pk0cnXxCltA");
        for algorithm in SigningAlgorithm::ALL {
            let letters = half_hash(algorithm, token).len();
            let expected = match algorithm.as_str() {
                name if name.ends_with("256") || name == "ES256K" => 22,
                name if name.ends_with("384") => 32,
                _ => 43,
            };
            assert_eq!(letters, expected, "{algorithm:?}");
        }
    }
}
