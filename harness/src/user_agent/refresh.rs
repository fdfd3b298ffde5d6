//! Pages that send their visitor on by themselves: `<meta http-equiv="refresh">`, or the header.

use scraper::{Html, Selector};
use url::Url;

use super::Answer;

/// The longest wait, in seconds, after which such a page still counts as a way on.
const PATIENCE: f64 = 10.0;

/// Where a page sends its visitor within some seconds. The wait itself is left out. A page that only
/// loads itself anew leads nowhere.
pub(super) fn next(at: &Url, answer: &Answer) -> Option<Url> {
    let said = answer.header("refresh").map(str::to_owned);
    let target = target(&said.or_else(|| of_markup(answer))?)?;
    let next = at.join(&target).ok()?;
    (matches!(next.scheme(), "http" | "https") && next != *at).then_some(next)
}

fn of_markup(answer: &Answer) -> Option<String> {
    let is_html = (answer.header("content-type")).is_none_or(|it| {
        it.trim_start()
            .to_ascii_lowercase()
            .starts_with("text/html")
    });
    // Most pages have none, and need not be parsed.
    if !is_html || !answer.body().to_ascii_lowercase().contains("http-equiv") {
        return None;
    }
    let metas = Selector::parse("meta[http-equiv=refresh i]").ok()?;
    let document = Html::parse_document(answer.body());
    let content = document.select(&metas).next()?.attr("content")?;
    Some(content.to_owned())
}

/// The address in `0; url='/next'` (HTML, the `http-equiv` attribute: refresh).
fn target(content: &str) -> Option<String> {
    let (wait, rest) = content.split_once([';', ',', ' '])?;
    let wait: f64 = wait.trim().parse().ok()?;
    if !(0.0..=PATIENCE).contains(&wait) {
        return None;
    }
    let rest = rest.trim_start_matches([';', ',', ' ']).trim();
    let name = rest.get(..3).filter(|it| it.eq_ignore_ascii_case("url"));
    let address = match name.map(|name| rest[name.len()..].trim_start()) {
        Some(rest) => rest.strip_prefix('=')?.trim(),
        None => rest,
    };
    let quote = address.chars().next().filter(|c| matches!(c, '"' | '\''));
    let address = match quote {
        Some(quote) => address[1..].split(quote).next()?,
        None => address,
    };
    (!address.is_empty()).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        Answer::Page {
            status: 200,
            headers: headers.collect(),
            body: body.to_owned(),
        }
    }

    fn leads(content: &str) -> Option<String> {
        let at = Url::parse("http://app.test/cb?code=c").unwrap();
        let html = format!("<html><head><META HTTP-EQUIV=Refresh CONTENT=\"{content}\">");
        let by_markup = next(
            &at,
            &page(&[("content-type", "text/html; charset=utf-8")], &html),
        );
        let by_header = next(&at, &page(&[("refresh", content)], ""));
        assert_eq!(by_markup, by_header, "{content}");
        by_header.map(String::from)
    }

    #[test]
    fn a_page_that_sends_its_visitor_on_is_followed() {
        let there = Some("http://app.test/next?a=b".to_owned());
        for content in [
            "0;url=/next?a=b",
            "0; URL='/next?a=b'",
            "5, url = /next?a=b",
            "0.5;/next?a=b",
            "0 url=http://app.test/next?a=b",
        ] {
            assert_eq!(leads(content), there, "{content}");
        }
    }

    #[test]
    fn a_page_that_stays_where_it_is_is_not() {
        for content in [
            "5",
            "0;url=",
            "0;url=/cb?code=c",
            "3600;url=/next",
            "-1;url=/next",
            "x;url=/next",
            "0;url=javascript:alert(1)",
            "",
        ] {
            assert_eq!(leads(content), None, "{content}");
        }
        let at = Url::parse("http://app.test/").unwrap();
        let shown = "&lt;meta http-equiv=refresh content=0;url=/next&gt;";
        assert_eq!(next(&at, &page(&[], shown)), None);
        let json = page(
            &[("content-type", "application/json")],
            "<meta http-equiv=refresh content='0;url=/next'>",
        );
        assert_eq!(next(&at, &json), None);
    }
}
