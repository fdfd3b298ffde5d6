//! Why the first clean login failed, in the words of its set-up.

use oauth_gauntlet_provider::Endpoint;

use super::{Arrived, Record, SetupError, Standing, StepRecord};
use crate::scenario::Browser;
use crate::target::Target;
use crate::transcript::{Entry, Redactor};

/// What is wrong with the set-up; nothing, if the login succeeded.
pub(super) fn diagnose(target: &Target, record: &Record) -> Option<SetupError> {
    let step = record.steps.first()?;
    let arrived = !matches!(
        step.arrival,
        Arrived::TimedOut | Arrived::Broken | Arrived::Loop
    );
    if arrived && step.standing == Standing::SignedIn(Browser::Victim) {
        return None;
    }
    let case = Case {
        target,
        record,
        step,
        act: record.during(step.window).collect(),
    };
    let found = case
        .program_ended()
        .or_else(|| case.login_never_left())
        .or_else(|| case.request_refused())
        .or_else(|| case.callback_failed());
    Some(found.unwrap_or_else(|| case.nobody_shown()))
}

struct Case<'a> {
    target: &'a Target,
    record: &'a Record,
    step: &'a StepRecord,
    /// The exchanges of the login.
    act: Vec<&'a Entry>,
}

impl Case<'_> {
    fn error(&self, title: String, more: Vec<String>, advice: &str) -> SetupError {
        let mut seen: Vec<String> = self.act.iter().map(|entry| line(entry)).collect();
        // A circle says what it is in its first turns.
        if seen.len() > 8 {
            seen.truncate(8);
            seen.push("…".to_owned());
        }
        seen.extend(more);
        SetupError {
            title,
            seen,
            advice: Some(advice.to_owned()),
            output: Vec::new(),
        }
    }

    fn program_ended(&self) -> Option<SetupError> {
        let ended = self.record.ended.as_ref()?;
        Some(self.error(
            format!("the client's program ended during the first clean login ({ended})"),
            Vec::new(),
            "start it by hand and open its login page",
        ))
    }

    fn authorization_request(&self) -> Option<&Entry> {
        let mut act = self.act.iter();
        act.find(|entry| entry.endpoint == Some(Endpoint::Authorize))
            .copied()
    }

    fn login_never_left(&self) -> Option<SetupError> {
        if self.authorization_request().is_some() {
            return None;
        }
        let login = &self.target.app.login;
        let last = self.act.last()?;
        let (title, advice) = match (last.answer.status(), &self.step.arrival) {
            (None, Arrived::TimedOut) => (
                format!("the client does not answer GET {login}"),
                "is the right path given as `login` in [app]?",
            ),
            (None, _) => (
                format!("the client breaks the connection at GET {login}"),
                "see its output",
            ),
            (Some(status), _) if status >= 400 => (
                format!("the client answers {status} to GET {login}"),
                "see its output; is the path given as `login` in [app], and is the client \
                 configured with {issuer}, {client_id} and {client_secret}?",
            ),
            (Some(_), _) => (
                format!("GET {login} never led to the issuer's authorization endpoint"),
                "the page given as `login` in [app] must start a login at {issuer}",
            ),
        };
        Some(self.error(title, Vec::new(), advice))
    }

    fn request_refused(&self) -> Option<SetupError> {
        let asked = self.authorization_request()?;
        asked.answer.status().filter(|status| *status >= 400)?;
        let callback = &self.target.app.callback;
        let redirect_uri = asked.query("redirect_uri").unwrap_or_default();
        let declared = format!("{}{callback}", self.record.places.app);
        if redirect_uri == declared {
            return Some(self.error(
                "the issuer refused the client's authorization request".to_owned(),
                asked.violations.clone(),
                "is the client configured with {client_id}?",
            ));
        }
        let origin = &self.target.origin;
        let more = vec![
            format!("seen      redirect_uri={redirect_uri}"),
            format!("declared  {declared}   (callback = \"{callback}\" in {origin})"),
        ];
        Some(self.error(
            "the client asked to be sent back to an address that is not declared".to_owned(),
            more,
            "make the client use the address it is given as {app}, or correct `callback` in [app]",
        ))
    }

    fn callback_failed(&self) -> Option<SetupError> {
        let mut pages = self
            .act
            .iter()
            .rev()
            .filter(|entry| entry.is_page_of_the_app());
        let page = pages.next()?;
        if self.step.arrival == Arrived::TimedOut {
            let title = format!(
                "the clean login took longer than {}",
                humantime::format_duration(self.target.time_limit)
            );
            let advice = "raise `time-limit` in the target file if the client is that slow";
            return Some(self.error(title, Vec::new(), advice));
        }
        if self.step.arrival == Arrived::Loop {
            let title = "the clean login leads in a circle of redirects".to_owned();
            return Some(self.error(title, Vec::new(), "see where its pages send the browser"));
        }
        if page.answer.status().is_some_and(|status| status < 400) {
            return None;
        }
        let refused = self.record.transcript.iter().find(|entry| {
            entry.endpoint == Some(Endpoint::Token)
                && entry.answer.status().is_some_and(|status| status >= 400)
        });
        let redactor = Redactor::of(self.record);
        let more = refused.map(|entry| {
            format!(
                "the token endpoint answered {}",
                redactor.text(entry.answer.body())
            )
        });
        let advice = match refused {
            Some(_) => {
                "the token endpoint refused the client: is it configured with {client_secret}?"
            }
            None => "see its output",
        };
        let title = "the client does not finish a clean login".to_owned();
        Some(self.error(title, more.into_iter().collect(), advice))
    }

    fn nobody_shown(&self) -> SetupError {
        let page = self.record.probed(self.step).map(line);
        self.error(
            "the clean login ended, but the protected page does not show who is signed in"
                .to_owned(),
            page.into_iter().collect(),
            "`protected` in [app] must name a page that shows the user's sub, name, user name or \
             e-mail; or say how a signed-in page looks in [signed_in]",
        )
    }
}

/// An exchange without the values that nobody else should see.
fn line(entry: &Entry) -> String {
    let status = entry.answer.status();
    let status = status.map_or("no answer".to_owned(), |status| status.to_string());
    let mut url = entry.url.clone();
    url.set_query(None);
    format!("{} {url} → {status}", entry.method)
}
