//! JSON objects on their way out: written at once, and taken apart only by those who change them.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

/// A JSON object, written or open.
#[derive(Debug, Clone)]
pub(crate) enum Object {
    /// Its text; most objects leave as they were made.
    Written(String),
    /// Its members, for whoever wants to change them.
    Open(Map<String, Value>),
}

impl Object {
    /// The document, with more members. Those take the place of the document's own.
    pub(crate) fn with(document: &impl Serialize, more: Map<String, Value>) -> Self {
        let mut object = Self::from(document);
        if !more.is_empty() {
            object.open().extend(more);
        }
        object
    }

    /// The members, to be changed.
    pub(crate) fn open(&mut self) -> &mut Map<String, Value> {
        if let Self::Written(text) = self {
            *self = Self::Open(read(text));
        }
        match self {
            Self::Open(members) => members,
            Self::Written(_) => unreachable!("it was opened above"),
        }
    }

    /// The members, if somebody wanted to change them.
    pub(crate) fn opened(&self) -> Option<&Map<String, Value>> {
        match self {
            Self::Open(members) => Some(members),
            Self::Written(_) => None,
        }
    }

    /// The members, to be read.
    pub(crate) fn members(&self) -> Cow<'_, Map<String, Value>> {
        match self {
            Self::Open(members) => Cow::Borrowed(members),
            Self::Written(text) => Cow::Owned(read(text)),
        }
    }

    /// Its text.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Open(members) => Cow::Owned(write(members)),
            Self::Written(text) => Cow::Borrowed(text),
        }
    }

    /// Its text, without a copy.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Open(members) => write(&members),
            Self::Written(text) => text,
        }
    }
}

impl<T: Serialize> From<&T> for Object {
    fn from(document: &T) -> Self {
        Self::Written(write(document))
    }
}

impl From<Map<String, Value>> for Object {
    fn from(members: Map<String, Value>) -> Self {
        Self::Open(members)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.members() == other.members()
    }
}

/// About as long as most objects are.
const ROOM: usize = 512;

fn write(document: &impl Serialize) -> String {
    let mut text = Vec::with_capacity(ROOM);
    // It would fail for maps with keys that are no strings, which no document of ours has.
    let written = serde_json::to_writer(&mut text, document).is_ok();
    String::from_utf8(text)
        .ok()
        .filter(|_| written)
        .unwrap_or_default()
}

fn read(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_reads_the_same_written_and_open() {
        let document = json!({"b": 1, "a": ["x", null], "é": {"c": 1.5}});
        let written = Object::from(&document);
        assert!(written.opened().is_none());
        let mut open = written.clone();
        open.open();
        assert!(open.opened().is_some());
        assert_eq!(written, open);
        assert_eq!(written.text(), open.text());
        assert_eq!(open.into_text(), document.to_string());
        let mut other = written.clone();
        other.open().insert("b".to_owned(), json!(2));
        assert_ne!(written, other);
    }

    #[test]
    fn more_members_take_the_place_of_those_before() {
        let more = |value: Value| value.as_object().unwrap().clone();
        let document = json!({"a": 1, "b": 2});
        let object = Object::with(&document, more(json!({"b": 3, "c": 4})));
        assert_eq!(object.text(), r#"{"a":1,"b":3,"c":4}"#);
        let object = Object::with(&document, Map::new());
        assert!(object.opened().is_none());
    }
}
