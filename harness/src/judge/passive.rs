//! Passive checks: expectations on any exchange, judged over all runs and reported once.

mod browser;
mod fresh;
mod front;
mod leaks;
mod pages;

use std::fmt::Write as _;

use oauth_gauntlet_provider::Endpoint;

use super::{Finding, Judgement, Verdict, requests};
use crate::run::{Record, Standing};
use crate::scenario::{Check, Plan};
use crate::transcript::Entry;

/// What a passive check came to.
#[derive(Debug, Clone)]
pub struct Looked {
    /// The judgement.
    pub judgement: Judgement,
    /// The run that the first finding comes from, by its position among the runs.
    pub run: usize,
}

/// Judges a passive check over runs.
pub fn passive(plan: &Plan, check: Check, runs: &[&Record]) -> Looked {
    let mut tally = Tally {
        plan,
        looked_at: 0,
        findings: Vec::new(),
        run: 0,
        moot: None,
    };
    match check {
        Check::PkceS256 => each(&mut tally, runs, pkce),
        Check::FreshValues => fresh::fresh_values(&mut tally, runs),
        Check::NoLeak => each(&mut tally, runs, leaks::leaks),
        Check::CookieAttributes => each(&mut tally, runs, cookies),
        Check::NoStore => each(&mut tally, runs, no_store),
        Check::LogoutNoStore => each(&mut tally, runs, pages::logout_no_store),
        Check::SameRedirectUri => each(&mut tally, runs, redirect_uri),
        Check::ClientAuthentication => each(&mut tally, runs, requests::client_authentication),
        Check::BearerHeader => each(&mut tally, runs, requests::bearer_header),
        Check::WellFormedRequest => each(&mut tally, runs, requests::well_formed),
        Check::ResponseType => each(&mut tally, runs, front::response_type),
        Check::BoundToLogin => each(&mut tally, runs, front::bound_to_login),
        Check::Verifier => each(&mut tally, runs, front::verifier),
        Check::StateOpaque => each(&mut tally, runs, front::state_opaque),
        Check::Guessable => front::guessable(&mut tally, runs),
        Check::GuessableSessions => front::guessable_sessions(&mut tally, runs),
        Check::StartCached => each(&mut tally, runs, pages::start_cached),
        Check::CleanUrl => each(&mut tally, runs, pages::clean_url),
        Check::NothingForeign => each(&mut tally, runs, pages::nothing_foreign),
        Check::NoStackTrace => each(&mut tally, runs, pages::no_stack_trace),
        Check::NoFraming => each(&mut tally, runs, pages::no_framing),
        Check::CookieScope => each(&mut tally, runs, pages::cookie_scope),
        Check::TokensInStorage => each(&mut tally, runs, browser::tokens_in_storage),
        Check::TokensInAddress => each(&mut tally, runs, browser::tokens_in_address),
        Check::Referer => each(&mut tally, runs, browser::referer),
        Check::UncaughtErrors => each(&mut tally, runs, browser::uncaught_errors),
    }
    let Tally {
        looked_at,
        mut findings,
        moot,
        ..
    } = tally;
    let run = findings.first().map_or(0, |(run, _)| *run);
    // One transcript is shown, so that what it has to say comes first.
    findings.sort_by_key(|(of, _)| *of != run);
    for (_, finding) in findings.iter_mut().filter(|(of, _)| *of != run) {
        if let Some(number) = finding.exchange.take() {
            write!(finding.observed, ", in exchange {number} of another run")
                .expect("a string takes all");
        }
    }
    // One sentence each; the first exchange stands for all that broke it the same way.
    let mut said = Vec::new();
    findings.retain(|(_, finding)| {
        let new = !said.contains(&finding.sentence);
        said.push(finding.sentence.clone());
        new
    });
    let judgement = if let (0, Some(moot)) = (looked_at, moot) {
        Judgement::because(Verdict::Info, moot)
    } else if looked_at == 0 {
        Judgement::because(Verdict::Inconclusive, "there was no exchange to look at")
    } else {
        let mut judgement =
            Judgement::of(findings.into_iter().map(|(_, finding)| finding).collect());
        judgement.reason = Some(format!("{looked_at} exchanges looked at"));
        judgement
    };
    Looked { judgement, run }
}

pub(super) struct Tally<'a> {
    plan: &'a Plan,
    pub(super) looked_at: usize,
    findings: Vec<(usize, Finding)>,
    run: usize,
    /// Why there can be nothing to look at, where that is so.
    moot: Option<&'static str>,
}

impl Tally<'_> {
    pub(super) fn found(
        &mut self,
        entry: Option<&Entry>,
        sentence: String,
        expected: &str,
        observed: String,
    ) {
        self.findings.push((
            self.run,
            Finding {
                sentence,
                expected: expected.to_owned(),
                observed,
                level: self.plan.level,
                severity: self.plan.scenario.severity,
                exchange: entry.map(|entry| entry.number),
                aside: None,
            },
        ));
    }
}

fn each(tally: &mut Tally<'_>, runs: &[&Record], check: fn(&mut Tally<'_>, &Record)) {
    for (index, run) in runs.iter().enumerate() {
        tally.run = index;
        check(tally, run);
    }
}

pub(super) fn authorization_requests(run: &Record) -> impl Iterator<Item = &Entry> {
    run.transcript
        .iter()
        .filter(|entry| entry.is_authorization_request())
}

/// Whether a code is redeemed that the attacker asked for himself, so that the client knows nothing
/// of how that was done.
fn is_of_a_crafted_request(run: &Record, redeems: &Entry) -> bool {
    let Some(code) = redeems.form("code") else {
        return false;
    };
    let mut responses = run.transcript.iter().filter(|entry| entry.crafted);
    responses.any(|entry| {
        let location = entry.answer.header("location");
        location.is_some_and(|location| location.contains(&format!("code={code}")))
    })
}

/// Whether an issuer told the client of PKCE in another way than honest ones do. What a client makes
/// of that has scenarios of its own.
fn speaks_of_pkce_otherwise(run: &Record) -> bool {
    const MEMBER: &str = "code_challenge_methods_supported";
    let mut documents = run.transcript.iter().filter_map(|entry| {
        let is_document = entry.endpoint == Some(Endpoint::Metadata);
        let document = is_document.then(|| entry.answer.body())?;
        serde_json::from_str::<serde_json::Value>(document).ok()
    });
    documents.any(|document| {
        let methods = document.get(MEMBER).and_then(|methods| methods.as_array());
        document.is_object() && !methods.is_some_and(|it| it.iter().any(|method| method == "S256"))
    })
}

/// RFC 7636 §4.
fn pkce(tally: &mut Tally<'_>, run: &Record) {
    if speaks_of_pkce_otherwise(run) {
        return;
    }
    for entry in authorization_requests(run) {
        tally.looked_at += 1;
        let expected = "code_challenge with code_challenge_method=S256";
        match (
            entry.query("code_challenge"),
            entry.query("code_challenge_method").as_deref(),
        ) {
            (None, _) => tally.found(
                Some(entry),
                "the client sends no code_challenge".to_owned(),
                expected,
                "an authorization request without one".to_owned(),
            ),
            (Some(_), method) if method != Some("S256") => tally.found(
                Some(entry),
                "the client does not use the S256 method".to_owned(),
                expected,
                format!("code_challenge_method={}", method.unwrap_or("(none)")),
            ),
            (Some(challenge), _) if challenge.len() != 43 => tally.found(
                Some(entry),
                "the client's code_challenge is not a base64url SHA-256 value".to_owned(),
                "43 characters",
                format!("{} characters", challenge.len()),
            ),
            (Some(_), _) => {}
        }
    }
    for entry in &run.transcript {
        if let (Some(Endpoint::Token), Some(verifier)) =
            (entry.endpoint, entry.form("code_verifier"))
            && !(43..=128).contains(&verifier.len())
        {
            tally.found(
                Some(entry),
                "the client's code_verifier has the wrong length".to_owned(),
                "43 to 128 characters",
                format!("{} characters", verifier.len()),
            );
        }
    }
}

/// How many days a cookie may live at most (RFC 6265bis §5.5).
const LONGEST_LIFE: u64 = 400;

/// The name of a cookie, without what differs from login to login.
fn called(name: &str) -> String {
    const LONG: usize = 32;
    if name.chars().count() <= LONG {
        return name.to_owned();
    }
    name.chars().take(LONG / 2).chain(['…']).collect()
}

/// RFC 6265bis §5; the session cookie is the one that goes with the signed-in page.
fn cookies(tally: &mut Tally<'_>, run: &Record) {
    for step in run
        .steps
        .iter()
        .filter(|step| matches!(step.standing, Standing::SignedIn(_)))
    {
        let Some(page) = run.probed(step) else {
            continue;
        };
        for (name, value) in page.cookies.iter().filter(|(_, value)| value.len() >= 16) {
            let set = run.transcript.iter().find_map(|entry| {
                let header = entry.answer.headers("set-cookie").find(|header| {
                    header.strip_prefix(name.as_str()).is_some_and(|rest| {
                        rest.strip_prefix('=')
                            .is_some_and(|rest| rest.starts_with(value.as_str()))
                    })
                })?;
                Some((entry, header.to_owned()))
            });
            if leaks::is_for_scripts(name) {
                continue;
            }
            let Some((entry, header)) = set else { continue };
            // What a signed-in user gets for another login that is begun belongs to that login.
            let begins = (entry.answer.header("location"))
                .is_some_and(|location| location.contains("response_type="));
            let was_in = run.steps.iter().any(|before| {
                matches!(before.standing, Standing::SignedIn(_))
                    && before.window.to <= entry.started
            });
            if begins && was_in {
                continue;
            }
            tally.looked_at += 1;
            let lower = header.to_lowercase();
            let flags: Vec<&str> = lower.split(';').skip(1).map(str::trim).collect();
            let https = entry.url.scheme() == "https";
            // Behind a proxy it is about plain http; the rest was said of the client without one.
            let behind_proxy = tally.plan.settings.proxy;
            let called = called(name);
            let mut lacks = |attribute: &str, present: bool, cost: &str| {
                if !present && (attribute == "Secure" || !behind_proxy) {
                    tally.found(
                        Some(entry),
                        format!(
                            "the cookie `{called}`, which comes with the session, is not {attribute}"
                        ),
                        "HttpOnly, SameSite=Lax or Strict, and Secure under https",
                        cost.to_owned(),
                    );
                }
            };
            lacks(
                "HttpOnly",
                flags.contains(&"httponly"),
                "a script in the page can read it",
            );
            let same_site = flags.contains(&"samesite=lax") || flags.contains(&"samesite=strict");
            lacks(
                "SameSite",
                same_site,
                "requests that other sites cause may carry it",
            );
            let age = flags.iter().find_map(|flag| flag.strip_prefix("max-age="));
            let days = age
                .and_then(|age| age.parse::<u64>().ok())
                .map(|age| age / 86_400);
            lacks(
                "bounded in time",
                days.is_none_or(|days| days <= LONGEST_LIFE),
                "browsers keep it for longer than a year",
            );
            lacks(
                "Secure",
                !https || flags.contains(&"secure"),
                "it would travel over plain http",
            );
        }
    }
}

/// RFC 9111 §5.2.2.5.
fn no_store(tally: &mut Tally<'_>, run: &Record) {
    for entry in pages::pages(run) {
        pages::cookie_not_shared(tally, entry);
    }
    for entry in pages::pages(run) {
        let body = entry.answer.body();
        let accounts = [&run.accounts.victim, &run.accounts.attacker];
        if !accounts
            .iter()
            .any(|account| account.needles().iter().any(|n| body.contains(n)))
        {
            continue;
        }
        tally.looked_at += 1;
        pages::not_stored(tally, entry, "a page with its user's data");
    }
}

/// RFC 6749 §4.1.3.
fn redirect_uri(tally: &mut Tally<'_>, run: &Record) {
    let asked: Vec<String> = authorization_requests(run)
        .filter_map(|entry| entry.query("redirect_uri"))
        .collect();
    for entry in &run.transcript {
        let code_grant = entry.endpoint == Some(Endpoint::Token)
            && entry.form("grant_type").as_deref() == Some("authorization_code");
        if !code_grant || asked.is_empty() || is_of_a_crafted_request(run, entry) {
            continue;
        }
        tally.looked_at += 1;
        match entry.form("redirect_uri") {
            Some(sent) if asked.contains(&sent) => {}
            sent => tally.found(
                Some(entry),
                "the client's token request does not repeat its redirect URI".to_owned(),
                "the redirect URI of the authorization request",
                sent.unwrap_or_else(|| "none".to_owned()),
            ),
        }
    }
}
