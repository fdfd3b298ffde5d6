//! The text of a target file, and where in it things stand, so that a mistake of the set-up can
//! point at the line to change.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diag::Diagnostic;

/// The text of a target file.
#[derive(Debug, Clone)]
pub struct SourceText {
    /// The file's path, as the user knows it.
    pub path: String,
    /// The text.
    pub text: String,
}

impl SourceText {
    /// Where the value of a key stands; for a table, where its header stands.
    pub fn value(&self, key: &[&str]) -> Option<Range<usize>> {
        self.find(key).map(|(_, value)| value)
    }

    /// Where a key and its value stand.
    fn find(&self, key: &[&str]) -> Option<(Range<usize>, Range<usize>)> {
        let table = DeTable::parse(&self.text).ok()?;
        let mut table = table.get_ref();
        let (last, tables) = key.split_last()?;
        for name in tables {
            let (_, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
            table = match value.get_ref() {
                DeValue::Table(table) => table,
                _ => return None,
            };
        }
        let (key, value) = table.iter().find(|(key, _)| key.get_ref() == last)?;
        let place = match value.get_ref() {
            DeValue::Table(_) => key.span(),
            _ => value.span(),
        };
        Some((key.span(), self.first_line(place)))
    }

    /// Where a placeholder or another text is used first, comments left out.
    pub fn used(&self, words: &str) -> Option<Range<usize>> {
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            let code = line.split(" #").next().unwrap_or(line);
            if !line.trim_start().starts_with('#')
                && let Some(at) = code.find(words)
            {
                return Some(start + at..start + at + words.len());
            }
            start += line.len();
        }
        None
    }

    /// All that the program is handed, in the order of the file: `command`, variables, files.
    pub fn handed(&self) -> Vec<Handed> {
        let mut found = Vec::new();
        let Ok(table) = DeTable::parse(&self.text) else {
            return found;
        };
        let start = table
            .get_ref()
            .iter()
            .find(|(key, _)| *key.get_ref() == "start");
        if let Some(DeValue::Table(start)) = start.map(|(_, value)| value.get_ref()) {
            for (key, value) in start {
                let name = key.get_ref();
                if name == "command" || name == "files" || name.starts_with("env") {
                    texts(name, value, &mut found);
                }
            }
        }
        found.sort_by_key(|handed| handed.span.start);
        for handed in &mut found {
            handed.span = self.first_line(handed.span.clone());
        }
        found
    }

    /// Where the program is handed something, by a word in the value: the word alone, if it stands
    /// there as it was typed.
    pub fn handed_over(&self, word: &str) -> Option<Handed> {
        let mut handed = self.handed().into_iter();
        let found = handed.find(|it| it.value.contains(word))?;
        let at = self.text[found.span.clone()].find(word);
        let span = match at.map(|at| found.span.start + at) {
            Some(start) => start..start + word.len(),
            None => found.span,
        };
        Some(Handed { span, ..found })
    }

    /// The line of a place, from 1.
    pub fn line(&self, at: usize) -> usize {
        1 + self.text[..at].matches('\n').count()
    }

    /// A message about the value of a key, or, where the file does not have it, about the place
    /// where it belongs: its table, or the end of the file, which can take a new one.
    pub fn at(&self, key: &[&str], label: &str, help: &str) -> Diagnostic {
        if let Some(span) = self.value(key) {
            return self.message(span, label, help);
        }
        let [tables @ .., name] = key else {
            return self.message(0..0, label, help);
        };
        let help = added(tables, name, help);
        let mut around = (1..=tables.len()).rev();
        let table = around.find_map(|count| self.value(&tables[..count]));
        match table {
            Some(span) => self.message(span, label, &help),
            None if tables.is_empty() => {
                self.message(self.value(&["name"]).unwrap_or(0..0), label, &help)
            }
            None => {
                let label = format!("there is no [{}]", tables.join("."));
                self.message(self.end(), &label, &help)
            }
        }
    }

    /// A message about a place.
    pub fn message(&self, span: Range<usize>, label: &str, help: &str) -> Diagnostic {
        Diagnostic {
            path: self.path.clone(),
            source: self.text.clone(),
            span,
            message: label.to_owned(),
            label: label.to_owned(),
            help: Some(help.to_owned()),
        }
    }

    /// The last character that is no white space.
    fn end(&self) -> Range<usize> {
        let text = self.text.trim_end();
        let last = text.chars().next_back().map_or(0, char::len_utf8);
        text.len() - last..text.len()
    }

    /// A list over several lines is shown by its first.
    fn first_line(&self, span: Range<usize>) -> Range<usize> {
        let text = &self.text[span.clone()];
        let end = text.find('\n').unwrap_or(text.len());
        span.start..span.start + end
    }
}

/// A text that the program is handed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// The name of the variable, of the member, or of another key.
    pub key: String,
    /// Where its value stands.
    pub span: Range<usize>,
    /// The value.
    pub value: String,
}

/// The texts in a value, each under the nearest name.
fn texts(name: &str, value: &Spanned<DeValue>, found: &mut Vec<Handed>) {
    match value.get_ref() {
        DeValue::String(text) => found.push(Handed {
            key: name.to_owned(),
            span: value.span(),
            value: text.to_string(),
        }),
        DeValue::Array(items) => items.iter().for_each(|item| texts(name, item, found)),
        DeValue::Table(table) => {
            for (key, value) in table {
                texts(key.get_ref(), value, found);
            }
        }
        _ => {}
    }
}

/// An advice about a key that the file does not have: what is to be written goes into its table.
fn added(tables: &[&str], name: &str, help: &str) -> String {
    let table = format!("[{}]", tables.join("."));
    if tables.is_empty() || help.contains(&table) {
        return help.to_owned();
    }
    let line = format!("write {name} = ");
    match help.split_once(&line) {
        Some((before, value)) if !value.contains([',', ':', ';']) => {
            format!("{before}add {name} = {value} under {table}")
        }
        _ if help.contains(&format!("{name} =")) => format!("{help}; it goes under {table}"),
        _ => help.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"name = "x" # {app}
can = ["oidc",
       "pkce"]
[start.env]
# PORT = "{port}"
PORT = "{port}" # {issuer}
[app]
logout = { path = "/out" }
"#;

    fn shown(key: &[&str]) -> Option<&'static str> {
        let source = SourceText {
            path: String::new(),
            text: TEXT.to_owned(),
        };
        source.value(key).map(|span| &TEXT[span])
    }

    #[test]
    fn values_and_tables_are_found() {
        assert_eq!(shown(&["name"]), Some("\"x\""));
        assert_eq!(shown(&["can"]), Some("[\"oidc\","));
        assert_eq!(shown(&["start", "env", "PORT"]), Some("\"{port}\""));
        assert_eq!(shown(&["start", "env"]), Some("env"));
        assert_eq!(shown(&["app"]), Some("app"));
        assert_eq!(shown(&["app", "logout", "path"]), Some("\"/out\""));
        assert_eq!(shown(&["app", "login"]), None);
    }

    #[test]
    fn comments_use_no_placeholder() {
        let source = SourceText {
            path: String::new(),
            text: TEXT.to_owned(),
        };
        let span = source.used("{port}").expect("it is used");
        assert_eq!(span.start, TEXT.rfind("{port}").expect("it is there"));
        assert_eq!(source.used("{issuer}"), None);
        assert_eq!(source.used("{app}"), None);
    }

    #[test]
    fn what_is_handed_over_is_found_by_a_word_in_it() {
        let text = r#"[start]
command = "run {app}"
ready = "{port}"
files."a.json".json = { list = [{ url = "x{issuer}" }] }
[start.env]
PORT = "{port}"
"#;
        let source = SourceText {
            path: String::new(),
            text: text.to_owned(),
        };
        let keys: Vec<String> = source.handed().into_iter().map(|it| it.key).collect();
        assert_eq!(keys, ["command", "url", "PORT"]);
        let issuer = source.handed_over("{issuer}").expect("it is there");
        assert_eq!(
            (issuer.key.as_str(), &text[issuer.span]),
            ("url", "{issuer}")
        );
        assert_eq!(source.handed_over("{client_id}"), None);
    }

    #[test]
    fn what_is_missing_is_added_to_its_table() {
        let source = SourceText {
            path: String::new(),
            text: TEXT.to_owned(),
        };
        let told = source.at(&["app", "login"], "", "write login = \"/in\"");
        assert_eq!(
            told.help.as_deref(),
            Some("add login = \"/in\" under [app]")
        );
        assert_eq!(&TEXT[told.span], "app");
        let told = source.at(&["signed_in", "text"], "", "write text = \"x\"");
        assert_eq!(&TEXT[told.span], "}");
        assert_eq!(
            told.help.as_deref(),
            Some("add text = \"x\" under [signed_in]")
        );
    }
}
