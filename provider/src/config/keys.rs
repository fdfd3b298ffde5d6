//! Signing keys as configuration files and the control API name them.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ConfigError;
use super::values::Secret;
use crate::jose::{KeySource, OwnKey, OwnKeyError};

/// Where signing keys come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeysConfig {
    /// The shipped test keys. Everybody knows their private halves.
    Test,
    /// The shipped test keys in another order, for a second issuer that must not share a key
    /// with the first.
    OtherTest,
    /// Keys made for this process.
    Generated,
    /// Your own, in the order in which they take turns.
    Own(Vec<OwnKeyConfig>),
}

/// Keys of your own. Exactly one of `file`, `pem` and `jwk` is given.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct OwnKeyConfig {
    /// A file with private keys: PEM, a JWK, or a JWK Set. A path that is not absolute begins
    /// where the configuration file is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PathBuf>,
    /// Private keys as PEM text: PKCS#8, PKCS#1 or SEC 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pem: Option<Secret>,
    /// A private JWK (RFC 7517).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jwk: Option<Map<String, Value>>,
    /// The name of the key, where there is one alone. Default: the `kid` of its JWK, else its
    /// thumbprint (RFC 7638).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kid: Option<String>,
}

/// Whether a configuration may name files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Files {
    /// Those that this program may read.
    Allowed,
    /// None: who configures has no business with this machine's files.
    Forbidden,
}

impl Files {
    fn read(self, path: &Path) -> Result<String, ConfigError> {
        if self == Self::Forbidden {
            return Err(ConfigError::NoFiles);
        }
        fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })
    }
}

impl KeysConfig {
    /// Lets paths that are not absolute begin at a folder.
    #[cfg(feature = "cli")]
    pub(crate) fn rebase(&mut self, folder: &Path) {
        let Self::Own(entries) = self else { return };
        for file in entries.iter_mut().filter_map(|entry| entry.file.as_mut()) {
            *file = folder.join(&*file);
        }
    }

    /// Reads the keys.
    pub(crate) fn source(&self, files: Files) -> Result<KeySource, ConfigError> {
        Ok(match self {
            Self::Test => KeySource::Test,
            Self::OtherTest => KeySource::OtherTest,
            Self::Generated => KeySource::Generated,
            Self::Own(entries) => {
                let mut keys = Vec::new();
                for (index, entry) in entries.iter().enumerate() {
                    let unusable = |source| ConfigError::Key {
                        number: index + 1,
                        source,
                    };
                    keys.extend(entry.read(files)?.map_err(unusable)?);
                }
                KeySource::Own(keys)
            }
        })
    }
}

impl OwnKeyConfig {
    fn read(&self, files: Files) -> Result<Result<Vec<OwnKey>, OwnKeyError>, ConfigError> {
        let keys = match (&self.file, &self.pem, &self.jwk) {
            (Some(path), None, None) => OwnKey::read_all(&files.read(path)?),
            (None, Some(pem), None) => OwnKey::read_all(&pem.0),
            (None, None, Some(jwk)) => OwnKey::from_members(jwk).map(|key| vec![key]),
            _ => {
                return Err(ConfigError::Contradiction(
                    "a key of your own needs exactly one of `file`, `pem` and `jwk`".to_owned(),
                ));
            }
        };
        match (&self.kid, keys) {
            (Some(kid), Ok(keys)) => match <[OwnKey; 1]>::try_from(keys) {
                Ok([key]) => Ok(Ok(vec![key.with_kid(kid)])),
                Err(keys) => Err(ConfigError::Contradiction(format!(
                    "`kid` names one key, and there are {}",
                    keys.len()
                ))),
            },
            (_, keys) => Ok(keys),
        }
    }
}

/// The private halves are not shown.
impl std::fmt::Debug for OwnKeyConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnKeyConfig")
            .field("file", &self.file)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PEM: &str = include_str!("../../keys/p384-1.pem");

    fn keys(config: Value, files: Files) -> Result<KeySource, ConfigError> {
        let config: KeysConfig = serde_json::from_value(config).unwrap();
        config.source(files)
    }

    fn file(path: &str) -> String {
        format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
    }

    #[test]
    fn own_keys_come_from_files_and_texts() {
        let config = json!({"own": [
            {"file": file("keys/p384-1.pem"), "kid": "mine"},
            {"pem": PEM},
            {"file": file("tests/keys/private-jwks.json")},
        ]});
        let KeySource::Own(read) = keys(config, Files::Allowed).unwrap() else {
            panic!("own keys");
        };
        assert_eq!(read[0].kid(), "mine");
        assert_ne!(read[1].kid(), "mine");
        assert!(read.len() > 3);
    }

    #[test]
    fn what_makes_no_key_is_said() {
        for (config, said) in [
            (json!({"own": [{}]}), "exactly one"),
            (json!({"own": [{"pem": PEM, "file": "x"}]}), "exactly one"),
            (json!({"own": [{"pem": PEM}, {"pem": "x"}]}), "key 2"),
            (json!({"own": [{"jwk": {"kty": "RSA"}}]}), "key 1"),
            (json!({"own": [{"file": "no-such.pem"}]}), "no-such.pem"),
            (
                json!({"own": [{"file": file("tests/keys/private-jwks.json"), "kid": "x"}]}),
                "names one key",
            ),
        ] {
            let error = keys(config, Files::Allowed).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let file = json!({"own": [{"file": file("keys/p384-1.pem")}]});
        assert!(matches!(
            keys(file, Files::Forbidden),
            Err(ConfigError::NoFiles)
        ));
    }
}
