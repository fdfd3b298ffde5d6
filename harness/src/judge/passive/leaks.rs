//! Secrets where they do not belong: in pages, URLs, cookies that can be read, and the log.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Tally;
use crate::run::{Record, SecretKind, Standing};
use crate::transcript::Entry;
use crate::user_agent::Answer;

/// Secrets where they do not belong.
pub(super) fn leaks(tally: &mut Tally<'_>, run: &Record) {
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
    let first = run.transcript.iter().find(|entry| carries(entry, secret));
    tally.found(
        first,
        format!("the client writes {what} to its log"),
        "no secret in the log",
        format!("in the log: {}", excerpt(line, secret)),
    );
    true
}

/// Whether a secret went from one to another here.
fn carries(entry: &Entry, secret: &str) -> bool {
    let sent = [entry.form.as_deref(), entry.authorization.as_deref()];
    entry.url.as_str().contains(secret)
        || sent.iter().flatten().any(|text| text.contains(secret))
        || entry.answer.body().contains(secret)
        || entry
            .answer
            .headers("set-cookie")
            .any(|it| it.contains(secret))
        || entry.cookies.iter().any(|(_, value)| value == secret)
}

/// How many characters of a line are shown before and after a secret.
const AROUND: usize = 60;

/// Letters and digits in one piece that are so long may be somebody's secret: the log is that of all
/// runs.
const PERHAPS_SECRET: usize = 16;

/// What stands around a secret in a line of a log, without it and whatever may be another one.
fn excerpt(line: &str, secret: &str) -> String {
    let (before, after) = line.split_once(secret).unwrap_or((line, ""));
    // The rest of the value, where the secret is only how it begins.
    let (before, after) = (masked(before), masked(after.trim_start_matches(is_part)));
    let skipped = before.chars().count().saturating_sub(AROUND);
    let before: String = before.chars().skip(skipped).collect();
    let after: String = after.chars().take(AROUND).collect();
    format!("{before}…{after}")
}

/// What tokens are made of, besides dots.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_%~+".contains(c)
}

/// The text with each long piece that has both letters and digits left out.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (between, from) = rest.split_at(start);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        let (piece, after) = from.split_at(end);
        masked.push_str(between);
        let has = |kind: fn(&char) -> bool| piece.chars().any(|c| kind(&c));
        let is_secret = piece.len() >= PERHAPS_SECRET
            && has(char::is_ascii_digit)
            && has(char::is_ascii_alphabetic);
        masked.push_str(if is_secret { "…" } else { piece });
        rest = after;
    }
    masked + rest
}

/// What scripts are meant to read, to send it back, is no session.
pub(super) fn is_for_scripts(cookie: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_log_is_shown_without_any_secret() {
        let line = "2026-12-01 10:00:00 INFO tokens: access=SlAV32hkKG9dPq1xZZ refresh=8xLOxBtZp8aQ7vN4kk \
                    id=eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlMTIz user=alice";
        assert_eq!(
            excerpt(line, "SlAV32hkKG9dPq1xZZ"),
            "2026-12-01 10:00:00 INFO tokens: access=… refresh=… id=….….… user=alice"
        );
        let beginning = excerpt(line, "8xLOxBtZp8");
        for secret in ["SlAV", "eyJ", "N4kk"] {
            assert!(!beginning.contains(secret), "{beginning}");
        }
    }

    #[test]
    fn what_is_shown_of_a_long_line_is_about_the_secret() {
        let line = format!("{} code=abc123 {}", "x ".repeat(500), "y ".repeat(500));
        let shown = excerpt(&line, "abc123");
        assert!(shown.contains("code=… y") && shown.chars().count() <= 2 * AROUND + 1);
    }
}
