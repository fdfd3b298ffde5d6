//! What comes of a sign-in without a browser.

use std::fmt;

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
