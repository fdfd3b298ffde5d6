//! Playing one run: arm the faults, let the browsers act, and look at the protected page after
//! every step.

mod attack;
mod checkup;
mod cookies;
mod early;
mod observe;
mod open;
mod push;
mod tabs;
mod way;
mod yardstick;

use std::time::Instant;

use oauth_gauntlet_provider::{ArmedFault, Fault, FaultError, KeyStep};
use rand::RngExt;
use rand::distr::Alphanumeric;
use reqwest::Method;
use url::Url;

pub(super) use self::checkup::{Checkup, Stuck, checkup};
pub(super) use self::early::{Early, arm_early, play_started, start_that_failed};
use self::observe::point;
use super::{Arrived, Deposit, FaultRecord, Record, Secret, Standing, StepRecord, Window};
use crate::chromium::Said;
use crate::scenario::{Act, Browser, Plan, Role, Settings, Step, document};
use crate::target::{Instance, Target, Way, last_number};
use crate::transcript::{Posted, Sighting};
use crate::user_agent::{Halts, Jar, Request, UserAgent};

/// Why a run could not be played. None of these says anything about the client.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RunError {
    /// A fault of the scenario is not one that can be armed.
    #[error("a fault cannot be armed: {0}")]
    Fault(String),
    /// A step needs what no earlier step provided.
    #[error("step {step} needs {what}, and no step before it provides one")]
    Missing {
        /// Position of the step, from 1.
        step: usize,
        /// What is missing.
        what: &'static str,
    },
    /// The target does not say how to do what a step wants.
    #[error("the target file does not say {0}")]
    Unsaid(&'static str),
    /// A page of the client is not as the target file says.
    #[error("{0}")]
    Page(String),
    /// The browser itself failed.
    #[error("the browser failed: {0}")]
    Browser(String),
    /// The client's program ended, and a step had nothing to go on with.
    #[error("the client's program ended during the run ({how})")]
    Ended {
        /// Its exit status, in words.
        how: String,
        /// The last lines of its output.
        output: Vec<String>,
    },
}

impl From<FaultError> for RunError {
    fn from(error: FaultError) -> Self {
        Self::Fault(error.to_string())
    }
}

/// Plays the steps of a plan with its faults, and then, without them, the recovery: the victim
/// signs in once more in the same browser, and where that fails, on another device.
///
/// # Errors
/// Where the scenario cannot be played as it is written.
pub async fn play(
    target: &Target,
    instance: &Instance,
    plan: &Plan,
) -> Result<(Record, Record), RunError> {
    let mut stage = Stage::new(target, instance, &plan.settings);
    let attack = stage.attack(plan, Early::default()).await?;
    stage.forget();
    stage.step(0, &Step::sign_in()).await?;
    let own = Standing::SignedIn(Browser::Victim);
    if stage.steps.iter().any(|step| step.standing != own) {
        let elsewhere = Step {
            browser: Browser::OtherDevice,
            ..Step::sign_in()
        };
        stage.step(1, &elsewhere).await?;
    }
    Ok((attack, stage.record().await))
}

/// Plays steps without any fault.
///
/// # Errors
/// Where the steps cannot be played.
pub async fn control(
    target: &Target,
    instance: &Instance,
    steps: &[Step],
    settings: &Settings,
) -> Result<Record, RunError> {
    let mut stage = Stage::new(target, instance, settings);
    for (index, step) in steps.iter().enumerate() {
        stage.step(index, step).await?;
    }
    Ok(stage.record().await)
}

/// A fault that is armed, with its words.
struct Armed {
    fault: ArmedFault,
    summary: String,
    point: &'static str,
    /// Nobody has to come to it: it lies at an issuer that a good client does not know.
    is_bait: bool,
}

/// One browser, and the authorization responses that it came across.
#[derive(Default)]
struct Actor {
    agent: UserAgent,
    /// The authorization responses that were held back, and the issuers that they are from.
    held: Vec<(Role, Url)>,
    /// The last authorization response that was opened.
    opened: Option<Url>,
    /// A copy of its cookies.
    copied: Option<Jar>,
    /// The redirect URI of the last authorization request.
    redirect_uri: Option<String>,
    /// The nonce of that request.
    nonce: Option<String>,
}

struct Stage<'a> {
    target: &'a Target,
    instance: &'a Instance,
    settings: &'a Settings,
    victim: Actor,
    attacker: Actor,
    namesake: Actor,
    twin: Actor,
    other_device: Actor,
    sightings: Vec<Sighting>,
    posted: Vec<Posted>,
    minted: Vec<Secret>,
    steps: Vec<StepRecord>,
    stored: Vec<Deposit>,
    said: Vec<Said>,
    faults: Vec<FaultRecord>,
    /// The last exchange before what is being recorded, in the journals of the honest and the
    /// attacker's issuer.
    journal_from: [u64; 2],
}

/// What an act led to.
struct Acted {
    arrival: Arrived,
    delivered: Option<String>,
    landed: Option<Url>,
    pushed: Option<Result<u16, String>>,
    planted: Option<usize>,
}

impl Acted {
    fn at(arrival: Arrived) -> Self {
        Self {
            arrival,
            delivered: None,
            landed: None,
            pushed: None,
            planted: None,
        }
    }
}

impl<'a> Stage<'a> {
    fn new(target: &'a Target, instance: &'a Instance, settings: &'a Settings) -> Self {
        let origin = Url::parse(instance.honest.url())
            .map(|url| url.origin().ascii_serialization())
            .unwrap_or_default();
        let actor = || Actor {
            agent: UserAgent {
                http: instance.http.clone(),
                proxy: instance
                    .behind_proxy
                    .clone()
                    .map(|inside| (instance.app.clone(), inside)),
                issuer_origin: origin.clone(),
                key: instance.key.clone(),
                headers: headers(target, instance.chromium.is_some()),
                time_limit: target.time_limit,
                chromium: instance.chromium.clone(),
                ..UserAgent::default()
            },
            ..Actor::default()
        };
        Self {
            target,
            instance,
            settings,
            victim: actor(),
            attacker: actor(),
            namesake: actor(),
            twin: actor(),
            other_device: actor(),
            sightings: Vec::new(),
            posted: Vec::new(),
            minted: Vec::new(),
            steps: Vec::new(),
            stored: Vec::new(),
            said: Vec::new(),
            faults: Vec::new(),
            journal_from: instance.journal_from,
        }
    }

    /// Whether the browsers wait for the end of what issuers answer.
    fn issuers_trickle(&mut self, trickle: bool) {
        let actors = [
            &mut self.victim,
            &mut self.attacker,
            &mut self.namesake,
            &mut self.twin,
            &mut self.other_device,
        ];
        for actor in actors {
            actor.agent.issuers_trickle = trickle;
        }
    }

    /// Plays the steps of a plan with its faults, of which some may be armed already.
    async fn attack(&mut self, plan: &Plan, mut early: Early) -> Result<Record, RunError> {
        self.issuers_trickle(plan.trickles());
        let instance = self.instance;
        let over_tls = instance.honest.url().starts_with("https");
        let measured = plan.scenario.tls_may_replace && over_tls;
        // What a client keeps of a document from the yardstick's login, it would not ask for again.
        let measured_later = plan.all_faults().any(|fault| document(fault).is_some());
        let mut signatures = None;
        if measured && !measured_later {
            signatures = Some(yardstick::signatures(self.target, instance, plan).await?);
            self.journal_from = [&instance.honest, &instance.attacker].map(last_number);
        }
        let mut armed = Vec::new();
        for (place, fault) in plan.faults.iter().enumerate() {
            armed.push(match early.take(place) {
                Some(armed) => armed,
                None => self.arm(fault)?,
            });
        }
        for (index, step) in plan.steps.iter().enumerate() {
            if let Err(error) = self.step(index, step).await {
                return Err(self.cause(error).await);
            }
        }
        self.disarm(armed);
        let mut record = self.record().await;
        if measured && measured_later {
            signatures = Some(yardstick::signatures(self.target, instance, plan).await?);
        }
        record.signatures = signatures;
        Ok(record)
    }

    fn actor(&mut self, browser: Browser) -> &mut Actor {
        match browser {
            Browser::Victim => &mut self.victim,
            Browser::Attacker => &mut self.attacker,
            Browser::Namesake => &mut self.namesake,
            Browser::Twin => &mut self.twin,
            Browser::OtherDevice => &mut self.other_device,
        }
    }

    fn arm(&self, fault: &Fault) -> Result<Armed, RunError> {
        let role = Role::named(fault.when.issuer.as_deref());
        let mut fault = self.filled(fault)?;
        fault.when.test.clone_from(&self.instance.key);
        let armed = self.instance.issuer(role).arm(fault.clone())?;
        Ok(Armed {
            fault: armed,
            summary: fault.summary(),
            point: point(&fault),
            is_bait: role == Role::Attacker && !self.settings.two_issuers,
        })
    }

    /// The fault with what only the harness knows filled in.
    fn filled(&self, fault: &Fault) -> Result<Fault, RunError> {
        let values = self.values();
        let unreadable = |error: serde_json::Error| RunError::Fault(error.to_string());
        let mut json = serde_json::to_value(fault).map_err(unreadable)?;
        values.fill_json(&mut json);
        let mut fault: Fault = serde_json::from_value(json).map_err(unreadable)?;
        fault.when.issuer = None;
        Ok(fault)
    }

    fn disarm(&mut self, armed: Vec<Armed>) {
        for armed in armed {
            let fired = armed.fault.fired();
            armed.fault.disarm();
            if armed.is_bait && fired == 0 {
                continue;
            }
            self.faults.push(FaultRecord {
                fired,
                summary: armed.summary,
                point: armed.point,
            });
        }
    }

    async fn step(&mut self, index: usize, step: &Step) -> Result<(), RunError> {
        for _ in 1..step.times.unwrap_or(1) {
            self.act(index, step).await?;
        }
        let faults = step.fault.iter().map(|fault| self.arm(fault.0.get_ref()));
        let armed = faults.collect::<Result<Vec<_>, _>>()?;
        let from = Instant::now();
        let usual = self.put_on_headers(step);
        let acted = self.act(index, step).await;
        // To visit the page and to look at it is the same.
        if step.act != Act::Visit || step.path.is_some() {
            self.actor(step.browser).agent.headers.clone_from(&usual);
        }
        let acted = acted?;
        let between = Instant::now();
        // What happens behind the browsers' backs changes no page, and looking at one would
        // already be the next act: a client may renew its tokens there.
        let mut before = self.steps.iter().rev();
        let before = before.find(|before| before.browser == step.browser);
        let (standing, page) = match (step.act, before) {
            (
                Act::Expire
                | Act::RotateKeys
                | Act::WithdrawKeys
                | Act::PlantCookies
                | Act::CopyCookies
                | Act::BlockCookies,
                Some(before),
            ) => (before.standing, String::new()),
            // To be shown a page that asks to sign in is, with many clients, to begin another login.
            (Act::Begin, before) => (
                before.map_or(Standing::Out, |before| before.standing),
                String::new(),
            ),
            _ => self.probe(step.browser).await,
        };
        self.actor(step.browser).agent.headers = usual;
        let to = Instant::now();
        self.disarm(armed);
        self.look_into_the_browser(step.browser).await;
        if let Some(trouble) = self.actor(step.browser).agent.trouble.take() {
            return Err(RunError::Browser(trouble));
        }
        let explained = self.explained(Window { from, to: between });
        self.steps.push(StepRecord {
            act: step.act,
            browser: step.browser,
            window: Window { from, to: between },
            arrival: acted.arrival,
            probe: Window { from: between, to },
            standing,
            page,
            explained,
            delivered: acted.delivered,
            landed: acted.landed,
            pushed: acted.pushed,
            planted: acted.planted,
        });
        Ok(())
    }

    /// Has the browser send the step's headers, and returns those that it sends otherwise.
    fn put_on_headers(&mut self, step: &Step) -> Vec<(String, String)> {
        let values = self.values();
        let filled = step.headers.iter();
        let headers: Vec<_> = filled
            .map(|(name, value)| (name.clone(), values.fill(value)))
            .collect();
        let agent = &mut self.actor(step.browser).agent;
        let usual = agent.headers.clone();
        agent.headers.extend(headers);
        usual
    }

    async fn act(&mut self, index: usize, step: &Step) -> Result<Acted, RunError> {
        let missing = |what| RunError::Missing {
            step: index + 1,
            what,
        };
        match step.act {
            Act::SignIn | Act::Begin => {
                self.sign_in_as(step);
                let held = Halts {
                    response_to: (step.act == Act::Begin).then(|| self.instance.app.clone()),
                    ..Halts::default()
                };
                let mut request = if let Some(target) = &step.return_to {
                    Request::get(self.login_with_return(target)?)
                } else {
                    let login = self.login(step.issuer)?;
                    self.request(step.browser, &login, !step.with.is_empty())
                        .await?
                };
                request.url = self.with_parameters(request.url, &step.with);
                self.navigate(step, request, held).await
            }
            Act::SignInTogether => self.sign_in_together(step).await,
            Act::Deliver => {
                let callback = step.callback.clone().ok_or_else(|| missing("a callback"))?;
                let (request, code) = self.prepare(step, &callback, index).await?;
                let acted = if callback.twice {
                    self.open_twice(step, request, code.as_deref()).await?
                } else {
                    self.navigate(step, request, Halts::default()).await?
                };
                Ok(Acted {
                    delivered: code,
                    ..acted
                })
            }
            Act::Visit => {
                let path = step.path.as_ref().unwrap_or(&self.target.app.protected);
                let page = self.page(path)?;
                let page = self.with_parameters(page, &step.with);
                let leaves = self.actor(step.browser).agent.leaves();
                self.navigate(step, Request::get(page), leaves).await
            }
            Act::VisitTogether => Ok(Acted::at(self.visit_together(step.browser).await?)),
            Act::SignOut => {
                let request = self.sign_out(step, !step.with.is_empty()).await?;
                let logins = self.before_logins(step);
                self.navigate(step, request, logins).await
            }
            Act::ForgedSignOut => {
                // Another site knows where the form goes, and none of its hidden fields.
                let request = self.sign_out(step, true).await?;
                let forged = Request {
                    cross_site: true,
                    form: request.form.as_ref().map(|_| String::new()),
                    ..request
                };
                if forged.method != Method::GET {
                    // A picture is the easier way, where a link is enough.
                    let link = Request {
                        cross_site: true,
                        ..Request::get(forged.url.clone())
                    };
                    self.navigate(step, link, self.before_logins(step)).await?;
                }
                self.navigate(step, forged, self.before_logins(step)).await
            }
            Act::PushLogout => self.push_logout(step).await,
            Act::PushLogoutAmidVisit => self.push_logout_amid_visit(step).await,
            Act::CopyCookies | Act::RestoreCookies | Act::PlantCookies | Act::BlockCookies => {
                self.change_cookies(step, index).await
            }
            Act::RelabelCookies => self.relabel_cookies(step.browser).await,
            Act::ForgeCookies => self.forge_cookies(step.browser).await,
            Act::Expire => {
                self.instance.honest.expire_access_tokens();
                Ok(Acted::at(Arrived::Nowhere))
            }
            Act::RotateKeys => {
                self.instance.issuer(step.issuer).rotate_keys();
                Ok(Acted::at(Arrived::Nowhere))
            }
            Act::WithdrawKeys => {
                let issuer = self.instance.issuer(step.issuer);
                issuer.rotate_keys();
                for step in [KeyStep::Retire, KeyStep::Drop] {
                    issuer.step_keys(step);
                }
                Ok(Acted::at(Arrived::Nowhere))
            }
        }
    }

    fn page(&self, path: &str) -> Result<Url, RunError> {
        Url::parse(&format!("{}{path}", self.instance.app))
            .map_err(|_| RunError::Unsaid("where the client is, as a URL"))
    }

    fn login(&self, role: Role) -> Result<Way, RunError> {
        let app = &self.target.app;
        if !self.settings.two_issuers {
            return Ok(app.login.clone());
        }
        let second = app
            .second
            .as_ref()
            .ok_or(RunError::Unsaid("where the second login is"))?;
        match role {
            Role::Honest => Ok(second.first_login.as_ref().unwrap_or(&app.login).clone()),
            Role::Attacker => Ok(second.login.clone()),
        }
    }

    /// Tells the issuers whose browser comes, and what its owner leaves out.
    fn sign_in_as(&mut self, step: &Step) {
        if step.browser == Browser::Twin {
            self.instance.attacker.add_user(self.instance.twin.user());
        }
        let sub = self.instance.account(step.browser).sub.clone();
        let mut headers = vec![("gauntlet-user", sub)];
        if !step.withhold.is_empty() {
            headers.push(("gauntlet-withhold", step.withhold.join(" ")));
        }
        self.actor(step.browser).agent.issuer_headers = headers;
    }
}

/// What browsers send to the client: that they read HTML, which a real one says by itself, and what
/// the target wants.
fn headers(target: &Target, real: bool) -> Vec<(String, String)> {
    const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let wanted = &target.app.headers;
    let says = wanted.keys().any(|it| it.eq_ignore_ascii_case("accept"));
    let accept = (!says && !real).then(|| ("accept".to_owned(), ACCEPT.to_owned()));
    let wanted = wanted
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    accept.into_iter().chain(wanted).collect()
}

fn random() -> String {
    rand::rng()
        .sample_iter(&Alphanumeric)
        .take(16)
        .map(char::from)
        .collect()
}
