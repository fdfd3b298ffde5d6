//! A transcript as text: one message a line, what matters of it below.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::Endpoint;
use serde_json::Value;

use super::{Entry, Party, Redactor};
use crate::user_agent::Answer;

/// Renders a transcript, every message at its moment.
pub fn render(transcript: &[Entry], redactor: &Redactor) -> String {
    let mut messages: Vec<(std::time::Instant, u8, String)> = Vec::new();
    for entry in transcript {
        messages.push((entry.started, 0, request(entry, redactor)));
        messages.push((entry.ended, 1, response(entry, redactor)));
    }
    messages.sort_by_key(|message| (message.0, message.1));
    messages.into_iter().map(|(_, _, text)| text).collect()
}

/// Renders one exchange.
pub fn render_entry(entry: &Entry, redactor: &Redactor) -> String {
    format!("{}{}", request(entry, redactor), response(entry, redactor))
}

fn request(entry: &Entry, redactor: &Redactor) -> String {
    let parties = format!("{} → {}", entry.from.words(), entry.to.words());
    let path = redactor.text(entry.url.path());
    let mut text = format!("{:>3} {parties:<24}{} {path}\n", entry.number, entry.method);
    let pairs = |text: &mut String, pairs: Vec<(String, String)>| {
        for (key, value) in pairs {
            let value = redactor.text(&value);
            writeln!(text, "{:>32}{key} = {value}", "").expect("a string takes all");
        }
    };
    pairs(&mut text, decoded(entry.url.query().unwrap_or_default()));
    pairs(
        &mut text,
        decoded(entry.form.as_deref().unwrap_or_default()),
    );
    if let Some(authorization) = &entry.authorization {
        let scheme = authorization.split(' ').next().unwrap_or_default();
        let token = redactor.text(
            authorization
                .strip_prefix(scheme)
                .unwrap_or_default()
                .trim(),
        );
        let shown = if scheme.eq_ignore_ascii_case("basic") {
            "<client credentials>"
        } else {
            &token
        };
        writeln!(text, "{:>32}Authorization: {scheme} {shown}", "").expect("a string takes all");
    }
    text
}

fn decoded(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

fn response(entry: &Entry, redactor: &Redactor) -> String {
    let parties = format!("{} → {}", entry.to.words(), entry.from.words());
    let mut text = format!("{:>3} {parties:<24}", entry.number);
    let indent = " ".repeat(32);
    match &entry.answer {
        Answer::TimedOut => text.push_str("(no answer in time)\n"),
        Answer::Broken(_) => text.push_str("(connection broken)\n"),
        Answer::Page { status, body, .. } => {
            if let Some(transport) = &entry.transport {
                writeln!(text, "({transport})").expect("a string takes all");
            } else {
                text.push_str(&status.to_string());
                let location = entry.answer.header("location");
                if let Some(Ok(url)) = location.map(|location| entry.url.join(location)) {
                    let target = redactor.text(url[..url::Position::AfterPath].trim());
                    writeln!(text, " to {target}").expect("a string takes all");
                    // What the client asks for stands with the request that follows.
                    let shown = if entry.to == Party::App {
                        None
                    } else {
                        url.query()
                    };
                    for (key, value) in decoded(shown.unwrap_or_default()) {
                        let value = redactor.text(&value);
                        writeln!(text, "{indent}{key} = {value}").expect("a string takes all");
                    }
                } else {
                    text.push_str(&content(entry, body, redactor).concat());
                    if !text.ends_with('\n') {
                        text.push('\n');
                    }
                }
            }
            for header in entry.answer.headers("set-cookie") {
                let cookie = redactor.text(&undated(header));
                if entry.to == Party::App {
                    writeln!(text, "{indent}Set-Cookie: {cookie}").expect("a string takes all");
                }
            }
        }
    }
    if let Some(next) = &entry.left_for {
        let next = redactor.text(&next[..url::Position::AfterPath]);
        writeln!(text, "{indent}↳ by script to {next}").expect("a string takes all");
    }
    for fault in &entry.faults {
        writeln!(text, "{indent}↑ fault: {}", redactor.text(fault)).expect("a string takes all");
    }
    for violation in &entry.violations {
        let violation = redactor.text(violation);
        writeln!(text, "{indent}↑ violation: {violation}").expect("a string takes all");
    }
    text
}

/// A `Set-Cookie` header without the date in it, which says the same as `Max-Age`.
fn undated(header: &str) -> String {
    let attributes = header.split("; ");
    let kept = attributes.filter(|attribute| !attribute.to_lowercase().starts_with("expires="));
    kept.collect::<Vec<_>>().join("; ")
}

/// The part of a body that tells the story.
fn content(entry: &Entry, body: &str, redactor: &Redactor) -> Vec<String> {
    let indent = " ".repeat(32);
    match entry.endpoint {
        Some(Endpoint::Metadata) => vec![" (discovery document)".to_owned()],
        Some(Endpoint::Jwks) => vec![" (key set)".to_owned()],
        Some(
            Endpoint::Token
            | Endpoint::Userinfo
            | Endpoint::Introspection
            | Endpoint::Revocation
            | Endpoint::Device
            | Endpoint::Par
            | Endpoint::Registration
            | Endpoint::BackchannelLogout,
        ) => {
            if let Ok(Value::Object(members)) = serde_json::from_str::<Value>(body) {
                let members = members
                    .iter()
                    .map(|(key, value)| member(key, value, redactor, &indent));
                return std::iter::once("\n".to_owned()).chain(members).collect();
            }
            // Cut last: half of a value would have no name.
            let line = redactor.text(body.lines().next().unwrap_or_default());
            let start: String = line.chars().take(60).collect();
            vec![format!(" {start}\n")]
        }
        Some(Endpoint::Authorize | Endpoint::EndSession | Endpoint::Other) | None => {
            heading(entry.shown())
                .map(|title| format!(" “{}”\n", redactor.text(&title)))
                .into_iter()
                .collect()
        }
    }
}

fn member(key: &str, value: &Value, redactor: &Redactor, indent: &str) -> String {
    if key == "id_token"
        && let Some(token) = value.as_str()
    {
        let mut parts = token.split('.');
        let mut lines = format!("{indent}id_token = {}\n", redactor.text(token));
        for (part, text) in [("header", parts.next()), ("claims", parts.next())] {
            let decoded = text
                .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
                .and_then(|json| serde_json::from_slice::<Value>(&json).ok());
            if let Some(Value::Object(members)) = decoded {
                for (key, value) in &members {
                    let shown = shown(key, value, redactor);
                    writeln!(lines, "{indent}    {part}.{key} = {shown}")
                        .expect("a string takes all");
                }
            }
        }
        return lines;
    }
    format!("{indent}{key} = {}\n", shown(key, value, redactor))
}

fn shown(key: &str, value: &Value, redactor: &Redactor) -> String {
    let is_time = matches!(key, "iat" | "exp" | "nbf" | "auth_time");
    match value {
        Value::Number(number) if is_time => time(&number.to_string(), redactor),
        Value::String(text) if is_time => format!("\"{}\"", time(text, redactor)),
        // A hash of a random value, or a name that the test keys give.
        Value::String(_) if key == "at_hash" => "<hash>".to_owned(),
        Value::String(text) => redactor.text(text),
        other => redactor.text(&other.to_string()),
    }
}

/// A number of seconds, be there a fraction or not.
fn time(seconds: &str, redactor: &Redactor) -> String {
    let (whole, fraction) = match seconds.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (seconds, String::new()),
    };
    whole.parse().map_or_else(
        |_| redactor.text(seconds),
        |whole| format!("{}{fraction}", redactor.time(whole)),
    )
}

/// The first heading of a page.
fn heading(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("<h1")?;
    let (_, rest) = rest.split_once('>')?;
    let (title, _) = rest.split_once("</h1>")?;
    let mut text = String::new();
    let mut inside = false;
    for c in title.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_heading_of_a_page_is_its_title() {
        let page = "<html><h1 class=\"a\">Sign-in <em>failed</em></h1><h1>x</h1>";
        assert_eq!(heading(page).as_deref(), Some("Sign-in failed"));
    }
}
