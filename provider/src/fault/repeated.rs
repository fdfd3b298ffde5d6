//! Members of a JSON object that are written once more, which no map can say.

use serde_json::{Map, Value};

use super::Moment;
use super::placeholder::Placeholders;

/// Members that are written before and after an object's own, whatever their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Repeated {
    before: Map<String, Value>,
    after: Map<String, Value>,
}

impl Repeated {
    /// Adds members. Placeholders stand for the object's own of the same name.
    pub(super) fn extend(
        &mut self,
        own: &Map<String, Value>,
        (before, after): (&Map<String, Value>, &Map<String, Value>),
        moment: &Moment<'_>,
    ) {
        for (all, more) in [(&mut self.before, before), (&mut self.after, after)] {
            for (name, value) in more {
                let fill = Placeholders::of_json(moment, own.get(name));
                all.insert(name.clone(), fill.fill_json(value));
            }
        }
    }

    /// The text of an object, with these members around its own.
    pub(crate) fn around(&self, object: String) -> String {
        if self.before.is_empty() && self.after.is_empty() {
            return object;
        }
        let inner = |text: &str| {
            let text = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let written =
            |members: &Map<String, Value>| inner(&Value::from(members.clone()).to_string());
        let parts = [written(&self.before), inner(&object), written(&self.after)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!("{{{}}}", parts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_written_around_those_of_an_object() {
        let one = |value: &str| Map::from_iter([("a".to_owned(), Value::from(value))]);
        let both = Repeated {
            before: one("first"),
            after: one("last"),
        };
        let object = r#"{"a":"own"}"#.to_owned();
        let all = r#"{"a":"first","a":"own","a":"last"}"#;
        assert_eq!(both.around(object.clone()), all);
        assert_eq!(both.around("{}".to_owned()), r#"{"a":"first","a":"last"}"#);
        assert_eq!(Repeated::default().around(object.clone()), object);
    }
}
