//! Why a way to sign in could not be gone: the page that it begins at is looked at once more, as a
//! stranger sees it.

use url::Url;

use super::form::{Form, forms};
use crate::run::SetupError;
use crate::run::play::{RunError, Stuck};
use crate::scenario::Act;
use crate::target::{Instance, Target, Way};
use crate::user_agent::{Answer, click, http_client, receive};

/// What to change, and what is wrong there if more is known than what the browser missed.
struct Reason {
    key: Vec<&'static str>,
    title: Option<String>,
    advice: String,
}

/// An act that the target file describes and that could not be played.
pub(in crate::run) async fn stuck(
    target: &Target,
    instance: &Instance,
    stuck: &Stuck,
) -> SetupError {
    let name = match stuck.act {
        Act::SignOut => "logout",
        _ => "login",
    };
    let reason = match stuck.error {
        RunError::Page(_) if name == "login" => look(target, instance).await,
        _ => None,
    };
    let reason = reason.unwrap_or_else(|| Reason {
        key: vec!["app", name],
        title: None,
        advice: match stuck.error {
            RunError::Page(_) => "write what that page has, or name another page",
            RunError::Fault(_)
            | RunError::Missing { .. }
            | RunError::Unsaid(_)
            | RunError::Browser(_)
            | RunError::Ended { .. } => "say it there",
        }
        .to_owned(),
    });
    let source = target.source.as_ref();
    SetupError {
        title: reason.title.unwrap_or_else(|| stuck.error.to_string()),
        seen: Vec::new(),
        place: source.map(|source| source.at(&reason.key, "", &reason.advice)),
        advice: Some(reason.advice),
        output: Vec::new(),
    }
}

/// A page of the client, as a browser without cookies is answered.
struct Page {
    path: String,
    url: Url,
    answer: Answer,
}

async fn open(instance: &Instance, path: &str) -> Option<Page> {
    let base = instance.behind_proxy.as_ref().unwrap_or(&instance.app);
    let url = Url::parse(&format!("{base}{path}")).ok()?;
    let request = http_client().get(url.clone()).header("accept", "text/html");
    let answer = receive(request.timeout(std::time::Duration::from_secs(2))).await;
    Some(Page {
        path: path.to_owned(),
        url,
        answer,
    })
}

async fn look(target: &Target, instance: &Instance) -> Option<Reason> {
    let protected = &target.app.protected;
    match &target.app.login {
        Way::Open(_) => None,
        Way::Click { open: at, on } => {
            let page = open(instance, at.as_ref().unwrap_or(protected)).await?;
            let start = open(instance, "/").await?;
            let elsewhere = click(start.answer.body(), &start.url, on).is_ok();
            let missing = page.missing("open");
            if !elsewhere || page.path == "/" {
                return missing;
            }
            Some(Reason {
                key: vec!["app", "login", "open"],
                title: missing.and_then(|reason| reason.title),
                advice: "its start page has what is clicked: write open = \"/\"".to_owned(),
            })
        }
        Way::Send { path, from, .. } => {
            let first = open(instance, from.as_ref().unwrap_or(path)).await?;
            if from.is_some()
                && let Some(reason) = first.missing("from")
            {
                return Some(reason);
            }
            if let Some(reason) = first.needs_no_form(instance) {
                return Some(reason);
            }
            let mut pages = vec![first];
            if from.is_none() {
                pages.extend(open(instance, protected).await);
            }
            pages.iter().find_map(|page| page.other_token(path))
        }
    }
}

impl Page {
    /// The page that a key names is not there.
    fn missing(&self, key: &'static str) -> Option<Reason> {
        let status = self.answer.status().filter(|status| *status >= 400)?;
        let path = &self.path;
        let title = if status == 404 {
            format!("there is no page at GET {path}: the client answers 404")
        } else {
            format!("the client answers {status} to GET {path}")
        };
        let what = match key {
            "open" => "the page with what is clicked",
            _ => "the page with the form",
        };
        Some(Reason {
            key: vec!["app", "login", key],
            title: Some(title),
            advice: format!("write the path of {what}: {key} = \"/…\""),
        })
    }

    /// A login that begins when its page is opened.
    fn needs_no_form(&self, instance: &Instance) -> Option<Reason> {
        let location = self.answer.header("location")?;
        let to = self.url.join(location).ok()?;
        let issuer = instance.honest.url();
        to.as_str().starts_with(issuer).then(|| Reason {
            key: vec!["app", "login"],
            title: Some(format!(
                "the login has no form: GET {} leads to the issuer",
                self.path
            )),
            advice: format!("write login = \"{}\"", self.path),
        })
    }

    /// The token that the form has under another name.
    fn other_token(&self, path: &str) -> Option<Reason> {
        let forms = forms(self.answer.body(), &self.url);
        let goes_there = |form: &&Form| form.goes_to(path);
        let form = forms.iter().find(goes_there).or(forms.first())?;
        let page = &self.path;
        let advice = match (form.token(), form.hidden.len()) {
            (Some(token), _) => {
                format!("the form at {page} has `{token}`: write csrf = \"{token}\"")
            }
            (None, 0) => format!("the form at {page} has no hidden field: leave `csrf` out"),
            (None, _) => format!(
                "the form at {page} has the fields {}: write one of them, or leave `csrf` out, \
                 and all are sent along",
                form.hidden.join(", ")
            ),
        };
        Some(Reason {
            key: vec!["app", "login", "csrf"],
            title: None,
            advice,
        })
    }
}
