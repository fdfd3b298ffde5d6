//! What a client can register: no more than discovery advertises.

use serde_json::{Map, Value};

use super::{Refusal, wrong};

/// What discovery advertises.
pub(super) struct Offer(pub(super) Map<String, Value>);

impl Offer {
    pub(super) fn lists(&self, list: &str, value: &str) -> bool {
        let listed = self.0.get(list).and_then(Value::as_array);
        listed.is_some_and(|listed| listed.iter().any(|it| it == value))
    }

    /// Whether a member is there, and not `false`.
    pub(super) fn has(&self, member: &str) -> bool {
        (self.0.get(member)).is_some_and(|value| *value != Value::Bool(false))
    }

    /// That a list of what is supported has the value of this member.
    pub(super) fn demand(&self, member: &str, list: &str, value: &str) -> Result<(), Refusal> {
        if self.lists(list, value) {
            return Ok(());
        }
        Err(wrong(
            member,
            &format!("has `{value}`, which is not supported"),
        ))
    }
}
