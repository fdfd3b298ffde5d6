//! The TOML form of a configuration. What is wrong is shown with its line, a caret, and the nearest
//! valid word.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, ValueDeserializer};

use super::{Config, ConfigError, IssuerConfig, ServerConfig};

/// On which line of a text each key is, by its path: `server.port`, `client.0.id`.
pub(crate) type Places = BTreeMap<String, usize>;

/// The keys of a file that belong to no issuer.
const OF_THE_FILE: [&str; 2] = ["server", "issuer"];

/// Reads a text; `name` is what people call it. Relative paths in it begin at `folder`.
pub(crate) fn parse(
    text: &str,
    name: &str,
    folder: &Path,
) -> Result<(Config, Places), ConfigError> {
    read(text)
        .map(|(mut config, places)| {
            config.rebase(folder);
            (config, places)
        })
        .map_err(|error| ConfigError::Syntax(explain(&error, text, name)))
}

fn read(text: &str) -> Result<(Config, Places), toml::de::Error> {
    let mut root = DeTable::parse(text)?;
    let mut places = Places::new();
    find_places(root.get_ref(), text, "", &mut places);
    // What is left belongs to the default issuer. Taking a table apart keeps the places of what is
    // in it, which a flattened or untagged type would lose.
    let mut take = |key: &str| root.get_mut().remove(key);
    let (server, named) = (take("server"), take("issuer"));
    let server = server.map(|value| ServerConfig::deserialize(ValueDeserializer::from(value)));
    let named = named
        .map(|value| BTreeMap::<String, IssuerConfig>::deserialize(ValueDeserializer::from(value)));
    let config = Config {
        server: server.transpose()?.unwrap_or_default(),
        default: IssuerConfig::deserialize(Deserializer::from(root))?,
        named: named.transpose()?.unwrap_or_default(),
    };
    Ok((config, places))
}

fn find_places(table: &DeTable<'_>, text: &str, prefix: &str, places: &mut Places) {
    for (key, value) in table {
        let path = format!("{prefix}{}", key.get_ref());
        places.insert(path.clone(), line_of(text, key.span().start));
        find_places_within(value, text, &path, places);
    }
}

fn find_places_within(value: &Spanned<DeValue<'_>>, text: &str, path: &str, places: &mut Places) {
    match value.get_ref() {
        DeValue::Table(table) => find_places(table, text, &format!("{path}."), places),
        DeValue::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                let path = format!("{path}.{index}");
                places.insert(path.clone(), line_of(text, value.span().start));
                find_places_within(value, text, &path, places);
            }
        }
        _ => {}
    }
}

/// The line of a byte, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count() + 1
}

/// The error with its place, and the way out.
fn explain(error: &toml::de::Error, text: &str, name: &str) -> String {
    let message = error.message().trim_end();
    let mut shown = String::new();
    let (headline, valid) = message.split_once(", expected").unwrap_or((message, ""));
    let headline = headline
        .replace("unknown field", "unknown key")
        .replace("unknown variant", "unknown value")
        .replace("missing field", "missing key");
    let Some(span) = error.span() else {
        return format!("{name}: {headline}");
    };
    let line = line_of(text, span.start);
    let start = text[..span.start.min(text.len())]
        .rfind('\n')
        .map_or(0, |at| at + 1);
    let source = text[start..].lines().next().unwrap_or_default();
    let before = &text[start..span.start.min(text.len())];
    let column = before.chars().count();
    let marked = text.get(span.clone()).unwrap_or_default();
    let carets = marked.lines().next().unwrap_or_default().chars().count();
    let margin = " ".repeat(line.to_string().len());
    let _ = writeln!(shown, "{name}:{line}:{}: {headline}", column + 1);
    let _ = writeln!(shown, "{margin} |");
    let _ = writeln!(shown, "{line} | {}", source.trim_end());
    let _ = write!(
        shown,
        "{margin} | {}{}",
        " ".repeat(column),
        "^".repeat(carets.max(1))
    );
    let is_about_a_word = message.starts_with("unknown");
    if is_about_a_word && !valid.is_empty() {
        let _ = write!(shown, "\n{margin} = {}", way_out(message, text, span.start));
    } else if !valid.is_empty() {
        let _ = write!(shown, "\n{margin} = expected{valid}");
    }
    shown
}

/// The nearest valid word, or all of them.
fn way_out(message: &str, text: &str, at: usize) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let wrong = quoted.next().unwrap_or_default();
    let mut valid: Vec<&str> = quoted.collect();
    let before = &text[..at.min(text.len())];
    let is_top_level = match before.rsplit('\n').next().unwrap_or_default().trim() {
        "[" | "[[" => true,
        _ => !before
            .lines()
            .any(|line| line.trim_start().starts_with('[')),
    };
    if valid.contains(&"profile") && is_top_level {
        valid.extend(OF_THE_FILE);
    }
    if let Some(nearest) = nearest(wrong, &valid) {
        return format!("did you mean `{nearest}`?");
    }
    format!("there are {}", valid.join(", "))
}

/// The candidate that is nearest to a word, if any is near.
pub(crate) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let likeness = |candidate: &str| strsim::jaro_winkler(word, candidate);
    candidates
        .iter()
        .copied()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .filter(|best| likeness(best) > 0.75)
}

impl Config {
    /// Lets paths that are not absolute begin at a folder.
    fn rebase(&mut self, folder: &Path) {
        let server = &mut self.server;
        let single = [
            &mut server.tls_cert,
            &mut server.tls_key,
            &mut server.ca_file,
            &mut server.ready_file,
        ];
        for path in single.into_iter().flatten().chain(&mut server.tls_trust) {
            *path = folder.join(&*path);
        }
        let issuers = std::iter::once(&mut self.default).chain(self.named.values_mut());
        for keys in issuers.filter_map(|issuer| issuer.keys.as_mut()) {
            keys.rebase(folder);
        }
    }
}

#[cfg(feature = "schema")]
mod schema {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator};
    use serde_json::{Value, json};

    use super::super::{Config, IssuerConfig, ServerConfig};

    /// That of an issuer, with what belongs to the file beside it.
    impl JsonSchema for Config {
        fn schema_name() -> Cow<'static, str> {
            "Config".into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            let mut schema = IssuerConfig::json_schema(generator);
            let server = generator.subschema_for::<ServerConfig>();
            let issuer = generator.subschema_for::<IssuerConfig>();
            let description = "A configuration of the mock provider: the provider itself in \
                               `[server]`, its default issuer at the top, and named issuers in \
                               `[issuer.NAME]`.";
            schema.insert("description".to_owned(), description.into());
            if let Some(Value::Object(properties)) = schema.get_mut("properties") {
                properties.insert("server".to_owned(), server.to_value());
                let named = json!({
                    "type": "object",
                    "description": "Issuers at `/NAME`; 1 to 64 of the letters a-z, 0-9 and -.",
                    "additionalProperties": issuer,
                });
                properties.insert("issuer".to_owned(), named);
            }
            schema
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        let error = parse(text, "file.toml", Path::new("/etc")).unwrap_err();
        error.to_string()
    }

    #[test]
    fn a_wrong_key_is_answered_with_the_nearest() {
        insta::assert_snapshot!(complaint("profil = \"lax\""), @r#"
        file.toml:1:1: unknown key `profil`
          |
        1 | profil = "lax"
          | ^^^^^^
          = did you mean `profile`?
        "#);
        insta::assert_snapshot!(complaint("[sever]\nport = 1"), @r#"
        file.toml:1:2: unknown key `sever`
          |
        1 | [sever]
          |  ^^^^^
          = did you mean `server`?
        "#);
        insta::assert_snapshot!(complaint("[server]\nport = 1\npublic_url = \"x\""), @r#"
        file.toml:3:1: unknown key `public_url`
          |
        3 | public_url = "x"
          | ^^^^^^^^^^
          = did you mean `public-url`?
        "#);
        insta::assert_snapshot!(complaint("[[client]]\nid = \"a\"\nredirect-uri = []"), @r#"
        file.toml:3:1: unknown key `redirect-uri`
          |
        3 | redirect-uri = []
          | ^^^^^^^^^^^^
          = did you mean `redirect-uris`?
        "#);
        insta::assert_snapshot!(complaint("[issuer.shop]\nzzz = 1"), @r#"
        file.toml:2:1: unknown key `zzz`
          |
        2 | zzz = 1
          | ^^^
          = there are profile, enforcement, observed, auto, user-header, algorithm, access-token-format, grants, resources, acr-values, refresh-tokens, rotate-refresh-tokens, challenge-methods, iss-parameter, dpop-nonces, cache-control, registration, seed, clock, keys, lifetimes, device, scopes, user, client, claims, fault
        "#);
    }

    #[test]
    fn a_wrong_value_is_pointed_at() {
        insta::assert_snapshot!(complaint("[server]\nport = \"x\""), @r#"
        file.toml:2:8: invalid type: string "x"
          |
        2 | port = "x"
          |        ^^^
          = expected u16
        "#);
        insta::assert_snapshot!(complaint("[server]\npublic-url = \"localhost\""), @r#"
        file.toml:2:14: `localhost` is no address to be reached at: write scheme and host, as in `http://localhost:9400`
          |
        2 | public-url = "localhost"
          |              ^^^^^^^^^^^
        "#);
        insta::assert_snapshot!(complaint("x = \nprofile = 1"), @r#"
        file.toml:1:5: string values must be quoted
          |
        1 | x =
          |     ^
          = expected literal string
        "#);
        insta::assert_snapshot!(complaint("[[user]]\nclaims = {}"), @r#"
        file.toml:1:1: missing key `sub`
          |
        1 | [[user]]
          | ^^^^^^^^
        "#);
    }

    #[test]
    fn every_key_has_its_line_and_paths_begin_at_the_folder() {
        let text = "profile = \"lax\"\n[server]\ntls-cert = \"cert.pem\"\nca-file = \"/tmp/ca\"\n\n[[client]]\nid = \"a\"\n[[client]]\nid = \"b\"\n[issuer.shop]\nkeys = { own = [{ file = \"k.pem\" }] }\n";
        let (config, places) = parse(text, "file.toml", Path::new("/etc")).unwrap();
        assert_eq!(places["profile"], 1);
        assert_eq!(places["server.tls-cert"], 3);
        assert_eq!(places["client.1.id"], 9);
        assert_eq!(places["issuer.shop.keys"], 11);
        let cert = config.server.tls_cert.unwrap();
        assert_eq!(cert, Path::new("/etc/cert.pem"));
        assert_eq!(config.server.ca_file.unwrap(), Path::new("/tmp/ca"));
        let keys = format!("{:?}", config.named["shop"].keys);
        assert!(keys.contains("/etc/k.pem"), "{keys}");
    }
}
