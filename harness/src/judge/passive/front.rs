//! What the client sends through the browser: the syntax of its requests, and what they give away.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::Endpoint;

use super::{Tally, authorization_requests};
use crate::run::{Record, SecretKind, Standing};
use crate::scenario::Level;
use crate::transcript::{Entry, Party};

/// RFC 6749 §3.1.1, RFC 9700 §2.1.2.
pub(super) fn response_type(tally: &mut Tally<'_>, run: &Record) {
    for entry in own_requests(run) {
        tally.looked_at += 1;
        let kinds = entry.query("response_type").unwrap_or_default();
        if kinds.split(' ').any(|kind| kind == "token") {
            tally.found(
                Some(entry),
                "the client asks for an access token in the address of its page".to_owned(),
                "response_type=code",
                format!("response_type={kinds}"),
            );
        }
    }
}

/// RFC 9700 §2.1.1.
pub(super) fn bound_to_login(tally: &mut Tally<'_>, run: &Record) {
    for entry in own_requests(run) {
        tally.looked_at += 1;
        if entry.query("code_challenge").is_none() && entry.query("nonce").is_none() {
            tally.found(
                Some(entry),
                "nothing ties the code to the login that asked for it".to_owned(),
                "a code_challenge, or with OpenID Connect a nonce",
                "neither of them in the authorization request".to_owned(),
            );
        }
    }
}

/// RFC 7636 §4.1 and §7.1.
pub(super) fn verifier(tally: &mut Tally<'_>, run: &Record) {
    for entry in &run.transcript {
        let (Some(Endpoint::Token), Some(verifier)) = (entry.endpoint, entry.form("code_verifier"))
        else {
            continue;
        };
        tally.looked_at += 1;
        let seen = own_requests(run).flat_map(|request| {
            ["state", "nonce", "client_id"].map(|name| (name, request.query(name)))
        });
        let told = seen.filter_map(|(name, value)| Some((name, value?)));
        if let Some((name, _)) = told
            .into_iter()
            .find(|(_, value)| follows(value, &verifier))
        {
            tally.found(
                Some(entry),
                format!("the client's code_verifier follows from its {name}"),
                "a value that nobody can know who sees the authorization request",
                format!("the verifier is the {name}, encoded or hashed"),
            );
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        let observed = if !(43..=128).contains(&verifier.len()) {
            Some(format!("{} characters", verifier.len()))
        } else if !verifier.chars().all(legal) {
            Some("a character that a code_verifier may not have".to_owned())
        } else {
            None
        };
        if let Some(observed) = observed {
            tally.found(
                Some(entry),
                "the client's code_verifier is not of the form that the specification gives it"
                    .to_owned(),
                "43 to 128 letters, digits, hyphens, dots, underscores and tildes",
                observed,
            );
        }
    }
}

/// Whether a verifier is a text, its base64url, or its SHA-256 hash.
fn follows(text: &str, verifier: &str) -> bool {
    if text.is_empty() {
        return false;
    }
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let hex = (hash.as_ref().iter()).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes all");
        hex
    });
    let derived = [
        text.to_owned(),
        URL_SAFE_NO_PAD.encode(text),
        URL_SAFE_NO_PAD.encode(hash),
        hex,
    ];
    derived.iter().any(|it| it == verifier)
}

/// RFC 6749 §10.12, RFC 9700 §4.7.1: what is in the state is in everybody's sight.
pub(super) fn state_opaque(tally: &mut Tally<'_>, run: &Record) {
    for entry in own_requests(run) {
        let Some(state) = entry.query("state") else {
            tally.moot = Some("the client sends no state");
            continue;
        };
        tally.looked_at += 1;
        let mut texts = vec![state.clone().into_bytes()];
        texts.extend(
            state
                .split('.')
                .filter_map(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()),
        );
        let holds = |value: &str| {
            value.len() >= 8
                && texts.iter().any(|text| {
                    text.windows(value.len())
                        .any(|part| part == value.as_bytes())
                })
        };
        let secrets = run.secrets.iter().filter(|secret| {
            matches!(
                secret.kind,
                SecretKind::CodeVerifier | SecretKind::ClientSecret
            )
        });
        for secret in secrets.filter(|secret| holds(&secret.value)) {
            tally.found(
                Some(entry),
                format!("the client's state carries its {}", secret.kind.words()),
                "a state that says nothing to whoever reads it",
                "it can be read from the address of the authorization request".to_owned(),
            );
        }
    }
}

/// RFC 6749 §10.12: a state, a nonce and a verifier cannot be guessed. What is measured is an
/// upper bound: how many characters change at all, and from how large an alphabet.
pub(super) fn guessable(tally: &mut Tally<'_>, runs: &[&Record]) {
    let mut samples: BTreeMap<&str, BTreeMap<String, (usize, &Entry)>> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        for entry in own_requests(run) {
            for name in ["state", "nonce"] {
                if let Some(value) = entry.query(name) {
                    let seen = samples.entry(name).or_default();
                    seen.entry(value).or_insert((index, entry));
                }
            }
        }
        for entry in &run.transcript {
            if entry.endpoint == Some(Endpoint::Token)
                && let Some(value) = entry.form("code_verifier")
            {
                let seen = samples.entry("code_verifier").or_default();
                seen.entry(value).or_insert((index, entry));
            }
        }
    }
    if samples.is_empty() {
        tally.moot = Some("the client sends neither a state nor a nonce nor a code_verifier");
    }
    let tied = samples.contains_key("nonce") || samples.contains_key("code_verifier");
    for (name, seen) in samples {
        // Of too few values too little is known; equal ones are the affair of another check.
        if seen.len() < 4 {
            continue;
        }
        tally.looked_at += seen.len();
        let values: Vec<&str> = seen.keys().map(String::as_str).collect();
        let bits = bits_at_most(&values);
        if let (Some((run, entry)), true) = (seen.values().next().copied(), bits < GUESSABLE) {
            tally.run = run;
            tally.found(
                Some(entry),
                format!("the client's {name} can be guessed"),
                "a value from a secure random source, of 128 bits or more",
                format!("{} of them differ in at most {bits} bits", values.len()),
            );
            // Where PKCE or a nonce ties the response to the browser, `state` may say something
            // else (RFC 9700 §2.1).
            if let (true, "state", Some((_, finding))) = (tied, name, tally.findings.last_mut()) {
                finding.level = Level::Practice;
            }
        }
    }
}

/// OWASP ASVS 5.0 §7.2.3: the same for the cookie that carries the session.
pub(super) fn guessable_sessions(tally: &mut Tally<'_>, runs: &[&Record]) {
    let mut samples: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut pages = 0;
    let mut example = None;
    for (index, run) in runs.iter().enumerate() {
        let signed_in = |standing| matches!(standing, Standing::SignedIn(_));
        for step in run.steps.iter().filter(|step| signed_in(step.standing)) {
            let Some(page) = run.probed(step) else {
                continue;
            };
            pages += 1;
            example.get_or_insert((index, page));
            for (name, value) in &page.cookies {
                let values = samples.entry(name.clone()).or_default();
                values.insert(value.clone());
            }
        }
    }
    let enough = samples.values().any(|values| values.len() >= 4);
    let Some((run, page)) = example.filter(|_| enough) else {
        return;
    };
    tally.looked_at += pages;
    let best = samples
        .values()
        .filter(|values| values.len() >= 4)
        .map(|values| {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            bits_at_most(&values)
        });
    let best = best.max().unwrap_or_default();
    if best < GUESSABLE {
        tally.run = run;
        tally.found(
            Some(page),
            "the client's session id can be guessed".to_owned(),
            "a value from a secure random source, of 128 bits or more",
            format!("the cookies of all sessions differ in at most {best} bits"),
        );
    }
}

/// Fewer bits than these can be tried out.
const GUESSABLE: u32 = 64;

/// How many bits the values can have at most, by the characters in which they differ.
fn bits_at_most(values: &[&str]) -> u32 {
    let bytes: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
    let longest = bytes.iter().map(|value| value.len()).max().unwrap_or(0);
    let mut alphabet = BTreeSet::new();
    let mut differing = 0;
    for position in 0..longest {
        let here: BTreeSet<Option<u8>> = bytes
            .iter()
            .map(|value| value.get(position).copied())
            .collect();
        if here.len() > 1 {
            differing += 1;
            alphabet.extend(here.into_iter().flatten());
        }
    }
    let digits = alphabet.iter().all(u8::is_ascii_digit);
    let hexadecimal = alphabet.iter().all(u8::is_ascii_hexdigit);
    let tenths_of_bits = match (digits, hexadecimal) {
        (true, _) => 33,
        (false, true) => 40,
        (false, false) => 60,
    };
    differing * tenths_of_bits / 10
}

fn own_requests(run: &Record) -> impl Iterator<Item = &Entry> {
    authorization_requests(run).filter(|entry| matches!(entry.from, Party::Browser(_)))
}

#[cfg(test)]
mod tests {
    use super::bits_at_most;

    #[test]
    fn a_counter_has_few_bits_and_random_text_has_many() {
        assert!(bits_at_most(&["state-1001", "state-1002", "state-1003", "state-1011"]) < 10);
        let random = [
            "b9Xf0aQe71LmZr5KtUwYc2Hd",
            "Zc81nVq0PfYt4GhJs7LxWd3A",
            "q7WmEr9TyUiOpAsDfGhJkLzX",
            "M1nB2vC3xZ4lK5jH6gF7dS8a",
        ];
        assert!(bits_at_most(&random) > 128);
    }
}
