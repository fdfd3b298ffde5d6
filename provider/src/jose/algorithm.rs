//! The algorithms that are supported, and what each of them stands for.

use aws_lc_rs::{agreement, digest, hmac, signature};
use serde::{Deserialize, Serialize};

/// What a token is signed with (RFC 7518 §3.1, RFC 8037 §3.1, RFC 8812 §3.2).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[default]
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// RSASSA-PSS with SHA-384.
    #[serde(rename = "PS384")]
    Ps384,
    /// RSASSA-PSS with SHA-512.
    #[serde(rename = "PS512")]
    Ps512,
    /// ECDSA with P-256 and SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA with P-384 and SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// ECDSA with P-521 and SHA-512.
    #[serde(rename = "ES512")]
    Es512,
    /// ECDSA with secp256k1 and SHA-256.
    #[serde(rename = "ES256K")]
    Es256k,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// HMAC with SHA-256, keyed with a client secret.
    #[serde(rename = "HS256")]
    Hs256,
    /// HMAC with SHA-384, keyed with a client secret.
    #[serde(rename = "HS384")]
    Hs384,
    /// HMAC with SHA-512, keyed with a client secret.
    #[serde(rename = "HS512")]
    Hs512,
}

impl SigningAlgorithm {
    /// Every algorithm. Keys are published in this order.
    pub const ALL: [Self; 14] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Es256k,
        Self::EdDsa,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
    ];

    /// Every algorithm that an issuer can sign with on its own, with a key that it publishes.
    pub const ASYMMETRIC: [Self; 11] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Es256k,
        Self::EdDsa,
    ];

    /// The name that stands in `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Es256k => "ES256K",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// Whether it is keyed with a secret that both sides know (RFC 7518 §3.2).
    pub fn is_symmetric(self) -> bool {
        self.hmac().is_some()
    }

    /// The algorithm that `alg` names. `Ed25519` is the newer name of `EdDSA` with such a key
    /// (RFC 9864 §2.2), and what some clients write.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDsa);
        }
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// The hash for `at_hash` and its like (OIDC Core §3.1.3.6). Ed25519 hashes with SHA-512.
    pub(crate) fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 | Self::Es256k | Self::Hs256 => &digest::SHA256,
            Self::Rs384 | Self::Ps384 | Self::Es384 | Self::Hs384 => &digest::SHA384,
            Self::Rs512 | Self::Ps512 | Self::Es512 | Self::EdDsa | Self::Hs512 => &digest::SHA512,
        }
    }

    /// The kind of key pair that it takes; none where it is keyed with a secret.
    pub(crate) fn kind(self) -> Option<KeyKind> {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => {
                Some(KeyKind::Rsa)
            }
            Self::Es256 => Some(KeyKind::Ec(Curve::P256)),
            Self::Es384 => Some(KeyKind::Ec(Curve::P384)),
            Self::Es512 => Some(KeyKind::Ec(Curve::P521)),
            Self::Es256k => Some(KeyKind::Ec(Curve::Secp256k1)),
            Self::EdDsa => Some(KeyKind::Ed25519),
            Self::Hs256 | Self::Hs384 | Self::Hs512 => None,
        }
    }

    /// The keyed hash; none where a key pair signs.
    pub(crate) fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::Hs256 => Some(hmac::HMAC_SHA256),
            Self::Hs384 => Some(hmac::HMAC_SHA384),
            Self::Hs512 => Some(hmac::HMAC_SHA512),
            Self::Rs256
            | Self::Rs384
            | Self::Rs512
            | Self::Ps256
            | Self::Ps384
            | Self::Ps512
            | Self::Es256
            | Self::Es384
            | Self::Es512
            | Self::Es256k
            | Self::EdDsa => None,
        }
    }

    /// How an RSA key signs, and how that is verified; none for other keys.
    pub(crate) fn rsa(self) -> Option<RsaScheme> {
        let (signing, verification): (&'static dyn signature::RsaEncoding, _) = match self {
            Self::Rs256 => (
                &signature::RSA_PKCS1_SHA256,
                &signature::RSA_PKCS1_2048_8192_SHA256,
            ),
            Self::Rs384 => (
                &signature::RSA_PKCS1_SHA384,
                &signature::RSA_PKCS1_2048_8192_SHA384,
            ),
            Self::Rs512 => (
                &signature::RSA_PKCS1_SHA512,
                &signature::RSA_PKCS1_2048_8192_SHA512,
            ),
            Self::Ps256 => (
                &signature::RSA_PSS_SHA256,
                &signature::RSA_PSS_2048_8192_SHA256,
            ),
            Self::Ps384 => (
                &signature::RSA_PSS_SHA384,
                &signature::RSA_PSS_2048_8192_SHA384,
            ),
            Self::Ps512 => (
                &signature::RSA_PSS_SHA512,
                &signature::RSA_PSS_2048_8192_SHA512,
            ),
            Self::Es256
            | Self::Es384
            | Self::Es512
            | Self::Es256k
            | Self::EdDsa
            | Self::Hs256
            | Self::Hs384
            | Self::Hs512 => return None,
        };
        Some(RsaScheme {
            signing,
            verification,
        })
    }
}

/// What an RSA key does for one algorithm.
pub(crate) struct RsaScheme {
    pub(crate) signing: &'static dyn signature::RsaEncoding,
    pub(crate) verification: &'static signature::RsaParameters,
}

/// The kinds of key pairs. One pair of RSA serves six algorithms, any other pair one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Rsa,
    Ec(Curve),
    Ed25519,
}

impl KeyKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Rsa,
        Self::Ec(Curve::P256),
        Self::Ec(Curve::P384),
        Self::Ec(Curve::P521),
        Self::Ec(Curve::Secp256k1),
        Self::Ed25519,
    ];

    /// Its place in [`Self::ALL`].
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Rsa => 0,
            Self::Ec(Curve::P256) => 1,
            Self::Ec(Curve::P384) => 2,
            Self::Ec(Curve::P521) => 3,
            Self::Ec(Curve::Secp256k1) => 4,
            Self::Ed25519 => 5,
        }
    }

    /// What a pair of this kind signs with if nobody says otherwise.
    pub(crate) fn default_algorithm(self) -> SigningAlgorithm {
        match self {
            Self::Rsa => SigningAlgorithm::Rs256,
            Self::Ec(Curve::P256) => SigningAlgorithm::Es256,
            Self::Ec(Curve::P384) => SigningAlgorithm::Es384,
            Self::Ec(Curve::P521) => SigningAlgorithm::Es512,
            Self::Ec(Curve::Secp256k1) => SigningAlgorithm::Es256k,
            Self::Ed25519 => SigningAlgorithm::EdDsa,
        }
    }
}

/// The curves of RFC 7518 §6.2.1.1, and that of RFC 8812 §3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
    Secp256k1,
}

impl Curve {
    pub(crate) const ALL: [Self; 4] = [Self::P256, Self::P384, Self::P521, Self::Secp256k1];

    /// The name that stands in `crv`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Secp256k1 => "secp256k1",
        }
    }

    /// The curve that `crv` names.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// How many bytes a coordinate has, and a private key (RFC 7518 §6.2.1.2, §6.2.2.1).
    pub(crate) fn coordinate_length(self) -> usize {
        match self {
            Self::P256 | Self::Secp256k1 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// How a pair on this curve signs (RFC 7518 §3.4).
    pub(crate) fn signing(self) -> &'static signature::EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            Self::P384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            Self::P521 => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
            Self::Secp256k1 => &signature::ECDSA_P256K1_SHA256_FIXED_SIGNING,
        }
    }

    /// How its signatures are verified.
    pub(crate) fn verification(self) -> &'static signature::EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::P384 => &signature::ECDSA_P384_SHA384_FIXED,
            Self::P521 => &signature::ECDSA_P521_SHA512_FIXED,
            Self::Secp256k1 => &signature::ECDSA_P256K1_SHA256_FIXED,
        }
    }

    /// How two pairs on it agree on a secret (RFC 7518 §4.6); none where nobody does
    /// (RFC 8812 §3.1).
    pub(crate) fn agreement(self) -> Option<&'static agreement::Algorithm> {
        match self {
            Self::P256 => Some(&agreement::ECDH_P256),
            Self::P384 => Some(&agreement::ECDH_P384),
            Self::P521 => Some(&agreement::ECDH_P521),
            Self::Secp256k1 => None,
        }
    }
}

/// How the key that encrypts the content gets to the client (RFC 7518 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum KeyManagementAlgorithm {
    /// It is encrypted to the client's RSA key: RSAES-OAEP with SHA-256 (RFC 7518 §4.3).
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
    /// It is agreed on with the client's EC key: direct ECDH with an ephemeral key
    /// (RFC 7518 §4.6).
    #[serde(rename = "ECDH-ES")]
    EcdhEs,
}

impl KeyManagementAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 2] = [Self::RsaOaep256, Self::EcdhEs];

    /// The name that stands in `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::EcdhEs => "ECDH-ES",
        }
    }

    /// The algorithm that `alg` names.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// Whether it takes a key of this kind.
    pub(crate) fn takes(self, kind: KeyKind) -> bool {
        match self {
            Self::RsaOaep256 => kind == KeyKind::Rsa,
            Self::EcdhEs => matches!(kind, KeyKind::Ec(curve) if curve.agreement().is_some()),
        }
    }
}

/// How the content of an encrypted token is encrypted (RFC 7518 §5.1).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ContentEncryption {
    /// AES-128 in CBC mode with HMAC SHA-256 (RFC 7518 §5.2.3). The default where a client
    /// registers an `alg` alone (OIDC Registration §2).
    #[default]
    #[serde(rename = "A128CBC-HS256")]
    A128CbcHs256,
    /// AES-256 in GCM mode (RFC 7518 §5.3).
    #[serde(rename = "A256GCM")]
    A256Gcm,
}

impl ContentEncryption {
    /// Every algorithm.
    pub const ALL: [Self; 2] = [Self::A128CbcHs256, Self::A256Gcm];

    /// The name that stands in `enc`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A256Gcm => "A256GCM",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_on_the_wire() {
        for algorithm in SigningAlgorithm::ALL {
            let name = algorithm.as_str();
            assert_eq!(serde_json::json!(algorithm), name);
            assert_eq!(SigningAlgorithm::from_name(name), Some(algorithm));
        }
        for algorithm in KeyManagementAlgorithm::ALL {
            let name = algorithm.as_str();
            assert_eq!(serde_json::json!(algorithm), name);
            assert_eq!(KeyManagementAlgorithm::from_name(name), Some(algorithm));
        }
        for algorithm in ContentEncryption::ALL {
            assert_eq!(serde_json::json!(algorithm), algorithm.as_str());
        }
        let newer = SigningAlgorithm::from_name("Ed25519");
        assert_eq!(newer, Some(SigningAlgorithm::EdDsa));
        assert_eq!(SigningAlgorithm::from_name("none"), None);
        assert_eq!(SigningAlgorithm::from_name("rs256"), None);
    }

    #[test]
    fn an_algorithm_is_keyed_with_a_secret_or_with_a_pair() {
        for algorithm in SigningAlgorithm::ALL {
            let asymmetric = SigningAlgorithm::ASYMMETRIC.contains(&algorithm);
            assert_eq!(algorithm.is_symmetric(), !asymmetric);
            assert_eq!(algorithm.kind().is_some(), asymmetric);
        }
        for (index, kind) in KeyKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index);
            assert_eq!(kind.default_algorithm().kind(), Some(kind));
        }
    }
}
