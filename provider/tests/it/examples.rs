//! The examples for containers and workflows: they set nothing that the program does not know.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn mock_provider() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-provider"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MOCK_PROVIDER_") {
            command.env_remove(name);
        }
    }
    command
}

/// What a program printed, if it did well.
#[track_caller]
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}{errors}");
    text
}

/// The environment variables of the provider that a text names.
fn variables(text: &str) -> BTreeSet<&str> {
    let is_name = |letter: char| letter.is_ascii_uppercase() || letter == '_';
    text.split(|letter| !is_name(letter))
        .filter(|word| word.starts_with("MOCK_PROVIDER_"))
        .collect()
}

#[test]
fn every_variable_of_the_examples_is_one_of_the_program() {
    // The program says so where a variable means nothing to it.
    let is_known = |variable: &str| {
        let mut command = mock_provider();
        let output = command.arg("--print-config").env(variable, "1").output();
        !String::from_utf8_lossy(&output.unwrap().stderr).contains("means nothing")
    };
    assert!(is_known("MOCK_PROVIDER_PORT") && !is_known("MOCK_PROVIDER_POT"));
    for name in [
        "examples/compose.yaml",
        "examples/github-actions.yaml",
        "Dockerfile",
    ] {
        let text = example(name);
        // That one is a variable of the workflow.
        let set: Vec<&str> = (variables(&text).into_iter())
            .filter(|it| *it != "MOCK_PROVIDER_IMAGE")
            .collect();
        assert!(!set.is_empty(), "{name}");
        for variable in set {
            assert!(is_known(variable), "{name}: {variable}");
        }
    }
}

#[test]
fn the_program_takes_what_the_compose_example_sets() {
    let text = example("examples/compose.yaml");
    let mut lines = text.lines();
    let mut command = mock_provider();
    lines.find(|line| line.trim() == "environment:").unwrap();
    let mut own = lines
        .take_while(|line| !line.trim_start().starts_with("app:"))
        .peekable();
    while let Some(line) = own.next() {
        let Some((name, value)) = line.trim().split_once(": ") else {
            continue;
        };
        if !name.starts_with("MOCK_PROVIDER_") {
            continue;
        }
        if value == "|" {
            let depth = line.len() - line.trim_start().len();
            let is_deeper =
                |line: &&str| line.is_empty() || line.len() - line.trim_start().len() > depth;
            let mut block = String::new();
            while let Some(line) = own.next_if(is_deeper) {
                block.push_str(line.trim_start());
                block.push('\n');
            }
            command.env(name, block);
        } else {
            command.env(name, value);
        }
    }
    let result = printed(command.arg("--print-config"));
    for part in [
        "http://localhost:9400",
        "http://provider:9400",
        "strict",
        "\"app\"",
        "\"alice\"",
        "http://localhost:3000/callback",
    ] {
        assert!(result.contains(part), "{part}\n{result}");
    }
}
