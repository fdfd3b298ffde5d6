//! What is looked at: the protected page after every step, and all that is on record at the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oauth_gauntlet_provider::{Endpoint, Exchange, Fault, IssuedKind};

use super::{RunError, Stage};
use crate::run::outcome::LAST_WORDS;
use crate::run::{
    Accounts, Arrived, Deposit, FaultRecord, Record, Secret, SecretKind, Standing, StepRecord,
    Window,
};
use crate::scenario::{Browser, Role};
use crate::target::last_number;
use crate::transcript::{Places, merge, own};
use crate::user_agent::{Arrival, Jar, Purpose, Request, Seen, last_page};

/// The exchanges with each of the issuers.
type Journals = [(Role, Vec<Arc<Exchange>>); 2];

impl Stage<'_> {
    /// Asks the protected page who is signed in.
    pub(super) async fn probe(&mut self, browser: Browser) -> (Standing, String) {
        let Ok(page) = self.page(&self.target.app.protected) else {
            return (Standing::NoAnswer, String::new());
        };
        let mut seen = Vec::new();
        let agent = &mut self.actor(browser).agent;
        let leaves = agent.leaves();
        let arrival = agent.open(Request::get(page), &mut seen, &leaves).await;
        let last = last_page(&seen).cloned();
        self.saw(browser, seen, false);
        let body = last
            .as_ref()
            .map(|seen| seen.shown().body().to_owned())
            .unwrap_or_default();
        let standing = match (arrival, &last) {
            (Arrival::Page, Some(seen)) => self.standing(browser, seen),
            (Arrival::Stopped(_), _) => Standing::AsksLogin,
            (Arrival::Loop, _) => Standing::Loop,
            (Arrival::Astray(_), _) => Standing::Out,
            (Arrival::TimedOut | Arrival::Broken, _) | (Arrival::Page, None) => Standing::NoAnswer,
        };
        (standing, body)
    }

    /// What the client keeps in a real browser, and what its pages said there.
    pub(super) async fn look_into_the_browser(&mut self, browser: Browser) {
        let Some(window) = self.actor(browser).agent.window.clone() else {
            return;
        };
        self.said.extend(window.said());
        let at = Instant::now();
        for stored in window.stored().await {
            let mut known = self.stored.iter();
            if !known.any(|kept| kept.browser == browser && kept.stored == stored) {
                self.stored.push(Deposit {
                    at,
                    browser,
                    stored,
                });
            }
        }
    }

    /// What the browser of the last step shows.
    async fn screenshot(&self) -> Option<Vec<u8>> {
        let actor = match self.steps.last()?.browser {
            Browser::Victim => &self.victim,
            Browser::Attacker => &self.attacker,
            Browser::Namesake => &self.namesake,
            Browser::Twin => &self.twin,
            Browser::OtherDevice => &self.other_device,
        };
        actor.agent.window.as_ref()?.screenshot().await
    }

    /// Who is signed in, by what a page shows. What two accounts share proves neither of them,
    /// except to the victim, whom it was taken from.
    pub(super) fn standing(&self, browser: Browser, seen: &Seen) -> Standing {
        let answer = seen.shown();
        let body = answer.body();
        if let Some(probe) = &self.target.signed_out
            && probe.fits(&answer)
        {
            return Standing::AsksLogin;
        }
        // Those who share something with the victim come after her.
        for other in [
            Browser::Victim,
            Browser::Attacker,
            Browser::Namesake,
            Browser::Twin,
        ] {
            let is_own =
                other == browser || (other, browser) == (Browser::Victim, Browser::OtherDevice);
            if !is_own && self.shows(seen, other, Some(browser)) {
                return Standing::SignedIn(other);
            }
        }
        if self.shows(seen, browser, None) {
            let apart = matches!(browser, Browser::Victim | Browser::OtherDevice)
                || self.shows(seen, browser, Some(Browser::Victim));
            return if apart {
                Standing::SignedIn(browser)
            } else {
                Standing::Unclear
            };
        }
        let status = seen.answer.status().unwrap_or_default();
        let login = self.target.app.login.path();
        let login = login.split('?').next().unwrap_or_default();
        // A link to the login page, and not to something below it.
        let links = |quote: &str| {
            let ends = |rest: &str| rest.starts_with(['"', '\'', '?', '#', '&', ' ', '>']);
            body.split(&format!("{quote}{login}")).skip(1).any(ends)
        };
        let offers_login = status < 500
            && !login.is_empty()
            && (seen.shown_at().path() == login
                || ["\"", "'", "="].iter().any(|quote| links(quote)));
        if matches!(status, 401 | 403) || offers_login {
            Standing::AsksLogin
        } else {
            Standing::Out
        }
    }

    /// Whether the last page of the client in a span of time tells its user what went wrong; none,
    /// where the target does not say how such a page looks.
    pub(super) fn explained(&self, window: Window) -> Option<bool> {
        let probe = self.target.error_page.as_ref()?;
        let mut sightings = self.sightings.iter().rev();
        let last = sightings.find(|sighting| {
            let seen = &sighting.seen;
            seen.purpose == Purpose::Page
                && seen.started >= window.from
                && seen.started < window.to
                && seen.url.as_str().starts_with(&self.instance.app)
        })?;
        Some(probe.fits(&last.seen.shown()))
    }

    /// Whether a page shows an account, by something that another account does not have.
    fn shows(&self, seen: &Seen, whose: Browser, unlike: Option<Browser>) -> bool {
        let answer = seen.shown();
        let body = answer.body();
        let account = self.instance.account(whose);
        let other = unlike.map(|unlike| self.instance.account(unlike));
        let needles = || {
            let mut needles = account.needles().into_iter();
            needles.any(|needle| {
                body.contains(needle)
                    && other.is_none_or(|other| !other.needles().contains(&needle))
            })
        };
        let Some(probe) = &self.target.signed_in else {
            return needles();
        };
        let filled = probe.filled(account);
        if !filled.fits(&answer) {
            return false;
        }
        if !probe.names_account() {
            return needles();
        }
        other.is_none_or(|other| {
            let other = probe.filled(other);
            (other.text, other.json) != (filled.text, filled.json)
        })
    }

    pub(super) fn places(&self) -> Places {
        Places {
            app: self.instance.app.clone(),
            honest: self.instance.honest.url().to_owned(),
            attacker: self.instance.attacker.url().to_owned(),
        }
    }

    /// How the client's program ended. Where connections broke it may just be about to.
    pub(super) async fn ended(&self) -> Option<String> {
        let broken = |step: &StepRecord| {
            step.arrival == Arrived::Broken || step.standing == Standing::NoAnswer
        };
        let patience = if self.steps.iter().any(broken) { 20 } else { 0 };
        for _ in 0..patience {
            if self.instance.ended().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.instance.ended()
    }

    /// Why a step could not be done: where the program has ended meanwhile, that is why.
    pub(super) async fn cause(&self, error: RunError) -> RunError {
        match (error, self.ended().await) {
            (RunError::Missing { .. } | RunError::Page(_), Some(how)) => RunError::Ended {
                how,
                output: self.instance.log.last_lines(LAST_WORDS),
            },
            (error, _) => error,
        }
    }

    /// Connections that were closed in the face of an untrusted certificate. The last of them may
    /// be closed a moment after the client has told its user of it.
    async fn mute_connections(&self) -> Option<u64> {
        for _ in 0..20 {
            if self.instance.mute_connections()? > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.instance.mute_connections()
    }

    /// Everything that was observed since the last time.
    pub(super) async fn record(&mut self) -> Record {
        let ended = self.ended().await;
        let screenshot = self.screenshot().await;
        let mute_connections = self.mute_connections().await;
        let (journals, unclear) = self.journals();
        let mut secrets: Vec<Secret> = Vec::new();
        for exchange in journals.iter().flat_map(|(_, exchanges)| exchanges) {
            secrets.extend(exchange.notes.issued.iter().map(|issued| Secret {
                kind: match issued.kind {
                    IssuedKind::Code => SecretKind::Code,
                    IssuedKind::AccessToken => SecretKind::AccessToken,
                    IssuedKind::RefreshToken => SecretKind::RefreshToken,
                    IssuedKind::IdToken => SecretKind::IdToken,
                },
                value: issued.value.clone(),
            }));
        }
        let transcript = merge(
            &self.places(),
            std::mem::take(&mut self.sightings),
            std::mem::take(&mut self.posted),
            &journals,
        );
        for entry in &transcript {
            if entry.endpoint == Some(Endpoint::Token)
                && let Some(verifier) = entry.form("code_verifier")
            {
                secrets.push(Secret {
                    kind: SecretKind::CodeVerifier,
                    value: verifier,
                });
            }
        }
        if let Some(secret) = &self.instance.client_secret {
            secrets.push(Secret {
                kind: SecretKind::ClientSecret,
                value: secret.clone(),
            });
        }
        Record {
            transcript,
            steps: std::mem::take(&mut self.steps),
            faults: std::mem::take(&mut self.faults),
            start: None,
            mute_connections,
            signatures: None,
            secrets,
            minted: std::mem::take(&mut self.minted),
            log: (self.instance.log).between(self.instance.log_from, usize::MAX),
            ended,
            stored: std::mem::take(&mut self.stored),
            said: std::mem::take(&mut self.said),
            screenshot,
            unclear,
            accounts: Accounts {
                victim: self.instance.victim.clone(),
                attacker: self.instance.mallory.clone(),
                namesake: self.instance.namesake.clone(),
                twin: self.instance.twin.clone(),
            },
            places: self.places(),
            client_id: self.instance.client_id.clone(),
            second_client_id: self.instance.second_client_id.clone(),
            mark: self.instance.mark.clone(),
            now: i64::try_from(self.instance.honest.clock().now()).unwrap_or_default(),
        }
    }

    /// What this run had to do with the issuers, and whether anything is uncertain about that.
    fn journals(&self) -> (Journals, Option<&'static str>) {
        let of = |role: Role, from: u64| {
            let exchanges = self.instance.issuer(role).journal().exchanges();
            own(exchanges, from, self.instance.key.as_deref())
        };
        let [honest, attacker] = self.journal_from;
        let (honest, attacker) = (of(Role::Honest, honest), of(Role::Attacker, attacker));
        let unclear = honest.unclear.or(attacker.unclear);
        let journals = [
            (Role::Honest, honest.exchanges),
            (Role::Attacker, attacker.exchanges),
        ];
        (journals, unclear)
    }

    /// Starts a new page of the story: journals begin anew, browsers keep what they have.
    pub(super) fn forget(&mut self) {
        self.issuers_trickle(false);
        if self.victim.agent.jar.is_blocked() {
            self.victim.agent.jar = Jar::default();
        }
        if self.instance.key.is_none() {
            self.instance.honest.disarm_all();
            self.instance.attacker.disarm_all();
        }
        self.journal_from = [&self.instance.honest, &self.instance.attacker].map(last_number);
    }
}

/// The endpoint that has to be called for a fault to fire, in words.
pub(super) fn point(fault: &Fault) -> &'static str {
    let endpoint = fault.transport.as_ref().map(|transport| transport.at);
    match endpoint {
        Some(Endpoint::Metadata) => return "the discovery document",
        Some(Endpoint::Jwks) => return FaultRecord::KEY_SET,
        Some(Endpoint::Token) => return FaultRecord::TOKEN_ENDPOINT,
        Some(Endpoint::Userinfo) => return "the userinfo endpoint",
        Some(_) => return "the authorization endpoint",
        None => {}
    }
    if fault.logout_token.is_some() {
        "the back-channel logout"
    } else if fault.metadata.is_some() {
        "the discovery document"
    } else if fault.jwks.is_some() {
        FaultRecord::KEY_SET
    } else if fault.userinfo.is_some() || fault.access_token.is_some() {
        "the userinfo endpoint"
    } else if fault.token.is_some() || fault.id_token.is_some() {
        FaultRecord::TOKEN_ENDPOINT
    } else {
        "the authorization endpoint"
    }
}
