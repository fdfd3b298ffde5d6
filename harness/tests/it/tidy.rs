//! Invariants of ARCHITECTURE.md, held by looking at the source.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gauntlet::commands::prove::idle;
use gauntlet::mutant;
use gauntlet::scenario::{Source, load};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("it is there")
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("it is text");
            found.push((path, text));
        }
    }
    found
}

/// Invariant 1.
#[test]
fn client_app_builds_outside_the_workspace() {
    let source = root().join("client-app");
    let manifest = fs::read_to_string(source.join("Cargo.toml")).expect("it is there");
    assert!(
        !manifest.contains("path = \".."),
        "client-app depends on a folder beside it"
    );
    assert!(
        !manifest.contains("workspace = true"),
        "client-app inherits from the workspace"
    );
    let base = root().join("target/copied-out");
    let copy = base.join("client-app");
    drop(fs::remove_dir_all(&copy));
    copy_tree(&source, &copy);
    fs::write(copy.join("Cargo.toml"), manifest + "\n[workspace]\n").expect("it can be written");
    fs::copy(root().join("Cargo.lock"), copy.join("Cargo.lock")).expect("it can be copied");
    // The workspace's own target folder, so that what both have in common is compiled once.
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "--lib", "--bins"])
        .current_dir(&copy)
        .env("CARGO_TARGET_DIR", root().join("target"))
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it is there") {
        let path = entry.expect("it can be read").path();
        let target = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            copy_tree(&path, &target);
        } else {
            fs::copy(&path, &target).expect("it can be copied");
        }
    }
}

/// Invariant 5.
#[test]
fn only_checks_makes_a_refusal_and_only_session_names_tower_sessions() {
    for (path, text) in sources(&root().join("client-app/src")) {
        let name = path.to_string_lossy().into_owned();
        let made = text.contains("Err(Refusal::") || text.contains("Failure::Refused(Refusal::");
        assert!(!made || name.contains("checks"), "{name} makes a refusal");
        let named = text.contains("tower_sessions::") || text.contains("use tower_sessions");
        assert!(
            !named || name.contains("session"),
            "{name} names tower_sessions"
        );
    }
}

/// Invariant 6.
#[test]
fn the_judge_and_the_reports_are_pure() {
    for folder in ["judge", "report"] {
        for (path, text) in sources(&root().join("harness/src").join(folder)) {
            for impure in [
                "async fn",
                ".await",
                "std::fs",
                "std::net",
                "Instant::now",
                "println!",
                "tokio::",
            ] {
                assert!(
                    !text.contains(impure),
                    "{} contains `{impure}`",
                    path.display()
                );
            }
        }
    }
}

/// Invariant 7, as far as files can tell; `gauntlet prove` runs them.
#[test]
fn every_refusal_has_a_mutant_and_every_scenario_is_caught_by_one_or_says_why_not() {
    let mutants = mutant::load(&root().join("harness/mutants")).expect("mutant files are right");
    let plans = load(&Source::Folder(root().join("scenarios"))).expect("scenario files are right");
    assert_eq!(idle(&plans, &mutants), Vec::<String>::new());
    let text = fs::read_to_string(root().join("client-app/src/refusal.rs")).expect("it is there");
    let body = text
        .split("enum Refusal {")
        .nth(1)
        .expect("the enum is there");
    let body = body.split("\n}").next().expect("it ends");
    let variants: BTreeSet<&str> = body
        .lines()
        .filter(|line| {
            line.starts_with("    ") && line.trim_start().starts_with(char::is_uppercase)
        })
        .filter(|line| !line.starts_with("     "))
        .map(|line| {
            line.trim()
                .split([' ', ',', '{', '('])
                .next()
                .unwrap_or_default()
        })
        .collect();
    let named: BTreeSet<&str> = mutants
        .iter()
        .filter_map(|mutant| mutant.refusal.as_deref())
        .collect();
    assert!(variants.len() > 20, "{variants:?}");
    assert_eq!(
        variants.difference(&named).collect::<Vec<_>>(),
        Vec::<&&str>::new()
    );
    for mutant in &mutants {
        if let Err(error) = mutant.apply(&root().join("client-app")) {
            panic!("{error}");
        }
    }
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for folder in ["provider/src", "client-app/src", "harness/src"] {
        for (path, text) in sources(&root().join(folder)) {
            assert!(
                text.starts_with("//!") || path.ends_with("tests.rs"),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn schemas_are_those_of_the_types() {
    for (name, text) in gauntlet::schema::all() {
        let path = root().join("harness/schema").join(name);
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            fs::write(&path, &text).expect("it can be written");
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text,
            "harness/schema/{name} is stale: UPDATE_SCHEMAS=1 cargo test -p oauth-gauntlet --test it schemas"
        );
    }
}

#[test]
fn shipped_files_fit_their_schemas() {
    for (schema, folder) in [
        ("scenario.json", "scenarios"),
        ("mutant.json", "harness/mutants"),
        ("provider.json", "docs"),
    ] {
        let text =
            fs::read_to_string(root().join("harness/schema").join(schema)).expect("it is there");
        let schema: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let validator = jsonschema::validator_for(&schema).expect("it is a schema");
        for file in toml_files(&root().join(folder)) {
            let text = fs::read_to_string(&file).expect("it is text");
            let value: serde_json::Value = toml::from_str(&text).expect("it is TOML");
            let errors: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{}: {errors:?}", file.display());
        }
    }
}

fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            files.extend(toml_files(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    files
}
