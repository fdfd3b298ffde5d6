//! A configuration as data, for files and for the control API: the wire form of clients, users,
//! issuers and the provider, and the way from it to settings. Unknown keys are errors.

#[cfg(feature = "cli")]
mod file;
mod issuer;
mod keys;
mod people;
mod server;
mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

#[cfg(feature = "cli")]
pub(crate) use file::{nearest, parse};
pub(crate) use issuer::IssuerConfig;
pub(crate) use keys::Files;
#[cfg(feature = "cli")]
pub(crate) use keys::KeysConfig;
pub(crate) use people::ClientConfig;
#[cfg(feature = "cli")]
pub(crate) use people::UserConfig;
pub(crate) use server::ServerConfig;
#[cfg(feature = "cli")]
pub(crate) use server::{Log, LogFormat};
#[cfg(feature = "cli")]
pub(crate) use values::{BasePath, BaseUrl, Moment, Secret};

use crate::fault::FaultError;
use crate::jose::OwnKeyError;
#[cfg(feature = "cli")]
use crate::server::CreateIssuerError;

/// A whole configuration: the provider, its default issuer, and its named ones.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Config {
    pub(crate) server: ServerConfig,
    pub(crate) default: IssuerConfig,
    pub(crate) named: BTreeMap<String, IssuerConfig>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A text does not say what a configuration says.
    #[error("{0}")]
    Syntax(
        /// Place, line, a caret under the word, and the way out.
        String,
    ),
    /// An environment variable has a value that its option does not take.
    #[error("the environment variable `{name}` is wrong: {problem}")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A part of it cannot be used.
    #[error("cannot use {part}")]
    In {
        /// Which part.
        part: String,
        /// What is wrong with it.
        source: Box<ConfigError>,
    },
    /// A fault makes no sense.
    #[error("fault {number}")]
    Fault {
        /// Which `[[fault]]`, from 1.
        number: usize,
        /// What is wrong with it.
        source: FaultError,
    },
    /// A key of one's own cannot be used.
    #[error("key {number} of your own")]
    Key {
        /// Which `[[keys.own]]`, from 1.
        number: usize,
        /// What is wrong with it.
        source: OwnKeyError,
    },
    /// It names a file where none is read.
    #[error("a file is named, and files are read for the configuration of a program alone")]
    NoFiles,
    /// A named issuer has no usable name.
    #[cfg(feature = "cli")]
    #[error(transparent)]
    IssuerName(#[from] CreateIssuerError),
    /// Two of its parts cannot both be meant.
    #[error("{0}")]
    Contradiction(
        /// What they are, and what to do.
        String,
    ),
}
