//! Redaction by identity: the first state that is seen is `<state#1>` wherever it appears, so that
//! a transcript still shows whether a value is the one that was sent.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use oauth_gauntlet_provider::Endpoint;

use super::{Entry, authority};
use crate::run::{Record, SecretKind};

/// In seconds.
const TEN_YEARS: u64 = 10 * 365 * 24 * 3600;

/// Replaces values of one run by names.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// Value and name, longest value first.
    names: Vec<(String, String)>,
    /// The issuers' clock, in seconds since 1970.
    now: i64,
}

impl Redactor {
    /// The names for a run.
    pub fn of(record: &Record) -> Self {
        let mut names = Names::default();
        // First, since one that is posted as a logout token is an ID token all the same.
        for secret in record
            .secrets
            .iter()
            .filter(|it| it.kind == SecretKind::IdToken)
        {
            names.add(label(secret.kind), &secret.value);
        }
        for entry in &record.transcript {
            names.entry(entry);
        }
        for secret in record.secrets.iter().chain(&record.minted) {
            names.add(label(secret.kind), &secret.value);
            if secret.kind == SecretKind::IdToken
                && let Some(sid) = session_id(&secret.value)
            {
                names.add("session-id", &sid);
            }
        }
        for entry in &record.transcript {
            names.tokens(entry);
        }
        let mut list: Vec<(String, String)> = names.by_value.into_iter().collect();
        let places = &record.places;
        for (value, name) in [
            (&places.honest, "<honest>"),
            (&places.attacker, "<attacker>"),
            (&places.app, "<app>"),
            (&record.client_id, "<client>"),
            (&record.second_client_id, "<client at attacker>"),
        ] {
            list.push((value.clone(), name.to_owned()));
        }
        // An issuer's path alone, as it stands in cookies and relative links.
        for (issuer, name) in [
            (&places.honest, "/<honest>"),
            (&places.attacker, "/<attacker>"),
        ] {
            if let Ok(url) = url::Url::parse(issuer)
                && url.path().len() > 1
            {
                list.push((url.path().to_owned(), name.to_owned()));
            }
        }
        list.extend(derived(&list));
        let host = authority(&places.app).to_owned();
        list.push((host, "<host of app>".to_owned()));
        // The other name of the issuers' host.
        let port = url::Url::parse(&places.attacker)
            .ok()
            .and_then(|url| url.port());
        list.extend(port.map(|port| (format!("localhost:{port}"), "<host of issuers>".to_owned())));
        list.push((record.mark.clone(), "<mark>".to_owned()));
        list.push((record.mark.to_uppercase(), "<MARK>".to_owned()));
        list.retain(|(value, _)| value.len() >= 4);
        list.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        Self {
            names: list,
            now: record.now,
        }
    }

    /// A text with every known value replaced.
    pub fn text(&self, text: &str) -> String {
        let mut redacted = text.to_owned();
        for (value, name) in &self.names {
            if redacted.contains(value.as_str()) {
                redacted = redacted.replace(value.as_str(), name);
            }
        }
        redacted
    }

    /// A point in time, told from the issuers' clock. One that is years away is a number that
    /// somebody wrote, and stays what it is.
    pub fn time(&self, seconds: i64) -> String {
        match seconds.saturating_sub(self.now) {
            far if far.unsigned_abs() > TEN_YEARS => seconds.to_string(),
            0 => "<now>".to_owned(),
            after @ 1.. => format!("<now+{after}s>"),
            before => format!("<now{before}s>"),
        }
    }
}

/// What faults make of values: their first half, and their letters in the other case.
fn derived(names: &[(String, String)]) -> Vec<(String, String)> {
    let long = names.iter().filter(|(value, _)| value.len() >= 8);
    long.flat_map(|(value, name)| {
        let name = name.trim_matches(['<', '>', '/']);
        let half: String = value.chars().take(value.chars().count() / 2).collect();
        let other_case = value.chars().map(|c| {
            if c.is_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        });
        let mut derived = vec![(other_case.collect(), format!("<{name} in the other case>"))];
        // Half a URL is a scheme and a part of a host, and no value of its own.
        if !value.contains('/') {
            derived.push((half, format!("<half of {name}>")));
        }
        derived
    })
    .collect()
}

/// The `sid` of an ID token.
fn session_id(id_token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(id_token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    Some(claims.get("sid")?.as_str()?.to_owned())
}

fn label(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::Code => "code",
        SecretKind::AccessToken => "access-token",
        SecretKind::RefreshToken => "refresh-token",
        SecretKind::IdToken => "id-token",
        SecretKind::CodeVerifier => "code-verifier",
        SecretKind::ClientSecret => "client-secret",
    }
}

#[derive(Default)]
struct Names {
    by_value: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Names {
    fn add(&mut self, kind: &'static str, value: &str) {
        // What was put there to be seen stays to be seen.
        let is_text = value.contains(['<', ' ']);
        if value.len() < 8 || is_text || self.by_value.contains_key(value) {
            return;
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        self.by_value
            .insert(value.to_owned(), format!("<{kind}#{count}>"));
    }

    /// Tokens of a response that is no honest one, where it is still to be seen what they were.
    fn tokens(&mut self, entry: &Entry) {
        if entry.endpoint != Some(Endpoint::Token) {
            return;
        }
        for (name, kind) in [
            ("access_token", "access-token"),
            ("refresh_token", "refresh-token"),
            ("id_token", "id-token"),
        ] {
            let body = entry.answer.body();
            for rest in body.split(&format!("\"{name}\":")).skip(1) {
                let rest = rest.trim_start_matches(['[', ' ', '\n']);
                let inner = rest.strip_prefix('{').and_then(|it| it.split_once(':'));
                let rest = inner.map_or(rest, |(_, it)| it.trim_start());
                let value = rest.strip_prefix('"').and_then(|it| it.split('"').next());
                self.add(kind, value.unwrap_or_default());
            }
        }
    }

    fn entry(&mut self, entry: &Entry) {
        for (name, kind) in [
            ("state", "state"),
            ("nonce", "nonce"),
            ("code_challenge", "code-challenge"),
            ("code_verifier", "code-verifier"),
            ("code", "code"),
            ("refresh_token", "refresh-token"),
            ("logout_token", "logout-token"),
        ] {
            if let Some(value) = entry.parameter(name) {
                self.add(kind, &value);
            }
        }
        if let Some(location) = entry.answer.header("location")
            && let Ok(url) = entry.url.join(location)
        {
            for (name, value) in url.query_pairs() {
                match name.as_ref() {
                    "state" => self.add("state", &value),
                    "nonce" => self.add("nonce", &value),
                    "code" => self.add("code", &value),
                    "code_challenge" => self.add("code-challenge", &value),
                    _ => {}
                }
            }
        }
        for header in entry.answer.headers("set-cookie") {
            if let Some((_, rest)) = header.split_once('=') {
                self.add("cookie", rest.split(';').next().unwrap_or_default());
            }
        }
    }
}
