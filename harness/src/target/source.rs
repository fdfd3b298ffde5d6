//! The text of a target file, and where in it things stand, so that a mistake of the set-up can
//! point at the line to change.

use std::ops::Range;

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

    /// The name of the variable, or of the other key, in whose line something stands.
    pub fn key_at(&self, span: &Range<usize>) -> Option<&str> {
        let line = self.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let (key, _) = self.text[line..span.start].split_once('=')?;
        Some(key.trim().trim_matches(['"', '\'']))
    }

    /// The line of a place, from 1.
    pub fn line(&self, at: usize) -> usize {
        1 + self.text[..at].matches('\n').count()
    }

    /// A message about the value of a key, or, where the file does not have it, about the place
    /// where it belongs.
    pub fn at(&self, key: &[&str], label: &str, help: &str) -> Diagnostic {
        let span = self.value(key).or_else(|| {
            let mut tables = (1..key.len()).rev();
            tables
                .find_map(|count| self.value(&key[..count]))
                .or_else(|| self.value(&["name"]))
        });
        self.message(span.unwrap_or(0..0), label, help)
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

    /// A list over several lines is shown by its first.
    fn first_line(&self, span: Range<usize>) -> Range<usize> {
        let text = &self.text[span.clone()];
        let end = text.find('\n').unwrap_or(text.len());
        span.start..span.start + end
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
        assert_eq!(source.key_at(&span), Some("PORT"));
        assert_eq!(span.start, TEXT.rfind("{port}").expect("it is there"));
        assert_eq!(source.used("{issuer}"), None);
        assert_eq!(source.used("{app}"), None);
    }
}
