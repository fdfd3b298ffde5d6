//! Placeholders in the strings of a fault: `{value}`, `{half}`, `{client_id}` and so on.

use serde_json::Value;

use super::Moment;

/// What placeholders stand for at one place of one response.
pub(super) struct Placeholders<'a> {
    moment: &'a Moment<'a>,
    /// The honest value of the member, parameter or claim that is being set.
    honest: Option<String>,
}

impl<'a> Placeholders<'a> {
    pub(super) fn new(moment: &'a Moment<'a>) -> Self {
        Self {
            moment,
            honest: None,
        }
    }

    /// For the place of an honest JSON value.
    pub(super) fn of_json(moment: &'a Moment<'a>, honest: Option<&Value>) -> Self {
        let honest = honest.map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        Self { moment, honest }
    }

    /// For the place of an honest parameter.
    pub(super) fn of_text(moment: &'a Moment<'a>, honest: Option<&str>) -> Self {
        Self {
            moment,
            honest: honest.map(str::to_owned),
        }
    }

    /// The text with every known placeholder filled in, in one pass: what was filled in is not
    /// looked at again. Braces around anything else stay.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, from_open) = rest.split_at(open);
            filled.push_str(before);
            let value = from_open
                .find('}')
                .and_then(|close| Some((self.value(&from_open[1..close])?, close)));
            if let Some((value, close)) = value {
                filled.push_str(&value);
                rest = &from_open[close + 1..];
            } else {
                filled.push('{');
                rest = &from_open[1..];
            }
        }
        filled.push_str(rest);
        filled
    }

    /// The same for every string within a JSON value.
    pub(super) fn fill_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(items) => items.iter().map(|item| self.fill_json(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| (name.clone(), self.fill_json(member)))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        let honest = || self.honest.clone().unwrap_or_default();
        Some(match name {
            "value" => honest(),
            "half" => {
                let honest = honest();
                honest.chars().take(honest.chars().count() / 2).collect()
            }
            "swapcase" => honest().chars().map(swap_case).collect(),
            "client_id" => self.moment.notes.borrow().client_id.clone()?,
            "sub" => self.moment.notes.borrow().user.clone()?,
            "issuer" => self.moment.issuer_url.to_owned(),
            "redirect_uri" => self.moment.redirect_uri?.to_owned(),
            "url" => self.moment.url.to_owned(),
            _ => return None,
        })
    }
}

fn swap_case(letter: char) -> char {
    if letter.is_ascii_lowercase() {
        letter.to_ascii_uppercase()
    } else {
        letter.to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::jose::{KeyRing, KeySource, SigningAlgorithm};
    use crate::journal::Notes;
    use serde_json::json;

    fn filled(text: &str) -> String {
        let notes = RefCell::new(Notes {
            client_id: Some("app".to_owned()),
            ..Notes::default()
        });
        let keys = KeyRing::new(SigningAlgorithm::Rs256, KeySource::Test);
        let moment = Moment {
            issuer_name: "",
            issuer_url: "http://issuer",
            url: "http://issuer/token",
            redirect_uri: None,
            now: 0,
            keys: &keys,
            notes: &notes,
            dealings: None,
        };
        Placeholders::of_json(&moment, Some(&json!("aBc{issuer}"))).fill(text)
    }

    #[test]
    fn placeholders_are_filled_once_and_other_braces_stay() {
        assert_eq!(filled("x{value}y"), "xaBc{issuer}y");
        assert_eq!(filled("{half}"), "aBc{i");
        assert_eq!(filled("{swapcase}"), "AbC{ISSUER}");
        assert_eq!(filled("{client_id}@{issuer}"), "app@http://issuer");
        assert_eq!(
            filled(r#"{"a":{"b":"{issuer}"}} {sub} {"#),
            r#"{"a":{"b":"http://issuer"}} {sub} {"#
        );
    }
}
