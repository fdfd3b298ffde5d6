//! Diagnostics that point into a file: message, line, caret and the way out.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// What is wrong with a file, and where.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// The file's path, as the user knows it.
    pub path: String,
    /// The file's text, if it could be read.
    pub source: String,
    /// Byte range of the words that are wrong.
    pub span: Range<usize>,
    /// One sentence that says what is wrong.
    pub message: String,
    /// A few words under the caret.
    pub label: String,
    /// The way out.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic about a file as a whole.
    pub fn whole_file(path: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            source: String::new(),
            span: 0..0,
            message: message.into(),
            label: String::new(),
            help: Some(help.into()),
        }
    }

    /// A diagnostic that points at a part of a file, where its message stands once more.
    pub fn at(
        (path, source): (&str, &str),
        span: Range<usize>,
        message: String,
        help: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            source: source.to_owned(),
            span,
            label: message.clone(),
            message,
            help: Some(help.into()),
        }
    }

    /// The diagnostic for an error of the TOML reader, with the nearest valid word where the
    /// error lists the valid ones.
    pub fn from_toml(path: &str, source: &str, error: &toml::de::Error) -> Self {
        let message = error.message().to_owned();
        let mut span = error.span().unwrap_or(0..0);
        span.end = span.end.min(source.len());
        if span.start >= span.end || source[span.clone()].contains('\n') {
            // An error about a whole table is shown at the table's first line.
            let line = source[span.start..]
                .find('\n')
                .map_or(source.len(), |end| span.start + end);
            span = span.start..line.max(span.start);
        }
        let help = nearest_word(&message)
            .map(|word| format!("did you mean `{word}`?"))
            .or_else(|| way_out(&message));
        let label = message.lines().next().unwrap_or_default().to_owned();
        Self {
            path: path.to_owned(),
            source: source.to_owned(),
            span,
            message: headline(&message),
            label,
            help,
        }
    }

    /// Renders with colours if `styled`.
    pub fn render(&self, styled: bool) -> String {
        let title = Level::ERROR.primary_title(self.message.as_str());
        self.rendered(styled, Group::with_title(title))
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        1 + self.source[..self.span.start].matches('\n').count()
    }

    /// The same without the message, for what has told it already.
    pub fn render_place(&self, styled: bool) -> String {
        self.rendered(styled, Group::with_level(Level::ERROR))
    }

    fn rendered<'a>(&'a self, styled: bool, group: Group<'a>) -> String {
        let renderer = if styled {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut group = if self.source.is_empty() {
            group.element(annotate_snippets::Origin::path(self.path.as_str()).line(1))
        } else {
            group.element(
                Snippet::source(self.source.as_str())
                    .path(self.path.as_str())
                    .annotation(
                        AnnotationKind::Primary
                            .span(self.span.clone())
                            .label(self.label.as_str()),
                    ),
            )
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// The reader's message cut before its list of valid words, which stands under the caret.
fn headline(message: &str) -> String {
    let first = message.lines().next().unwrap_or(message);
    first.split(", expected").next().unwrap_or(first).to_owned()
}

/// The valid word that is nearest to the wrong one, out of a message such as
/// "unknown field `grnt`, expected one of `grant`, `nth`".
fn nearest_word(message: &str) -> Option<String> {
    if !message.starts_with("unknown") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    let valid: Vec<&str> = quoted.collect();
    nearest(wrong, &valid).map(str::to_owned)
}

/// What to write where a key is missing or its value is of another kind.
fn way_out(message: &str) -> Option<String> {
    let words = if let Some(rest) = message.strip_prefix("missing field `") {
        let key = rest.split('`').next()?;
        return Some(format!("add the line `{key} = …`"));
    } else if message.contains("expected struct") {
        if message.starts_with("invalid type: sequence") {
            "write it as one table, in single brackets: [name]"
        } else {
            "write it as a table: [name], and its keys on the lines below"
        }
    } else if message.starts_with("invalid type: map") && message.contains("expected a sequence") {
        "write a list; a table in it begins with double brackets: [[name]]"
    } else if message.starts_with("invalid type: sequence") && message.contains("expected a string")
    {
        "write one text, in quotes"
    } else if message.contains("expected a sequence") {
        "write a list, in brackets: [\"…\"]"
    } else if message.contains("expected a string") {
        "write it in quotes"
    } else if message.starts_with("invalid type: string") {
        "write it without quotes"
    } else {
        return None;
    };
    Some(words.to_owned())
}

/// The candidate that is nearest to `word`, if any is near.
pub fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    similar::get_close_matches(word, candidates, 1, 0.55)
        .first()
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_valid_word_is_found_in_the_readers_message() {
        let message = "unknown field `grnt`, expected one of `issuer`, `grant`, `nth`";
        assert_eq!(nearest_word(message).as_deref(), Some("grant"));
        assert_eq!(headline(message), "unknown field `grnt`");
    }

    #[test]
    fn a_value_of_another_kind_is_told_how_to_be_written() {
        let told = |message: &str| way_out(message).unwrap_or_default();
        assert!(told("invalid type: sequence, expected struct Start").contains("[name]"));
        assert!(told("invalid type: string \"x\", expected struct Start").contains("table"));
        assert!(told("invalid type: map, expected a sequence").contains("[[name]]"));
        assert!(told("invalid type: sequence, expected a string").contains("one text"));
        assert!(told("invalid type: integer `1`, expected a string").contains("in quotes"));
        assert!(told("invalid type: string \"1\", expected u16").contains("without quotes"));
    }

    #[test]
    fn a_message_about_something_else_suggests_nothing() {
        assert_eq!(nearest_word("missing field `title`"), None);
    }
}
