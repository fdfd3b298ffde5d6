//! What a browser finds in a page: links, buttons, forms and their fields. Scripts are not run.

use reqwest::Method;
use scraper::{ElementRef, Html, Selector};
use url::Url;

/// What to click on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clickable {
    /// A link or a button with this text, whatever its case.
    Text(String),
    /// The first element that a CSS selector finds.
    Css(String),
}

/// The request that a click makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// The form that is sent.
    pub form: Option<String>,
}

/// Why nothing could be clicked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClickError {
    /// Nothing on the page fits.
    #[error("no link and no button fits{}", there(.0))]
    NotThere(Vec<String>),
    /// What fits leads nowhere without a script.
    #[error(
        "what fits is neither a link nor a button of a form: it needs a script, and so a browser"
    )]
    NeedsScript,
    /// The selector is none.
    #[error("`{0}` is no CSS selector")]
    Selector(String),
}

fn there(texts: &[String]) -> String {
    if texts.is_empty() {
        return "; the page has none at all".to_owned();
    }
    format!("; the page has {}", texts.join(", "))
}

/// Whether a text is a CSS selector.
pub fn is_selector(text: &str) -> bool {
    Selector::parse(text).is_ok()
}

/// The texts of the elements that a selector finds.
pub fn texts(page: &str, css: &str) -> Vec<String> {
    let Ok(selector) = Selector::parse(css) else {
        return Vec::new();
    };
    let document = Html::parse_document(page);
    document.select(&selector).map(text).collect()
}

/// Whether an element of a page runs a script on an event, such as `onclick`.
pub fn has_handler(page: &str, script: &str) -> bool {
    let document = Html::parse_document(page);
    let mut elements = document
        .tree
        .nodes()
        .filter_map(|node| node.value().as_element());
    elements.any(|element| {
        let mut attributes = element.attrs();
        attributes.any(|(name, value)| name.starts_with("on") && value.contains(script))
    })
}

/// A token under a name: a field of any form, or a meta tag; in a JSON page, a member.
pub fn token(page: &str, name: &str) -> Option<String> {
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(page) {
        return json.get(name)?.as_str().map(str::to_owned);
    }
    let document = Html::parse_document(page);
    let named = |tag: &str, value: &'static str| {
        let selector = Selector::parse(tag).ok()?;
        let mut found = document.select(&selector);
        let element = found.find(|element| element.attr("name") == Some(name))?;
        element.attr(value).map(str::to_owned)
    };
    named("input", "value").or_else(|| named("meta", "content"))
}

/// The fields that the form for a path is sent with, hidden ones and those that are filled in. If
/// no form has this path, the fields of the first form with hidden ones.
pub fn fields(page: &str, at: &Url, path: &str) -> Vec<(String, String)> {
    let document = Html::parse_document(page);
    let (Ok(forms), Ok(hidden)) = (
        Selector::parse("form"),
        Selector::parse("input[type=hidden i]"),
    ) else {
        return Vec::new();
    };
    let path = path.split('?').next().unwrap_or_default();
    let leads = |form: &ElementRef| {
        let action = form.attr("action").unwrap_or_default();
        at.join(action).is_ok_and(|url| url.path() == path)
    };
    let form = document.select(&forms).find(leads).or_else(|| {
        document
            .select(&forms)
            .find(|form| form.select(&hidden).next().is_some())
    });
    form.map(values).unwrap_or_default()
}

/// What a click on a page does.
///
/// # Errors
/// Where nothing fits, or what fits does nothing without a script.
pub fn click(page: &str, at: &Url, on: &Clickable) -> Result<Click, ClickError> {
    let document = Html::parse_document(page);
    let all = "a[href], button, input[type=submit i], input[type=button i], input[type=image i]";
    let all = Selector::parse(all).map_err(|_| ClickError::Selector(all.to_owned()))?;
    let element = match on {
        Clickable::Css(css) => {
            let selector = Selector::parse(css).map_err(|_| ClickError::Selector(css.clone()))?;
            document.select(&selector).next()
        }
        Clickable::Text(wanted) => {
            let wanted = wanted.to_lowercase();
            let says = |element: &ElementRef| label(*element).to_lowercase();
            let whole = document.select(&all).find(|it| says(it) == wanted);
            whole.or_else(|| document.select(&all).find(|it| says(it).contains(&wanted)))
        }
    };
    let element = element.ok_or_else(|| {
        let labels = document.select(&all).map(label).filter(|it| !it.is_empty());
        ClickError::NotThere(labels.take(8).map(|it| format!("`{it}`")).collect())
    })?;
    follow(element, at).ok_or(ClickError::NeedsScript)
}

/// What a link or a button of a form leads to. A click on what is inside one counts as well.
fn follow(element: ElementRef, at: &Url) -> Option<Click> {
    let around =
        || std::iter::once(element).chain(element.ancestors().filter_map(ElementRef::wrap));
    if let Some(link) = around().find(|it| it.value().name() == "a" && it.attr("href").is_some()) {
        let url = at.join(link.attr("href")?).ok()?;
        let url = matches!(url.scheme(), "http" | "https").then_some(url)?;
        return Some(Click {
            method: Method::GET,
            url,
            form: None,
        });
    }
    let form = around().find(|it| it.value().name() == "form")?;
    let own = |name: &str| element.attr(name).filter(|it| !it.is_empty());
    let action = own("formaction")
        .or(form.attr("action"))
        .unwrap_or_default();
    let mut url = at.join(action).ok()?;
    url.set_fragment(None);
    let method = own("formmethod").or(form.attr("method")).unwrap_or("get");
    let mut pairs = values(form);
    if let Some(name) = own("name") {
        let value = element.attr("value").unwrap_or_default();
        pairs.push((name.to_owned(), value.to_owned()));
    }
    let sent = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    if method.eq_ignore_ascii_case("post") {
        return Some(Click {
            method: Method::POST,
            url,
            form: Some(sent),
        });
    }
    url.set_query((!sent.is_empty()).then_some(&sent));
    Some(Click {
        method: Method::GET,
        url,
        form: None,
    })
}

/// Names and values of a form's fields, without its buttons.
fn values(form: ElementRef) -> Vec<(String, String)> {
    let Ok(inputs) = Selector::parse("input[name], textarea[name]") else {
        return Vec::new();
    };
    let kept = |input: &ElementRef| {
        let kind = input.attr("type").unwrap_or("text").to_lowercase();
        match kind.as_str() {
            "submit" | "button" | "image" | "reset" | "file" => false,
            "checkbox" | "radio" => input.attr("checked").is_some(),
            _ => true,
        }
    };
    let pair = |input: ElementRef| {
        let value = match input.value().name() {
            "textarea" => text(input),
            _ => input.attr("value").unwrap_or_default().to_owned(),
        };
        Some((input.attr("name")?.to_owned(), value))
    };
    form.select(&inputs).filter(kept).filter_map(pair).collect()
}

/// The words on a link or a button.
fn label(element: ElementRef) -> String {
    let attribute = |name: &str| element.attr(name).map(str::to_owned);
    let words = match element.value().name() {
        "input" => attribute("value").unwrap_or_default(),
        _ => text(element),
    };
    if words.is_empty() {
        return attribute("aria-label")
            .or(attribute("title"))
            .unwrap_or_default();
    }
    words
}

/// An element's text, with its white space as a browser shows it.
fn text(element: ElementRef) -> String {
    let words: String = element.text().collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_is_an_attribute_and_no_text() {
        let escaped = r#"<p title="&quot; onclick=&quot;run()">" onclick="run()</p>"#;
        assert!(!has_handler(escaped, "run()"));
        assert!(has_handler(r#"<p title="" onclick="run()">x</p>"#, "run()"));
        assert!(!has_handler(
            r#"<p title="" data-on="run()">x</p>"#,
            "run()"
        ));
    }

    const PAGE: &str = r#"
        <html><head><meta name="_csrf" content="from-meta"></head><body>
        <a href="/help">Help</a>
        <a href="/auth/login?next=%2F"><b>Sign in</b> with SSO</a>
        <form action="/search"><input name="q" value="x"><button>Search</button></form>
        <form method="post" action="logout">
          <input type="hidden" name="csrf_token" value="t1">
          <input type="checkbox" name="everywhere" value="1">
          <button name="how" value="now">Sign out</button>
        </form>
        <div onclick="go()">By script</div>
        </body></html>"#;

    fn at() -> Url {
        Url::parse("http://localhost:1/account/").expect("a URL of this test")
    }

    fn on(text: &str) -> Result<Click, ClickError> {
        click(PAGE, &at(), &Clickable::Text(text.to_owned()))
    }

    #[test]
    fn a_link_is_found_by_its_text_whatever_the_case() {
        let click = on("sign in").expect("it is there");
        assert_eq!(click.url.as_str(), "http://localhost:1/auth/login?next=%2F");
        assert_eq!(click.method, Method::GET);
    }

    #[test]
    fn a_button_sends_its_form_with_its_own_name() {
        let click = on("Sign out").expect("it is there");
        assert_eq!(click.url.as_str(), "http://localhost:1/account/logout");
        assert_eq!(click.form.as_deref(), Some("csrf_token=t1&how=now"));
        let click = on("Search").expect("it is there");
        assert_eq!(click.url.as_str(), "http://localhost:1/search?q=x");
    }

    #[test]
    fn what_is_not_there_is_answered_with_what_is() {
        let error = on("Log in").expect_err("it is not there").to_string();
        assert!(error.contains("`Help`, `Sign in with SSO`"), "{error}");
        let script = Clickable::Css("div".to_owned());
        assert_eq!(click(PAGE, &at(), &script), Err(ClickError::NeedsScript));
    }

    #[test]
    fn a_token_is_in_a_field_a_meta_tag_or_a_member() {
        assert_eq!(token(PAGE, "csrf_token").as_deref(), Some("t1"));
        assert_eq!(token(PAGE, "_csrf").as_deref(), Some("from-meta"));
        assert_eq!(
            token(r#"{"csrfToken": "t2"}"#, "csrfToken").as_deref(),
            Some("t2")
        );
        assert_eq!(token(PAGE, "other"), None);
    }

    #[test]
    fn the_fields_of_a_form_are_those_of_its_path() {
        let pairs = fields(PAGE, &at(), "/account/logout");
        assert_eq!(pairs, [("csrf_token".to_owned(), "t1".to_owned())]);
        assert_eq!(fields(PAGE, &at(), "/nowhere"), pairs);
        assert_eq!(fields("<p>", &at(), "/"), []);
    }

    #[test]
    fn a_selector_finds_texts() {
        assert_eq!(texts(PAGE, "form button"), ["Search", "Sign out"]);
        assert!(!is_selector("[["));
    }
}
