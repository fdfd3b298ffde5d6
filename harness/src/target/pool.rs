//! The pool: starts instances of one target, hands them out, and takes them back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use oauth_gauntlet_provider::{
    Client, Clock, Issuer, IssuerSettings, KeySource, MockProvider, RefreshTokens, Rule,
};
use tokio::sync::Semaphore;

use super::builtin::free_listener;
use super::instance::{Account, Instance, InstanceError, Program, Running, Spec, random};
use super::placeholder::Values;
use super::profile;
use super::provider::Reached;
use super::seats::Seats;
use super::{Attach, Builtin, LogBuffer, ProviderTable, Reach, RealBrowser, Target};
use crate::chromium::{Chromium, Options};
use crate::scenario::Settings;
use crate::user_agent::http_client;

/// Hands out instances of one target.
#[derive(Debug)]
pub struct Pool {
    pub(super) target: Target,
    pub(super) reached: Reached,
    /// The real browser, where the target wants one.
    chromium: Option<Chromium>,
    pub(super) seats: Seats,
    /// Programs that start at the same time make each other late.
    pub(super) starting: Arc<Semaphore>,
    serial: std::sync::atomic::AtomicU64,
    /// Programs that read files run once at a time.
    pub(super) turn: Arc<Semaphore>,
}

/// How many programs start at the same time.
const STARTING_AT_ONCE: usize = 2;

impl Pool {
    /// Starts the provider that all instances share.
    ///
    /// # Errors
    /// Where the provider cannot listen, which concerns attached targets alone: they name its port;
    /// and where the real browser that is wanted does not start.
    pub async fn start(target: Target) -> Result<Self, InstanceError> {
        let (port, default) = match &target.reach {
            Reach::Attached(attach) => {
                let app = attach.app.trim_end_matches('/');
                let secret = attach.client_secret.as_deref();
                let settings =
                    issuer_settings(&target, &Spec::default(), app, (&attach.client_id, secret));
                (attach.issuer_port, Some(settings))
            }
            Reach::Builtin(_) | Reach::Command { .. } => (0, None),
        };
        let reached = target.provider.start(port, default).await?;
        let chromium = match &target.browser {
            Some(browser) => Some(start_browser(browser, &target.provider).await?),
            None => None,
        };
        Ok(Self {
            target,
            reached,
            chromium,
            seats: Seats::default(),
            starting: Arc::new(Semaphore::new(STARTING_AT_ONCE)),
            serial: 0.into(),
            turn: Arc::new(Semaphore::new(1)),
        })
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// A client that serves nobody else.
    pub(super) async fn start_own(&self, spec: &Spec) -> Result<Instance, InstanceError> {
        match &self.target.reach {
            Reach::Builtin(builtin) => self.start_builtin(*builtin, spec).await,
            Reach::Command { .. } => {
                let draft = self.draft_program(spec).await?;
                let (instance, started) = self.start_program(draft, spec).await;
                started.map(|()| instance)
            }
            Reach::Attached(attach) => self.attach(attach),
        }
    }

    async fn start_builtin(
        &self,
        builtin: Builtin,
        spec: &Spec,
    ) -> Result<Instance, InstanceError> {
        let failed = |reason: String| InstanceError::new(reason);
        let listener = free_listener().map_err(|error| failed(error.to_string()))?;
        let port = listener
            .local_addr()
            .map_err(|error| failed(error.to_string()))?
            .port();
        let (mut draft, values) = self.draft(spec, port).await?;
        let settings = match builtin {
            Builtin::Reference => spec.settings.clone(),
            Builtin::Demo => Settings::default(),
        };
        let env = Builtin::reference_env(&settings)
            .into_iter()
            .map(|(name, value)| (name, values.fill(&value)))
            .collect();
        let server = builtin.serve(listener, &env, &draft.log).map_err(failed)?;
        draft.runs(Running::InProcess { _server: server });
        Ok(draft)
    }

    fn attach(&self, attach: &Attach) -> Result<Instance, InstanceError> {
        let app = attach.app.trim_end_matches('/').to_owned();
        let honest = self.reached.provider.issuer().clone();
        let name = self.name("attacker");
        let spec = Spec::default();
        let settings = issuer_settings(&self.target, &spec, &app, ("second", Some("second")));
        let attacker = create(&self.reached.provider, &name, attackers(settings))?;
        let owned = (Arc::clone(&self.reached.provider), vec![name]);
        let mut instance = instance(app, honest, attacker, owned);
        instance.http = self.reached.http.clone();
        instance.chromium.clone_from(&self.chromium);
        instance.client_id.clone_from(&attach.client_id);
        instance.client_secret.clone_from(&attach.client_secret);
        Ok(instance)
    }

    /// An instance without its client, and the values for placeholders.
    pub(super) async fn draft(
        &self,
        spec: &Spec,
        port: u16,
    ) -> Result<(Instance, Values), InstanceError> {
        let actual = format!("http://localhost:{port}");
        let app = if spec.settings.proxy {
            "https://app.gauntlet.test".to_owned()
        } else {
            actual.clone()
        };
        let tag = random(8).to_lowercase();
        let (id, secret) = profile::credentials(&spec.settings, &tag);
        let (second_id, second_secret) = (format!("rp2-{tag}"), format!("secret-{}", random(24)));
        let names = [self.name("honest"), self.name("attacker")];
        let is_public =
            matches!(&self.target.reach, Reach::Command { start, .. } if start.public_client);
        let settings = |id, secret| {
            let secret = (!is_public).then_some(secret);
            issuer_settings(&self.target, spec, &app, (id, secret))
        };
        let impostor = if spec.settings.untrusted_certificate {
            Some(self.target.provider.start_untrusted().await?)
        } else {
            None
        };
        let Reached { provider, http, .. } = impostor.as_ref().unwrap_or(&self.reached);
        let honest = create(provider, &names[0], settings(&id, &secret))?;
        profile::arm(&honest, &spec.settings)?;
        let second = attackers(settings(&second_id, &second_secret));
        let attacker = create(provider, &names[1], second)?;
        let mut values = Values::default();
        values.set("app", app.as_str());
        values.set("port", port.to_string());
        values.set("issuer", honest.url());
        values.set("client_id", id.as_str());
        values.set("client_secret", secret.as_str());
        values.set("second.issuer", attacker.url());
        values.set("second.client_id", second_id.as_str());
        values.set("second.client_secret", second_secret);
        values.set("random", random(32));
        values.set("time_out", if spec.short_time_out { "0.4" } else { "5" });
        if let Some(trust) = &self.reached.trust {
            values.set("ca_file", trust.ca_file.display().to_string());
        }
        let owned = (Arc::clone(provider), names.to_vec());
        let mut instance = instance(app, honest, attacker, owned);
        instance.http = http.clone();
        instance.impostor = impostor.as_ref().map(|it| Arc::clone(&it.provider));
        instance.chromium.clone_from(&self.chromium);
        instance.behind_proxy = spec.settings.proxy.then_some(actual);
        instance.runs(Running::NotYet);
        instance.client_id = id;
        instance.second_client_id = second_id;
        instance.client_secret = (!is_public).then_some(secret);
        Ok((instance, values))
    }

    fn name(&self, role: &str) -> String {
        let serial = self
            .serial
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        format!("{role}-{serial}")
    }
}

fn create(
    provider: &MockProvider,
    name: &str,
    settings: IssuerSettings,
) -> Result<Issuer, InstanceError> {
    let created = provider.create_issuer(name, settings);
    created.map_err(|error| InstanceError::new(error.to_string()))
}

/// Starts the real browser that a target wants.
async fn start_browser(
    browser: &RealBrowser,
    provider: &ProviderTable,
) -> Result<Chromium, InstanceError> {
    let options = Options {
        program: browser.program.clone(),
        driver: browser.driver.clone(),
        settle: browser.settle,
        host: (provider.host()).map(|(host, address)| (host.to_owned(), address)),
    };
    let started = Chromium::start(&options).await;
    started.map_err(|error| InstanceError {
        advice: Some(error.advice().to_owned()),
        about: vec!["browser".to_owned(), "kind".to_owned()],
        ..InstanceError::new(error.to_string())
    })
}

/// The attacker's issuer has keys of its own.
fn attackers(settings: IssuerSettings) -> IssuerSettings {
    IssuerSettings {
        keys: KeySource::OtherTest,
        ..settings
    }
}

fn instance(
    app: String,
    honest: Issuer,
    attacker: Issuer,
    owned: (Arc<MockProvider>, Vec<String>),
) -> Instance {
    let mut instance = Instance {
        app,
        behind_proxy: None,
        honest,
        attacker,
        client_id: String::new(),
        second_client_id: String::new(),
        client_secret: None,
        victim: Account::new("alice", "-"),
        mallory: Account::new("mallory", "-"),
        namesake: Account::new("norbert", "-"),
        twin: Account::new("tessa", "-"),
        mark: String::new(),
        key: None,
        log: LogBuffer::default(),
        http: http_client(),
        chromium: None,
        impostor: None,
        log_from: 0,
        journal_from: [0, 0],
        program: Arc::new(Program {
            running: Running::Elsewhere,
            owned: Some(owned),
        }),
        seat: None,
    };
    instance.name_accounts();
    for issuer in [&instance.honest, &instance.attacker] {
        issuer.set_users(instance.users());
    }
    instance
}

fn issuer_settings(
    target: &Target,
    spec: &Spec,
    app: &str,
    (client_id, secret): (&str, Option<&str>),
) -> IssuerSettings {
    let mut client = match secret {
        Some(secret) => Client::confidential(client_id, secret),
        None => Client::public(client_id),
    };
    client = client.redirect_uri(format!("{app}{}", target.app.callback));
    let takes_logouts = target.app.back_channel_logout.as_ref();
    if let Some(path) = takes_logouts.filter(|_| spec.settings.back_channel_logout) {
        client.backchannel_logout_uri = Some(format!("{app}{path}"));
    }
    let second = target
        .app
        .second
        .as_ref()
        .and_then(|second| second.callback.as_ref());
    if let Some(callback) = second {
        client = client.redirect_uri(format!("{app}{callback}"));
    }
    client = client
        .post_logout_redirect_uri(format!("{app}/"))
        .post_logout_redirect_uri(app.to_owned());
    IssuerSettings {
        clients: vec![client],
        user_header: true,
        claims: target.provider.claim_rules(),
        refresh_tokens: match spec.settings.refresh_tokens {
            Some(false) => RefreshTokens::Never,
            Some(true) => RefreshTokens::Always,
            None => RefreshTokens::OfflineAccess,
        },
        rotate_refresh_tokens: spec.settings.refresh_rotation.unwrap_or(true),
        iss_parameter: spec.settings.iss_parameter.unwrap_or(true),
        clock: clock(&target.reach),
        observed: observed(&spec.settings),
        ..IssuerSettings::default()
    }
}

/// What the issuer lets pass. A client that is turned away for such a thing, which many providers
/// take no offence at, could not be judged at all, for that or for anything else.
fn observed(settings: &Settings) -> BTreeSet<Rule> {
    let judged = [
        // Who asks for `plain`, or misspells S256.
        Rule::SupportedChallengeMethod,
        Rule::WellFormedVerifier,
        Rule::SingleParameters,
        Rule::SingleAuthMethod,
        Rule::AccessTokenNotInUrl,
        Rule::SingleTokenMethod,
    ];
    let without_pkce = [
        Rule::CodeVerifier,
        Rule::NoUncalledVerifier,
        Rule::MatchingCodeVerifier,
    ];
    let ignored = settings.pkce_ignored.then_some(without_pkce);
    judged
        .into_iter()
        .chain(ignored.into_iter().flatten())
        .collect()
}

/// An instance that lives for one run has a clock that stands still, so that all times of a
/// transcript are told from one moment.
fn clock(reach: &Reach) -> Clock {
    match reach {
        Reach::Builtin(_) => {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            Clock::fixed(now.as_secs())
        }
        Reach::Command { .. } | Reach::Attached(_) => Clock::system(),
    }
}
