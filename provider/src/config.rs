//! The TOML form of a provider. Unknown keys are errors that point at themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fault::{Fault, FaultError, parse_span};
use crate::names::{AuthMethod, ChallengeMethod};
use crate::parties::{Client, User};
use crate::settings::{
    Enforcement, IssuerSettings, Profile, RefreshTokens, SignIn, SigningAlgorithm,
};

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It does not say what a configuration says.
    #[error("cannot use `{}`\n{problem}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, column and a caret under the word.
        problem: Box<toml::de::Error>,
    },
    /// A fault in it makes no sense.
    #[error("cannot use `{}`: fault {number}", path.display())]
    Fault {
        /// The file.
        path: PathBuf,
        /// Which `[[fault]]`, from 1.
        number: usize,
        /// What is wrong with it.
        source: FaultError,
    },
}

/// A configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Config {
    profile: Option<Profile>,
    enforcement: Option<Enforcement>,
    algorithm: Option<SigningAlgorithm>,
    /// The user who is always signed in, without a page.
    auto: Option<String>,
    refresh_tokens: Option<RefreshTokens>,
    iss_parameter: Option<bool>,
    challenge_methods: Option<BTreeSet<ChallengeMethod>>,
    lifetimes: Lifetimes,
    /// Scopes and the claims that they release, beside the standard ones.
    scopes: BTreeMap<String, Vec<String>>,
    /// In place of the default users.
    #[serde(rename = "user")]
    pub(crate) users: Vec<UserEntry>,
    #[serde(rename = "client")]
    clients: Vec<ClientEntry>,
    #[serde(rename = "fault")]
    pub(crate) faults: Vec<Fault>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Lifetimes {
    access_token: Option<Span>,
    id_token: Option<Span>,
    refresh_token: Option<Span>,
    code: Option<Span>,
}

/// `90s`, `10m`, `2h`, `7d`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Span(Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let seconds = parse_span(&text).ok_or_else(|| {
            format!("`{text}` is no span of time: write a number and one of `s`, `m`, `h`, `d`, as in `10m`")
        })?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct UserEntry {
    sub: String,
    #[serde(default)]
    claims: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ClientEntry {
    id: String,
    secret: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    post_logout_redirect_uris: Vec<String>,
    auth_methods: Option<BTreeSet<AuthMethod>>,
}

impl Config {
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let config: Self = toml::from_str(&text).map_err(|problem| ConfigError::Parse {
            path: path.to_owned(),
            problem: Box::new(problem),
        })?;
        for (index, fault) in config.faults.iter().enumerate() {
            fault.check().map_err(|source| ConfigError::Fault {
                path: path.to_owned(),
                number: index + 1,
                source,
            })?;
        }
        Ok(config)
    }

    /// Applies the file to settings.
    pub(crate) fn apply(self, settings: &mut IssuerSettings) {
        fn set<T>(target: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *target = value;
            }
        }
        set(&mut settings.profile, self.profile);
        set(&mut settings.enforcement, self.enforcement);
        set(&mut settings.algorithm, self.algorithm);
        set(
            &mut settings.sign_in,
            self.auto.map(|sub| SignIn::Auto { sub }),
        );
        set(&mut settings.refresh_tokens, self.refresh_tokens);
        set(&mut settings.iss_parameter, self.iss_parameter);
        set(&mut settings.challenge_methods, self.challenge_methods);
        let lifetimes = self.lifetimes;
        set(
            &mut settings.access_token_lifetime,
            lifetimes.access_token.map(|span| span.0),
        );
        set(
            &mut settings.id_token_lifetime,
            lifetimes.id_token.map(|span| span.0),
        );
        set(
            &mut settings.refresh_token_lifetime,
            lifetimes.refresh_token.map(|span| span.0),
        );
        set(
            &mut settings.code_lifetime,
            lifetimes.code.map(|span| span.0),
        );
        settings.scopes.extend(self.scopes);
        settings
            .clients
            .extend(self.clients.into_iter().map(Client::from));
        if !self.users.is_empty() {
            settings.users = self.users.into_iter().map(User::from).collect();
        }
    }
}

impl From<UserEntry> for User {
    fn from(entry: UserEntry) -> Self {
        match entry.claims {
            Some(claims) => Self {
                sub: entry.sub,
                claims,
            },
            None => Self::from_sub(entry.sub),
        }
    }
}

impl From<ClientEntry> for Client {
    fn from(entry: ClientEntry) -> Self {
        let client = match entry.secret {
            Some(secret) => Self::confidential(entry.id, secret),
            None => Self::public(entry.id),
        };
        Self {
            redirect_uris: entry.redirect_uris,
            post_logout_redirect_uris: entry.post_logout_redirect_uris,
            auth_methods: entry.auth_methods.unwrap_or(client.auth_methods),
            ..client
        }
    }
}
