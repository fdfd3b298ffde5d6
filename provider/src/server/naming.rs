//! Under which names issuers are created, and why one is not.

use std::time::Instant;

use crate::clock;
use crate::endpoint;
use crate::issuer::Issuer;
use crate::jose::SigningAlgorithm;

/// An issuer with a name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) issuer: Issuer,
    /// When it is to be gone, in real time.
    pub(super) due: Option<Instant>,
}

impl Named {
    pub(super) fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= clock::instant())
    }
}

/// Why an issuer was not created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateIssuerError {
    /// Not a name.
    #[error("`{0}` is no name for an issuer: use 1 to 64 of the letters a-z, 0-9 and -")]
    Invalid(String),
    /// The name is a path of the default issuer.
    #[error("the name `{0}` is reserved")]
    Reserved(String),
    /// There is one already.
    #[error("there is an issuer `{0}` already")]
    Taken(String),
    /// Replicas sign with the same keys, which are kept in their store unless others are given.
    #[error("the keys that replicas have in common cannot be read: {reason}")]
    SharedKeys {
        /// What is known of the failure.
        reason: String,
    },
    /// The algorithm is one that is keyed with the secret of one client.
    #[error(
        "the algorithm of an issuer cannot be `{}`, which is keyed with the secret of one client: \
         set it for the client (`id-token-algorithm`)",
        .0.as_str()
    )]
    KeyedAlgorithm(SigningAlgorithm),
}

pub(crate) fn check_name(name: &str) -> Result<(), CreateIssuerError> {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(letters) {
        return Err(CreateIssuerError::Invalid(name.to_owned()));
    }
    if endpoint::is_reserved(name) {
        return Err(CreateIssuerError::Reserved(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for name in ["a", "tenant-1", "0", &"x".repeat(64)] {
            assert_eq!(check_name(name), Ok(()));
        }
        for name in ["", "A", "a_b", "a/b", "ä", "..", &"x".repeat(65)] {
            assert_eq!(
                check_name(name),
                Err(CreateIssuerError::Invalid(name.to_owned()))
            );
        }
        for name in ["token", "jwks", "authorize", "login"] {
            assert_eq!(
                check_name(name),
                Err(CreateIssuerError::Reserved(name.to_owned()))
            );
        }
    }
}
