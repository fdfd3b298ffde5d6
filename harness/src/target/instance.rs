//! One running client with two issuers of its own.

use std::sync::Arc;

use oauth_gauntlet_provider::{Issuer, MockProvider, User};
use rand::RngExt;
use rand::distr::Alphanumeric;

use super::LogBuffer;
use super::builtin::Server;
use super::leftover::WrittenFile;
use super::process::Process;
use crate::scenario::{Browser, Plan, Role, Settings};

/// How an instance has to be set up.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spec {
    /// The scenario's settings.
    pub settings: Settings,
    /// The client's own time-out is to be short, since the scenario waits for it.
    pub short_time_out: bool,
    /// Nothing else may use the instance before or after.
    pub exclusive: bool,
}

impl Spec {
    /// What a plan needs.
    pub fn of(plan: &Plan) -> Self {
        Self {
            settings: plan.settings.clone(),
            short_time_out: plan.waits_for_a_time_out(),
            exclusive: plan.touches_shared_things(),
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// Why an instance could not be had.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct InstanceError {
    /// What happened, in a sentence.
    pub reason: String,
    /// What to do about it.
    pub advice: Option<String>,
    /// The key of the target file that it is about.
    pub about: Vec<String>,
    /// The last lines of the program's output.
    pub output: Vec<String>,
}

impl InstanceError {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            advice: None,
            about: Vec::new(),
            output: Vec::new(),
        }
    }
}

/// An account, marked for one run.
#[derive(Debug, Clone)]
pub struct Account {
    /// The subject identifier.
    pub sub: String,
    /// The full name.
    pub name: String,
    /// The user name.
    pub preferred_username: String,
    /// The e-mail address.
    pub email: String,
}

impl Account {
    pub(super) fn new(first: &str, mark: &str) -> Self {
        let mut name = first.to_owned();
        name[..1].make_ascii_uppercase();
        Self {
            sub: format!("{first}-{mark}"),
            name: format!("{name} {mark}"),
            preferred_username: format!("{first}.{mark}"),
            email: format!("{first}.{mark}@example.test"),
        }
    }

    /// What proves on a page that this account is signed in.
    pub fn needles(&self) -> [&str; 4] {
        [&self.email, &self.name, &self.preferred_username, &self.sub]
    }

    fn user(&self) -> User {
        User::new(&self.sub)
            .claim("name", self.name.as_str())
            .claim("preferred_username", self.preferred_username.as_str())
            .claim("email", self.email.as_str())
            .claim("email_verified", true)
    }
}

/// A running client, with two issuers of its own.
#[derive(Debug)]
pub struct Instance {
    /// The client's address, as browsers and redirect URIs know it.
    pub app: String,
    /// Where the address really is, if a proxy stands before it.
    pub behind_proxy: Option<String>,
    /// The issuer that users trust.
    pub honest: Issuer,
    /// The issuer that the attacker runs.
    pub attacker: Issuer,
    /// The client's identifier at the honest issuer.
    pub client_id: String,
    /// Its secret there.
    pub client_secret: Option<String>,
    /// The client's identifier at the attacker's issuer.
    pub second_client_id: String,
    /// The victim's account.
    pub victim: Account,
    /// The attacker's account.
    pub mallory: Account,
    /// This run's mark.
    pub mark: String,
    /// What the client printed or logged.
    pub log: LogBuffer,
    /// What browsers speak HTTP with: it trusts the issuers.
    pub http: reqwest::Client,
    pub(super) spec: Spec,
    pub(super) running: Running,
    pub(super) owned: Option<(Arc<MockProvider>, Vec<String>)>,
}

#[derive(Debug)]
pub(super) enum Running {
    InProcess {
        _server: Server,
    },
    Process {
        process: Process,
        /// Put back after the program has ended.
        _files: Vec<WrittenFile>,
        _turn: Option<tokio::sync::OwnedSemaphorePermit>,
    },
    Elsewhere,
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some((provider, names)) = self.owned.take() {
            for name in names {
                provider.remove_issuer(&name);
            }
        }
    }
}

impl Instance {
    /// The issuer in a role.
    pub fn issuer(&self, role: Role) -> &Issuer {
        match role {
            Role::Honest => &self.honest,
            Role::Attacker => &self.attacker,
        }
    }

    /// The account of a browser's owner.
    pub fn account(&self, browser: Browser) -> &Account {
        match browser {
            Browser::Victim => &self.victim,
            Browser::Attacker => &self.mallory,
        }
    }

    /// How the program ended, if it has.
    pub fn ended(&self) -> Option<String> {
        match &self.running {
            Running::Process { process, .. } => process.ended().map(|status| status.to_string()),
            Running::InProcess { .. } | Running::Elsewhere => None,
        }
    }

    /// New accounts, no faults, an empty journal: as if nobody had ever been here.
    pub(super) fn refresh(&mut self) {
        self.mark = mark();
        self.victim = Account::new("alice", &self.mark);
        self.mallory = Account::new("mallory", &self.mark);
        for issuer in [&self.honest, &self.attacker] {
            issuer.disarm_all();
            issuer.set_users(vec![self.victim.user(), self.mallory.user()]);
            issuer.journal().clear();
        }
    }
}

fn mark() -> String {
    random(6).to_lowercase()
}

pub(super) fn random(length: usize) -> String {
    rand::rng()
        .sample_iter(&Alphanumeric)
        .take(length)
        .map(char::from)
        .collect()
}
