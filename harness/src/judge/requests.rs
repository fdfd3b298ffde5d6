//! Passive checks of what the client asks the provider for, and how.

use oauth_gauntlet_provider::Endpoint;

use super::passive::{Tally, authorization_requests};
use crate::run::Record;
use crate::transcript::{Entry, Party};

/// RFC 6749 §2.3, §3.2.
pub(super) fn client_authentication(tally: &mut Tally<'_>, run: &Record) {
    let to_token = |entry: &&Entry| entry.endpoint == Some(Endpoint::Token) && !entry.crafted;
    // RFC 6749 §6 has confidential clients authenticate.
    let mut redeems = run.transcript.iter().filter(to_token);
    let is_registered =
        redeems.any(|entry| entry.form("code").is_some() && !credentials(entry).is_empty());
    // What a redirect makes of a request is no request of the client's own; `token/redirect` judges
    // that it is followed.
    let mut redirected = false;
    for entry in run.transcript.iter().filter(to_token) {
        tally.looked_at += 1;
        let expected = "a POST, with everything in its body, and the client's secret in one place";
        if entry.method != "POST" && !redirected {
            let sentence = "the client's token request is no POST".to_owned();
            tally.found(Some(entry), sentence, expected, entry.method.clone());
        }
        redirected = entry
            .answer
            .status()
            .is_some_and(|status| (300..400).contains(&status));
        let secret = ["client_secret", "client_assertion", "code", "code_verifier"];
        if let Some(name) = secret.iter().find(|name| entry.query(name).is_some()) {
            let sentence = "the client puts secrets into the token endpoint's URL".to_owned();
            tally.found(
                Some(entry),
                sentence,
                expected,
                format!("`{name}` in the query"),
            );
        }
        let used = credentials(entry);
        let refreshes = entry.form("grant_type").as_deref() == Some("refresh_token");
        if refreshes && used.is_empty() && is_registered {
            let sentence = "the client does not say who it is when it refreshes".to_owned();
            let observed =
                "a refresh without the credentials that it redeems codes with".to_owned();
            tally.found(Some(entry), sentence, expected, observed);
        }
        if used.len() > 1 {
            let sentence = "the client says who it is in two ways at once".to_owned();
            tally.found(Some(entry), sentence, expected, used.join(" and "));
        }
    }
}

/// The ways in which a token request says who the client is.
fn credentials(entry: &Entry) -> Vec<&'static str> {
    let ways = [
        ("an Authorization header", entry.authorization.is_some()),
        ("client_secret", entry.form("client_secret").is_some()),
        ("client_assertion", entry.form("client_assertion").is_some()),
    ];
    ways.iter().filter(|way| way.1).map(|way| way.0).collect()
}

/// RFC 6750 §2, RFC 9700 §4.3.2.
pub(super) fn bearer_header(tally: &mut Tally<'_>, run: &Record) {
    let to_userinfo = |entry: &&Entry| entry.endpoint == Some(Endpoint::Userinfo);
    for entry in run.transcript.iter().filter(to_userinfo) {
        tally.looked_at += 1;
        let expected = "Authorization: Bearer, and the token nowhere else";
        if entry.query("access_token").is_some() {
            let sentence = "the client puts the access token into a URL".to_owned();
            let observed = "`access_token` in the query".to_owned();
            tally.found(Some(entry), sentence, expected, observed);
        }
        let twice = entry.authorization.is_some() && entry.form("access_token").is_some();
        if twice {
            let sentence = "the client sends the access token in two ways at once".to_owned();
            let observed = "an Authorization header and a form".to_owned();
            tally.found(Some(entry), sentence, expected, observed);
        }
    }
}

/// RFC 6749 §3.1, §3.1.2, §3.3, OIDC Core §3.1.2.1.
pub(super) fn well_formed(tally: &mut Tally<'_>, run: &Record) {
    let own = |entry: &&Entry| matches!(entry.from, Party::Browser(_));
    for entry in authorization_requests(run).filter(own) {
        tally.looked_at += 1;
        let mut wrong = |sentence: String, expected: &str, observed: String| {
            tally.found(Some(entry), sentence, expected, observed);
        };
        let mut names: Vec<String> = Vec::new();
        for (name, _) in entry.url.query_pairs() {
            if names.contains(&name.clone().into_owned()) {
                let sentence = "the client's authorization request says a thing twice".to_owned();
                wrong(sentence, "each parameter once", format!("`{name}`"));
            }
            names.push(name.into_owned());
        }
        let scope = entry.query("scope").unwrap_or_default();
        let words: Vec<&str> = scope.split(' ').collect();
        let mut sorted = words.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let odd = |word: &&&str| word.is_empty() || word.contains([',', '"', '\\']);
        if !scope.is_empty() && (sorted.len() < words.len() || words.iter().any(|it| odd(&it))) {
            let sentence = "the scope of the client's request has the wrong form".to_owned();
            let expected = "words with single spaces between them, each once";
            wrong(sentence, expected, format!("{scope:?}"));
        }
        if entry
            .query("redirect_uri")
            .is_some_and(|uri| uri.contains('#'))
        {
            let sentence = "the client's redirect URI has a fragment".to_owned();
            wrong(sentence, "a URI without `#`", "a `#`".to_owned());
        }
        for secret in [
            "client_secret",
            "code_verifier",
            "access_token",
            "refresh_token",
        ] {
            if entry.query(secret).is_some() {
                let sentence = format!("the client shows its {secret} to the browser");
                wrong(
                    sentence,
                    "secrets stay on the server",
                    format!("`{secret}` in the query"),
                );
            }
        }
    }
}
