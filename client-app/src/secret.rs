//! Values that must not leak: tokens, codes, verifiers, states, the client secret.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A text that is never shown by `Debug`, has no `Display`, and is compared in constant time.
///
/// It can be serialised, since the session store has to keep it; what is stored is as secret as
/// the session itself.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text that came from elsewhere.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A fresh value with 256 random bits, as 43 characters that are safe in a URL.
    ///
    /// Long enough for a `state`, a `nonce` and a PKCE code verifier (RFC 7636 section 4.1 asks
    /// for 43 characters or more).
    pub(crate) fn random() -> Self {
        let bytes: [u8; 32] = rand::random();
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The text itself. Every call is a place to look at in a review.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Compares without telling by its duration where the first difference is.
    pub(crate) fn is(&self, other: &str) -> bool {
        verify_slices_are_equal(self.0.as_bytes(), other.as_bytes()).is_ok()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_does_not_show_the_text() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[secret]");
    }

    #[test]
    fn equality_looks_at_the_whole_text() {
        let secret = Secret::new("hunter2");
        assert!(secret.is("hunter2"));
        assert!(!secret.is("hunter3"));
        assert!(!secret.is("hunter"));
        assert!(!secret.is(""));
    }

    #[test]
    fn random_values_are_long_enough_for_a_code_verifier_and_differ() {
        let (one, two) = (Secret::random(), Secret::random());
        assert_eq!(one.expose().len(), 43);
        assert_ne!(one, two);
    }
}
