//! Forms of a page, and how a target file has them sent.

use scraper::{ElementRef, Html, Selector};
use url::Url;

/// A form that is posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    /// Where it goes.
    action: String,
    /// The names of its hidden fields.
    pub(super) hidden: Vec<String>,
}

/// The forms of a page that are posted.
pub(super) fn forms(page: &str, at: &Url) -> Vec<Form> {
    let (Ok(forms), Ok(inputs)) = (
        Selector::parse("form"),
        Selector::parse("input[type=hidden i][name]"),
    ) else {
        return Vec::new();
    };
    let form = |form: ElementRef| {
        let method = form.attr("method")?;
        let action = at.join(form.attr("action").unwrap_or_default()).ok()?;
        let posted = method.eq_ignore_ascii_case("post") && action.origin() == at.origin();
        posted.then(|| Form {
            action: action[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
            hidden: form
                .select(&inputs)
                .filter_map(|input| input.attr("name").map(str::to_owned))
                .collect(),
        })
    };
    Html::parse_document(page)
        .select(&forms)
        .filter_map(form)
        .collect()
}

impl Form {
    /// Whether it goes to a path.
    pub(super) fn goes_to(&self, path: &str) -> bool {
        let bare = |path: &str| path.split('?').next().map(str::to_owned);
        bare(&self.action) == bare(path)
    }

    /// How it is sent from a page at a path.
    pub(super) fn way(&self, from: &str) -> String {
        let pair = |name: &str, value: Option<&str>| {
            value.map_or(String::new(), |value| format!(", {name} = \"{value}\""))
        };
        let path = &self.action;
        let token = pair("csrf", self.token());
        let page = pair("from", Some(from).filter(|from| from != path));
        format!("{{ path = \"{path}\", method = \"POST\"{token}{page} }}")
    }

    /// The field that holds the token against cross-site requests, by its name, or because there
    /// is no other.
    pub(super) fn token(&self) -> Option<&str> {
        let named = |name: &&String| {
            let name = name.to_lowercase();
            ["csrf", "xsrf", "token", "nonce"]
                .iter()
                .any(|word| name.contains(word))
        };
        let found = self.hidden.iter().find(named);
        let only = self.hidden.first().filter(|_| self.hidden.len() == 1);
        found.or(only).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<form action=/search><input type=hidden name=q></form>\
        <form method=POST><input type=hidden name=next><input type=hidden name=_csrf></form>\
        <form method=post action=go><input name=user></form>\
        <form method=post action=http://elsewhere.test/></form>";

    #[test]
    fn forms_are_sent_as_they_are_written() {
        let at = Url::parse("http://localhost:1/in").expect("a URL of this test");
        let ways: Vec<String> = forms(PAGE, &at).iter().map(|it| it.way("/in")).collect();
        assert_eq!(
            ways,
            [
                "{ path = \"/in\", method = \"POST\", csrf = \"_csrf\" }",
                "{ path = \"/go\", method = \"POST\", from = \"/in\" }",
            ]
        );
    }
}
