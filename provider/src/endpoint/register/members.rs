//! Members of client metadata by type. One that is `null` counts as left out.

use serde_json::{Map, Value};

use super::{Refusal, wrong};

/// The metadata that a client sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Members<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Members<'a> {
    pub(super) fn value(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn has(self, name: &str) -> bool {
        self.value(name).is_some()
    }

    pub(super) fn text(self, name: &str) -> Result<Option<&'a str>, Refusal> {
        let text = |value: &'a Value| value.as_str().filter(|text| !text.is_empty());
        (self.value(name))
            .map(|value| text(value).ok_or_else(|| wrong(name, "is no string, or an empty one")))
            .transpose()
    }

    pub(super) fn flag(self, name: &str) -> Result<bool, Refusal> {
        let flag = |value: &Value| value.as_bool();
        (self.value(name)).map_or(Ok(false), |value| {
            flag(value).ok_or_else(|| wrong(name, "is neither true nor false"))
        })
    }

    pub(super) fn seconds(self, name: &str) -> Result<Option<u64>, Refusal> {
        (self.value(name))
            .map(|value| (value.as_u64()).ok_or_else(|| wrong(name, "is no number of seconds")))
            .transpose()
    }

    pub(super) fn texts(self, name: &str) -> Result<Option<Vec<&'a str>>, Refusal> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let texts = value
            .as_array()
            .and_then(|array| array.iter().map(Value::as_str).collect());
        (texts.map(Some)).ok_or_else(|| wrong(name, "is no array of strings"))
    }
}
