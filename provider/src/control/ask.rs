//! What is asked of the control API, and how it refuses.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::endpoint::Reply;
use crate::issuer::Issuer;
use crate::server::Host;
use crate::store::StoreDown;

/// A request to the control API.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(super) host: Arc<Host>,
    /// What stands in the path where the route has a name, decoded.
    pub(super) names: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The `Last-Event-ID` of a stream that is taken up again.
    pub(super) last_event: Option<u64>,
}

/// Why a request got nothing.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Reason>);

#[derive(Debug)]
struct Reason {
    status: u16,
    error: &'static str,
    description: String,
    header: Option<(&'static str, String)>,
    /// More members of the answer.
    more: Map<String, Value>,
}

/// What comes of a request that can be answered at once.
pub(super) type Outcome = Result<Reply, Refusal>;

/// How the default issuer, which has no name, is called in paths.
pub(super) const DEFAULT: &str = "default";

impl Refusal {
    pub(super) fn new(status: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self(Box::new(Reason {
            status,
            error,
            description: description.into(),
            header: None,
            more: Map::new(),
        }))
    }

    /// The request says what it may not.
    pub(super) fn invalid(description: impl Into<String>) -> Self {
        Self::new(400, "invalid_request", description)
    }

    /// There is no such thing.
    pub(super) fn missing(description: impl Into<String>) -> Self {
        Self::new(404, "not_found", description)
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.header = Some((name, value.into()));
        self
    }

    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.0.more.insert(name.to_owned(), value);
        self
    }

    pub(super) fn reply(self) -> Reply {
        let reason = *self.0;
        let mut document = Map::from_iter([
            ("error".to_owned(), json!(reason.error)),
            ("error_description".to_owned(), json!(reason.description)),
        ]);
        document.extend(reason.more);
        let reply = Reply::json(reason.status, &document);
        match reason.header {
            Some((name, value)) => reply.header(name, value),
            None => reply,
        }
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> u16 {
        self.0.status
    }
}

impl From<crate::snapshot::SnapshotError> for Refusal {
    fn from(error: crate::snapshot::SnapshotError) -> Self {
        Self::new(503, "temporarily_unavailable", error.to_string()).header("retry-after", "1")
    }
}

impl From<StoreDown> for Refusal {
    fn from(down: StoreDown) -> Self {
        crate::snapshot::SnapshotError::from(down).into()
    }
}

impl Ask {
    /// What stands in the path, the first place counted as 0.
    pub(super) fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }

    /// A number in the path.
    pub(super) fn number(&self, place: usize) -> Result<u64, Refusal> {
        let text = self.name(place);
        let reason = || Refusal::invalid(format!("`{text}` in the path is no number"));
        text.parse().map_err(|_| reason())
    }

    /// The issuer that the path names first, as all replicas know it. May wait for their store.
    pub(super) fn issuer(&self) -> Result<Issuer, Refusal> {
        let issuer = self.named_issuer()?;
        issuer.state().catch_up()?;
        Ok(issuer)
    }

    /// The same with its journal, off the event loop.
    pub(super) async fn issuer_with_journal(&self) -> Result<Issuer, Refusal> {
        let issuer = self.named_issuer()?;
        if !issuer.state().store.may_wait() {
            return Ok(issuer);
        }
        let waiting = issuer.clone();
        let caught_up = tokio::task::spawn_blocking(move || {
            waiting.state().catch_up()?;
            waiting.state().journal.catch_up()
        });
        let panicked = |error: tokio::task::JoinError| StoreDown(error.to_string());
        caught_up.await.map_err(panicked)??;
        Ok(issuer)
    }

    fn named_issuer(&self) -> Result<Issuer, Refusal> {
        let name = self.name(0);
        let found = match name {
            DEFAULT => self.host.issuer("", false),
            "" => None,
            name => self.host.issuer(name, false),
        };
        found.ok_or_else(|| {
            Refusal::missing(format!(
                "there is no issuer `{name}`; GET /_/issuers lists them, the one without a name is `{DEFAULT}`"
            ))
        })
    }

    /// The body as a type. Without a body, it is an empty object.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let body: &[u8] = if self.body.is_empty() {
            b"{}"
        } else {
            &self.body
        };
        serde_json::from_slice(body).map_err(|error| unreadable("the body", &error))
    }

    /// Parameters as a type; those of `numbers` are numbers.
    pub(super) fn parameters<T: DeserializeOwned>(
        pairs: &[(String, String)],
        numbers: &[&str],
    ) -> Result<T, Refusal> {
        let mut members = Map::new();
        for (name, value) in pairs {
            let value = match value.parse::<u64>() {
                Ok(number) if numbers.contains(&name.as_str()) => json!(number),
                Ok(_) | Err(_) => json!(value),
            };
            if members.insert(name.clone(), value).is_some() {
                return Err(Refusal::invalid(format!(
                    "the parameter `{name}` is sent twice"
                )));
            }
        }
        serde_json::from_value(Value::Object(members))
            .map_err(|error| unreadable("the query", &error))
    }

    /// A parallel test that is named in a body, if it is one.
    pub(super) fn known_test(&self, key: Option<String>) -> Result<Option<String>, Refusal> {
        match key {
            Some(key) if !self.host.house.tests.knows(&key) => Err(Refusal::invalid(format!(
                "no parallel test has the key `{key}`; register it with POST /_/tests"
            ))),
            key => Ok(key),
        }
    }
}

/// A part of a configuration, in the form that files have as well. Names may have `_` for `-`.
pub(super) fn as_configured<T: DeserializeOwned>(mut value: Value) -> Result<T, Refusal> {
    dashed(&mut value);
    serde_json::from_value(value).map_err(|error| unreadable("the body", &error))
}

/// Members with `-` for `_`, in the object itself and in those that the form has below it. What
/// people name themselves, such as claims and scopes, stays.
fn dashed(value: &mut Value) {
    let Some(members) = value.as_object_mut() else {
        return;
    };
    *members = (std::mem::take(members).into_iter())
        .map(|(name, mut value)| {
            match (name.as_str(), &mut value) {
                ("lifetimes" | "device", nested) => dashed(nested),
                ("client", Value::Array(clients)) => clients.iter_mut().for_each(dashed),
                _ => {}
            }
            (name.replace('_', "-"), value)
        })
        .collect();
}

/// A document of the control API.
pub(super) fn answer(status: u16, document: &impl Serialize) -> Reply {
    Reply::json(status, document)
}

/// Nothing more to say.
pub(super) fn done() -> Reply {
    Reply::empty(204)
}

/// What cannot be read, with the nearest valid word.
fn unreadable(what: &str, error: &serde_json::Error) -> Refusal {
    let message = error.to_string();
    let hint =
        nearest_word(&message).map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
    Refusal::invalid(format!("{what} cannot be used: {message}{hint}"))
}

/// The valid word that is nearest to the wrong one, out of a message such as
/// ``unknown field `a`, expected one of `b`, `c` ``.
fn nearest_word(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("unknown ")?;
    let mut words = rest.split('`').skip(1).step_by(2);
    let wrong = words.next()?;
    let distant = |word: &str| distance(wrong, word);
    let nearest = words.min_by_key(|word| distant(word))?;
    (distant(nearest) <= wrong.chars().count().max(3) / 2).then_some(nearest)
}

/// How many letters have to be put in, taken out or replaced to get from one word to the other.
fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().collect();
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in two.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[two.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_valid_word_is_found_in_the_readers_message() {
        let message = "unknown field `timeuot_ms`, expected one of `count`, `timeout_ms` at line 1";
        assert_eq!(nearest_word(message), Some("timeout_ms"));
        let one = "unknown variant `pcke`, expected `pkce`";
        assert_eq!(nearest_word(one), Some("pkce"));
        assert_eq!(nearest_word("unknown field `zzzzzz`, expected `sub`"), None);
        assert_eq!(nearest_word("invalid type: `sub`"), None);
    }

    #[test]
    fn a_distance_is_the_number_of_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("ä", "ä"), 0);
    }
}
