//! Running scenarios: the record of one run, how it is played, and in which order all are.

mod baseline;
mod diagnosis;
mod known;
mod observed;
mod order;
mod outcome;
mod play;
mod played;
mod schedule;
#[cfg(test)]
pub(crate) mod testing;

use std::time::{Duration, Instant};

use serde::Serialize;
use url::Url;

pub use baseline::{Baseline, SetupError, baseline, full_baseline};
pub use observed::{CookieSeen, Observed, Page, SignOut};
pub use outcome::Outcome;
pub use play::{RunError, control, play};
pub use schedule::{Progress, Settled, run_all};

use crate::chromium::{Said, Stored};
use crate::scenario::{Act, Browser};
use crate::target::{Account, Stopped};
use crate::transcript::{Entry, Places};

/// All that was observed in one run.
#[derive(Debug, Clone)]
pub struct Record {
    /// The exchanges, in order.
    pub transcript: Vec<Entry>,
    /// The steps, in order.
    pub steps: Vec<StepRecord>,
    /// The faults that were armed.
    pub faults: Vec<FaultRecord>,
    /// How the client came up, where it was started with faults armed.
    pub start: Option<Start>,
    /// Connections to issuers with an untrusted certificate that ended without a request; none,
    /// where it is a good one.
    pub mute_connections: Option<u64>,
    /// Over https, for scenarios about signatures: what the client does about them otherwise.
    pub signatures: Option<Signatures>,
    /// Every secret that was handed out or used.
    pub secrets: Vec<Secret>,
    /// Tokens that the harness made for an attacker to use.
    pub minted: Vec<Secret>,
    /// What the client printed or logged.
    pub log: String,
    /// How the client's program ended, if it ended during the run.
    pub ended: Option<String>,
    /// What the client kept in its user's browser, beside cookies.
    pub stored: Vec<Deposit>,
    /// What its pages said on the console.
    pub said: Vec<Said>,
    /// What the last browser showed at the end, as a PNG.
    pub screenshot: Option<Vec<u8>>,
    /// Why the transcript may lack something, where other runs went on beside this one.
    pub unclear: Option<&'static str>,
    /// The accounts.
    pub accounts: Accounts,
    /// The addresses.
    pub places: Places,
    /// The client's identifier at the honest issuer.
    pub client_id: String,
    /// The client's identifier at the attacker's issuer.
    pub second_client_id: String,
    /// The mark of this run's accounts.
    pub mark: String,
    /// The issuers' clock, in seconds since 1970.
    pub now: i64,
}

impl Record {
    /// The entries of a span of time.
    pub fn during(&self, window: Window) -> impl Iterator<Item = &Entry> {
        self.transcript
            .iter()
            .filter(move |entry| entry.started >= window.from && entry.started < window.to)
    }

    /// The protected page as a step's probe found it.
    pub fn probed(&self, step: &StepRecord) -> Option<&Entry> {
        self.during(step.probe)
            .filter(|entry| entry.is_page_of_the_app())
            .last()
    }

    /// The step that ends a run.
    pub fn last_step(&self) -> Option<&StepRecord> {
        self.steps.last()
    }
}

/// Whether a client looks at the signatures of ID tokens, by what it did about one that was plainly
/// wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatures {
    /// It refused it.
    Checked,
    /// It took it.
    Unchecked,
    /// It never came to it, or gave no answer.
    Unknown,
}

/// Something that the client kept in a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposit {
    /// When it was seen there.
    pub at: Instant,
    /// Whose browser.
    pub browser: Browser,
    /// What.
    pub stored: Stored,
}

/// How a client came up that was started with faults armed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It became ready.
    Ready,
    /// It did not.
    Stopped {
        /// What its program did instead.
        how: Stopped,
        /// That in words, with the command.
        words: String,
    },
}

/// The two accounts of a run.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// The victim's.
    pub victim: Account,
    /// The attacker's.
    pub attacker: Account,
    /// Of somebody with the victim's e-mail address and user name.
    pub namesake: Account,
    /// Of somebody at the attacker's issuer with the victim's `sub`.
    pub twin: Account,
}

impl Accounts {
    /// The account of a browser's owner.
    pub fn of(&self, browser: Browser) -> &Account {
        match browser {
            Browser::Victim | Browser::OtherDevice => &self.victim,
            Browser::Attacker => &self.attacker,
            Browser::Namesake => &self.namesake,
            Browser::Twin => &self.twin,
        }
    }
}

/// A span of time.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Its first moment.
    pub from: Instant,
    /// The first moment after it.
    pub to: Instant,
}

/// What was observed in one step.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// The act.
    pub act: Act,
    /// Whose browser.
    pub browser: Browser,
    /// While the act went on.
    pub window: Window,
    /// How the act's navigation ended.
    pub arrival: Arrived,
    /// While the protected page was asked.
    pub probe: Window,
    /// How the browser stood afterwards.
    pub standing: Standing,
    /// The protected page, as it was shown.
    pub page: String,
    /// Whether the page that the act ended on looks as the target says that a page looks which
    /// tells its user what went wrong; none, where it does not say.
    pub explained: Option<bool>,
    /// The code of a prepared authorization response.
    pub delivered: Option<String>,
    /// The page that the browser ended on.
    pub landed: Option<Url>,
    /// For a logout token: how the client answered it.
    pub pushed: Option<Result<u16, String>>,
    /// For planted cookies: how many there were to plant.
    pub planted: Option<usize>,
}

impl StepRecord {
    /// How long the act took.
    pub fn took(&self) -> Duration {
        self.window.to - self.window.from
    }
}

/// How a navigation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    /// At a page.
    Page,
    /// On purpose, with an authorization response in hand.
    Held,
    /// In a loop of redirects.
    Loop,
    /// At a redirect that no browser could follow.
    Astray(String),
    /// Before a page of another site, which was not opened.
    Elsewhere(String),
    /// Without an answer in time.
    TimedOut,
    /// With a broken connection.
    Broken,
    /// There was none.
    Nowhere,
}

/// How a browser stands, by what the protected page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Signed in, as the owner of this browser.
    SignedIn(Browser),
    /// Signed in, and the page shows nothing that only one of two accounts has.
    Unclear,
    /// Not signed in, and asked to sign in.
    AsksLogin,
    /// Not signed in.
    Out,
    /// The page could not be had.
    NoAnswer,
    /// The page leads in a circle.
    Loop,
}

/// A fault of a run, and how often it changed a response.
#[derive(Debug, Clone)]
pub struct FaultRecord {
    /// What it does, in words.
    pub summary: String,
    /// The endpoint that has to be called for it to fire, in words.
    pub point: &'static str,
    /// How often it fired.
    pub fired: u64,
}

impl FaultRecord {
    /// The [`point`](Self::point) of faults in the key set.
    pub const KEY_SET: &str = "the key set";
    /// The [`point`](Self::point) of faults in token responses and in what comes with them.
    pub const TOKEN_ENDPOINT: &str = "the token endpoint";
}

/// A value that must not be seen in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// What it is.
    pub kind: SecretKind,
    /// The value.
    pub value: String,
}

/// What a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretKind {
    /// An authorization code.
    Code,
    /// An access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
    /// An ID token.
    IdToken,
    /// A code verifier.
    CodeVerifier,
    /// The client's secret.
    ClientSecret,
}

impl SecretKind {
    /// The kind in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Code => "authorization code",
            Self::AccessToken => "access token",
            Self::RefreshToken => "refresh token",
            Self::IdToken => "ID token",
            Self::CodeVerifier => "code verifier",
            Self::ClientSecret => "client secret",
        }
    }
}
