//! What a step's expectation says of the client's pages, its answers to scripts and its log.

use super::Finding;
use super::outcome::{Context, at};
use crate::scenario::{Level, Severity};
use crate::transcript::{Entry, authority};
use crate::user_agent::{has_handler, texts};

impl Context<'_> {
    pub(super) fn never_shows(&self, text: &str) -> Option<Finding> {
        self.step.page.contains(text).then(|| {
            self.finding(
                format!(
                    "the client believes what it was told although {}",
                    self.circumstance()
                ),
                "nothing of it is used",
                format!("the protected page shows “{text}”"),
            )
        })
    }

    pub(super) fn never_quotes(&self, text: &str) -> Option<Finding> {
        let pages = self.record.during(self.step.window);
        let entry = pages
            .filter(|entry| entry.is_page_of_the_app())
            .find(|entry| entry.shown().contains(text))?;
        let finding = self.finding(
            "the client shows words of a link that it did not ask for as its own".to_owned(),
            "nothing of it is shown",
            format!("the page says “{text}”"),
        );
        Some(at(finding, Some(entry)))
    }

    pub(super) fn never_logs(&self, text: &str) -> Option<Finding> {
        let mut lines = self.record.log.lines();
        lines.find(|line| line.starts_with(text))?;
        let finding = self.finding(
            "the client lets others write lines into its log".to_owned(),
            "line breaks of what comes from outside are escaped",
            format!("a line of the log begins with “{text}”"),
        );
        Some(at(finding, self.last_of_act()))
    }

    pub(super) fn explains(&self) -> Option<Finding> {
        let entry = self.last_of_act()?;
        let status = entry.answer.status()?;
        let empty = entry.shown().trim().is_empty();
        let page = match self.step.explained {
            _ if empty => "an empty page".to_owned(),
            Some(false) => {
                "a page that does not look as [error_page] in the target file says".to_owned()
            }
            None if status == 500 => format!(
                "“{}”, as of a crash; if it is meant to look so, [error_page] in the target file \
                 can say it",
                beginning(entry.shown())
            ),
            Some(true) | None => return None,
        };
        let mut finding = self.finding(
            "the client does not tell its user what happened".to_owned(),
            "a page that says what happened and what to do next",
            format!("{status} and {page}"),
        );
        finding.level = Level::Practice;
        finding.severity = Severity::Low;
        Some(at(finding, Some(entry)))
    }

    pub(super) fn mentions(&self, any_of: &[String]) -> Option<Finding> {
        let page = self.step.page.to_lowercase();
        if any_of
            .iter()
            .any(|word| page.contains(&word.to_lowercase()))
        {
            return None;
        }
        Some(self.finding(
            "the client does not tell its user what is missing".to_owned(),
            &format!("the protected page mentions one of: {}", any_of.join(", ")),
            "it mentions none of them".to_owned(),
        ))
    }

    pub(super) fn never_echoes(&self, text: &str) -> Option<Finding> {
        let entry = self.page_of_markup(|page| page.contains(text))?;
        let finding = self.finding(
            "the client puts text from outside into its page as markup".to_owned(),
            "what comes from outside is escaped, or not shown",
            format!("the page contains {text}"),
        );
        Some(at(finding, Some(entry)))
    }

    /// By the rules that browsers have for markup: a text in quotes that it breaks out of.
    pub(super) fn never_runs(&self, script: &str) -> Option<Finding> {
        let entry = self.page_of_markup(|page| has_handler(page, script))?;
        let finding = self.finding(
            "the client lets text from outside become an attribute of its page".to_owned(),
            "quotes are escaped in attributes",
            format!("an element of the page runs {script} on an event"),
        );
        Some(at(finding, Some(entry)))
    }

    /// The first page of the run that a browser reads as markup and of which something holds.
    fn page_of_markup(&self, holds: impl Fn(&str) -> bool) -> Option<&Entry> {
        let mut entries = self.record.transcript.iter();
        entries.find(|it| it.is_page_of_the_app() && is_markup(it) && holds(it.shown()))
    }

    /// The CORS protocol of the Fetch standard (§3.2).
    pub(super) fn never_allows(&self, origin: &str) -> Option<Finding> {
        let origin = &origin.replace("{authority}", authority(&self.record.places.app));
        let mut answers = self.record.during(self.step.window);
        let entry = answers.find(|entry| {
            let says = |name: &str, value: &str| {
                (entry.answer.header(name)).is_some_and(|it| it.eq_ignore_ascii_case(value))
            };
            entry.is_seen_from_the_app()
                && says("access-control-allow-origin", origin)
                && says("access-control-allow-credentials", "true")
        })?;
        let finding = self.finding(
            "the client lets scripts of another site read what its users see".to_owned(),
            "no response allows that site to send cookies and to read what comes back",
            format!("Access-Control-Allow-Origin: {origin}, with credentials"),
        );
        Some(at(finding, Some(entry)))
    }
}

/// How the text of a page begins.
fn beginning(page: &str) -> String {
    const LENGTH: usize = 60;
    let text = texts(page, "body").concat();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Whether a browser would read a page as markup.
fn is_markup(entry: &Entry) -> bool {
    let kind = entry
        .answer
        .header("content-type")
        .unwrap_or("text/html")
        .to_lowercase();
    ["text/html", "application/xhtml", "image/svg"]
        .iter()
        .any(|markup| kind.starts_with(markup))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_by_the_beginning_of_its_text() {
        let page = "<html><head><title>x</title></head><body><h1>Server\n Error</h1>(500)";
        assert_eq!(beginning(page), "Server Error(500)");
        assert_eq!(beginning("Authentication failed"), "Authentication failed");
        assert_eq!(beginning(&"ü".repeat(100)).chars().count(), 61);
    }
}
