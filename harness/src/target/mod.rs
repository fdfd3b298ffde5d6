//! Target files: how the harness reaches a client, as types.

mod browser;
mod builtin;
mod check;
mod instance;
mod launch;
mod leftover;
mod load;
mod placeholder;
mod pool;
mod probe;
mod process;
mod profile;
mod provider;
mod ready;
mod seats;
mod source;
mod start_error;
mod start_files;
mod way;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::value::Datetime;

pub use browser::{BrowserKind, BrowserTable, RealBrowser};
pub use builtin::Builtin;
pub use instance::{Account, Instance, InstanceError, Spec, Stopped, last_number};
pub use launch::Draft;
#[cfg(feature = "browser")]
pub(crate) use leftover::TemporaryFolder;
pub use load::{TargetError, from_file, parse};
pub use placeholder::Values;
pub use pool::Pool;
pub use probe::Probe;
#[cfg(feature = "browser")]
pub(crate) use process::Process;
pub use process::{LogBuffer, end_all_programs};
pub use provider::{OwnCertificate, ProviderTable};
pub use ready::Ready;
pub use seats::Manner;
pub use source::SourceText;
pub use start_files::StartFile;
pub use way::Way;

use crate::scenario::Capability;

/// A target file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "OAuth Gauntlet target")]
pub struct TargetFile {
    /// The client's name, as reports show it.
    pub name: String,
    /// What the client is able to do. Scenarios that need more are skipped, with this as the reason.
    pub can: Vec<Capability>,
    /// How long one step may take. Default: `10s`.
    #[serde(default = "default_time_limit")]
    pub time_limit: String,
    /// A program that the harness starts.
    #[serde(default)]
    pub start: Option<Start>,
    /// A program that runs already.
    #[serde(default)]
    pub attach: Option<Attach>,
    /// How the issuers are reached.
    #[serde(default)]
    pub provider: ProviderTable,
    /// The real browser that the client is used with. Default: the one that the harness plays
    /// over HTTP, without scripts.
    #[serde(default)]
    pub browser: Option<BrowserTable>,
    /// The client's pages.
    #[serde(default)]
    pub app: App,
    /// How the protected page looks to a user who is signed in. Default: it shows the user's
    /// `sub`, name, user name or e-mail address.
    #[serde(default, rename = "signed_in")]
    pub signed_in: Option<Probe>,
    /// How the protected page looks to everybody else. Only needed where it answers everybody;
    /// it comes before `signed_in`.
    #[serde(default, rename = "signed_out")]
    pub signed_out: Option<Probe>,
    /// How a page looks that tells its user what went wrong.
    #[serde(default, rename = "error_page")]
    pub error_page: Option<Probe>,
    /// Failures that are known, with a reason.
    #[serde(default)]
    pub known: Vec<Known>,
}

fn default_time_limit() -> String {
    "10s".to_owned()
}

/// A program that the harness starts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Start {
    /// The command line, split as a shell would split it, run in the folder of the target file.
    pub command: String,
    /// The command that sets the program up; named when the start fails.
    #[serde(default)]
    pub install: Option<String>,
    /// It is a public client (RFC 6749 §2.1), which has no secret. Default: no.
    #[serde(default)]
    pub public_client: bool,
    /// When it is ready: when a URL answers, when a line of its output matches
    /// (`{ log = "regex" }`), or when something listens on its port (`{ port = true }`).
    /// Default: `{app}/`.
    #[serde(default)]
    pub ready: Ready,
    /// How long the start may take. Default: `20s`.
    #[serde(default = "default_start_timeout")]
    pub timeout: String,
    /// When the program is started anew.
    #[serde(default)]
    pub restart: Restart,
    /// Environment variables. Placeholders: `{app}`, `{port}`, `{issuer}`, `{client_id}`,
    /// `{client_secret}`, `{random}`, `{time_out}`, `{second.issuer}`, `{second.client_id}`,
    /// `{second.client_secret}`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Files, by their path below the folder of the target file, for what takes no environment:
    /// written before the program starts, and put back when it has ended. Such a client is
    /// started once at a time, for each scenario, or once for all with `restart = "never"`.
    #[serde(default)]
    pub files: BTreeMap<String, StartFile>,
    /// Environment variables that take effect when a scenario wants the client without OpenID
    /// Connect.
    #[serde(default)]
    pub env_plain_oauth2: BTreeMap<String, String>,
    /// Environment variables that take effect when a scenario wants two issuers at once.
    #[serde(default)]
    pub env_two_issuers: BTreeMap<String, String>,
}

fn default_start_timeout() -> String {
    "20s".to_owned()
}

/// When a program is started anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// For each scenario that wants other settings, other documents of the issuer, or a time-out
    /// of the client. All others share one.
    #[default]
    PerRun,
    /// For each scenario run.
    PerScenario,
    /// Never; scenarios that need a fresh client are skipped.
    Never,
}

/// A program that runs already.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Attach {
    /// Where it runs: `http://localhost:5000`.
    pub app: String,
    /// The port that it expects the issuer at, on 127.0.0.1.
    pub issuer_port: u16,
    /// The client identifier that it uses.
    pub client_id: String,
    /// The client secret that it uses; a public client has none.
    #[serde(default)]
    pub client_secret: Option<String>,
}

/// The client's pages.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct App {
    /// How a login is started.
    pub login: Way,
    /// The redirect URI's path.
    pub callback: String,
    /// A page that only signed-in users see.
    pub protected: String,
    /// How a session is ended.
    pub logout: Way,
    /// Headers that browsers send to the client, such as `Accept-Language`. They accept HTML
    /// unless `Accept` is among them.
    pub headers: BTreeMap<String, String>,
    /// The page that starts a login after which the user ends where `{target}` says, such as
    /// `/login?next={target}`, or `{target}` alone where every page asks to sign in first and is
    /// shown afterwards; there it can be a path alone.
    pub return_to: Option<String>,
    /// The path that takes logout tokens (OIDC Back-Channel Logout 1.0).
    pub back_channel_logout: Option<String>,
    /// Pages for the second issuer.
    pub second: Option<SecondApp>,
}

impl Default for App {
    fn default() -> Self {
        Self {
            login: "/login".into(),
            callback: "/callback".to_owned(),
            protected: "/profile".to_owned(),
            logout: "/logout".into(),
            headers: BTreeMap::new(),
            return_to: None,
            back_channel_logout: None,
            second: None,
        }
    }
}

impl App {
    /// Whether what stands for `{target}` in `return-to` is a path, and no value in a query.
    pub fn returns_to_paths_alone(&self) -> bool {
        let place = self.return_to.as_deref();
        let before = place.and_then(|place| place.split("{target}").next());
        before.is_some_and(|before| !before.contains('?'))
    }
}

/// Pages for the second issuer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecondApp {
    /// How a login at the second issuer is started.
    pub login: Way,
    /// How a login at the first issuer is started when both are on offer. Default: `login` of
    /// `[app]`.
    #[serde(default)]
    pub first_login: Option<Way>,
    /// The redirect URI's path there. Default: the same as for the first.
    #[serde(default)]
    pub callback: Option<String>,
}

/// A failure that is known.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Known {
    /// The scenario's id, or a pattern with `*`.
    pub scenario: String,
    /// A part of the sentence of one finding. With it, only this finding is put up with, and any
    /// other in the same scenario still fails.
    #[serde(default)]
    pub check: Option<String>,
    /// Why it is put up with.
    pub reason: String,
    /// Where it is tracked.
    #[serde(default)]
    pub issue: Option<String>,
    /// The last day on which it is put up with, such as `2026-12-31`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub until: Option<Datetime>,
}

impl Known {
    /// Whether a finding with this sentence is put up with.
    pub fn covers(&self, sentence: &str) -> bool {
        self.check
            .as_ref()
            .is_none_or(|check| sentence.contains(check))
    }

    /// Whether its last day is over, by the date in UTC.
    pub fn is_over(&self) -> bool {
        let today = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
        self.until
            .is_some_and(|until| until.date.is_some_and(|day| today[..10] > *day.to_string()))
    }
}

/// A target, ready to be started.
#[derive(Debug, Clone)]
pub struct Target {
    /// The name for reports.
    pub name: String,
    /// Where the description comes from, for the first line of the output.
    pub origin: String,
    /// What it claims to be able to do.
    pub can: Vec<Capability>,
    /// How long one step may take.
    pub time_limit: Duration,
    /// How to reach it.
    pub reach: Reach,
    /// How its issuers are reached.
    pub provider: ProviderTable,
    /// The real browser that it is used with, if it is to be one.
    pub browser: Option<RealBrowser>,
    /// Its pages.
    pub app: App,
    /// How a signed-in page looks, if the target says so.
    pub signed_in: Option<Probe>,
    /// How its protected page looks to everybody else, if the target says so.
    pub signed_out: Option<Probe>,
    /// How a page looks that tells its user what went wrong, if the target says so.
    pub error_page: Option<Probe>,
    /// Known failures.
    pub known: Vec<Known>,
    /// The target file's text; the built-in clients have none.
    pub source: Option<SourceText>,
}

/// How a target is reached.
#[derive(Debug, Clone)]
pub enum Reach {
    /// A client of this crate, in this process, spoken to over HTTP.
    Builtin(Builtin),
    /// A command.
    Command {
        /// The folder to run it in.
        folder: PathBuf,
        /// What to run.
        start: Box<Start>,
        /// How long the start may take.
        timeout: Duration,
    },
    /// A program that runs already.
    Attached(Attach),
}

impl Target {
    /// Whether the target claims a capability.
    pub fn can(&self, capability: Capability) -> bool {
        self.can.contains(&capability)
    }

    /// The same target, used with a real browser.
    #[must_use]
    pub fn with_browser(mut self, browser: RealBrowser) -> Self {
        self.browser = Some(browser);
        if !self.can(Capability::Browser) {
            self.can.push(Capability::Browser);
        }
        self
    }

    /// The built-in reference client.
    pub fn reference() -> Self {
        Builtin::Reference.target()
    }

    /// The built-in naive client.
    pub fn demo() -> Self {
        Builtin::Demo.target()
    }
}
