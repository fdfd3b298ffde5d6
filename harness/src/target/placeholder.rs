//! Placeholders in target files and in the faults of scenarios.

use std::collections::BTreeMap;

use serde_json::Value;

/// Names in braces, and what they stand for.
#[derive(Debug, Clone, Default)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// Adds a name.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// The names, for suggestions.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Replaces every known `{name}`; others stay, since they may be meant for somebody else.
    pub fn fill(&self, text: &str) -> String {
        self.fill_with(text, str::to_owned)
    }

    /// The same, with values put differently.
    pub fn fill_with(&self, text: &str, put: impl Fn(&str) -> String) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.0 {
            filled = filled.replace(&format!("{{{name}}}"), &put(value));
        }
        filled
    }

    /// The same for every string inside a JSON value.
    pub fn fill_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.fill(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill_json(item)),
            Value::Object(members) => members
                .values_mut()
                .for_each(|member| self.fill_json(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// The first `{name}` in a text that is none of the known ones.
pub(super) fn unknown<'a>(text: &'a str, known: &[&str]) -> Option<&'a str> {
    text.split('{').skip(1).find_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        (is_name && !known.contains(&name)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_filled_in_and_others_stay() {
        let mut values = Values::default();
        values.set("app", "http://localhost:1");
        assert_eq!(
            values.fill("{app}/x?{value}"),
            "http://localhost:1/x?{value}"
        );
    }

    #[test]
    fn an_unknown_name_is_found() {
        assert_eq!(unknown("{app}/{isuer}", &["app", "issuer"]), Some("isuer"));
        assert_eq!(unknown("{\"json\": 1}", &["app"]), None);
        assert_eq!(unknown("{Client-Id}", &["client_id"]), Some("Client-Id"));
    }
}
