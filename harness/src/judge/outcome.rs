//! What a step's expectation says, held against what was observed.

use oauth_gauntlet_provider::Endpoint;

use super::Finding;
use super::aside::{Aside, is_outage};
use super::ground::{is_about_state_alone, is_of_a_login_begun_anew, sends};
use crate::run::{Arrived, Record, Standing, StepRecord};
use crate::scenario::{
    Act, Browser, Expect, Level, Outcome, Plan, PushAnswer, RequestCount, Role, Severity,
    StateSource,
};
use crate::transcript::{Entry, Party};
use crate::user_agent::{Answer, Purpose};

/// Findings where a browser ended up in an account that is not its owner's.
pub(super) fn wrong_accounts(plan: &Plan, attack: &Record) -> Vec<Finding> {
    let stranger = |step: &&StepRecord| match step.standing {
        Standing::SignedIn(account) => {
            account != step.browser
                && !begins_no_login(attack, step)
                && !keeps_what_was_planted(plan, attack, step)
        }
        _ => false,
    };
    let steps = attack.steps.iter().filter(stranger).take(1);
    steps
        .map(|step| {
            let whose = name_of(step.browser);
            let other = match step.standing {
                Standing::SignedIn(account) => name_of(account),
                _ => "",
            };
            Finding {
                sentence: format!("the {whose}'s browser is signed in to the {other}'s account"),
                expected: format!("nobody but the {whose} is ever signed in there"),
                observed: format!("the protected page shows the {other}'s account"),
                level: Level::Must,
                severity: Severity::Critical.max(plan.scenario.severity),
                exchange: attack.probed(step).map(|entry| entry.number),
                aside: None,
            }
        })
        .collect()
}

/// Whether a browser that was given the attacker's cookies was shown what they lead to and no login
/// at all: the account there is one that we put there.
pub(super) fn begins_no_login(attack: &Record, step: &StepRecord) -> bool {
    let planted = attack
        .steps
        .iter()
        .any(|before| before.planted.is_some() && before.window.from < step.window.from);
    let asks = |entry: &Entry| entry.endpoint == Some(Endpoint::Authorize);
    planted && step.act == Act::SignIn && !attack.during(step.window).any(asks)
}

/// Whether a login with something wrong about it left the session that was planted as it was: nobody
/// was signed in, and the page shows nothing of the browser's owner.
fn keeps_what_was_planted(plan: &Plan, attack: &Record, step: &StepRecord) -> bool {
    let mut steps = attack.steps.iter().zip(&plan.steps);
    let is_faulty = steps
        .clone()
        .any(|(it, of)| it.window.from == step.window.from && !of.fault.is_empty());
    let planted = steps.any(|(it, _)| it.planted.is_some() && it.window.from < step.window.from);
    let own = attack.accounts.of(step.browser);
    is_faulty
        && planted
        && !own
            .needles()
            .iter()
            .any(|needle| step.page.contains(needle))
}

/// Findings of one step.
pub(super) fn findings(
    plan: &Plan,
    expect: &Expect,
    (control, record): (&Record, &Record),
    step: &StepRecord,
) -> Vec<Finding> {
    let context = Context {
        plan,
        control,
        record,
        step,
    };
    let mut findings = Vec::new();
    if let Some(outcome) = expect.outcome {
        findings.extend(context.outcome(outcome));
    }
    findings.extend(
        expect
            .never
            .iter()
            .filter_map(|endpoint| context.never(*endpoint)),
    );
    if expect.never_redeems {
        findings.extend(context.never_redeems());
    }
    findings.extend(
        expect
            .requests
            .iter()
            .filter_map(|count| context.requests(count)),
    );
    findings.extend(
        expect
            .never_shows
            .iter()
            .filter_map(|text| context.never_shows(text)),
    );
    if expect.explains {
        findings.extend(context.explains());
    }
    if !expect.mentions.is_empty() {
        findings.extend(context.mentions(&expect.mentions));
    }
    if let Some(answer) = expect.answers {
        findings.extend(context.answers(answer));
    }
    if expect.stays {
        findings.extend(context.stays());
    }
    if let Some(page) = &expect.lands {
        findings.extend(context.lands(page));
    }
    findings.extend(
        expect
            .never_quotes
            .iter()
            .filter_map(|text| context.never_quotes(text)),
    );
    findings.extend(
        expect
            .never_logs
            .iter()
            .filter_map(|text| context.never_logs(text)),
    );
    findings.extend(
        expect
            .never_echoes
            .iter()
            .filter_map(|text| context.never_echoes(text)),
    );
    findings.extend(
        expect
            .never_runs
            .iter()
            .filter_map(|script| context.never_runs(script)),
    );
    findings.extend(
        expect
            .never_allows
            .iter()
            .filter_map(|origin| context.never_allows(origin)),
    );
    findings
}

pub(super) fn name_of(browser: Browser) -> &'static str {
    match browser {
        Browser::Victim | Browser::OtherDevice => "victim",
        Browser::Attacker => "attacker",
        Browser::Namesake => "namesake",
        Browser::Twin => "twin",
    }
}

/// How a browser stands, in words.
pub(super) fn words(standing: Standing) -> String {
    match standing {
        Standing::SignedIn(Browser::Namesake) => {
            "the protected page shows the account of the victim's namesake"
        }
        Standing::SignedIn(Browser::Twin) => {
            "the protected page shows the account of the victim's twin at the other issuer"
        }
        Standing::Unclear => {
            "the protected page shows nothing that only one of the two accounts has"
        }
        Standing::SignedIn(Browser::Victim | Browser::OtherDevice) => {
            "the protected page shows the victim's account"
        }
        Standing::SignedIn(Browser::Attacker) => "the protected page shows the attacker's account",
        Standing::AsksLogin => "the protected page asks to sign in",
        Standing::Out => "the protected page shows nobody's account",
        Standing::NoAnswer => "the protected page did not answer",
        Standing::Loop => "the protected page leads in a circle of redirects",
    }
    .to_owned()
}

pub(super) struct Context<'a> {
    pub(super) plan: &'a Plan,
    pub(super) control: &'a Record,
    pub(super) record: &'a Record,
    pub(super) step: &'a StepRecord,
}

impl Context<'_> {
    pub(super) fn finding(&self, sentence: String, expected: &str, observed: String) -> Finding {
        Finding {
            sentence,
            expected: expected.to_owned(),
            observed,
            level: self.plan.level,
            severity: self.plan.scenario.severity,
            exchange: self.record.probed(self.step).map(|entry| entry.number),
            aside: None,
        }
    }

    pub(super) fn last_of_act(&self) -> Option<&Entry> {
        self.record
            .during(self.step.window)
            .filter(|entry| entry.is_page_of_the_app())
            .last()
    }

    /// What led to the outcome, in words that follow "although".
    pub(super) fn circumstance(&self) -> String {
        let fired = self.record.faults.iter().filter(|fault| fault.fired > 0);
        let sent: Vec<&str> = fired.map(|fault| fault.summary.as_str()).collect();
        if !sent.is_empty() {
            return format!("the provider sent this: {}", sent.join("; "));
        }
        format!("a good client acts otherwise: {}", self.plan.title)
    }

    /// Whether nothing but the state is wrong.
    fn is_about_state(&self) -> bool {
        self.plan.has_faults() && self.plan.all_faults().all(is_about_state_alone)
    }

    /// Whether the step begins no login, in a browser whose owner had signed in before.
    fn goes_on(&self) -> bool {
        let step = self.step;
        let own = Standing::SignedIn(step.browser);
        let mut steps = self.record.steps.iter();
        matches!(step.act, Act::Visit | Act::VisitTogether)
            && steps.any(|before| {
                before.window.from < step.window.from
                    && before.browser == step.browser
                    && before.standing == own
            })
    }

    fn outcome(&self, outcome: Outcome) -> Option<Finding> {
        let standing = self.step.standing;
        let own = standing == Standing::SignedIn(self.step.browser);
        if let Standing::SignedIn(account) = standing
            && account != self.step.browser
        {
            // Reported once, as the wrong account.
            return None;
        }
        if outcome != Outcome::SignedIn
            && !own
            && let Some(finding) = self.no_answer()
        {
            return Some(finding);
        }
        match outcome {
            Outcome::SignedIn if own => None,
            Outcome::SignedIn => {
                let why = self.stopped_at();
                let sentence = match self.step.act {
                    Act::ForgedSignOut => {
                        "the client lets another site sign its user out".to_owned()
                    }
                    Act::PushLogout => {
                        let circumstance = self.circumstance();
                        format!("the client ended its user's session although {circumstance}")
                    }
                    _ if self.goes_on() => {
                        format!("the client did not keep its user signed in{why}")
                    }
                    _ => format!("the client did not sign its user in{why}"),
                };
                let finding = self.finding(sentence, "the user is signed in", words(standing));
                let refused = self.refused_request().map(|(entry, _)| entry);
                Some(at(finding, refused.or_else(|| self.last_of_act())))
            }
            Outcome::Refused if own && !self.goes_on() => Some(self.finding(
                format!(
                    "the client signed the user in although {}",
                    self.circumstance()
                ),
                "the login is refused",
                words(standing),
            )),
            Outcome::Refused | Outcome::AsksLogin | Outcome::SignedOut if own => {
                let pushed = |step: &StepRecord| step.pushed.is_some();
                let circumstance =
                    if self.record.steps.iter().any(pushed) && !self.plan.has_faults() {
                        "the provider has signed the user out".to_owned()
                    } else {
                        self.circumstance()
                    };
                Some(self.finding(
                    format!("the client keeps the user signed in although {circumstance}"),
                    "the user is not signed in any more",
                    words(standing),
                ))
            }
            Outcome::AsksLogin if standing != Standing::AsksLogin => Some(self.finding(
                "the client does not ask its user to sign in again".to_owned(),
                "the protected page asks to sign in",
                words(standing),
            )),
            Outcome::Refused | Outcome::AsksLogin | Outcome::SignedOut | Outcome::OwnOrRefused => {
                None
            }
        }
    }

    /// A client that does not answer has not refused.
    fn no_answer(&self) -> Option<Finding> {
        let seconds = self.step.took().as_secs();
        let (sentence, observed) = match (&self.step.arrival, self.step.standing) {
            (Arrived::TimedOut, _) => (
                format!("the client did not answer its user within {seconds} s"),
                format!("no answer for {seconds} s, which is this target's time limit"),
            ),
            (Arrived::Broken, _) => match self.last_of_act().map(|entry| &entry.answer) {
                Some(Answer::Broken(how)) => (
                    "the client gave its user nothing that a browser can read".to_owned(),
                    how.clone(),
                ),
                _ => (
                    "the client broke the connection".to_owned(),
                    "no response".to_owned(),
                ),
            },
            (Arrived::Loop, _) | (_, Standing::Loop) => (
                "the client sends its user in a circle".to_owned(),
                "more than 20 redirects in a row".to_owned(),
            ),
            (_, Standing::NoAnswer) => (
                "the client's protected page does not answer".to_owned(),
                "no answer".to_owned(),
            ),
            _ => return None,
        };
        let is_circle = self.step.arrival == Arrived::Loop || self.step.standing == Standing::Loop;
        let mut finding = self.finding(sentence, "a page that says what happened", observed);
        if is_circle {
            // It lets nobody in, and no specification forbids it.
            finding.level = Level::Practice;
            finding.severity = Severity::Low;
        } else if !is_outage(self.plan) {
            finding.level = Level::Practice;
            finding.severity = finding.severity.min(Severity::Medium);
            finding.aside = Some(Aside::NoAnswer);
        }
        Some(at(finding, self.last_of_act()))
    }

    /// The last token request that the issuer itself, and no fault, refused.
    fn refused_request(&self) -> Option<(&Entry, u16)> {
        let requests = self.record.during(self.step.window).filter(|entry| {
            entry.endpoint == Some(Endpoint::Token) && !entry.crafted && entry.faults.is_empty()
        });
        let last = requests.last()?;
        let status = last.answer.status().filter(|status| *status >= 400)?;
        Some((last, status))
    }

    /// Where a login that should have succeeded came to its end.
    fn stopped_at(&self) -> String {
        if let Some((entry, status)) = self.refused_request() {
            let grant = entry.form("grant_type").unwrap_or_default();
            return format!(
                ": the token endpoint answered {status} to a request with grant_type={grant}"
            );
        }
        match (&self.step.arrival, self.last_of_act()) {
            (Arrived::TimedOut, Some(entry)) => {
                format!(
                    ": it gave no answer to {} {}",
                    entry.method,
                    entry.url.path()
                )
            }
            (_, Some(entry)) => match entry.answer.status() {
                Some(status) if status >= 400 => {
                    format!(
                        ": it answered {status} to {} {}",
                        entry.method,
                        entry.url.path()
                    )
                }
                _ => String::new(),
            },
            (_, None) => String::new(),
        }
    }

    fn never(&self, endpoint: Endpoint) -> Option<Finding> {
        let mut calls = self
            .record
            .during(self.step.window)
            .filter(|entry| entry.endpoint == Some(endpoint) && !entry.crafted)
            .filter(|entry| endpoint != Endpoint::Userinfo || carries_a_token(entry))
            .filter(|entry| !is_of_a_login_begun_anew(self.record, self.step, entry));
        let entry = calls.next()?;
        let name = endpoint_name(endpoint);
        let mut finding = self.finding(
            format!(
                "the client called the {name} although {}",
                self.circumstance()
            ),
            &format!("no request to the {name}"),
            format!("{} {}", entry.method, entry.url.path()),
        );
        // A requirement is broken where a code leaves the client that should not. What is merely
        // asked in vain, or too early, breaks none.
        let sends_a_code = entry.form("code").is_some_and(|code| !code.is_empty());
        let own = self.step.standing == Standing::SignedIn(self.step.browser);
        if endpoint == Endpoint::Userinfo {
            finding.level = Level::Practice;
        } else if !sends_a_code && endpoint != Endpoint::Authorize {
            finding.level = finding.level.min(Level::Should);
        } else if sends_a_code
            && entry.answer.status() == Some(200)
            && !own
            && self.is_about_state()
        {
            // The client could have gone on, and did not: it compares the state, and late.
            finding.level = finding.level.min(Level::Should);
            finding.severity = finding.severity.min(Severity::Medium);
            (finding.observed).push_str("; the login was refused after that");
        }
        Some(at(finding, Some(entry)))
    }

    fn never_redeems(&self) -> Option<Finding> {
        let code = self.step.delivered.as_deref()?;
        // In a clean browser the client sends no authorization request; what it sends otherwise,
        // the control shows.
        let has = |name: &str| sends(&[self.control, self.record], name);
        if !has("state") {
            // Without a state there is nothing that the client could have compared; what counts
            // is who ended up signed in.
            return None;
        }
        let sent = self.record.during(self.step.window).find(|entry| {
            entry.endpoint == Some(Endpoint::Token) && entry.form("code").as_deref() == Some(code)
        })?;
        // Where the exchange succeeds and no nonce is there to refuse what came of it, the client
        // made the check afterwards: nothing of the attacker's was ever used.
        let kept_out = self.step.standing != Standing::SignedIn(Browser::Attacker);
        if kept_out && sent.answer.status() == Some(200) && !has("nonce") {
            return None;
        }
        let guarded = has("code_challenge") || has("nonce");
        let mut callbacks = (self.plan.steps.iter()).filter_map(|step| step.callback.as_ref());
        let state = if callbacks.any(|callback| callback.state == StateSource::Replayed) {
            "a state that was used before"
        } else {
            "the wrong state"
        };
        let mut finding = self.finding(
            format!("the client sent a code to the token endpoint that came with {state}"),
            "the authorization response is refused before its code is used",
            "the code reached the token endpoint".to_owned(),
        );
        if guarded && kept_out {
            finding.level = finding.level.min(Level::Should);
            finding.observed.push_str(match sent.answer.status() {
                Some(200) => ", which took it; the login was refused after that",
                _ => ", which refused it; PKCE or the nonce stands behind the client",
            });
        }
        Some(at(finding, Some(sent)))
    }

    /// How many requests of a kind one clean login makes: some clients try their credentials in two
    /// ways, and what a login makes of that has a scenario of its own.
    fn of_one_login(&self, endpoint: Endpoint) -> u32 {
        if endpoint != Endpoint::Token {
            return 1;
        }
        let begins = |entry: &&Entry| entry.is_authorization_request();
        let redeems =
            |entry: &&Entry| entry.endpoint == Some(endpoint) && entry.form("code").is_some();
        let entries = || self.control.transcript.iter();
        let logins = entries().filter(begins).count().max(1);
        let requests = entries().filter(redeems).count();
        u32::try_from(requests / logins).unwrap_or(1).max(1)
    }

    fn requests(&self, count: &RequestCount) -> Option<Finding> {
        let matches = |entry: &&Entry| {
            let of_issuer = count
                .issuer
                .is_none_or(|issuer| entry.to == Party::Provider(issuer));
            entry.endpoint == Some(count.to)
                && of_issuer
                && !entry.crafted
                && count
                    .with
                    .iter()
                    .all(|(name, value)| entry.parameter(name).as_ref() == Some(value))
                && count
                    .without
                    .iter()
                    .all(|name| entry.parameter(name).is_none())
                && (!count.with_secrets || carries_secrets(entry))
        };
        let found: Vec<&Entry> = self
            .record
            .during(self.step.window)
            .filter(matches)
            .collect();
        // What belongs to another login that the client began by itself is none too many.
        let anew = |entry: &&&Entry| is_of_a_login_begun_anew(self.record, self.step, entry);
        let number = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let others = u32::try_from(found.iter().filter(anew).count()).unwrap_or(u32::MAX);
        let most = count.max.saturating_mul(self.of_one_login(count.to));
        if number >= count.min && number - others <= most {
            return None;
        }
        let name = match count.issuer {
            Some(Role::Attacker) => format!("{} of the attacker's issuer", endpoint_name(count.to)),
            Some(Role::Honest) => format!("{} of the honest issuer", endpoint_name(count.to)),
            None => endpoint_name(count.to).to_owned(),
        };
        let with = count
            .with
            .iter()
            .map(|(name, value)| format!(" with {name}={value}"));
        let without = count.without.iter().map(|name| format!(" without {name}"));
        let with: String = with.chain(without).collect();
        let mut finding = self.finding(
            format!("the client sent {number} requests to the {name}{with}"),
            &match (count.min, count.max) {
                (_, 0) => "none of them".to_owned(),
                (min, max) if min == max => format!("exactly {min}"),
                (min, u32::MAX) => format!("at least {min}"),
                (0, max) => format!("at most {max}"),
                (min, max) => format!("{min} to {max} of them"),
            },
            format!("{number}"),
        );
        if count.to == Endpoint::Jwks {
            // No specification says how often the keys may be fetched.
            finding.level = Level::Practice;
        }
        Some(at(
            finding,
            found.last().copied().or_else(|| self.last_of_act()),
        ))
    }

    /// By the rules that browsers have for URLs: what was followed is where it led.
    fn stays(&self) -> Option<Finding> {
        let to = match &self.step.arrival {
            Arrived::Elsewhere(to) | Arrived::Astray(to) => to.clone(),
            // Nobody answers there; the browser went all the same.
            Arrived::Broken | Arrived::TimedOut => {
                let pages = self.record.during(self.step.window);
                let of_browsers = |entry: &&Entry| {
                    matches!(entry.from, Party::Browser(_)) && entry.purpose == Purpose::Page
                };
                let last = pages.filter(of_browsers).last()?;
                (last.to == Party::Elsewhere).then(|| last.url.to_string())?
            }
            Arrived::Page | Arrived::Held | Arrived::Nowhere | Arrived::Loop => return None,
        };
        let finding = self.finding(
            "the client sends its user to a page of somebody else".to_owned(),
            "the user ends on a page of the client",
            format!("a redirect to {to}"),
        );
        Some(at(finding, self.last_of_act()))
    }

    /// OIDC Back-Channel Logout 1.0 §2.8.
    fn answers(&self, expected: PushAnswer) -> Option<Finding> {
        let Some(Ok(status)) = self.step.pushed else {
            return None;
        };
        let (good, words) = match expected {
            PushAnswer::Accepts => (matches!(status, 200 | 204), "200 or 204"),
            PushAnswer::Refuses => (status == 400, "400"),
            PushAnswer::Declines => ((400..500).contains(&status), "400 or another client error"),
        };
        let sentence = match expected {
            PushAnswer::Accepts => "the client does not take a good logout token".to_owned(),
            PushAnswer::Refuses | PushAnswer::Declines if status < 300 => format!(
                "the client says that it took a logout token although {}",
                self.circumstance()
            ),
            PushAnswer::Refuses | PushAnswer::Declines => {
                "the client does not say that the logout token was a bad one".to_owned()
            }
        };
        let answered = |entry: &&Entry| entry.endpoint == Some(Endpoint::BackchannelLogout);
        let last = self.record.during(self.step.window).filter(answered).last();
        (!good).then(|| {
            let finding = self.finding(sentence, words, format!("status {status}"));
            at(finding, last)
        })
    }

    fn lands(&self, page: &str) -> Option<Finding> {
        let landed = self.step.landed.as_ref();
        let on = landed.map(|url| match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        });
        if on.as_deref() == Some(page) {
            return None;
        }
        let finding = self.finding(
            "the client does not take its user back to the page that was asked for".to_owned(),
            &format!("the user ends on {page}"),
            match on {
                Some(on) => format!("the user ends on {on}"),
                None => "the user ends on no page".to_owned(),
            },
        );
        Some(at(finding, self.last_of_act()))
    }
}

/// Whether a request to userinfo comes with anything that could be a token: scripts that have none
/// send a word in its place, and have used none.
fn carries_a_token(entry: &Entry) -> bool {
    const NONE: [&str; 5] = ["", "undefined", "null", "none", "nil"];
    let header = entry.authorization.as_deref().unwrap_or_default();
    let header = header.split_once(' ').map_or(header, |(_, token)| token);
    let sent = entry.parameter("access_token");
    let sent = sent.as_deref().unwrap_or(header);
    !NONE.contains(&sent.trim().to_lowercase().as_str())
}

/// Whether a request says what only its sender and its receiver should know.
fn carries_secrets(entry: &Entry) -> bool {
    const SECRETS: [&str; 6] = [
        "code",
        "code_verifier",
        "client_secret",
        "client_assertion",
        "refresh_token",
        "access_token",
    ];
    entry.authorization.is_some() || SECRETS.iter().any(|name| entry.parameter(name).is_some())
}

pub(super) fn at(finding: Finding, entry: Option<&Entry>) -> Finding {
    Finding {
        exchange: entry.map(|entry| entry.number).or(finding.exchange),
        ..finding
    }
}

fn endpoint_name(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Metadata => "discovery document",
        Endpoint::Jwks => "key set",
        Endpoint::Authorize => "authorization endpoint",
        Endpoint::Token => "token endpoint",
        Endpoint::Userinfo => "userinfo endpoint",
        Endpoint::EndSession => "end-session endpoint",
        Endpoint::Introspection => "introspection endpoint",
        Endpoint::Revocation => "revocation endpoint",
        Endpoint::Device => "device authorization endpoint",
        Endpoint::Par => "pushed authorization request endpoint",
        Endpoint::Registration => "client registration endpoint",
        Endpoint::BackchannelLogout => "back-channel logout",
        Endpoint::Other => "issuer",
    }
}
