//! Why the first clean login failed, in the words of its set-up: what was seen, the line of the
//! target file to change, and what to write there.

mod answer;
mod form;
mod login;
mod output;
mod page;
mod place;
mod probe;
mod stuck;

use oauth_gauntlet_provider::Endpoint;

pub(super) use self::stuck::stuck;
use super::observed::line;
use super::{Arrived, Record, SetupError, Standing, StepRecord};
use crate::diag::Diagnostic;
use crate::scenario::Browser;
use crate::target::{Reach, Target};
use crate::transcript::{Entry, Party};

/// What helps to say what to write, beside the record.
#[derive(Debug, Clone, Default)]
pub(super) struct Clues {
    /// Where the client's start page leads.
    pub(super) links: Vec<String>,
    /// Whether that page takes longer than a step may take.
    pub(super) slow: bool,
    /// All that the client printed, when it started included.
    pub(super) output: String,
}

/// What is wrong with the set-up; nothing, if the login succeeded.
pub(super) fn diagnose(target: &Target, record: &Record, clues: &Clues) -> Option<SetupError> {
    let step = record.steps.first()?;
    let case = Case {
        target,
        record,
        step,
        clues,
        act: record.during(step.window).collect(),
    };
    let arrived = !matches!(
        step.arrival,
        Arrived::TimedOut | Arrived::Broken | Arrived::Loop
    );
    if arrived && step.standing == Standing::SignedIn(Browser::Victim) {
        return case.shown_to_everybody().or_else(|| case.cannot_sign_out());
    }
    let found = case
        .nobody_there()
        .or_else(|| case.program_ended())
        .or_else(|| case.login_never_left())
        .or_else(|| case.request_refused())
        .or_else(|| case.callback_failed());
    Some(found.unwrap_or_else(|| case.nobody_shown()))
}

struct Case<'a> {
    target: &'a Target,
    record: &'a Record,
    /// The login.
    step: &'a StepRecord,
    clues: &'a Clues,
    /// The exchanges of the login.
    act: Vec<&'a Entry>,
}

/// What to change: the place in the target file, what is said there, and what to write instead.
struct Change {
    place: Option<Diagnostic>,
    advice: String,
}

impl Change {
    /// No line of the target file is to blame.
    fn of_the_client(advice: impl Into<String>) -> Self {
        Self {
            place: None,
            advice: advice.into(),
        }
    }
}

impl Case<'_> {
    /// A mistake, with the exchanges of the login.
    fn error(&self, title: impl Into<String>, more: Vec<String>, change: Change) -> SetupError {
        let mut seen: Vec<String> = self.act.iter().map(|entry| line(entry)).collect();
        // A circle says what it is in its first turns.
        if seen.len() > 8 {
            seen.truncate(8);
            seen.push("…".to_owned());
        }
        seen.extend(more);
        SetupError {
            title: title.into(),
            seen,
            place: change.place,
            advice: Some(change.advice),
            output: Vec::new(),
        }
    }

    fn attached(&self) -> bool {
        matches!(self.target.reach, Reach::Attached(_))
    }

    /// Whether the client called an issuer itself, or sent the browser there.
    fn issuer_contacted(&self) -> bool {
        let mut entries = self.record.transcript.iter();
        entries.any(|entry| matches!(entry.to, Party::Provider(_)))
    }

    fn authorization_request(&self) -> Option<&Entry> {
        let mut act = self.act.iter();
        act.find(|entry| entry.endpoint == Some(Endpoint::Authorize))
            .copied()
    }

    /// What the client printed and its last page, for what gives a cause away.
    fn words_of_the_client(&self) -> String {
        let mut pages = self.act.iter().filter(|entry| entry.is_page_of_the_app());
        let page = pages.next_back().map_or("", |entry| entry.shown());
        format!("{}\n{page}", self.record.log).to_lowercase()
    }

    fn program_ended(&self) -> Option<SetupError> {
        let ended = self.record.ended.as_ref()?;
        let title = format!("the client's program ended during the first clean login ({ended})");
        let advice = "see its output; started by hand, its login page shows the same";
        Some(self.error(
            title,
            Vec::new(),
            self.at(&["start", "command"], "", advice),
        ))
    }

    /// An attached client that is not there.
    fn nobody_there(&self) -> Option<SetupError> {
        let Reach::Attached(attach) = &self.target.reach else {
            return None;
        };
        let first = self.act.first()?;
        if !first.is_page_of_the_app() || self.step.arrival != Arrived::Broken || self.act.len() > 1
        {
            return None;
        }
        let title = format!("nothing answers at {}", attach.app);
        let advice = "start the app first, or write the address that it has now; [start] in place \
                      of [attach] lets it be started for each run";
        Some(self.error(title, Vec::new(), self.at(&["attach", "app"], "", advice)))
    }
}

/// The first words that a page shows.
fn excerpt(page: &str) -> String {
    let mut text = String::new();
    let mut tag = false;
    for c in page.chars() {
        match c {
            '<' => tag = true,
            '>' => {
                tag = false;
                text.push(' ');
            }
            c if !tag => text.push(c),
            _ => {}
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let words = words.join(" ");
    match words.char_indices().nth(90) {
        Some((end, _)) => format!("“{}…”", &words[..end]),
        None => format!("“{words}”"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_has_no_tags() {
        assert_eq!(excerpt("<h1>Hello,\n <b>you</b></h1>"), "“Hello, you”");
    }
}
