//! A sign-in without a browser: who signs in, and what comes of it.

use std::fmt;

/// Who signs in without a browser, and to what they agree. A `sub` alone is one as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login<'a> {
    /// The user.
    pub sub: &'a str,
    /// The scopes that the user grants, separated by spaces. Default: all that are asked for.
    pub scope: Option<&'a str>,
    /// The parallel test that the sign-in belongs to. Default: none.
    pub test: Option<&'a str>,
}

impl<'a> Login<'a> {
    /// This user grants all that is asked for.
    pub fn new(sub: &'a str) -> Self {
        Self {
            sub,
            scope: None,
            test: None,
        }
    }

    /// The user grants these scopes and no others, separated by spaces.
    #[must_use]
    pub fn scope(self, scope: &'a str) -> Self {
        let scope = Some(scope);
        Self { scope, ..self }
    }

    /// The sign-in, and what is handed out for it, belongs to a parallel test.
    #[must_use]
    pub fn test(self, key: &'a str) -> Self {
        let test = Some(key);
        Self { test, ..self }
    }
}

impl<'a> From<&'a str> for Login<'a> {
    fn from(sub: &'a str) -> Self {
        Self::new(sub)
    }
}

impl<'a> From<&'a String> for Login<'a> {
    fn from(sub: &'a String) -> Self {
        Self::new(sub)
    }
}

/// What a browser would take back to the client.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    /// The redirect URI, with the parameters of the response in its query or fragment.
    pub url: String,
    /// The fields of the form that the browser would post there (OAuth 2.0 Form Post Response
    /// Mode §2); none for any other response mode.
    pub form: Option<Vec<(String, String)>>,
}

/// It holds codes and tokens.
impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").finish_non_exhaustive()
    }
}
