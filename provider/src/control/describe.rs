//! Exchanges and flows as JSON. Secrets are shown as their first letters and their length, unless
//! they are asked for.

use serde_json::{Map, Value, json};

use crate::flow::Flow;
use crate::journal::{Endpoint, Exchange};
use crate::rules::Violation;
use crate::settings::Profile;

/// How secrets are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    Hidden,
    Shown,
}

impl Secrets {
    /// A secret, as it is told.
    pub(super) fn tell(self, secret: &str) -> String {
        Tell(self).secret(secret)
    }
}

/// Parameters and members whose values are secrets, or stand for one.
const SECRET_NAMES: [&str; 20] = [
    "access_token",
    "actor_token",
    "assertion",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "id_token",
    "id_token_hint",
    "interaction",
    "logout_token",
    "password",
    "refresh_token",
    "registration_access_token",
    "request",
    "response",
    "subject_token",
    "token",
    "user_code",
];

/// How many letters of a secret are shown.
const SHOWN: usize = 4;

/// An exchange without the messages themselves.
pub(super) fn line(exchange: &Exchange) -> Value {
    let notes = &exchange.notes;
    json!({
        "number": exchange.number,
        "endpoint": exchange.endpoint,
        "method": exchange.request.method,
        "path": crate::sent::path(&exchange.request),
        "status": exchange.response.status,
        "client_id": notes.client_id,
        "user": notes.user,
        "grant": notes.grant,
        "flow": notes.flow,
        "test": notes.test,
        "violations": notes.violations.iter().map(|it| it.rule).collect::<Vec<_>>(),
        "faults": notes.faults.iter().map(|it| &it.summary).collect::<Vec<_>>(),
    })
}

/// An exchange with all that is known of it.
pub(super) fn exchange(exchange: &Exchange, secrets: Secrets) -> Value {
    let tell = Tell(secrets);
    let (request, response, notes) = (&exchange.request, &exchange.response, &exchange.notes);
    let took = exchange.ended.duration_since(exchange.started);
    let path = crate::sent::path(request);
    let query = request.target.split_once('?').map(|(_, query)| query);
    let violations: Vec<Value> = (notes.violations.iter())
        .map(|it| json!({"rule": it.rule, "clause": it.rule.clause(), "detail": it.detail}))
        .collect();
    let faults: Vec<Value> = (notes.faults.iter())
        .map(|it| json!({"id": it.id, "summary": it.summary}))
        .collect();
    let stricter: Vec<Value> = (notes.stricter.iter())
        .map(|(profile, it)| refused_by(*profile, it))
        .collect();
    let issued: Vec<Value> = (notes.issued.iter())
        .map(|it| json!({"kind": it.kind.as_str(), "value": tell.secret(&it.value)}))
        .collect();
    json!({
        "number": exchange.number,
        "endpoint": exchange.endpoint,
        "microseconds": u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "client_id": notes.client_id,
        "user": notes.user,
        "grant": notes.grant,
        "flow": notes.flow,
        "test": notes.test,
        "request": {
            "method": request.method,
            "path": path,
            "query": query.map(|query| tell.parameters(query)),
            "headers": tell.headers(&request.headers),
            "body": tell.body(&request.headers, &request.body, exchange.endpoint),
        },
        "response": {
            "status": response.status,
            "headers": tell.headers(&response.headers),
            "body": tell.body(&response.headers, &response.body, exchange.endpoint),
            "transport": response.transport,
        },
        "violations": violations,
        "stricter": stricter,
        "faults": faults,
        "issued": issued,
    })
}

/// A flow; the exchanges themselves only as far as a line has room for.
pub(super) fn flow(flow: &Flow) -> Value {
    let broken: Vec<Value> = (flow.violations())
        .map(|(number, it)| {
            json!({"exchange": number, "rule": it.rule, "clause": it.rule.clause(), "detail": it.detail})
        })
        .collect();
    let stricter: Vec<Value> = (flow.exchanges.iter())
        .flat_map(|exchange| {
            (exchange.notes.stricter.iter()).map(|(profile, it)| {
                let mut told = refused_by(*profile, it);
                told["exchange"] = json!(exchange.number);
                told
            })
        })
        .collect();
    let faults: Vec<Value> = (flow.faults())
        .map(|(number, it)| json!({"exchange": number, "id": it.id, "summary": it.summary}))
        .collect();
    json!({
        "id": flow.id,
        "client_id": flow.client_id,
        "user": flow.user,
        "test": flow.test,
        "state": flow.state,
        "error": flow.error,
        "violations": broken,
        "stricter": stricter,
        "faults": faults,
        "exchanges": flow.exchanges.iter().map(|it| line(it)).collect::<Vec<_>>(),
    })
}

/// What a stricter profile would have refused.
fn refused_by(profile: Profile, it: &Violation) -> Value {
    json!({
        "profile": profile,
        "rule": it.rule,
        "clause": it.rule.clause(),
        "detail": it.detail,
    })
}

/// Tells messages, with secrets or without.
#[derive(Clone, Copy)]
struct Tell(Secrets);

impl Tell {
    fn secret(self, value: &str) -> String {
        match self.0 {
            Secrets::Shown => value.to_owned(),
            Secrets::Hidden => shortened(value),
        }
    }

    /// Parameters of a query or form, decoded, in their order.
    fn parameters(self, text: &str) -> Value {
        let pairs = form_urlencoded::parse(text.as_bytes());
        let told = pairs.map(|(name, value)| {
            let value = if is_secret(&name) {
                self.secret(&value)
            } else {
                value.into_owned()
            };
            json!([name, value])
        });
        Value::Array(told.collect())
    }

    fn headers(self, headers: &[(String, String)]) -> Value {
        let told = headers
            .iter()
            .map(|(name, value)| json!([name, self.header(name, value)]));
        Value::Array(told.collect())
    }

    fn header(self, name: &str, value: &str) -> String {
        if self.0 == Secrets::Shown {
            return value.to_owned();
        }
        match name {
            "authorization" | "dpop" => match value.split_once(' ') {
                Some((scheme, secret)) => format!("{scheme} {}", shortened(secret)),
                None => shortened(value),
            },
            "cookie" => (value.split(';'))
                .map(|cookie| named(cookie.trim()))
                .collect::<Vec<_>>()
                .join("; "),
            "set-cookie" => match value.split_once(';') {
                Some((cookie, attributes)) => format!("{};{attributes}", named(cookie)),
                None => named(value),
            },
            "location" => self.location(value),
            _ => value.to_owned(),
        }
    }

    /// A URL whose parameters may be secrets, in the query or in the fragment.
    fn location(self, url: &str) -> String {
        let Some(at) = url.find(['?', '#']) else {
            return url.to_owned();
        };
        let (before, after) = url.split_at(at);
        let parts = after.split_inclusive(['?', '#', '&']).map(|part| {
            let end = part.trim_end_matches(['?', '#', '&']);
            let separator = &part[end.len()..];
            match end.split_once('=') {
                Some((name, value)) if is_secret(name) => {
                    format!("{name}={}{separator}", self.secret(value))
                }
                _ => part.to_owned(),
            }
        });
        format!("{before}{}", parts.collect::<String>())
    }

    fn body(self, headers: &[(String, String)], body: &str, endpoint: Endpoint) -> Value {
        if body.is_empty() {
            return Value::Null;
        }
        let content_type = (headers.iter())
            .find(|(name, _)| name == "content-type")
            .map_or("", |(_, value)| value.split(';').next().unwrap_or_default());
        match content_type {
            "application/x-www-form-urlencoded" => self.parameters(body),
            _ if self.0 == Secrets::Shown => json!(body),
            "text/html" => json!(format!("({} bytes of HTML)", body.len())),
            "application/json" => match serde_json::from_str(body) {
                Ok(document) => self.document(document),
                Err(_) => json!(format!("({} bytes that are no JSON)", body.len())),
            },
            // What is published is no secret, whatever it looks like.
            _ if matches!(endpoint, Endpoint::Metadata | Endpoint::Jwks) => json!(body),
            _ => json!(shortened(body)),
        }
    }

    fn document(self, document: Value) -> Value {
        match document {
            Value::Object(members) => {
                let told = members.into_iter().map(|(name, value)| {
                    let value = match value {
                        Value::String(text) if is_secret(&name) => json!(self.secret(&text)),
                        Value::String(text) if name.ends_with("_url") => {
                            json!(self.location(&text))
                        }
                        value => self.document(value),
                    };
                    (name, value)
                });
                Value::Object(told.collect::<Map<_, _>>())
            }
            Value::Array(items) => items.into_iter().map(|it| self.document(it)).collect(),
            plain => plain,
        }
    }
}

fn is_secret(name: &str) -> bool {
    SECRET_NAMES.contains(&name)
}

/// The first letters and the length.
fn shortened(secret: &str) -> String {
    let length = secret.chars().count();
    let shown: String = secret.chars().take(SHOWN.min(length / 4)).collect();
    format!("{shown}…({length})")
}

/// A cookie, whose name is no secret.
fn named(cookie: &str) -> String {
    match cookie.split_once('=') {
        Some((name, value)) => format!("{name}={}", shortened(value)),
        None => shortened(cookie),
    }
}

#[cfg(test)]
mod checks {
    use super::*;

    const HIDING: Tell = Tell(Secrets::Hidden);

    #[test]
    fn a_secret_is_told_by_its_first_letters_and_its_length() {
        assert_eq!(shortened("abcdefghijklmnopqrst"), "abcd…(20)");
        assert_eq!(shortened("secret"), "s…(6)");
        assert_eq!(shortened("abc"), "…(3)");
    }

    #[test]
    fn secrets_are_hidden_wherever_they_travel() {
        let header = |name, value| HIDING.header(name, value);
        assert_eq!(
            header("authorization", "Basic YXBwOnNlY3JldA=="),
            "Basic YXBw…(16)"
        );
        assert_eq!(
            header("cookie", "a=verysecret; b=alsosecret"),
            "a=ve…(10); b=al…(10)"
        );
        assert_eq!(
            header("set-cookie", "a=verysecret; Path=/"),
            "a=ve…(10); Path=/"
        );
        assert_eq!(
            header(
                "location",
                "http://c/cb?state=s&code=abcdefgh#access_token=abcdefgh"
            ),
            "http://c/cb?state=s&code=ab…(8)#access_token=ab…(8)"
        );
        let form = HIDING.parameters("grant_type=x&code=abcdefgh&client_secret=abcdefgh");
        assert_eq!(
            form,
            json!([
                ["grant_type", "x"],
                ["code", "ab…(8)"],
                ["client_secret", "ab…(8)"]
            ])
        );
        let document =
            json!({"access_token": "abcdefgh", "expires_in": 5, "in": [{"id_token": "abcdefgh"}]});
        assert_eq!(
            HIDING.document(document),
            json!({"access_token": "ab…(8)", "expires_in": 5, "in": [{"id_token": "ab…(8)"}]})
        );
    }
}
