//! Parallel tests: keys that scope faults and journal.

use serde::Deserialize;
use serde_json::json;

use super::ask::{Ask, Outcome, Refusal, answer, done};
use crate::endpoint::Reply;
use crate::parallel::{COOKIE, HEADER, TestKeyError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    /// Default: one that nobody can foresee.
    key: Option<String>,
}

pub(super) fn list(ask: &Ask) -> Reply {
    let tests = &ask.host.house.tests;
    let document = json!({"tests": tests.list(), "required": tests.are_required()});
    answer(200, &document)
}

pub(super) fn begin(ask: &Ask) -> Outcome {
    let Begin { key } = ask.body()?;
    let key = key.unwrap_or_else(crate::clock::unforeseen);
    ask.host.house.tests.register(&key).map_err(|error| {
        let (status, name) = match error {
            TestKeyError::Invalid(_) => (400, "invalid_request"),
            TestKeyError::Taken(_) => (409, "conflict"),
            TestKeyError::TooMany => (429, "too_many"),
        };
        Refusal::new(status, name, error.to_string())
    })?;
    let document = json!({"key": key, "header": HEADER.as_str(), "cookie": COOKIE});
    Ok(answer(201, &document))
}

pub(super) fn end(ask: &Ask) -> Outcome {
    let key = ask.name(0);
    if ask.host.end_test(key) {
        return Ok(done());
    }
    Err(Refusal::missing(format!(
        "no parallel test has the key `{key}`"
    )))
}
