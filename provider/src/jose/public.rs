//! Public keys: what verifies a signature, and what a JWK says of it.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{
    ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::algorithm::{Curve, KeyKind, SigningAlgorithm};

/// The public half of a pair. The key of any value of this type is sound.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// Both big-endian, without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// The uncompressed point: 4, then both coordinates.
    Ec {
        curve: Curve,
        point: Vec<u8>,
    },
    Ed25519 {
        x: Vec<u8>,
    },
}

impl PublicKey {
    /// An RSA key of 2048 to 8192 bits (RFC 7518 §3.3).
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let strip = |bytes: &[u8]| {
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            bytes[zeros..].to_vec()
        };
        let (n, e) = (strip(n), strip(e));
        let bits = n.len() * 8 - usize::try_from(n.first()?.leading_zeros()).ok()?;
        let are_odd = n.last()? % 2 == 1 && e.last()? % 2 == 1;
        if !(2_048..=8_192).contains(&bits) || e.len() > 4 || e == [1] || !are_odd {
            return None;
        }
        Self::Rsa { n, e }.if_sound()
    }

    /// A point on the curve.
    pub(crate) fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Option<Self> {
        let length = curve.coordinate_length();
        if x.len() != length || y.len() != length {
            return None;
        }
        let point = [&[4], x, y].concat();
        Self::Ec { curve, point }.if_sound()
    }

    pub(crate) fn ed25519(x: &[u8]) -> Option<Self> {
        if x.len() != 32 {
            return None;
        }
        Self::Ed25519 { x: x.to_vec() }.if_sound()
    }

    fn if_sound(self) -> Option<Self> {
        self.parsed().map(|_| self)
    }

    pub(crate) fn kind(&self) -> KeyKind {
        match self {
            Self::Rsa { .. } => KeyKind::Rsa,
            Self::Ec { curve, .. } => KeyKind::Ec(*curve),
            Self::Ed25519 { .. } => KeyKind::Ed25519,
        }
    }

    /// Whether the signature is one of this key with this algorithm.
    pub(crate) fn verifies(
        &self,
        algorithm: SigningAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        if algorithm.kind() != Some(self.kind()) {
            return false;
        }
        let verified = match self {
            Self::Rsa { n, e } => match algorithm.rsa() {
                Some(scheme) => {
                    let key = RsaPublicKeyComponents { n, e };
                    key.verify(scheme.verification, message, signature)
                }
                None => return false,
            },
            Self::Ec { curve, point } => {
                UnparsedPublicKey::new(curve.verification(), point).verify(message, signature)
            }
            Self::Ed25519 { x } => UnparsedPublicKey::new(&ED25519, x).verify(message, signature),
        };
        verified.is_ok()
    }

    /// The members of the JWK that make the key, in the order of their names (RFC 7518 §6,
    /// RFC 8037 §2).
    pub(crate) fn members(&self) -> Vec<(&'static str, String)> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa { n, e } => vec![("e", text(e)), ("kty", "RSA".to_owned()), ("n", text(n))],
            Self::Ec { curve, point } => {
                let (x, y) = point[1..].split_at(curve.coordinate_length());
                vec![
                    ("crv", curve.as_str().to_owned()),
                    ("kty", "EC".to_owned()),
                    ("x", text(x)),
                    ("y", text(y)),
                ]
            }
            Self::Ed25519 { x } => vec![
                ("crv", "Ed25519".to_owned()),
                ("kty", "OKP".to_owned()),
                ("x", text(x)),
            ],
        }
    }

    /// The JWK of the bare key.
    pub(crate) fn jwk(&self) -> Map<String, Value> {
        (self.members().into_iter())
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect()
    }

    /// The hash of the bare key that serves as its name (RFC 7638 §3).
    pub(crate) fn thumbprint(&self) -> String {
        let canonical = Value::Object(self.jwk()).to_string();
        let digest = digest::digest(&digest::SHA256, canonical.as_bytes());
        URL_SAFE_NO_PAD.encode(digest)
    }

    /// The `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7).
    pub(crate) fn der(&self) -> Vec<u8> {
        let der = self.parsed().and_then(|key| key.as_der().ok());
        let der = der.expect("a key that was parsed can be written");
        der.as_ref().to_vec()
    }

    /// As PEM text, as `openssl pkey -pubout` prints it.
    pub(crate) fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.der())
    }

    fn parsed(&self) -> Option<ParsedPublicKey> {
        let parsed = match self {
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            }
            Self::Ec { curve, point } => ParsedPublicKey::new(curve.verification(), point),
            Self::Ed25519 { x } => ParsedPublicKey::new(&ED25519, x),
        };
        parsed.ok()
    }
}

/// PEM text (RFC 7468 §2).
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: String = base64
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line) + "\n")
        .collect();
    format!("-----BEGIN {label}-----\n{lines}-----END {label}-----\n")
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.thumbprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn a_thumbprint_is_that_of_the_specifications() {
        // RFC 7638 §3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS\
                 oc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65\
                 YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyr\
                 dkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK\
                 nqDKgw";
        let rsa = PublicKey::rsa(&decode(n), &decode("AQAB")).unwrap();
        assert_eq!(
            rsa.thumbprint(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
        // RFC 8037, Appendix A.3.
        let x = decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        let ed25519 = PublicKey::ed25519(&x).unwrap();
        assert_eq!(
            ed25519.thumbprint(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn what_is_no_sound_key_is_none() {
        let exponent = [1, 0, 1];
        assert_eq!(PublicKey::rsa(&[255; 128], &exponent), None);
        assert_eq!(PublicKey::rsa(&[255; 1_025], &exponent), None);
        assert!(PublicKey::rsa(&[255; 256], &exponent).is_some());
        assert!(PublicKey::rsa(&[&[0][..], &[255; 256]].concat(), &exponent).is_some());
        for exponent in [&[][..], &[0], &[1], &[2], &[1, 0, 0, 0, 1]] {
            assert_eq!(PublicKey::rsa(&[255; 256], exponent), None);
        }
        assert_eq!(PublicKey::rsa(&[], &exponent), None);
        assert_eq!(PublicKey::ec(Curve::P256, &[1; 32], &[1; 32]), None);
        assert_eq!(PublicKey::ec(Curve::P256, &[1; 31], &[1; 33]), None);
        assert_eq!(PublicKey::ed25519(&[1; 31]), None);
    }
}
