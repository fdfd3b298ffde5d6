//! What a client did, checked against what is expected of it: questions to a journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::filter::Filter;
use crate::journal::{Endpoint, Exchange};
use crate::names::AuthMethod;
use crate::sent;

/// What is expected of a client. It is data: nothing fails where it does not hold.
///
/// ```
/// # use oauth_gauntlet_provider::Expectation;
/// for text in [r#""pkce""#, r#"{"calls": {"endpoint": "token", "exactly": 1}}"#] {
///     let expectation: Expectation = serde_json::from_str(text)?;
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// Every authorization request has a code challenge with S256 (RFC 7636 §4.3).
    Pkce,
    /// Every authorization request has a state (RFC 6749 §10.12).
    State,
    /// No two authorization requests have the same state.
    StateUnique,
    /// Every authorization request has a nonce (OIDC Core §3.1.2.1).
    Nonce,
    /// No two authorization requests have the same nonce.
    NonceUnique,
    /// Every token request authenticates the client so (RFC 6749 §2.3, OIDC Core §9).
    ClientAuthMethod(AuthMethod),
    /// So many requests to an endpoint.
    Calls(Calls),
    /// No secret, code verifier or token travels in the query of a request (RFC 9700 §4.3.2).
    NoSecretInQuery,
    /// No code is sent to the token endpoint twice (RFC 6749 §4.1.2).
    CodeUsedOnce,
    /// No refresh token is sent to the token endpoint twice (RFC 9700 §4.14.2).
    RefreshTokenUsedOnce,
    /// Every logout request has an `id_token_hint` (RP-Initiated Logout 1.0 §2).
    IdTokenHint,
    /// No request broke a rule.
    NoViolation,
}

/// How often an endpoint is expected to be called. Of `exactly`, `at_least` and `at_most` at least
/// one is given; all that are given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Neither more nor less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exactly: Option<usize>,
    /// No less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<usize>,
    /// No more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<usize>,
}

/// Whether an expectation holds, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Whether it holds; `None` where nothing was seen that could tell.
    pub holds: Option<bool>,
    /// What was looked at.
    pub seen: Vec<Observation>,
    /// Why, in a sentence.
    pub explanation: String,
}

/// What was seen in one exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The number of the exchange.
    pub exchange: u64,
    /// What it had, in a few words. It names no secret.
    pub value: String,
    /// Whether it is as expected.
    pub fits: bool,
}

/// Parameters that do not belong in a URL.
const SECRETS: [&str; 8] = [
    "access_token",
    "refresh_token",
    "client_secret",
    "code_verifier",
    "client_assertion",
    "assertion",
    "password",
    "token",
];

/// Checks an expectation against the exchanges that the filter means.
pub(crate) fn verify(
    expectation: &Expectation,
    filter: &Filter,
    exchanges: &[Arc<Exchange>],
) -> Verification {
    let meant = || (exchanges.iter()).filter(|it| filter.fits(it) && is_a_call(it));
    let at = |endpoint: Endpoint| meant().filter(move |it| it.endpoint == endpoint);
    match expectation {
        Expectation::Pkce => each(requests(meant()), "authorization request", |sent| {
            let method = sent.get("code_challenge_method").map(String::as_str);
            match (sent.contains_key("code_challenge"), method) {
                (true, Some("S256")) => (true, "S256".to_owned()),
                (true, method) => (false, format!("method {}", method.unwrap_or("plain"))),
                (false, _) => (false, "no code_challenge".to_owned()),
            }
        }),
        Expectation::State => each(requests(meant()), "authorization request", |it| {
            has(it, "state")
        }),
        Expectation::Nonce => each(requests(meant()), "authorization request", |it| {
            has(it, "nonce")
        }),
        Expectation::StateUnique => unique(requests(meant()), "authorization request", "state"),
        Expectation::NonceUnique => unique(requests(meant()), "authorization request", "nonce"),
        Expectation::ClientAuthMethod(wanted) => {
            let methods = at(Endpoint::Token).map(|it| (it.number, sent::auth_method(&it.request)));
            each(methods, "token request", |used| {
                (used == wanted, used.as_str().to_owned())
            })
        }
        Expectation::Calls(_) if meant().next().is_none() => conclude(Vec::new(), "request"),
        Expectation::Calls(calls) => count(calls, at(calls.endpoint)),
        Expectation::NoSecretInQuery => {
            let queries = meant().map(|it| (it.number, sent::query(&it.request)));
            each(queries, "request", |sent| {
                let found = SECRETS.iter().find(|name| sent.contains_key(**name));
                match found {
                    Some(name) => (false, format!("{name} in the query")),
                    None => (true, "none".to_owned()),
                }
            })
        }
        Expectation::CodeUsedOnce => once(at(Endpoint::Token), "code"),
        Expectation::RefreshTokenUsedOnce => once(at(Endpoint::Token), "refresh_token"),
        Expectation::IdTokenHint => {
            let logouts = at(Endpoint::EndSession).map(|it| {
                let mut sent = sent::query(&it.request);
                sent.extend(sent::form(&it.request));
                (it.number, sent)
            });
            each(logouts, "logout request", |sent| {
                let (fits, _) = has(sent, "id_token_hint");
                let value = if fits { "sent" } else { "no id_token_hint" };
                (fits, value.to_owned())
            })
        }
        Expectation::NoViolation => {
            let broken = meant().map(|it| (it.number, Arc::clone(it)));
            each(broken, "request", |it| match it.notes.violations.first() {
                Some(violation) => (false, violation.to_string()),
                None => (true, "none".to_owned()),
            })
        }
    }
}

/// Whether a client asked for something, in contrast to what a browser asks by itself.
fn is_a_call(exchange: &Exchange) -> bool {
    exchange.request.method != "OPTIONS" && exchange.endpoint != Endpoint::BackchannelLogout
}

fn requests<'a>(
    exchanges: impl Iterator<Item = &'a Arc<Exchange>>,
) -> impl Iterator<Item = (u64, sent::Sent)> {
    exchanges.filter_map(|it| Some((it.number, sent::authorization_request(it)?)))
}

fn has(sent: &sent::Sent, name: &str) -> (bool, String) {
    match sent.get(name).filter(|value| !value.is_empty()) {
        Some(value) => (true, value.clone()),
        None => (false, format!("no {name}")),
    }
}

/// It holds where it holds for each.
fn each<T>(
    all: impl Iterator<Item = (u64, T)>,
    what: &str,
    judge: impl Fn(&T) -> (bool, String),
) -> Verification {
    let seen = all.map(|(exchange, it)| {
        let (fits, value) = judge(&it);
        Observation {
            exchange,
            value,
            fits,
        }
    });
    conclude(seen.collect(), what)
}

/// It holds where no value comes again.
fn unique(all: impl Iterator<Item = (u64, sent::Sent)>, what: &str, name: &str) -> Verification {
    let mut first: BTreeMap<String, u64> = BTreeMap::new();
    let mut seen = Vec::new();
    for (exchange, sent) in all {
        let (is_there, value) = has(&sent, name);
        let earlier = first.get(&value).copied().filter(|_| is_there);
        first.entry(value.clone()).or_insert(exchange);
        let value = match earlier {
            Some(earlier) => format!("{value}, as in exchange {earlier}"),
            None => value,
        };
        seen.push(Observation {
            exchange,
            value,
            fits: is_there && earlier.is_none(),
        });
    }
    conclude(seen, what)
}

/// It holds where no value of a form comes again. The values are secrets and are not shown.
fn once<'a>(all: impl Iterator<Item = &'a Arc<Exchange>>, name: &str) -> Verification {
    let mut first: BTreeMap<String, u64> = BTreeMap::new();
    let mut seen = Vec::new();
    for exchange in all {
        let Some(value) = sent::form(&exchange.request).remove(name) else {
            continue;
        };
        let earlier = first.get(&value).copied();
        first.entry(value).or_insert(exchange.number);
        seen.push(Observation {
            exchange: exchange.number,
            value: match earlier {
                Some(earlier) => format!("the {name} of exchange {earlier}"),
                None => format!("a new {name}"),
            },
            fits: earlier.is_none(),
        });
    }
    conclude(seen, &format!("token request with a {name}"))
}

fn conclude(seen: Vec<Observation>, what: &str) -> Verification {
    let unfit: Vec<_> = seen.iter().filter(|it| !it.fits).collect();
    let explanation = match (&seen[..], &unfit[..]) {
        ([], _) => format!("no {what} was seen, so nothing can be said"),
        (all, []) => format!("it holds for every {what}: {}", all.len()),
        (all, [first, ..]) => format!(
            "it does not hold for {} of {}, {what}s all: exchange {} has {}",
            unfit.len(),
            all.len(),
            first.exchange,
            first.value
        ),
    };
    Verification {
        holds: (!seen.is_empty()).then_some(unfit.is_empty()),
        seen,
        explanation,
    }
}

fn count<'a>(calls: &Calls, all: impl Iterator<Item = &'a Arc<Exchange>>) -> Verification {
    let seen: Vec<_> = all
        .map(|it| Observation {
            exchange: it.number,
            value: format!("status {}", it.response.status),
            fits: true,
        })
        .collect();
    let times = seen.len();
    let holds = calls.exactly.is_none_or(|it| times == it)
        && calls.at_least.is_none_or(|it| times >= it)
        && calls.at_most.is_none_or(|it| times <= it);
    let name = calls.endpoint.as_str();
    Verification {
        holds: Some(holds),
        seen,
        explanation: format!("{times} requests to {name} were seen"),
    }
}
