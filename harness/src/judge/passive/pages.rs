//! What the client's own pages and responses look like to a browser.

use oauth_gauntlet_provider::Endpoint;
use url::Url;

use super::Tally;
use crate::run::{Record, Standing};
use crate::transcript::Entry;
use crate::user_agent::Answer;

/// RFC 9111 §3: a redirect to the provider carries values of one login.
pub(super) fn start_cached(tally: &mut Tally<'_>, run: &Record) {
    for entry in pages(run) {
        let Some(status @ 300..=399) = entry.answer.status() else {
            continue;
        };
        let location = entry.answer.header("location").unwrap_or_default();
        if !location.contains("response_type=") && !location.contains("request_uri=") {
            continue;
        }
        tally.looked_at += 1;
        let control = cache_control(entry);
        if control.contains("no-store") || control.contains("no-cache") {
            continue;
        }
        let lives = |name: &str| {
            control.split(',').any(|part| {
                let age = part.trim().strip_prefix(name);
                age.is_some_and(|age| age.trim_start_matches('=') != "0")
            })
        };
        if matches!(status, 301 | 308) || lives("max-age") || lives("s-maxage") {
            tally.found(
                Some(entry),
                "the client lets a cache keep its redirect to the provider".to_owned(),
                "302, 303 or 307, and no lifetime in Cache-Control",
                format!("status {status}, Cache-Control `{control}`"),
            );
        }
    }
}

/// RFC 6749 §3.1.2.5: no page is left standing under an address with the code in it.
pub(super) fn clean_url(tally: &mut Tally<'_>, run: &Record) {
    for entry in responses(run) {
        let Some(status) = entry.answer.status().filter(|status| *status < 400) else {
            continue;
        };
        tally.looked_at += 1;
        // A page whose status says nothing may be a refusal.
        let code = entry.query("code");
        let redeems = |it: &Entry| it.endpoint == Some(Endpoint::Token) && it.form("code") == code;
        if entry.made.is_some() && !run.transcript.iter().any(redeems) {
            continue;
        }
        // A script may take the code away, or the browser on.
        let cleaned = |url: &Url| !url.query_pairs().any(|(name, _)| name == "code");
        if status < 300 && is_html(entry) && !entry.left_for.as_ref().is_some_and(cleaned) {
            tally.found(
                Some(entry),
                "the client leaves the code in the address bar".to_owned(),
                "a redirect to an address without it, once the code is used",
                format!("a page with status {status} at {}", entry.url.path()),
            );
        }
    }
}

/// RFC 6749 §3.1.2.5, RFC 9700 §4.2.4: what is loaded from a page with the code in its address.
pub(super) fn nothing_foreign(tally: &mut Tally<'_>, run: &Record) {
    for entry in responses(run) {
        tally.looked_at += 1;
        if !is_html(entry)
            || entry
                .answer
                .status()
                .is_some_and(|status| status / 100 == 3)
        {
            continue;
        }
        let body = entry.answer.body();
        if let Some(foreign) = foreign_source(body, &run.places.app) {
            tally.found(
                Some(entry),
                "the client loads something from another host while the code stands in the address"
                    .to_owned(),
                "nothing of other hosts in the page of the redirect URI",
                format!("the page loads {foreign}"),
            );
        }
        let policy = entry.answer.header("referrer-policy").unwrap_or_default();
        if matches!(policy, "unsafe-url" | "no-referrer-when-downgrade") {
            tally.found(
                Some(entry),
                "the client tells other hosts the address with the code in it".to_owned(),
                "Referrer-Policy: no-referrer, or no policy at all",
                format!("Referrer-Policy: {policy}"),
            );
        }
    }
}

/// OWASP ASVS 5.0 §16.5.1: what a crash says is for the log.
pub(super) fn no_stack_trace(tally: &mut Tally<'_>, run: &Record) {
    const SIGNS: [&str; 14] = [
        "Traceback (most recent call last)",
        "node_modules/",
        "node:internal/",
        "at async ",
        "Stack trace:",
        "\n\tat ",
        "at Object.<anonymous>",
        "at Object.&lt;anonymous&gt;",
        "panicked at ",
        "RUST_BACKTRACE",
        "goroutine 1 [",
        "\tat java.",
        "at org.springframework.",
        "site-packages/",
    ];
    for entry in pages(run) {
        tally.looked_at += 1;
        let body = entry.answer.body();
        if let Some(sign) = SIGNS.into_iter().find(|sign| body.contains(sign)) {
            tally.found(
                Some(entry),
                "the client shows its user the inside of a crash".to_owned(),
                "a page that says what happened, and the rest in the log",
                format!(
                    "the page of {} {} contains `{}`",
                    entry.method,
                    entry.url.path(),
                    sign.trim()
                ),
            );
        }
    }
}

/// OWASP ASVS 5.0 §3.4.6: pages with the user's data inside somebody else's frame.
pub(super) fn no_framing(tally: &mut Tally<'_>, run: &Record) {
    for step in run.steps.iter().filter(|step| is_signed_in(step.standing)) {
        let Some(entry) = run.probed(step) else {
            continue;
        };
        if !is_html(entry) {
            tally.moot = Some("what the client shows a signed-in user is no HTML");
            continue;
        }
        tally.looked_at += 1;
        let policy = entry
            .answer
            .headers("content-security-policy")
            .any(|policy| policy.contains("frame-ancestors"));
        if !policy && entry.answer.header("x-frame-options").is_none() {
            tally.found(
                Some(entry),
                "the client lets other sites put its pages into a frame".to_owned(),
                "Content-Security-Policy: frame-ancestors 'none'",
                "neither frame-ancestors nor X-Frame-Options".to_owned(),
            );
        }
    }
}

/// RFC 6265bis §4.1.2.3 and §6.1: whom the session cookie goes to, and whether browsers keep it.
pub(super) fn cookie_scope(tally: &mut Tally<'_>, run: &Record) {
    for entry in pages(run) {
        for header in entry.answer.headers("set-cookie") {
            tally.looked_at += 1;
            let name = header.split('=').next().unwrap_or_default();
            let domain = header.split(';').skip(1).any(|attribute| {
                let mut parts = attribute.trim().splitn(2, '=');
                let domain = parts
                    .next()
                    .is_some_and(|n| n.eq_ignore_ascii_case("domain"));
                domain && parts.next().is_some_and(|value| !value.is_empty())
            });
            if domain {
                tally.found(
                    Some(entry),
                    "the client's cookie goes to every host below its own".to_owned(),
                    "no Domain attribute: the cookie belongs to one host",
                    format!("cookie `{name}` has a Domain"),
                );
            }
            let value = header.split(';').next().unwrap_or_default();
            if value.len() > 4096 {
                tally.found(
                    Some(entry),
                    "the client's cookie is larger than browsers keep".to_owned(),
                    "at most 4096 bytes",
                    format!("cookie `{name}` has {} bytes", value.len()),
                );
            }
        }
    }
}

fn is_signed_in(standing: Standing) -> bool {
    matches!(standing, Standing::SignedIn(_))
}

pub(super) fn pages(run: &Record) -> impl Iterator<Item = &Entry> {
    run.transcript
        .iter()
        .filter(|entry| entry.is_page_of_the_app())
}

/// What a response says to caches, in lower case.
pub(super) fn cache_control(entry: &Entry) -> String {
    let header = entry.answer.header("cache-control");
    header.unwrap_or_default().to_lowercase()
}

/// That caches are told not to keep a response; in words, what it is.
pub(super) fn not_stored(tally: &mut Tally<'_>, entry: &Entry, what: &str) {
    let control = cache_control(entry);
    if control.contains("no-store") {
        return;
    }
    tally.found(
        Some(entry),
        format!("the client lets caches keep {what}"),
        "Cache-Control: no-store",
        match control.as_str() {
            "" => "no Cache-Control".to_owned(),
            _ => control,
        },
    );
}

/// RFC 9111 §7.3: what caches are told to keep, they keep with its cookies.
pub(super) fn cookie_not_shared(tally: &mut Tally<'_>, entry: &Entry) {
    let control = cache_control(entry);
    let sets = entry.answer.header("set-cookie").is_some();
    if sets && control.split(',').any(|it| it.trim() == "public") {
        tally.found(
            Some(entry),
            "the client lets shared caches keep a response that sets a cookie".to_owned(),
            "no-store, or private at least",
            control,
        );
    }
}

/// OIDC Back-Channel Logout 1.0 §2.8.
pub(super) fn logout_no_store(tally: &mut Tally<'_>, run: &Record) {
    let is_told = |entry: &&Entry| {
        entry.endpoint == Some(Endpoint::BackchannelLogout) && entry.answer.status().is_some()
    };
    for entry in run.transcript.iter().filter(is_told) {
        tally.looked_at += 1;
        not_stored(tally, entry, "its answer to a logout token");
    }
}

/// What the client answers to authorization responses with a code in their address.
fn responses(run: &Record) -> impl Iterator<Item = &Entry> {
    pages(run).filter(|entry| {
        let code = entry.query("code").is_some_and(|code| !code.is_empty());
        code && entry.method == "GET" && matches!(entry.answer, Answer::Page { .. })
    })
}

fn is_html(entry: &Entry) -> bool {
    let kind = entry.answer.header("content-type").unwrap_or_default();
    kind.starts_with("text/html") && !entry.answer.body().is_empty()
}

/// The first address of another host that a page loads something from by itself.
fn foreign_source(body: &str, app: &str) -> Option<String> {
    ["src=\"", "src='"].into_iter().find_map(|attribute| {
        body.split(attribute).skip(1).find_map(|rest| {
            let address = rest.split(['"', '\'']).next()?;
            let absolute = ["http://", "https://", "//"];
            let foreign = absolute.iter().any(|start| address.starts_with(start))
                && !address.starts_with(app);
            foreign.then(|| address.chars().take(80).collect())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::foreign_source;

    #[test]
    fn what_a_page_loads_from_elsewhere_is_found() {
        let page = "<img src=\"/a.png\"><script src='https://cdn.example/x.js'></script>";
        let found = foreign_source(page, "http://localhost:1");
        assert_eq!(found.as_deref(), Some("https://cdn.example/x.js"));
        assert_eq!(
            foreign_source("<a href=\"https://x.example\">", "http://a"),
            None
        );
        assert_eq!(foreign_source("<img src=\"http://a/x\">", "http://a"), None);
    }
}
