//! Further paths of endpoints, for clients that have the paths of one vendor built in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::notes::Endpoint;

/// Further paths under which endpoints of every issuer answer, below the issuer's own. The documents
/// of an issuer name the usual ones.
///
/// ```
/// use oauth_gauntlet_provider::{Addresses, Endpoint, MockProvider, Paths};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let paths = Paths::default()
///     .with("/oauth/token", Endpoint::Token)?
///     .with("/v1/keys", Endpoint::Jwks)?;
/// let provider = MockProvider::builder()
///     .addresses(Addresses { paths, ..Addresses::default() })
///     .start()
///     .await?;
/// let keys = reqwest::get(format!("{}/v1/keys", provider.issuer().url())).await?;
/// assert_eq!(keys.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    try_from = "BTreeMap<String, Endpoint>",
    into = "BTreeMap<String, Endpoint>"
)]
pub struct Paths(BTreeMap<String, Endpoint>);

/// Why a path cannot be one of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It is not written as a path.
    #[error("`{0}` is no path: write it as in `/oauth/token`, with letters, digits and `-._~/`")]
    Form(String),
    /// The control API is there.
    #[error("`{0}` belongs to the control API: choose a path that does not begin with `/_/`")]
    Control(String),
    /// The endpoint has no path of its own.
    #[error(
        "`{path}` stands for `{endpoint}`, which clients cannot ask: name an endpoint such as `token`"
    )]
    Endpoint {
        /// The path.
        path: String,
        /// What it was to stand for.
        endpoint: &'static str,
    },
}

/// Whether a text is a path that needs no encoding, such as `/oauth/token`: segments that are there
/// and lead nowhere else, of unreserved letters (RFC 3986 §2.3).
pub(crate) fn is_path(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let segments = text.strip_prefix('/').is_some_and(|rest| {
        let mut segments = rest.split('/');
        segments.all(|segment| !matches!(segment, "" | "." | ".."))
    });
    segments && text.bytes().all(letters)
}

impl Paths {
    /// The same, and one more.
    ///
    /// # Errors
    ///
    /// If it is no path, or the endpoint has none.
    pub fn with(mut self, path: &str, endpoint: Endpoint) -> Result<Self, PathError> {
        if !is_path(path) {
            return Err(PathError::Form(path.to_owned()));
        }
        if path == "/_" || path.starts_with("/_/") {
            return Err(PathError::Control(path.to_owned()));
        }
        if matches!(endpoint, Endpoint::Other | Endpoint::BackchannelLogout) {
            return Err(PathError::Endpoint {
                path: path.to_owned(),
                endpoint: endpoint.as_str(),
            });
        }
        self.0.insert(path.to_owned(), endpoint);
        Ok(self)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The further paths of an endpoint.
    pub fn of(&self, endpoint: Endpoint) -> impl Iterator<Item = &str> {
        let of_it = self.0.iter().filter(move |(_, it)| **it == endpoint);
        of_it.map(|(path, _)| path.as_str())
    }

    /// The issuer's name and the endpoint, where the path is one of these.
    pub(crate) fn find<'a>(&self, path: &'a str) -> Option<(&'a str, Endpoint)> {
        if self.0.is_empty() {
            return None;
        }
        if let Some(endpoint) = self.0.get(path) {
            return Some(("", *endpoint));
        }
        let rest = path.strip_prefix('/')?;
        let (name, _) = rest.split_once('/')?;
        let endpoint = self.0.get(&rest[name.len()..])?;
        Some((name, *endpoint))
    }
}

impl TryFrom<BTreeMap<String, Endpoint>> for Paths {
    type Error = PathError;

    fn try_from(paths: BTreeMap<String, Endpoint>) -> Result<Self, PathError> {
        let mut paths = paths.iter();
        paths.try_fold(Self::default(), |known, (path, endpoint)| {
            known.with(path, *endpoint)
        })
    }
}

impl From<Paths> for BTreeMap<String, Endpoint> {
    fn from(paths: Paths) -> Self {
        paths.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_below_every_issuer() {
        let paths = Paths::default()
            .with("/oauth/token", Endpoint::Token)
            .unwrap();
        let paths = paths.with("/keys", Endpoint::Jwks).unwrap();
        assert_eq!(paths.find("/oauth/token"), Some(("", Endpoint::Token)));
        assert_eq!(
            paths.find("/shop/oauth/token"),
            Some(("shop", Endpoint::Token))
        );
        assert_eq!(paths.find("/shop/keys"), Some(("shop", Endpoint::Jwks)));
        for other in [
            "/token",
            "/oauth/token/",
            "/a/b/oauth/token",
            "/",
            "",
            "keys",
        ] {
            assert_eq!(paths.find(other), None, "{other}");
        }
        assert_eq!(
            paths.of(Endpoint::Token).collect::<Vec<_>>(),
            ["/oauth/token"]
        );
        assert_eq!(Paths::default().find("/keys"), None);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for wrong in [
            "", "/", "token", "/a//b", "/a/", "/a/../b", "/a?b", "/a b", "/ä",
        ] {
            let error = Paths::default().with(wrong, Endpoint::Token).unwrap_err();
            assert_eq!(error, PathError::Form(wrong.to_owned()), "{wrong}");
        }
        let control = Paths::default().with("/_/x", Endpoint::Token);
        assert!(matches!(control, Err(PathError::Control(_))));
        let nothing = Paths::default().with("/x", Endpoint::Other);
        assert!(matches!(nothing, Err(PathError::Endpoint { .. })));
    }
}
