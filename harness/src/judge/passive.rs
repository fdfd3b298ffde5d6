//! Passive checks: expectations on any exchange, judged over all runs and reported once.

mod browser;
mod fresh;
mod front;
mod pages;

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::Endpoint;

use super::{Finding, Judgement, Verdict, requests};
use crate::run::{Record, SecretKind, Standing};
use crate::scenario::{Check, Plan};
use crate::transcript::Entry;
use crate::user_agent::Answer;

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
        Check::NoLeak => each(&mut tally, runs, leaks),
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

/// Secrets where they do not belong.
fn leaks(tally: &mut Tally<'_>, run: &Record) {
    for entry in run.transcript.iter().filter(|it| it.is_seen_from_the_app()) {
        tally.looked_at += 1;
        let Answer::Page { headers, body, .. } = &entry.answer else {
            continue;
        };
        let decoded: Vec<Vec<u8>> = entry
            .answer
            .headers("set-cookie")
            .flat_map(decoded_parts)
            .collect();
        for secret in run.secrets.iter().filter(|secret| secret.value.len() >= 16) {
            let what = secret.kind.words();
            let bytes = secret.value.as_bytes();
            let holds = |part: &Vec<u8>| part.windows(bytes.len()).any(|window| window == bytes);
            if decoded.iter().any(holds) {
                tally.found(
                    Some(entry),
                    format!("the client keeps the {what} in a cookie that can be read"),
                    "secrets stay on the server",
                    format!(
                        "base64 in the set-cookie header of {} {}",
                        entry.method,
                        entry.url.path()
                    ),
                );
            }
            // Frameworks repeat in a page where a redirect leads.
            let leads = (entry.answer.header("location"))
                .is_some_and(|location| location.contains(&secret.value));
            if body.contains(&secret.value) && !leads {
                tally.found(
                    Some(entry),
                    format!("the client shows the {what} in a page"),
                    "secrets stay on the server",
                    format!("{} {} contains it", entry.method, entry.url.path()),
                );
            }
            for (name, value) in headers {
                // Signing out at the provider names the session by its ID token; that is what
                // OIDC RP-Initiated Logout §2 asks for.
                let hint = secret.kind == SecretKind::IdToken && value.contains("id_token_hint=");
                if value.contains(&secret.value) && !hint {
                    let place = match name.as_str() {
                        "location" => "a URL",
                        "set-cookie" => "a cookie",
                        _ => "a header of its page",
                    };
                    tally.found(
                        Some(entry),
                        format!("the client puts the {what} into {place}"),
                        "secrets stay on the server",
                        format!("the {name} header of {} {}", entry.method, entry.url.path()),
                    );
                }
            }
        }
    }
    for secret in run.secrets.iter().filter(|secret| secret.value.len() >= 16) {
        let what = format!("the {}", secret.kind.words());
        if !logged(tally, run, &secret.value, &what) && !secret.value.contains('.') {
            // A JWT begins as all of them do; the first characters of another token are its own.
            let beginning = secret.value.get(..BEGINNING).unwrap_or(&secret.value);
            logged(tally, run, beginning, &format!("the beginning of {what}"));
        }
    }
    for entry in &run.transcript {
        let credentials = entry.authorization.as_ref();
        let credentials = credentials.and_then(|header| header.strip_prefix("Basic "));
        if let Some(credentials) = credentials {
            logged(tally, run, credentials, "its client credentials");
        }
    }
    for step in &run.steps {
        let page = matches!(step.standing, Standing::SignedIn(_)).then(|| run.probed(step));
        for (name, value) in page.flatten().iter().flat_map(|page| &page.cookies) {
            if value.len() >= BEGINNING && !is_for_scripts(name) {
                logged(tally, run, value, "a session cookie");
            }
        }
    }
}

/// How many characters of a token say which one it is.
const BEGINNING: usize = 20;

/// Whether a secret stands in the log.
fn logged(tally: &mut Tally<'_>, run: &Record, secret: &str, what: &str) -> bool {
    let Some(line) = run.log.lines().find(|line| line.contains(secret)) else {
        return false;
    };
    let shown: String = line.replace(secret, "…").chars().take(120).collect();
    tally.found(
        None,
        format!("the client writes {what} to its log"),
        "no secret in the log",
        shown,
    );
    true
}

/// What scripts are meant to read, to send it back, is no session.
fn is_for_scripts(cookie: &str) -> bool {
    let name = cookie.to_lowercase();
    name.contains("csrf") || name.contains("xsrf")
}

/// The parts of a cookie's value that are base64, decoded: sessions that are signed and not
/// encrypted can be read so.
fn decoded_parts(cookie: &str) -> impl Iterator<Item = Vec<u8>> {
    let value = cookie.split_once('=').map_or("", |(_, rest)| rest);
    let parts = value.split(';').next().unwrap_or_default().split('.');
    parts.filter_map(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok())
}

/// How many days a cookie may live at most (RFC 6265bis §5.5).
const LONGEST_LIFE: u64 = 400;

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
            if is_for_scripts(name) {
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
            let mut lacks = |attribute: &str, present: bool, cost: &str| {
                if !present {
                    tally.found(
                        Some(entry),
                        format!("the session cookie is not {attribute}"),
                        "HttpOnly, SameSite=Lax or Strict, and Secure under https",
                        format!("cookie `{name}`: {cost}"),
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
