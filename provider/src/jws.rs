//! Compact JWS by hand (RFC 7515 §7.1), since no JWT library can say what faults have to say.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::fault::{IdTokenDraft, Signing};
use crate::keys::KeyRing;
use crate::settings::SigningAlgorithm;

/// Signs a draft as it says.
pub(crate) fn sign(keys: &KeyRing, mut draft: IdTokenDraft) -> String {
    let own = keys.algorithm();
    match draft.signing {
        None => {
            let key = keys.signing(own);
            finish(&draft, |message| key.sign(message))
        }
        Some(Signing::None) => {
            set_header(&mut draft, "alg", "none");
            finish(&draft, |_| Vec::new())
        }
        Some(Signing::HmacWithPublicKey) => {
            set_header(&mut draft, "alg", "HS256");
            let rsa = keys.signing(SigningAlgorithm::Rs256);
            let pem = rsa.public_pem().expect("an RSA key has a PEM form");
            let key = hmac::Key::new(hmac::HMAC_SHA256, pem.as_bytes());
            finish(&draft, |message| {
                hmac::sign(&key, message).as_ref().to_vec()
            })
        }
        Some(Signing::CorruptSignature) => {
            let key = keys.signing(own);
            finish(&draft, |message| {
                let mut signature = key.sign(message);
                // In the middle: the last letter of base64url has bits that some ignore.
                let middle = signature.len() / 2;
                signature[middle] ^= 0b0101_0101;
                signature
            })
        }
        Some(Signing::UnpublishedKey) => {
            let key = keys.unpublished(own);
            finish(&draft, |message| key.sign(message))
        }
        Some(Signing::UnknownKid) => {
            set_header(&mut draft, "kid", "unknown-key");
            let key = keys.unpublished(own);
            finish(&draft, |message| key.sign(message))
        }
        Some(Signing::OtherAlgorithm) => {
            let key = keys.signing(match own {
                SigningAlgorithm::Rs256 => SigningAlgorithm::Es256,
                SigningAlgorithm::Es256 | SigningAlgorithm::EdDsa => SigningAlgorithm::Rs256,
            });
            set_header(&mut draft, "alg", key.algorithm.as_str());
            set_header(&mut draft, "kid", &key.kid);
            finish(&draft, |message| key.sign(message))
        }
    }
}

/// The claims of a token that this issuer signed, however long ago.
pub(crate) fn own_claims(keys: &KeyRing, token: &str) -> Option<Map<String, Value>> {
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let header: Map<String, Value> = serde_json::from_slice(&decode(header)?).ok()?;
    let kid = header.get("kid")?.as_str()?;
    let key = keys.published().into_iter().find(|key| key.kid == kid)?;
    let alg_fits = header.get("alg")?.as_str()? == key.algorithm.as_str();
    if !alg_fits || !key.verifies(message.as_bytes(), &decode(signature)?) {
        return None;
    }
    serde_json::from_slice(&decode(claims)?).ok()
}

/// The left half of the hash that goes with the algorithm, for `at_hash` (OIDC Core §3.1.3.6).
pub(crate) fn half_hash(algorithm: SigningAlgorithm, value: &str) -> String {
    let hash = match algorithm {
        SigningAlgorithm::Rs256 | SigningAlgorithm::Es256 => &digest::SHA256,
        SigningAlgorithm::EdDsa => &digest::SHA512,
    };
    let digest = digest::digest(hash, value.as_bytes());
    let bytes = digest.as_ref();
    URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() / 2])
}

/// Sets what the way of signing brings along, unless the header was set on purpose.
fn set_header(draft: &mut IdTokenDraft, name: &str, value: &str) {
    if !draft.header_set.iter().any(|set| set == name) {
        draft.header.insert(name.to_owned(), json!(value));
    }
}

fn finish(draft: &IdTokenDraft, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |members: &Map<String, Value>| {
        URL_SAFE_NO_PAD.encode(Value::Object(members.clone()).to_string())
    };
    let message = format!("{}.{}", part(&draft.header), part(&draft.claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::KeySource;

    fn draft(keys: &KeyRing) -> IdTokenDraft {
        let key = keys.signing(keys.algorithm());
        let header = json!({"alg": key.algorithm.as_str(), "kid": key.kid});
        let claims = json!({"sub": "alice"});
        IdTokenDraft::new(
            header.as_object().unwrap().clone(),
            claims.as_object().unwrap().clone(),
        )
    }

    #[test]
    fn only_what_the_issuer_signed_rightly_is_its_own() {
        for algorithm in SigningAlgorithm::ALL {
            let keys = KeyRing::new(algorithm, KeySource::Test);
            let token = sign(&keys, draft(&keys));
            assert_eq!(own_claims(&keys, &token).unwrap()["sub"], "alice");
            for how in [
                Signing::None,
                Signing::HmacWithPublicKey,
                Signing::CorruptSignature,
                Signing::UnpublishedKey,
                Signing::UnknownKid,
            ] {
                let draft = IdTokenDraft {
                    signing: Some(how),
                    ..draft(&keys)
                };
                assert_eq!(own_claims(&keys, &sign(&keys, draft)), None, "{how:?}");
            }
        }
        let keys = KeyRing::new(SigningAlgorithm::Rs256, KeySource::Test);
        for rubbish in ["", ".", "..", "a.b.c", "e30.e30.", "é.é.é"] {
            assert_eq!(own_claims(&keys, rubbish), None);
        }
    }

    #[test]
    fn another_algorithm_is_named_in_the_header_and_signs_rightly() {
        for algorithm in SigningAlgorithm::ALL {
            let keys = KeyRing::new(algorithm, KeySource::Test);
            let draft = IdTokenDraft {
                signing: Some(Signing::OtherAlgorithm),
                ..draft(&keys)
            };
            let token = sign(&keys, draft);
            assert!(own_claims(&keys, &token).is_some());
            let header = URL_SAFE_NO_PAD
                .decode(token.split('.').next().unwrap())
                .unwrap();
            let header: Value = serde_json::from_slice(&header).unwrap();
            assert_ne!(header["alg"], algorithm.as_str());
        }
    }

    #[test]
    fn the_public_key_as_a_secret_verifies_as_a_confused_library_would() {
        use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
        let keys = KeyRing::new(SigningAlgorithm::Rs256, KeySource::Test);
        let draft = IdTokenDraft {
            signing: Some(Signing::HmacWithPublicKey),
            ..draft(&keys)
        };
        let token = sign(&keys, draft);
        let pem = keys.signing(SigningAlgorithm::Rs256).public_pem().unwrap();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_secret(pem.as_bytes());
        assert!(decode::<Value>(&token, &key, &validation).is_ok());
    }

    #[test]
    fn at_hash_is_that_of_the_specification() {
        // OIDC Core 1.0, Appendix A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(
            half_hash(SigningAlgorithm::Rs256, token),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
    }
}
