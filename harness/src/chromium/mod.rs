//! A real browser: Chromium, driven through chromedriver by W3C's `WebDriver BiDi`. It acts as the
//! browser that the harness plays does, runs scripts as well, and what it asked for and got is kept
//! in the same form.
//!
//! Without the feature `browser` there is none, and nothing here can be made.

#[cfg(feature = "browser")]
mod cookies;
#[cfg(feature = "browser")]
mod driver;
#[cfg(feature = "browser")]
mod events;
#[cfg(feature = "browser")]
mod tab;
#[cfg(feature = "browser")]
mod tabs;
#[cfg(feature = "browser")]
mod window;

#[cfg(not(feature = "browser"))]
mod absent;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[cfg(not(feature = "browser"))]
pub use absent::{Chromium, Window};
#[cfg(feature = "browser")]
pub use {driver::Chromium, window::Window};

/// How a browser behaves towards whom.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// The origin of the issuers.
    pub issuer_origin: String,
    /// What goes to them with every request.
    pub issuer_headers: Vec<(String, String)>,
    /// What goes to everybody else.
    pub headers: Vec<(String, String)>,
    /// It neither sends nor keeps cookies.
    pub no_cookies: bool,
    /// Answers of the issuers may trickle in, so that one that has begun is still waited for.
    pub issuers_trickle: bool,
}

/// How Chromium is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The browser's program. Default: `chromium-headless-shell`, `chromium`, `chromium-browser` or
    /// `google-chrome`.
    pub program: Option<PathBuf>,
    /// chromedriver. Default: `chromedriver`.
    pub driver: Option<PathBuf>,
    /// For how long nothing may happen before a page counts as done.
    pub settle: Duration,
    /// A host that the browser is to find at an address of this machine.
    pub host: Option<(String, IpAddr)>,
}

/// Why there is no browser.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChromiumError {
    /// This program was built without.
    #[error("this gauntlet was built without a real browser")]
    NotBuiltIn,
    /// A program is missing.
    #[error("{0} is not installed")]
    NotInstalled(&'static str),
    /// It does not start.
    #[error("Chromium does not start: {0}")]
    Start(String),
}

impl ChromiumError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NotBuiltIn => {
                "build it with the feature `browser`: cargo run --features browser, or \
                 cargo install with --features browser"
            }
            Self::NotInstalled(_) => {
                "on Debian: apt-get install chromium-headless-shell chromium-driver; elsewhere name the programs \
                 in [browser]: program = \"…\", driver = \"…\""
            }
            Self::Start(_) => {
                "chromium and chromedriver have to be of the same version; \
                 chromium --version and chromedriver --version tell"
            }
        }
    }
}

/// Something that a page keeps in its browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// `localStorage` or `sessionStorage`.
    pub place: &'static str,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// Something that a page's script said on the console, or failed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Instant,
    /// An error that no script caught, and not a message.
    pub uncaught: bool,
    /// The words.
    pub text: String,
}
