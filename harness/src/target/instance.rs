//! One running client with two issuers of its own.

use std::sync::Arc;

use oauth_gauntlet_provider::{Issuer, MockProvider, User};
use rand::RngExt;
use rand::distr::Alphanumeric;

use super::LogBuffer;
use super::builtin::Server;
use super::leftover::WrittenFile;
use super::process::Process;
use super::seats::Seat;
use crate::chromium::Chromium;
use crate::scenario::{Browser, Plan, Role, Settings, Touches};

/// How an instance has to be set up.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spec {
    /// The scenario's settings.
    pub settings: Settings,
    /// The client's own time-out is to be short, since the scenario waits for it.
    pub short_time_out: bool,
    /// What the run touches that others would notice.
    pub touches: Touches,
}

impl Spec {
    /// What a plan needs.
    pub fn of(plan: &Plan) -> Self {
        Self {
            settings: plan.settings.clone(),
            short_time_out: plan.waits_for_a_time_out(),
            touches: plan.touches(),
        }
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
    /// How the program itself stopped short of being ready; none, where it never came to run.
    pub stopped: Option<Stopped>,
}

/// How a program stopped short of being ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It ended by itself.
    Ended,
    /// A signal ended it.
    Killed,
    /// It was not ready in time, and had not ended either.
    Late,
}

impl InstanceError {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            advice: None,
            about: Vec::new(),
            output: Vec::new(),
            stopped: None,
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
            email: format!("{first}.{mark}@example.com"),
        }
    }

    /// What proves on a page that this account is signed in.
    pub fn needles(&self) -> [&str; 4] {
        [&self.email, &self.name, &self.preferred_username, &self.sub]
    }

    /// The account as the provider knows it.
    pub fn user(&self) -> User {
        let (given_name, family_name) = self.name.split_once(' ').unwrap_or_default();
        User::new(&self.sub)
            .claim("name", self.name.as_str())
            .claim("given_name", given_name)
            .claim("family_name", family_name)
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
    /// Somebody with the victim's e-mail address and user name.
    pub namesake: Account,
    /// Somebody at the attacker's issuer with the victim's `sub`.
    pub twin: Account,
    /// This run's mark.
    pub mark: String,
    /// The key that tells this run from others that go on beside it on the same client; none where
    /// it has the client to itself.
    pub key: Option<String>,
    /// What the client printed or logged.
    pub log: LogBuffer,
    /// What browsers speak HTTP with: it trusts the issuers.
    pub http: reqwest::Client,
    /// The real browser, where the target wants one.
    pub chromium: Option<Chromium>,
    /// The provider of its issuers, where they show a certificate that the client does not trust.
    pub(super) impostor: Option<Arc<MockProvider>>,
    /// How much of that had been written when the run began.
    pub log_from: usize,
    /// The last exchange before the run, in the journals of the honest and the attacker's issuer.
    pub journal_from: [u64; 2],
    pub(super) program: Arc<Program>,
    /// Its place on a client that serves other runs before, after or beside it.
    pub(super) seat: Option<Seat>,
}

/// A client, and the issuers that go when it goes.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) running: Running,
    pub(super) owned: Option<(Arc<MockProvider>, Vec<String>)>,
}

#[derive(Debug)]
pub(super) enum Running {
    NotYet,
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

impl Drop for Program {
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
            Browser::Victim | Browser::OtherDevice => &self.victim,
            Browser::Attacker => &self.mallory,
            Browser::Namesake => &self.namesake,
            Browser::Twin => &self.twin,
        }
    }

    /// How the program ended, if it has.
    pub fn ended(&self) -> Option<String> {
        match &self.program.running {
            Running::Process { process, .. } => process.ended().map(|status| status.to_string()),
            // Nothing is known of a program that somebody else started, except this.
            Running::Elsewhere => takes_no_connections(&self.app),
            Running::NotYet | Running::InProcess { .. } => None,
        }
    }

    /// How many connections to issuers with an untrusted certificate ended without a request; none,
    /// where it is a good one.
    pub fn mute_connections(&self) -> Option<u64> {
        Some(self.impostor.as_ref()?.mute_connections())
    }

    /// Whether other runs use the same client, before, after or beside this one.
    pub fn is_shared(&self) -> bool {
        self.seat.is_some()
    }

    /// What runs, now that it does.
    pub(super) fn runs(&mut self, running: Running) {
        // Nobody else has the program before it is handed out.
        if let Some(program) = Arc::get_mut(&mut self.program) {
            program.running = running;
        }
    }

    /// The same client for another run, with accounts of its own.
    pub(super) fn for_another(&self) -> Self {
        let mut other = Self {
            app: self.app.clone(),
            behind_proxy: self.behind_proxy.clone(),
            honest: self.honest.clone(),
            attacker: self.attacker.clone(),
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            second_client_id: self.second_client_id.clone(),
            victim: self.victim.clone(),
            mallory: self.mallory.clone(),
            namesake: self.namesake.clone(),
            twin: self.twin.clone(),
            mark: String::new(),
            key: None,
            log: self.log.clone(),
            http: self.http.clone(),
            chromium: self.chromium.clone(),
            impostor: self.impostor.clone(),
            log_from: self.log.written(),
            journal_from: [&self.honest, &self.attacker].map(last_number),
            program: Arc::clone(&self.program),
            seat: None,
        };
        other.name_accounts();
        other
    }

    /// Makes accounts up that nobody else has.
    pub(super) fn name_accounts(&mut self) {
        // A letter first: reports tell a mark from itself in capitals.
        self.mark = format!("m{}", random(6).to_lowercase());
        self.victim = Account::new("alice", &self.mark);
        self.mallory = Account::new("mallory", &self.mark);
        self.namesake = Account {
            email: self.victim.email.clone(),
            preferred_username: self.victim.preferred_username.clone(),
            ..Account::new("norbert", &self.mark)
        };
        self.twin = Account {
            sub: self.victim.sub.clone(),
            ..Account::new("tessa", &self.mark)
        };
    }

    /// The accounts, for the issuers.
    pub(super) fn users(&self) -> Vec<User> {
        vec![
            self.victim.user(),
            self.mallory.user(),
            self.namesake.user(),
        ]
    }
}

/// The number of the last exchange of an issuer.
pub fn last_number(issuer: &Issuer) -> u64 {
    let exchanges = issuer.journal().exchanges();
    exchanges.last().map_or(0, |exchange| exchange.number)
}

/// Whether nothing listens at a URL any more, in words.
fn takes_no_connections(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let addresses = url.socket_addrs(|| None).ok()?;
    let refused = |address: &std::net::SocketAddr| {
        std::net::TcpStream::connect_timeout(address, std::time::Duration::from_millis(500))
            .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    };
    (!addresses.is_empty() && addresses.iter().all(refused))
        .then(|| "it takes no connections any more".to_owned())
}

pub(super) fn random(length: usize) -> String {
    rand::rng()
        .sample_iter(&Alphanumeric)
        .take(length)
        .map(char::from)
        .collect()
}
