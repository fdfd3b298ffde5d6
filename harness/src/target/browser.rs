//! Which browser a client is used with.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// The real browser that the client is used with, in place of the one that the harness plays over
/// HTTP: for clients whose pages need scripts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BrowserTable {
    /// Which one. It has to be installed with its driver, and `gauntlet` has to be built with the
    /// feature `browser`.
    pub kind: BrowserKind,
    /// Its program. Default: the first of `chromium-headless-shell`, `chromium`,
    /// `chromium-browser` and `google-chrome` on the `PATH`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub program: Option<PathBuf>,
    /// The program that drives it. Default: `chromedriver` on the `PATH`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub driver: Option<PathBuf>,
    /// For how long nothing may happen before a page counts as done: longer than the client waits
    /// before it goes on by itself. Default: `150ms`.
    #[serde(default = "default_settle")]
    pub settle: String,
}

/// A kind of browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum BrowserKind {
    /// Chromium, driven through chromedriver
    Chromium,
}

/// How long nothing may happen where nothing is said, in milliseconds.
const SETTLE: u64 = 150;

fn default_settle() -> String {
    format!("{SETTLE}ms")
}

/// The real browser of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealBrowser {
    /// Its program, if it is named.
    pub program: Option<PathBuf>,
    /// Its driver, if it is named.
    pub driver: Option<PathBuf>,
    /// For how long nothing may happen before a page counts as done.
    pub settle: Duration,
}

impl RealBrowser {
    /// One that was asked for without more words.
    pub fn of_kind(kind: BrowserKind) -> Self {
        match kind {
            BrowserKind::Chromium => Self {
                program: None,
                driver: None,
                settle: Duration::from_millis(SETTLE),
            },
        }
    }
}
