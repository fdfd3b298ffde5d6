//! The real clients of `harness/targets`: their verdicts are those that were committed. A client
//! that is not set up on this machine is skipped, by name, with the command that sets it up.

#![expect(clippy::print_stdout, reason = "what is skipped is said, by name")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = clients().into_iter().map(|name| {
        // Written by scripts/target once a set-up is complete.
        let set_up = folder(&name).join(".set-up").is_file();
        let browser = !is_in_browser(&name) || cfg!(feature = "browser");
        if !set_up && !arguments.list {
            println!(
                "SKIPPED {name}: it is not set up here; `scripts/target --set-up {name}` does that"
            );
        } else if !browser && !arguments.list {
            println!(
                "SKIPPED {name}: it runs in a real browser; `cargo test --features browser` drives one"
            );
        }
        let ready = set_up && browser;
        Trial::test(name.clone(), move || verdicts(&name)).with_ignored_flag(!ready)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Every folder that has a target file.
fn clients() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(targets())
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join("gauntlet.toml").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    assert!(!names.is_empty(), "harness/targets has no target file");
    names
}

fn targets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("targets")
}

fn folder(name: &str) -> PathBuf {
    targets().join(name)
}

/// Whether a client is a single-page app, which only a real browser can run.
fn is_in_browser(name: &str) -> bool {
    let target = std::fs::read_to_string(folder(name).join("gauntlet.toml"));
    target.is_ok_and(|text| text.lines().any(|line| line.trim() == "[browser]"))
}

fn verdicts(name: &str) -> Result<(), Failed> {
    let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    let output = Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .args(["run", "--scenarios"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios"))
        .arg("-t")
        .arg(folder(name).join("gauntlet.toml"))
        .arg(format!("--report=json={}", report.display()))
        .output()?;
    if !matches!(output.status.code(), Some(0 | 1 | 5)) {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let json: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
    let results = json["results"]
        .as_array()
        .ok_or("the report has no results")?;
    let seen: BTreeMap<&str, &str> = results
        .iter()
        .filter_map(|result| Some((result["id"].as_str()?, result["verdict"].as_str()?)))
        .collect();
    let lines: Vec<String> = seen
        .iter()
        .map(|(id, verdict)| format!("{id} {verdict}"))
        .collect();
    let text = lines.join("\n") + "\n";
    let kept = folder(name).join("verdicts.txt");
    if std::env::var_os("UPDATE_VERDICTS").is_some() {
        std::fs::write(&kept, &text)?;
    }
    let expected = std::fs::read_to_string(&kept)?;
    if text == expected {
        return Ok(());
    }
    let new = text
        .lines()
        .filter(|line| !expected.contains(line))
        .collect::<Vec<_>>();
    Err(format!("verdicts differ from {}: {new:#?}", kept.display()).into())
}
