//! How faults sign: what everybody can do, and no careful client takes.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a faulty JWT is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Signing {
    /// `alg` is `none` and the signature is empty (RFC 7518 §3.6).
    None,
    /// `alg` is `HS256`, keyed with the PEM text of the issuer's public key (RFC 8725 §2.1).
    HmacWithPublicKey,
    /// The right key and header, but bits of the signature are flipped.
    CorruptSignature,
    /// A key that the issuer never published, under the `kid` of a published one.
    UnpublishedKey,
    /// A key that the issuer never published, under a `kid` that nobody knows.
    UnknownKid,
    /// The key that the issuer withdrew last, under its own `kid`. Where none was withdrawn, a key
    /// that was never published.
    WithdrawnKey,
    /// A published key of another algorithm than the issuer's, rightly signed.
    OtherAlgorithm,
    /// A published key for ES256K, which few know (RFC 8812 §3.2), rightly signed.
    Es256k,
    /// No JWT: a JWS in JSON with other claims under a right signature (RFC 7515 §7.2.2), and these
    /// claims where who splits at the dots finds them.
    MixedSerialization,
    /// As `hmac-with-public-key`, and the PEM text without its last line feed.
    HmacWithTrimmedPem,
    /// The same, keyed with the PEM text of the RSA key alone (PKCS#1, RFC 8017 §A.1.1).
    HmacWithPkcs1Pem,
    /// The same, keyed with the PEM text of a certificate for the RSA key (RFC 7468 §5.1), as it
    /// stands in the key set where `certificates` are published.
    HmacWithCertificate,
    /// The same, keyed with the RSA key as OpenSSH writes it (RFC 4253 §6.6).
    HmacWithOpenssh,
    /// The same, keyed with the published key for ES256 as OpenSSH writes it, under its own `kid`
    /// (RFC 5656 §3.1).
    HmacWithOpensshEc,
    /// The same, keyed with the bytes of the public key (DER).
    HmacWithDer,
    /// The same, keyed with the JSON text of the public key, as it is published.
    HmacWithJwk,
    /// The same, keyed with the modulus of the RSA key, as the key set has it.
    HmacWithModulus,
    /// `alg` is `HS256`, keyed with nothing.
    HmacWithEmptyKey,
    /// `alg` is `HS256`, keyed with the client's secret, also where it registered another
    /// algorithm; with nothing, where it has no secret.
    HmacWithClientSecret,
    /// A key that the issuer never published, and that the token brings along in its `jwk` header
    /// (RFC 7515 §4.1.3).
    EmbeddedKey,
    /// The same with a key for ES256, whose header is small.
    EmbeddedEcKey,
    /// The published key for ES256, and a signature whose both numbers are zero.
    ZeroSignature,
}

impl Signing {
    /// The name, as in scenario files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::HmacWithPublicKey => "hmac-with-public-key",
            Self::CorruptSignature => "corrupt-signature",
            Self::UnpublishedKey => "unpublished-key",
            Self::UnknownKid => "unknown-kid",
            Self::WithdrawnKey => "withdrawn-key",
            Self::OtherAlgorithm => "other-algorithm",
            Self::Es256k => "es256k",
            Self::MixedSerialization => "mixed-serialization",
            Self::HmacWithTrimmedPem => "hmac-with-trimmed-pem",
            Self::HmacWithPkcs1Pem => "hmac-with-pkcs1-pem",
            Self::HmacWithCertificate => "hmac-with-certificate",
            Self::HmacWithOpenssh => "hmac-with-openssh",
            Self::HmacWithOpensshEc => "hmac-with-openssh-ec",
            Self::HmacWithDer => "hmac-with-der",
            Self::HmacWithJwk => "hmac-with-jwk",
            Self::HmacWithModulus => "hmac-with-modulus",
            Self::HmacWithEmptyKey => "hmac-with-empty-key",
            Self::HmacWithClientSecret => "hmac-with-client-secret",
            Self::EmbeddedKey => "embedded-key",
            Self::EmbeddedEcKey => "embedded-ec-key",
            Self::ZeroSignature => "zero-signature",
        }
    }
}
