//! From the login page to the authorization endpoint.

use std::time::Duration;

use oauth_gauntlet_provider::Endpoint;
use url::{Position, Url};

use super::form::forms;
use super::{Case, Change, excerpt};
use crate::run::baseline::links;
use crate::run::{Arrived, SetupError};
use crate::target::{Reach, Ready, Way};
use crate::transcript::{Entry, Party};
use crate::user_agent::Answer;

/// A time limit below this is more likely to be a mistake than any page.
const SHORT: Duration = Duration::from_secs(1);

impl Case<'_> {
    /// The browser never came to the authorization endpoint.
    pub(super) fn login_never_left(&self) -> Option<SetupError> {
        if self.authorization_request().is_some() {
            return None;
        }
        let login = self.target.app.login.path();
        let first = self.act.first()?;
        let last = self.act.last()?;
        if let Some(away) = self.act.iter().find(|entry| entry.to == Party::Elsewhere) {
            return Some(self.went_elsewhere(away));
        }
        if let Arrived::Astray(location) = &self.step.arrival {
            let title = format!("the client sends its users to `{location}`, which is no URL");
            return Some(self.error(title, Vec::new(), self.issuer_elsewhere()));
        }
        let Some(status) = last.answer.status() else {
            return Some(self.no_answer(last));
        };
        let is_login = last.url == first.url || last.url.path() == bare(login);
        if status == 404 && matches!(last.to, Party::Provider(_)) {
            return Some(self.no_such_endpoint(last));
        }
        let (title, change) = match status {
            405 if is_login && last.method == "POST" => (
                format!("the client answers 405 to POST {login}: it is no form"),
                self.at(
                    &["app", "login"],
                    "",
                    format!("write login = \"{login}\", without a method"),
                ),
            ),
            404 if is_login => (
                format!("there is no page at GET {login}: the client answers 404"),
                self.at(&["app", "login"], "", self.which_page("login")),
            ),
            405 if is_login => (
                format!("the client answers 405 to GET {login}: a login there wants a form"),
                self.at(
                    &["app", "login"],
                    "",
                    format!(
                        "write login = {{ path = \"{login}\", method = \"POST\" }}, with `csrf` where \
                         it wants a token, or name the page that starts a login when it is opened"
                    ),
                ),
            ),
            404 => (
                format!(
                    "the client sends its users to {}, which is a page of its own and not there",
                    last.url.path()
                ),
                self.issuer_elsewhere(),
            ),
            400.. => return Some(self.login_failed(last, status)),
            _ if self.step.arrival == Arrived::Loop => (
                format!("GET {login} leads in a circle of redirects"),
                self.at(
                    &["app", "login"],
                    "",
                    "see where its pages send the browser",
                ),
            ),
            _ => (
                format!("GET {login} never led to the issuer's authorization endpoint"),
                self.at(
                    &["app", "login"],
                    "the page that starts a login",
                    self.page_on_the_way(last),
                ),
            ),
        };
        let more = match status {
            200..400 => vec![format!("the page says {}", excerpt(last.shown()))],
            _ => Vec::new(),
        };
        Some(self.error(title, more, change))
    }

    /// The client sends its users to a page of the issuer that is none.
    fn no_such_endpoint(&self, last: &Entry) -> SetupError {
        let path = last.url.path();
        let title = format!("the client sends its users to {path}, where its issuer has no page");
        if let Some((given, change)) = self.more_than_the_issuer() {
            return self.error(title, vec![given], change);
        }
        let change = self.path_of_a_vendor(last, Endpoint::Authorize);
        let change = change.unwrap_or_else(|| self.issuer_elsewhere());
        self.error(title, Vec::new(), change)
    }

    /// The client answered the login with an error.
    fn login_failed(&self, last: &Entry, status: u16) -> SetupError {
        let login = self.target.app.login.path();
        let title = format!("the client answers {status} to {} {login}", last.method);
        if let Some((why, change)) = self.given_away() {
            return self.error(format!("{title}: {why}"), Vec::new(), change);
        }
        let contacted = self.issuer_contacted();
        if let Some((given, change)) = self.more_than_the_issuer()
            && (!contacted || given.ends_with('/'))
        {
            let title = format!("{title}, and was given more than its issuer");
            return self.error(title, vec![given], change);
        }
        if !contacted {
            if let Some(change) = self.other_login() {
                let title = format!("{title}: that page begins no login");
                return self.error(title, Vec::new(), change);
            }
            let title = format!("{title} and never contacted its issuer");
            return self.error(title, Vec::new(), self.issuer_elsewhere());
        }
        let refused = self.record.transcript.iter().find(|entry| {
            matches!(entry.to, Party::Provider(_))
                && entry.answer.status().is_some_and(|status| status >= 400)
        });
        let advice = match refused {
            Some(entry) => format!(
                "it asked the issuer for {} and got {}: the issuer is {}, to the letter",
                entry.url.path(),
                entry.answer.status().unwrap_or_default(),
                self.record.places.honest
            ),
            None => "see its output; the issuer was reached and answered".to_owned(),
        };
        let change = match refused {
            Some(_) => self.handed("issuer", advice),
            None => self.at(&["app", "login"], "", advice),
        };
        self.error(title, Vec::new(), change)
    }

    /// The login that the start page leads to, where it leads to another one alone.
    fn other_login(&self) -> Option<Change> {
        let login = bare(self.target.app.login.path());
        let links = &self.clues.links;
        if links.iter().any(|link| bare(link) == login) {
            return None;
        }
        self.linked("login")?;
        Some(self.at(&["app", "login"], "", self.which_page("login")))
    }

    fn no_answer(&self, last: &Entry) -> SetupError {
        let path = last.url.path();
        let method = &last.method;
        if self.step.arrival == Arrived::TimedOut {
            let limit = self.target.time_limit;
            let shown = humantime::format_duration(limit);
            let title = format!("the client does not answer {method} {path} within {shown}");
            if let Some((why, change)) = self.given_away() {
                return self.error(format!("{title}: {why}"), Vec::new(), change);
            }
            let raise = |advice: &str| self.at(&["time-limit"], "", advice);
            if limit < SHORT {
                let change = raise("raise `time-limit`: that is short for a page");
                return self.error(title, Vec::new(), change);
            }
            if self.clues.slow {
                let title = format!("{title}, and its start page takes as long");
                let change = raise("raise `time-limit`: the client is that slow");
                return self.error(title, Vec::new(), change);
            }
            if !self.issuer_contacted() {
                let title = format!("{title}, and never contacted its issuer");
                return self.error(title, Vec::new(), self.issuer_elsewhere());
            }
            let advice = "is this the right page? A client that is so slow needs a higher \
                          `time-limit`";
            return self.error(title, Vec::new(), self.at(&["app", "login"], "", advice));
        }
        if let Some(error) = self.nothing_listens(last) {
            return error;
        }
        let title = format!("the client breaks the connection at {method} {path}");
        let change = self.at(&["app", "login"], "", "see its output");
        self.error(title, Vec::new(), change)
    }

    /// The program was taken for ready, and does not listen on its port.
    fn nothing_listens(&self, last: &Entry) -> Option<SetupError> {
        let Reach::Command { start, .. } = &self.target.reach else {
            return None;
        };
        let refused = matches!(&last.answer, Answer::Broken(why) if why.contains("refused"));
        if !refused || last.to != Party::App {
            return None;
        }
        let port = last.url.port_or_known_default()?;
        let output = &self.clues.output;
        let change = if let Some(advice) = start.ready_elsewhere() {
            self.at(&["start", "ready"], "", advice)
        } else if !matches!(start.ready, Ready::Url(_)) && output.contains(&port.to_string()) {
            let advice = "that is said before it listens: write ready = \"{app}/\", with the path \
                          of a page, or ready = { port = true }";
            self.at(&["start", "ready"], "", advice)
        } else {
            let (key, advice) = start.listens_elsewhere(port, output);
            let key: Vec<&str> = key.iter().map(String::as_str).collect();
            self.at(&key, "", advice)
        };
        let origin = last.url.origin().ascii_serialization();
        let title = format!("nothing listens at {origin}, though the program was ready");
        Some(self.error(title, Vec::new(), change))
    }

    /// The browser was sent to somebody who is none of ours.
    fn went_elsewhere(&self, away: &Entry) -> SetupError {
        let issuer = &self.record.places.honest;
        let mut shown = away.url.clone();
        shown.set_query(None);
        let title = format!("the client sends its users to {shown}, and its issuer is {issuer}");
        let (Ok(ours), theirs) = (Url::parse(issuer), &away.url) else {
            return self.error(title, Vec::new(), self.issuer_elsewhere());
        };
        let (host, other) = (ours.host_str(), theirs.host_str());
        let loopback = |host: Option<&str>| matches!(host, Some("127.0.0.1" | "localhost"));
        let change = match &self.target.reach {
            _ if other == Some("host.docker.internal") && other != host => self.at(
                &["provider", "issuer-host"],
                "",
                "write [provider] with issuer-host = \"host.docker.internal\": browsers find it \
                 without help",
            ),
            Reach::Attached(_) if loopback(other) && ours.port() != theirs.port() => {
                let port = theirs.port_or_known_default().unwrap_or_default();
                self.at(
                    &["attach", "issuer-port"],
                    "the app expects its issuer at another port",
                    format!("write issuer-port = {port}"),
                )
            }
            Reach::Attached(_) => self.at(
                &["attach", "issuer-port"],
                "the issuer is here",
                format!("configure the app with the issuer {issuer}"),
            ),
            _ if theirs.scheme() != ours.scheme() && ours.scheme() == "http" => self.at(
                &["provider", "tls"],
                "",
                "the client makes it https: write [provider] with tls = true",
            ),
            _ => self.handed(
                "issuer",
                "the client has its issuer from elsewhere: write {issuer} under the name that it \
                 reads, and look for a URL in its code or in a file such as .env",
            ),
        };
        self.error(title, Vec::new(), change)
    }

    /// The link of the start page that a key may mean.
    fn linked(&self, key: &str) -> Option<&str> {
        let words: &[&str] = match key {
            "login" => &[
                "login", "log-in", "signin", "sign-in", "auth", "oidc", "oauth", "sso",
            ],
            "logout" => &["logout", "log-out", "signout", "sign-out"],
            _ => &["profile", "account", "me", "user", "dashboard", "home"],
        };
        let fits = |link: &&String| {
            let link = link.to_lowercase();
            words.iter().any(|word| link.contains(word))
                && (key == "logout" || !link.contains("out"))
        };
        self.clues.links.iter().find(fits).map(String::as_str)
    }

    /// Which page may be meant, by the links of the start page.
    pub(super) fn which_page(&self, key: &str) -> String {
        let links = &self.clues.links;
        if let Some(link) = self.linked(key) {
            return format!("its start page has a link to {link}: write {key} = \"{link}\"");
        }
        let what = match key {
            "login" => "the page that starts a login",
            "logout" => "the page that signs out",
            _ => "the page that shows who is signed in",
        };
        if links.is_empty() {
            return format!("write the path of {what}: {key} = \"/…\"");
        }
        let links: Vec<&str> = links.iter().map(String::as_str).take(6).collect();
        format!(
            "write the path of {what}: {key} = \"/…\"; its start page leads to {}",
            links.join(", ")
        )
    }

    /// A page that was shown in place of a redirect, and where its links lead.
    fn page_on_the_way(&self, last: &Entry) -> String {
        let login = self.target.app.login.path();
        let forms = forms(last.shown(), &last.url);
        if let ([form], Way::Open(_)) = (forms.as_slice(), &self.target.app.login) {
            let way = form.way(&last.url[Position::BeforePath..Position::AfterQuery]);
            return format!("that page has a form: write login = {way}");
        }
        let links = links(last.shown());
        let starts = links.iter().find(|link| {
            let words = ["login", "auth", "oidc", "oauth", "sso", "sign"];
            !link.starts_with(login)
                && !link.contains("out")
                && words.iter().any(|word| link.contains(word))
        });
        match starts {
            Some(link) => format!("that page leads on to {link}: write login = \"{link}\""),
            None => format!(
                "write the page that redirects to the issuer, which is {}",
                self.record.places.honest
            ),
        }
    }
}

/// A path without its query.
fn bare(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}
