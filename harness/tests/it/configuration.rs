//! The configuration of the provider: its reference, written from the schema, and the example that
//! has every key; the names that examples of other people's tools use.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn schema() -> Value {
    let schemas = gauntlet::schema::all();
    let (_, text) = schemas
        .iter()
        .find(|(name, _)| *name == "provider.json")
        .expect("there is one");
    serde_json::from_str(text).expect("it is JSON")
}

/// The tables of the reference: the definition, the header in a file, and what there is to say.
const TABLES: [(&str, &str, &str); 11] = [
    (
        "",
        "At the top",
        "The default issuer. `[issuer.NAME]` takes the same keys, for an issuer at `/NAME` that has what the default issuer has, and what it says itself; users, clients and claims of its own replace those of the default issuer.",
    ),
    ("ServerConfig", "`[server]`", ""),
    (
        "Lifetimes",
        "`[lifetimes]`",
        "Spans of time are a number and one of `s`, `m`, `h`, `d`.",
    ),
    ("DeviceConfig", "`[device]`", ""),
    ("OwnKeyConfig", "`[[keys.own]]`", ""),
    ("UserConfig", "`[[user]]`", ""),
    ("ClientConfig", "`[[client]]`", ""),
    (
        "EncryptionConfig",
        "`id-token-encryption`, `userinfo-encryption`",
        "",
    ),
    ("ClaimRule", "`[[claims]]`", ""),
    (
        "Fault",
        "`[[fault]]`",
        "Exactly one point beside `when` is given. What each of them takes is in `harness/schema/provider.json`, and in the scenarios, which use the same words.",
    ),
    ("When", "`when` of a fault", ""),
];

fn reference() -> String {
    let schema = schema();
    let mut text = String::from(
        "# Configuration of the provider\n\n\
         <!-- Written from the types: UPDATE_SCHEMAS=1 cargo test -p oauth-gauntlet --test it configuration -->\n\n\
         `gauntlet serve --config FILE` and `mock-provider --config FILE` read TOML; [provider.toml](provider.toml) has every key. \
         Flags win over environment variables, and those over the file; `--print-config` shows what comes of it, and where each value comes from. \
         A line `#:schema PATH/harness/schema/provider.json` at the top gives completion in editors that know it.\n",
    );
    for (definition, header, remark) in TABLES {
        let table = match definition {
            "" => &schema,
            name => &schema["definitions"][name],
        };
        let _ = write!(text, "\n## {header}\n\n");
        let description = table["description"].as_str().unwrap_or_default();
        let _ = write!(
            text,
            "{}\n\n",
            one_line(if remark.is_empty() {
                description
            } else {
                remark
            })
        );
        text.push_str("| key | value | |\n| --- | --- | --- |\n");
        for (key, property) in properties(table) {
            let meaning = property["description"].as_str().unwrap_or_default();
            let value = value_of(property, &schema);
            let _ = writeln!(text, "| `{key}` | {value} | {} |", one_line(meaning));
        }
    }
    text.push_str("\n## On the command line, and in the environment\n\n```text\n");
    text.push_str(&help());
    text.push_str("```\n");
    text
}

/// What the program says of its options.
fn help() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .args(["help", "serve"])
        .env("COLUMNS", "100")
        .output()
        .expect("the program starts");
    let text = String::from_utf8(output.stdout).expect("it is text");
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

fn properties(table: &Value) -> &Map<String, Value> {
    table["properties"].as_object().expect("it is a table")
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

/// What a key takes, in a few words.
fn value_of(property: &Value, schema: &Value) -> String {
    if let Some(name) = property["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return named(name, &schema["definitions"][name], schema);
    }
    for choice in ["anyOf", "allOf"] {
        if let Some(choices) = property[choice].as_array() {
            return value_of(&choices[0], schema);
        }
    }
    let kind = match &property["type"] {
        Value::Array(kinds) => kinds[0].as_str().unwrap_or_default(),
        kind => kind.as_str().unwrap_or_default(),
    };
    match kind {
        "string" => "text".to_owned(),
        "integer" => "number".to_owned(),
        "boolean" => "`true`, `false`".to_owned(),
        "array" => format!("list of {}", value_of(&property["items"], schema)),
        "object" => "table".to_owned(),
        _ => "any".to_owned(),
    }
}

fn named(name: &str, definition: &Value, schema: &Value) -> String {
    if let Some((_, header, _)) = TABLES.iter().find(|(known, ..)| *known == name) {
        return if header.starts_with('`') && !header.starts_with("`id-") {
            (*header).to_owned()
        } else {
            "table".to_owned()
        };
    }
    match name {
        "Span" => return "span of time".to_owned(),
        "BaseUrl" => return "URL".to_owned(),
        "Moment" => return "point in time".to_owned(),
        _ => {}
    }
    let choices = definition["oneOf"].as_array();
    let words: Vec<String> = choices
        .into_iter()
        .flatten()
        .map(|choice| match (&choice["const"], &choice["properties"]) {
            (Value::String(word), _) => format!("`{word}`"),
            (_, Value::Object(members)) => {
                let members = members.keys().map(|key| format!("`{{ {key} = … }}`"));
                members.collect::<Vec<_>>().join(", ")
            }
            _ => String::new(),
        })
        .collect();
    if words.is_empty() {
        return value_of(definition, schema);
    }
    words.join(", ")
}

#[test]
fn the_reference_is_that_of_the_types() {
    let path = root().join("docs/configuration.md");
    let text = reference();
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(&path, &text).expect("it can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "docs/configuration.md is stale: UPDATE_SCHEMAS=1 cargo test -p oauth-gauntlet --test it configuration"
    );
}

#[test]
fn the_example_has_every_key_and_can_be_used() {
    let path = root().join("docs/provider.toml");
    let text = fs::read_to_string(&path).expect("it is there");
    let has = |key: &str| {
        text.lines().any(|line| {
            let line = line.trim_start_matches("# ");
            let header = line.trim_start_matches('[');
            let assigned = |rest: &str| rest.trim_start().starts_with('=');
            line.match_indices(key).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                matches!(before, None | Some(' ' | '{')) && assigned(&line[at + key.len()..])
            }) || header
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with(['.', ']']))
        })
    };
    let schema = schema();
    for (definition, ..) in TABLES {
        // What can go wrong has examples of its own: the scenarios.
        if matches!(definition, "Fault" | "When") {
            continue;
        }
        let table = match definition {
            "" => &schema,
            name => &schema["definitions"][name],
        };
        for key in properties(table).keys().filter(|key| *key != "pem") {
            assert!(
                has(key),
                "docs/provider.toml does not show `{key}` of {definition}"
            );
        }
    }
    let printed = Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .args(["serve", "--print-config", "--config"])
        .arg(&path)
        .output()
        .expect("the program starts");
    assert!(
        printed.status.success(),
        "{}",
        String::from_utf8_lossy(&printed.stderr)
    );
}

#[test]
fn examples_for_containers_use_names_that_exist() {
    let help = help();
    let flags: BTreeSet<&str> = help
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with("--"))
        .collect();
    assert!(flags.contains("--public-url"));
    for file in [
        "Dockerfile",
        "examples/compose.yaml",
        "examples/compose-replicas.yaml",
        "examples/github-actions.yaml",
    ] {
        let text = fs::read_to_string(root().join(file)).expect(file);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let mut names = words
            .filter_map(|word| word.strip_prefix("MOCK_PROVIDER_"))
            .peekable();
        assert!(names.peek().is_some(), "{file}");
        for name in names {
            let flag = format!("--{}", name.to_ascii_lowercase().replace('_', "-"));
            let known = flags.contains(flag.as_str()) || name == "CONFIG_TOML" || name == "IMAGE";
            assert!(known, "{file}: MOCK_PROVIDER_{name}");
        }
    }
}
