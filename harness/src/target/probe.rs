//! How a page is recognised: by its status, its text, its JSON, its elements.

use std::collections::BTreeMap;

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::instance::Account;
use super::placeholder::Values;
use crate::user_agent::{Answer, texts};

/// How a page looks. Everything that is said must be so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Probe {
    /// The status code.
    pub status: Option<u16>,
    /// Text that stands in the page, or with `css` in one of its elements. One that begins with
    /// `(?`, such as `(?i)signed in as`, is a regular expression. `{user.email}`, `{user.sub}`,
    /// `{user.name}` and `{user.preferred_username}` are the account's.
    pub text: Option<String>,
    /// For a JSON page: paths (RFC 9535) and what one of the values at each has to be, such as
    /// `{ "$.email" = "{user.email}" }`.
    pub json: BTreeMap<String, String>,
    /// A CSS selector that finds an element.
    pub css: Option<String>,
}

/// Whether a text of a target file is a regular expression.
pub(super) fn is_regex(text: &str) -> bool {
    text.starts_with("(?")
}

impl Probe {
    /// Whether it tells one account from another.
    pub fn names_account(&self) -> bool {
        let texts = self.text.iter().chain(self.json.values());
        texts.into_iter().any(|text| text.contains("{user."))
    }

    /// The probe for one account.
    #[must_use]
    pub fn filled(&self, account: &Account) -> Self {
        let values = values(account);
        let text = self.text.as_ref().map(|text| {
            if is_regex(text) {
                // What is filled in stands for itself.
                values.fill_with(text, regex::escape)
            } else {
                values.fill(text)
            }
        });
        let json = self.json.iter();
        Self {
            status: self.status,
            text,
            json: json
                .map(|(path, wanted)| (path.clone(), values.fill(wanted)))
                .collect(),
            css: self.css.clone(),
        }
    }

    /// Whether a page looks like this.
    pub fn fits(&self, answer: &Answer) -> bool {
        self.status
            .is_none_or(|wanted| answer.status() == Some(wanted))
            && self.text_fits(answer.body())
            && self.json_fits(answer.body())
    }

    fn text_fits(&self, body: &str) -> bool {
        let parts = match &self.css {
            Some(css) => texts(body, css),
            None => vec![body.to_owned()],
        };
        match &self.text {
            None => !parts.is_empty(),
            Some(text) if is_regex(text) => {
                Regex::new(text).is_ok_and(|it| parts.iter().any(|part| it.is_match(part)))
            }
            Some(text) => parts.iter().any(|part| part.contains(text)),
        }
    }

    fn json_fits(&self, body: &str) -> bool {
        if self.json.is_empty() {
            return true;
        }
        let Ok(page) = serde_json::from_str::<Value>(body) else {
            return false;
        };
        self.json.iter().all(|(path, wanted)| {
            JsonPath::parse(path).is_ok_and(|path| {
                let found = path.query(&page).all();
                found.into_iter().any(|value| match value {
                    Value::String(text) => text == wanted,
                    // Numbers and words as JSON has them.
                    other => *wanted == format!("{other}"),
                })
            })
        })
    }
}

/// What stands for an account in a probe.
fn values(account: &Account) -> Values {
    let mut values = Values::default();
    values.set("user.email", account.email.as_str());
    values.set("user.name", account.name.as_str());
    values.set(
        "user.preferred_username",
        account.preferred_username.as_str(),
    );
    values.set("user.sub", account.sub.as_str());
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(status: u16, body: &str) -> Answer {
        Answer::Page {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
        }
    }

    fn probe(toml: &str) -> Probe {
        toml::from_str(toml).expect("a probe of this test")
    }

    fn alice() -> Account {
        Account::new("alice", "x1")
    }

    #[test]
    fn a_text_stands_in_the_page_and_a_pattern_matches_it() {
        let page = page(200, "<p>Signed in as <b>alice.x1@example.com</b></p>");
        assert!(probe("text = '{user.email}'").filled(&alice()).fits(&page));
        assert!(!probe("text = 'signed in'").fits(&page));
        assert!(
            probe("text = '(?i)signed in as <b>{user.email}'")
                .filled(&alice())
                .fits(&page)
        );
        // The dots of an address are no wild cards.
        let other = self::page(200, "signed in as <b>aliceqx1@example.com");
        assert!(
            !probe("text = '(?i)signed in as <b>{user.email}'")
                .filled(&alice())
                .fits(&other)
        );
    }

    #[test]
    fn a_status_alone_is_enough() {
        assert!(probe("status = 200").fits(&page(200, "")));
        assert!(!probe("status = 200").fits(&page(401, "")));
    }

    #[test]
    fn json_is_asked_by_path_and_compared_as_a_whole() {
        let page = page(
            200,
            r#"{"user": {"email": "alice.x1@example.com", "id": 7}}"#,
        );
        let fits = |toml: &str| probe(toml).filled(&alice()).fits(&page);
        assert!(fits(
            r#"json = { "$.user.email" = "{user.email}", "$..id" = "7" }"#
        ));
        assert!(!fits(r#"json = { "$.user.email" = "alice" }"#));
        assert!(!fits(r#"json = { "$.email" = "{user.email}" }"#));
    }

    #[test]
    fn a_selector_finds_an_element_and_its_text() {
        let page = page(200, "<p>alice</p><b data-testid=user>bob</b>");
        assert!(probe("css = '[data-testid=user]'\ntext = 'bob'").fits(&page));
        assert!(!probe("css = '[data-testid=user]'\ntext = 'alice'").fits(&page));
        assert!(!probe("css = '[role=alert]'").fits(&page));
    }
}
