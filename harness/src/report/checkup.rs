//! What `gauntlet doctor` tells of a target: one line for each thing that a clean login showed.

use std::fmt::Write as _;

use super::setup::{names, unsigned};
use crate::diag::Diagnostic;
use crate::run::{Baseline, Observed, Page, Standing};
use crate::scenario::Capability;
use crate::target::{Reach, Restart, Target};

/// What was seen, in one screen.
pub fn checkup(target: &Target, clean: &Baseline) -> String {
    let seen = &clean.observed;
    let mut screen = Screen::default();
    let how = match &target.reach {
        Reach::Builtin(_) => "built in".to_owned(),
        Reach::Command { start, .. } => start.command.clone(),
        Reach::Attached(_) => "attached".to_owned(),
    };
    screen.line("app", &format!("{}   {how}", clean.app));
    let trust = match (target.provider.tls, &target.provider.certificate) {
        (false, _) => "",
        (true, None) => "   with a CA of this run, which the app trusts",
        (true, Some(_)) => "   with the certificate of the target file, which the app trusts",
    };
    screen.line("provider", &format!("{}{trust}", clean.issuer));
    let took = clean.milliseconds;
    screen.line(
        "login",
        &format!("signed in as {} in {took} ms", clean.email),
    );
    screen.line("redirect URI", &seen.redirect_uri);
    screen.line("request", &request(seen));
    screen.line(
        "iss",
        if seen.iss {
            "sent in the response, as discovery says"
        } else {
            "not sent"
        },
    );
    screen.line(
        "token",
        seen.client_authentication.unwrap_or("never asked for"),
    );
    screen.line(
        "fetched",
        &[
            fetched("discovery", seen.discovery),
            fetched("keys", seen.keys),
            fetched("userinfo", seen.userinfo),
        ]
        .join(", "),
    );
    screen.line("refresh", &refresh(seen));
    if seen.cookies.is_empty() {
        screen.line("cookies", "none");
    }
    for cookie in &seen.cookies {
        screen.line(
            "cookie",
            &format!("{}   {}", cookie.name, cookie.attributes),
        );
    }
    if let Some(page) = &seen.page {
        screen.line("page", &shown(page));
    }
    if let Some(page) = &seen.stranger {
        screen.line("for strangers", &shown(page));
    }
    if let Some(out) = &seen.sign_out {
        let how = match (out.signed_out, out.at_the_provider) {
            (true, true) => "signed out, at the provider as well",
            (true, false) => "signed out here, and not at the provider",
            (false, _) => "still signed in",
        };
        screen.line("sign-out", &format!("{}   {how}", out.line));
    }
    screen.line("claimed", &names(&target.can));
    let unclaimed = seen.unclaimed(target);
    if !unclaimed.is_empty() {
        let place = target.source.as_ref().map_or(String::new(), |source| {
            let line = source.value(&["can"]).map(|span| source.line(span.start));
            format!("   ({}:{})", source.path, line.unwrap_or(1))
        });
        screen.line(
            "hint",
            &format!(
                "{} {} seen and not claimed, so scenarios are skipped",
                names(&unclaimed),
                if unclaimed.len() == 1 { "is" } else { "are" }
            ),
        );
        screen.line("", &format!("write {}{place}", proposal(target, seen)));
    }
    for note in notes(target, seen) {
        screen.line("note", &note);
    }
    screen.0
}

#[derive(Default)]
struct Screen(String);

impl Screen {
    fn line(&mut self, about: &str, what: &str) {
        writeln!(self.0, "  {about:<14} {what}").expect("a string takes all");
    }
}

fn request(seen: &Observed) -> String {
    let mut parts = vec![
        format!("response_type={}", seen.response_type),
        format!("scope “{}”", seen.scope),
    ];
    if let Some(mode) = &seen.response_mode {
        parts.insert(1, format!("response_mode={mode}"));
    }
    parts.push(said(seen.state, "state"));
    parts.push(said(seen.nonce, "nonce"));
    parts.push(match &seen.pkce {
        Some(method) => format!("PKCE {method}"),
        None => "no PKCE".to_owned(),
    });
    parts.join(", ")
}

fn said(seen: bool, word: &str) -> String {
    if seen {
        word.to_owned()
    } else {
        format!("no {word}")
    }
}

fn fetched(what: &str, count: usize) -> String {
    match count {
        0 => format!("no {what}"),
        1 => what.to_owned(),
        _ => format!("{what} {count} times"),
    }
}

fn refresh(seen: &Observed) -> String {
    let asked = seen.scope.contains("offline_access");
    let asked = if asked { "asked for" } else { "not asked for" };
    let used = match (seen.refresh_token, seen.refreshed) {
        (false, _) => "none handed out",
        (true, Some(true)) => "handed out, and used after the access token had expired",
        (true, Some(false)) => "handed out, and not used after the access token had expired",
        (true, None) => "handed out",
    };
    format!("{asked}, {used}")
}

fn shown(page: &Page) -> String {
    let how = match page.standing {
        Standing::SignedIn(_) if page.shows.is_empty() => "signed in".to_owned(),
        Standing::SignedIn(_) => format!("shows {}", page.shows.join(", ")),
        Standing::Unclear => "shows what several accounts have in common".to_owned(),
        Standing::AsksLogin => "asks to sign in".to_owned(),
        Standing::Out => "shows nobody".to_owned(),
        Standing::NoAnswer => "no answer".to_owned(),
        Standing::Loop => "leads in a circle".to_owned(),
    };
    format!("{}   {how}", page.line)
}

/// What `can` may say: what is claimed and was not missed, and what was seen beside it.
fn proposal(target: &Target, seen: &Observed) -> String {
    let unseen = seen.unseen(target);
    let mut can: Vec<Capability> = target.can.clone();
    can.retain(|it| !unseen.contains(it));
    can.extend(seen.unclaimed(target));
    let words: Vec<String> = (can.iter())
        .map(|it| format!("\"{}\"", names(&[*it])))
        .collect();
    format!("can = [{}]", words.join(", "))
}

/// What is no mistake and worth knowing.
fn notes(target: &Target, seen: &Observed) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(host) = &seen.shared_host {
        notes.push(format!(
            "provider and app are both on {host}, and cookies ignore ports: each can overwrite \
             the other's; reach the app as localhost"
        ));
    }
    notes.extend(unsigned(target, seen).map(str::to_owned));
    let restarts = match &target.reach {
        Reach::Command { start, .. } => start.restart != Restart::Never,
        Reach::Attached(_) => false,
        Reach::Builtin(_) => true,
    };
    if !restarts {
        notes.push(
            "the app is never started anew: scenarios that touch what a client keeps, such as \
             keys and discovery, are skipped"
                .to_owned(),
        );
    }
    notes
}

/// What the target file says and a clean login shows otherwise.
pub fn checkup_mistakes(target: &Target, seen: &Observed) -> Vec<Diagnostic> {
    let unseen = seen.unseen(target);
    let (Some(source), false) = (&target.source, unseen.is_empty()) else {
        return Vec::new();
    };
    unseen
        .into_iter()
        .map(|capability| {
            let word = names(&[capability]);
            let why = why_unseen(capability, seen);
            let can = source.value(&["can"]).unwrap_or(0..0);
            let quoted = format!("\"{word}\"");
            let span = match source.text[can.start..].find(&quoted) {
                Some(at) => can.start + at..can.start + at + quoted.len(),
                None => can,
            };
            let mut help = format!("write {}, or mend the app", proposal(target, seen));
            if capability == Capability::Logout {
                let line = source.value(&["app", "logout"]);
                let line = line.map_or(String::new(), |span| {
                    format!(" (line {})", source.line(span.start))
                });
                help = format!("let `logout` in [app]{line} be what signs out; or {help}");
            }
            let mut mistake = source.message(span, why, &help);
            mistake.message = format!("`can` claims `{word}`, and {why}");
            mistake
        })
        .collect()
}

fn why_unseen(capability: Capability, seen: &Observed) -> &'static str {
    match capability {
        Capability::Oidc => "the app does not ask for the scope openid",
        Capability::Userinfo => "the app never called the userinfo endpoint",
        Capability::Pkce => "the app sent no code_challenge",
        Capability::Nonce => "the app sent no nonce",
        Capability::Discovery => "the app never fetched the discovery document",
        Capability::Refresh if seen.refresh_token => {
            "the app did not use its refresh token when the provider refused the expired access \
             token (one that goes by `expires_in` alone is not seen to)"
        }
        Capability::Refresh => "the app was given no refresh token: it does not ask for one",
        Capability::Logout => "the app still shows the user after signing out",
        Capability::RpLogout => {
            "signing out never led to the end_session_endpoint of the discovery document, which is \
             {issuer}/end_session"
        }
        _ => "that was not seen",
    }
}
