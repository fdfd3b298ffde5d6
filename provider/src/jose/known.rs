//! Texts of public keys, as clients hold them: what everybody knows, and what a careless client
//! takes for the key of an HMAC (RFC 8725 §2.1).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::algorithm::SigningAlgorithm;
use super::certificate::certificate;
use super::der::{tagged, unsigned};
use super::key::SigningKey;
use super::public::{PublicKey, pem};
use super::ring::KeyRing;
use crate::fault::Signing;

/// What a fault keys its HMAC with, and the name of the key that it is a text of, where that is
/// not the issuer's own.
pub(super) fn known_text(keys: &KeyRing, how: Signing) -> (Option<String>, Vec<u8>) {
    let rsa = rsa(keys);
    let public = rsa.public();
    let text = match how {
        Signing::HmacWithTrimmedPem => public.pem().trim_end().as_bytes().to_vec(),
        Signing::HmacWithPkcs1Pem => pkcs1_pem(public).into_bytes(),
        Signing::HmacWithCertificate => match certificate(&rsa) {
            Some(der) => pem("CERTIFICATE", &der).into_bytes(),
            None => public.pem().into_bytes(),
        },
        Signing::HmacWithOpenssh => openssh(public).into_bytes(),
        Signing::HmacWithDer => public.der(),
        Signing::HmacWithJwk => serde_json::to_vec(&rsa.jwk()).unwrap_or_default(),
        Signing::HmacWithModulus => match public {
            PublicKey::Rsa { n, .. } => URL_SAFE_NO_PAD.encode(n).into_bytes(),
            PublicKey::Ec { .. } | PublicKey::Ed25519 { .. } => public.der(),
        },
        Signing::HmacWithEmptyKey => Vec::new(),
        Signing::HmacWithOpensshEc => {
            let key = keys.signing(SigningAlgorithm::Es256);
            let key = key.unwrap_or_else(|| keys.own());
            return (Some(key.kid.clone()), openssh(key.public()).into_bytes());
        }
        _ => public.pem().into_bytes(),
    };
    (None, text)
}

/// The RSA key that everybody sees, or else the issuer's own.
fn rsa(keys: &KeyRing) -> Arc<SigningKey> {
    let published = keys.algorithms().contains(&SigningAlgorithm::Rs256);
    let rsa = published
        .then(|| keys.signing(SigningAlgorithm::Rs256))
        .flatten();
    rsa.unwrap_or_else(|| keys.own())
}

/// `RSAPublicKey` (RFC 8017 §A.1.1), as `openssl rsa -RSAPublicKey_out` prints it.
fn pkcs1_pem(key: &PublicKey) -> String {
    let PublicKey::Rsa { n, e } = key else {
        return key.pem();
    };
    let integer = |bytes: &[u8]| tagged(2, &unsigned(bytes));
    let der = tagged(0x30, &[integer(n), integer(e)].concat());
    pem("RSA PUBLIC KEY", &der)
}

/// One line, without a comment (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4).
fn openssh(key: &PublicKey) -> String {
    let (name, parts) = match key {
        PublicKey::Rsa { n, e } => ("ssh-rsa".to_owned(), vec![unsigned(e), unsigned(n)]),
        PublicKey::Ec { curve, point } => {
            // RFC 5656 §10.1 names the three of NIST, and any other by its OID.
            let curve = match curve.as_str().strip_prefix("P-") {
                Some(bits) => format!("nistp{bits}"),
                None => "1.3.132.0.10".to_owned(),
            };
            let parts = vec![curve.clone().into_bytes(), point.clone()];
            (format!("ecdsa-sha2-{curve}"), parts)
        }
        PublicKey::Ed25519 { x } => ("ssh-ed25519".to_owned(), vec![x.clone()]),
    };
    let mut blob = Vec::new();
    for part in std::iter::once(name.as_bytes()).chain(parts.iter().map(Vec::as_slice)) {
        blob.extend(u32::try_from(part.len()).unwrap_or_default().to_be_bytes());
        blob.extend(part);
    }
    format!("{name} {}", STANDARD.encode(blob))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::KeySource;

    #[test]
    fn texts_of_a_key_are_as_openssl_and_openssh_write_them() {
        let keys = KeyRing::new(SigningAlgorithm::Rs256, KeySource::Test);
        let text = |how| String::from_utf8(known_text(&keys, how).1).unwrap();
        insta::assert_snapshot!(text(Signing::HmacWithPkcs1Pem));
        insta::assert_snapshot!(text(Signing::HmacWithCertificate));
        insta::assert_snapshot!(text(Signing::HmacWithOpenssh));
        insta::assert_snapshot!(text(Signing::HmacWithOpensshEc));
        assert!(text(Signing::HmacWithTrimmedPem).ends_with("-----END PUBLIC KEY-----"));
        assert!(text(Signing::HmacWithJwk).starts_with("{\"kty\":\"RSA\""));
        assert_eq!(text(Signing::HmacWithEmptyKey), "");
    }
}
