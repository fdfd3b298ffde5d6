//! The configuration as a file that can be used again, with a word on where each value comes from.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::layers::{Layered, Origins};
use super::setup::Setup;
use crate::config::{IssuerConfig, KeysConfig};

/// What stands in place of a secret.
const MASK: &str = "<hidden>";

/// The column from which comments begin, where there is room.
const COMMENTS: usize = 44;

/// Whether secrets are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    Shown,
    Masked,
}

/// The effective configuration in TOML.
pub(crate) fn print(layered: &Layered, setup: &Setup, secrets: Secrets) -> String {
    let mut default = IssuerConfig::of(&setup.default);
    let given = &layered.config.default;
    default.keys = given.keys.clone().or(Some(KeysConfig::Generated));
    default.faults.clone_from(&given.faults);
    let mut printer = Printer {
        origins: &layered.origins,
        secrets,
        text: String::new(),
    };
    let root = as_map(&default);
    printer.table("", &root, Inline::Values);
    let server = as_map(&layered.config.server);
    printer.header("[server]", "server");
    printer.table("server.", &server, Inline::Values);
    printer.table("server.", &server, Inline::Tables);
    printer.table("", &root, Inline::Tables);
    for (name, issuer) in &layered.config.named {
        let path = format!("issuer.{name}");
        printer.header(&format!("[{path}]"), &path);
        let issuer = as_map(issuer);
        printer.table(&format!("{path}."), &issuer, Inline::Values);
        printer.table(&format!("{path}."), &issuer, Inline::Tables);
    }
    printer.text
}

/// Which members of a table are printed: TOML wants the plain ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inline {
    Values,
    Tables,
}

fn as_map(config: &impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(config) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

struct Printer<'a> {
    origins: &'a Origins,
    secrets: Secrets,
    text: String,
}

impl Printer<'_> {
    fn header(&mut self, header: &str, path: &str) {
        self.text.push('\n');
        self.line(header, path);
    }

    fn line(&mut self, line: &str, path: &str) {
        let origin = self.origins.of(path);
        let origin = origin.map_or_else(|| "default".to_owned(), ToString::to_string);
        let _ = writeln!(self.text, "{line:<COMMENTS$}  # {origin}");
    }

    /// Prints the members of a table; `prefix` is its path with a point, or nothing.
    fn table(&mut self, prefix: &str, members: &Map<String, Value>, which: Inline) {
        for (key, value) in members {
            let path = format!("{prefix}{key}");
            match value {
                Value::Object(members) if which == Inline::Tables => {
                    self.header(&format!("[{prefix}{}]", bare_or_quoted(key)), &path);
                    self.members(&path, members);
                }
                Value::Array(entries) if which == Inline::Tables && are_tables(entries) => {
                    for (index, entry) in entries.iter().enumerate() {
                        let path = format!("{path}.{index}");
                        self.header(&format!("[[{prefix}{}]]", bare_or_quoted(key)), &path);
                        if let Value::Object(members) = entry {
                            self.members(&path, members);
                        }
                    }
                }
                Value::Null | Value::Object(_) => {}
                Value::Array(entries) if are_tables(entries) => {}
                value if which == Inline::Values => self.member(&path, key, value),
                _ => {}
            }
        }
    }

    fn members(&mut self, path: &str, members: &Map<String, Value>) {
        for (key, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            self.member(&format!("{path}.{key}"), key, value);
        }
    }

    fn member(&mut self, path: &str, key: &str, value: &Value) {
        let value = match self.secrets {
            Secrets::Shown => value.clone(),
            Secrets::Masked => masked(path, value),
        };
        let line = format!("{} = {}", bare_or_quoted(key), inline(&value));
        self.line(&line, path);
    }
}

/// A value without what is secret in it: keys and shared secrets. Claims and public keys are none.
fn masked(path: &str, value: &Value) -> Value {
    let segments: Vec<&str> = path.split('.').collect();
    match (segments.as_slice(), value) {
        ([.., "keys", "own"], Value::Array(keys)) => keys.iter().map(masked_key).collect(),
        (
            [.., "client", _, "secret"] | [.., "registration", "token"] | ["server", "control-key"],
            _,
        ) => MASK.into(),
        (["server", "redis"], Value::String(url)) => without_password(url).into(),
        _ => value.clone(),
    }
}

/// A URL whose password is masked.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:{MASK}@{host}{path}")
        }
        None => url.to_owned(),
    }
}

/// A key of one's own: its file and its name are no secrets.
fn masked_key(entry: &Value) -> Value {
    let Value::Object(members) = entry else {
        return MASK.into();
    };
    let members = members.iter().map(|(key, value)| {
        let value = match (key.as_str(), value) {
            ("file" | "kid", value) => value.clone(),
            (_, Value::Object(_)) => {
                Value::Object(Map::from_iter([("kty".to_owned(), MASK.into())]))
            }
            _ => MASK.into(),
        };
        (key.clone(), value)
    });
    Value::Object(members.collect())
}

fn are_tables(entries: &[Value]) -> bool {
    !entries.is_empty() && entries.iter().all(Value::is_object)
}

/// A value on one line. What TOML cannot say, `null`, is left out.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(values) => {
            let values = values.iter().filter(|value| !value.is_null());
            let values: Vec<String> = values.map(inline).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let members: Vec<String> = members
                .map(|(key, value)| format!("{} = {}", bare_or_quoted(key), inline(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        other => other.to_string(),
    }
}

fn bare_or_quoted(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !key.is_empty() && key.bytes().all(bare) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

/// A basic string. Its escapes are those of JSON, which leaves one control character as it is.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}
