//! Tokens as they come: members of JSON without a parser, and signed tokens taken apart and checked.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::cli::Algorithm;

/// The first member of this name that is a string without escapes. `name` comes in quotes.
pub(crate) fn string_member<'a>(json: &'a [u8], quoted_name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = json;
    loop {
        let at = find(rest, quoted_name)?;
        rest = rest[at + quoted_name.len()..].trim_ascii_start();
        // The name may stand as a value first.
        if let Some(after) = rest.strip_prefix(b":") {
            let value = after.trim_ascii_start().strip_prefix(b"\"")?;
            let end = value.iter().position(|byte| *byte == b'"')?;
            return (!value[..end].contains(&b'\\')).then_some(&value[..end]);
        }
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        if text[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// The parts of a signed token in compact form (RFC 7515 §7.1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
    input: &'a [u8],
}

/// Why a token is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("a token does not have three parts")]
    Parts,
    #[error("a part of a token is no base64url")]
    Base64,
    #[error("a token is signed with `{found}`, not with `{expected}`")]
    Algorithm {
        expected: &'static str,
        found: String,
    },
    #[error("the key of a token is not published")]
    Key,
    #[error("the signature of a token is wrong")]
    Signature,
}

impl<'a> Signed<'a> {
    pub(crate) fn parse(token: &'a [u8]) -> Result<Self, TokenError> {
        let dots: Vec<usize> = (0..token.len()).filter(|at| token[*at] == b'.').collect();
        let [first, second] = dots[..] else {
            return Err(TokenError::Parts);
        };
        Ok(Self {
            header: &token[..first],
            payload: &token[first + 1..second],
            signature: &token[second + 1..],
            input: &token[..second],
        })
    }

    /// The claims, decoded but not parsed.
    pub(crate) fn claims(&self) -> Result<Vec<u8>, TokenError> {
        decode(self.payload)
    }

    /// Says that the header names the algorithm.
    pub(crate) fn is_of(&self, algorithm: Algorithm) -> Result<(), TokenError> {
        let header = decode(self.header)?;
        let found = string_member(&header, b"\"alg\"").unwrap_or_default();
        if found == algorithm.as_str().as_bytes() {
            return Ok(());
        }
        Err(TokenError::Algorithm {
            expected: algorithm.as_str(),
            found: String::from_utf8_lossy(found).into_owned(),
        })
    }

    /// Checks the signature with the published key that the header names, or the only one there is.
    pub(crate) fn verify(&self, algorithm: Algorithm, key_set: &Value) -> Result<(), TokenError> {
        let header = decode(self.header)?;
        let kid = string_member(&header, b"\"kid\"");
        let key = key_set["keys"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|key| kid.is_none_or(|kid| key["kid"].as_str().map(str::as_bytes) == Some(kid)))
            .ok_or(TokenError::Key)?;
        let member = |name: &str| decode(key[name].as_str().ok_or(TokenError::Key)?.as_bytes());
        let signature = decode(self.signature)?;
        match algorithm {
            Algorithm::Rs256 => RsaPublicKeyComponents {
                n: member("n")?,
                e: member("e")?,
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, self.input, &signature),
            Algorithm::Es256 => {
                let point = [vec![4], member("x")?, member("y")?].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(self.input, &signature)
            }
        }
        .map_err(|_| TokenError::Signature)
    }
}

fn decode(part: &[u8]) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Base64)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_found_by_their_names() {
        let json = br#"{"a":"b", "b" : "c\"", "sub": "alice","n":1}"#;
        assert_eq!(string_member(json, b"\"sub\""), Some(&b"alice"[..]));
        assert_eq!(string_member(json, b"\"a\""), Some(&b"b"[..]));
        // With an escape, not a string, not there.
        for name in ["\"b\"", "\"n\"", "\"x\""] {
            assert_eq!(string_member(json, name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn a_signature_is_checked_with_the_published_key() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        // An uncompressed point is a byte 4 and both coordinates.
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let keys = json!({"keys": [{"kid": "k", "x": encode(x), "y": encode(y)}]});
        let input = format!(
            "{}.{}",
            encode(br#"{"alg":"ES256","kid":"k"}"#),
            encode(br#"{"nonce":"n"}"#)
        );
        let signature = pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        let token = format!("{input}.{}", encode(signature.as_ref()));

        let signed = Signed::parse(token.as_bytes()).unwrap();
        assert_eq!(signed.claims().unwrap(), br#"{"nonce":"n"}"#);
        assert_eq!(signed.is_of(Algorithm::Es256), Ok(()));
        assert!(signed.is_of(Algorithm::Rs256).is_err());
        assert_eq!(signed.verify(Algorithm::Es256, &keys), Ok(()));
        let other = json!({"keys": [{"kid": "other"}]});
        assert_eq!(
            signed.verify(Algorithm::Es256, &other),
            Err(TokenError::Key)
        );

        let forged = format!("{}.{}", input.replace('e', "f"), encode(signature.as_ref()));
        let forged = Signed::parse(forged.as_bytes()).unwrap();
        assert!(forged.verify(Algorithm::Es256, &keys).is_err());
        assert!(Signed::parse(b"opaque").is_err());
    }
}
