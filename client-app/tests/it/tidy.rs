//! Rules about the source that no compiler holds.

use std::{fs, path::Path};

/// The program's source files with their paths below `src`, without what is only for tests.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path
                .strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            if !name.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
                sources.push((name, text));
            }
        }
    }
    assert!(sources.len() > 15, "the sources were found");
    sources
}

fn only_in(needle: &str, allowed: &[&str]) {
    for (name, text) in sources() {
        let found = text.contains(needle);
        assert!(
            !found || allowed.contains(&name.as_str()),
            "`{needle}` is in {name}"
        );
    }
}

#[test]
fn only_the_checks_make_a_refusal() {
    only_in("Refusal::", &["checks.rs"]);
}

#[test]
fn each_refusal_is_made_in_one_place() {
    let sources = sources();
    let text = |name: &str| {
        let found = sources.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| text.clone()).unwrap()
    };
    let (checks, refusals) = (text("checks.rs"), text("refusal.rs"));
    let body = refusals.split("enum Refusal {").nth(1).unwrap();
    let body = body.split("\n}").next().unwrap();
    let variants: Vec<&str> = body
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| line.split([' ', ',', '{']).next().unwrap())
        .collect();
    assert!(variants.len() > 20, "{variants:?}");
    for variant in variants {
        let made = format!("Refusal::{variant}");
        let places = checks.split(&made).skip(1);
        let whole = |rest: &&str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
        assert_eq!(places.filter(whole).count(), 1, "{made}");
    }
}

#[test]
fn only_the_sessions_know_their_crate() {
    only_in("tower_sessions", &["session.rs", "session/store.rs"]);
}

#[test]
fn only_the_configuration_is_read_from_outside() {
    only_in("env::", &["main.rs", "lib.rs"]);
}

#[test]
fn only_one_file_makes_an_http_client_and_only_one_asks_for_the_time() {
    only_in("ClientBuilder", &["back_channel.rs"]);
    only_in("Client::new", &[]);
    only_in("UNIX_EPOCH", &["clock.rs"]);
}

#[test]
fn the_manifest_stands_alone() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    assert!(!manifest.contains("workspace = true") && !manifest.contains(".workspace"));
    assert!(
        !manifest
            .lines()
            .any(|line| line.contains("{ path") || line.contains(", path"))
    );
}
