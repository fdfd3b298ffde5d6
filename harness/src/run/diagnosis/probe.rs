//! Why the protected page does not look as `[signed_in]` or `[signed_out]` says.

use serde_json::Value;

use super::{Case, Change};
use crate::scenario::Browser;
use crate::target::{Account, Probe};
use crate::transcript::Entry;
use crate::user_agent::Answer;

impl Case<'_> {
    /// `[signed_out]` fits a page that shows its user.
    pub(super) fn signed_out_fits(&self, probed: &Entry) -> Option<Change> {
        let page = answer(probed);
        let fits = self.target.signed_out.as_ref()?.fits(&page);
        let account = self.record.accounts.of(Browser::Victim);
        let signed_in = self.target.signed_in.as_ref();
        let shows = match signed_in {
            Some(probe) => probe.filled(account).fits(&page),
            None => !shown(account, page.body()).is_empty(),
        };
        (fits && shows).then(|| {
            self.at(
                &["signed_out"],
                "fits the page of a signed-in user as well",
                "write what only the page for everybody else has, or leave [signed_out] out if \
                 [signed_in] is enough",
            )
        })
    }

    /// What of `[signed_in]` does not fit the page.
    pub(super) fn signed_in_unfit(&self, probed: &Entry) -> Option<Change> {
        let typed = self.target.signed_in.as_ref()?;
        let page = answer(probed);
        let account = self.record.accounts.of(Browser::Victim);
        let wanted = typed.filled(account);
        if let Some(change) = self.status_unfit(&wanted, &page) {
            return Some(change);
        }
        let css = Probe {
            css: wanted.css.clone(),
            ..Probe::default()
        };
        if !css.fits(&page) {
            let label = "no element of the page fits";
            let advice = "name one that the page has for its user, or leave `css` out";
            return Some(self.at(&["signed_in", "css"], label, advice));
        }
        let text = Probe {
            text: wanted.text.clone(),
            ..css
        };
        if !text.fits(&page) {
            return Some(self.text_unfit(typed, account, page.body()));
        }
        self.json_unfit(typed, &wanted, &page)
    }

    fn status_unfit(&self, wanted: &Probe, page: &Answer) -> Option<Change> {
        let status = page.status()?;
        (wanted.status? != status).then(|| {
            let label = format!("the status is {status}");
            let advice = format!("write status = {status}, or leave it out");
            self.at(&["signed_in", "status"], &label, advice)
        })
    }

    fn text_unfit(&self, typed: &Probe, account: &Account, page: &str) -> Change {
        let key = ["signed_in", "text"];
        let shown = shown(account, page);
        let Some(first) = shown.first() else {
            let mut advice = "let `protected` name a page that shows its user's e-mail, name or \
                              sub, and write text = \"{user.email}\", or {user.name}, or {user.sub}"
                .to_owned();
            if let Some(more) = self.poor_scope() {
                advice.push_str(&more);
            }
            return self.at(&key, "the page shows nothing of its user", advice);
        };
        let text = typed.text.as_deref().unwrap_or_default();
        let named = shown.iter().find(|name| text.contains(**name));
        let write = format!("write text = \"{}\"", named.unwrap_or(first));
        let (label, advice) = match (&typed.css, named) {
            (Some(css), Some(name)) => (
                format!("the page shows {name}, but not as this in `{css}`"),
                format!("{write}, with the `css` of the element that shows it"),
            ),
            (None, Some(name)) => (
                format!("the page shows {name}, without these words around it"),
                write,
            ),
            (_, None) => (format!("the page shows {}", shown.join(", ")), write),
        };
        self.at(&key, &label, advice)
    }

    fn json_unfit(&self, typed: &Probe, wanted: &Probe, page: &Answer) -> Option<Change> {
        let account = self.record.accounts.of(Browser::Victim);
        let Ok(document) = serde_json::from_str::<Value>(page.body()) else {
            let advice = match shown(account, page.body()).first() {
                Some(name) => {
                    format!("it shows {name}: write text = \"{name}\" in place of `json`")
                }
                None => "write `text` in place of `json`".to_owned(),
            };
            return Some(self.at(&["signed_in", "json"], "the page is no JSON", advice));
        };
        let (path, value) = wanted.json.iter().find(|(path, value)| {
            let one = Probe {
                json: [((*path).clone(), (*value).clone())].into(),
                ..Probe::default()
            };
            !one.fits(page)
        })?;
        let there = serde_json_path::JsonPath::parse(path).ok();
        let there = there.and_then(|it| it.query(&document).first().cloned());
        let label = match there {
            Some(found) => format!("it is {found} at `{path}`"),
            None => format!("nothing at `{path}`"),
        };
        let typed = typed.json.get(path).map_or("", String::as_str);
        let advice = match path_of(&document, value, "$") {
            Some(other) => format!("write \"{other}\" = \"{typed}\""),
            None => "write a path that is there for a signed-in user, and what stands at it".into(),
        };
        Some(self.at(&["signed_in", "json", path], &label, advice))
    }

    /// Whether the page shows its user in any way.
    pub(super) fn shows_its_user(&self, probed: &Entry) -> bool {
        let account = self.record.accounts.of(Browser::Victim);
        !shown(account, probed.shown()).is_empty()
    }
}

/// The page as a browser shows it.
fn answer(entry: &Entry) -> Answer {
    match (&entry.answer, &entry.made) {
        (
            Answer::Page {
                status, headers, ..
            },
            Some(made),
        ) => Answer::Page {
            status: *status,
            headers: headers.clone(),
            body: made.clone(),
        },
        (answer, _) => answer.clone(),
    }
}

/// Which placeholders stand for something that a page shows. A user name within the address is
/// none of its own.
fn shown(account: &Account, page: &str) -> Vec<&'static str> {
    let page = page.replace(&account.email, "{user.email}");
    [
        ("{user.email}", "{user.email}"),
        ("{user.name}", &account.name),
        ("{user.preferred_username}", &account.preferred_username),
        ("{user.sub}", &account.sub),
    ]
    .into_iter()
    .filter(|(_, needle)| page.contains(needle))
    .map(|(name, _)| name)
    .collect()
}

/// The path at which a JSON document has a text.
fn path_of(document: &Value, text: &str, path: &str) -> Option<String> {
    match document {
        Value::String(found) => (found == text).then(|| path.to_owned()),
        Value::Object(members) => members
            .iter()
            .find_map(|(name, member)| path_of(member, text, &format!("{path}.{name}"))),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, item)| path_of(item, text, &format!("{path}[{at}]"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_found_in_a_document() {
        let document = json!({ "a": 1, "user": { "mails": ["x", "y"] } });
        let path = path_of(&document, "y", "$");
        assert_eq!(path.as_deref(), Some("$.user.mails[1]"));
        assert_eq!(path_of(&document, "z", "$"), None);
    }

    #[test]
    fn what_a_page_shows_is_named_once() {
        let account = Account {
            sub: "alice-1".to_owned(),
            name: "Alice 1".to_owned(),
            preferred_username: "alice.1".to_owned(),
            email: "alice.1@example.test".to_owned(),
        };
        assert_eq!(shown(&account, "<b>alice.1@example.test"), ["{user.email}"]);
        assert_eq!(
            shown(&account, "alice.1: Alice 1"),
            ["{user.name}", "{user.preferred_username}"]
        );
    }
}
