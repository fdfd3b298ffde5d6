//! The command line: exit codes, reports, and wrong input.

use std::process::{Command, Output};

use serde_json::Value;

use crate::files::Folder;

/// Runs the program in the root of the repository.
pub(crate) fn gauntlet(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env("NO_COLOR", "1")
        .output()
        .expect("the program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_demo_client_fails_what_the_tutorial_forgets_and_passes_the_clean_login() {
    let output = gauntlet(&["run", "-t", "demo", "flow", "callback"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("FAIL          callback/bad-state"), "{text}");
    assert!(text.contains("PASS          flow/valid-code"), "{text}");
}

#[test]
fn the_reference_client_passes_and_the_exit_code_says_so() {
    let output = gauntlet(&["run", "flow", "id-token/wrong-aud"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn a_filter_that_matches_nothing_is_not_green() {
    let output = gauntlet(&["run", "id-token/wrong-oud"]);
    assert_eq!(output.status.code(), Some(4));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("did you mean `id-token/wrong-aud`?"),
        "{stderr}"
    );
}

#[test]
fn a_selection_by_level_and_tag_that_leaves_nothing_is_not_green() {
    let output = gauntlet(&["run", "leak", "--level", "must"]);
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn wrong_flags_and_reports_are_a_mistake_of_the_command_line() {
    assert_eq!(gauntlet(&["run", "--tagg", "x"]).status.code(), Some(2));
    assert_eq!(
        gauntlet(&["run", "--report", "xml=x"]).status.code(),
        Some(2)
    );
    assert_eq!(
        gauntlet(&["run", "-t", "no-such-file.toml"]).status.code(),
        Some(2)
    );
    assert_eq!(gauntlet(&["nonsense"]).status.code(), Some(2));
    assert_eq!(gauntlet(&["--help"]).status.code(), Some(0));
}

#[test]
fn the_json_report_carries_verdicts_findings_and_transcripts() {
    let folder = Folder::new("report");
    let path = folder.0.join("report.json");
    let report = format!("json={}", path.display());
    let output = gauntlet(&[
        "run",
        "-t",
        "demo",
        "callback/bad-state",
        "--report",
        &report,
    ]);
    assert_eq!(output.status.code(), Some(1));
    let text = std::fs::read_to_string(&path).expect("the report is there");
    let report: Value = serde_json::from_str(&text).expect("it is JSON");
    let first = &report["results"][0];
    assert_eq!(first["id"], "callback/bad-state");
    assert_eq!(first["verdict"], "fail");
    let number = first["findings"][0]["exchange"]
        .as_u64()
        .expect("a finding names its exchange");
    let transcript = first["transcript"].as_array().expect("a transcript");
    assert!(
        transcript
            .iter()
            .any(|entry| entry["number"].as_u64() == Some(number))
    );
}

#[test]
fn the_list_for_programs_is_an_array_with_the_promised_members() {
    let output = gauntlet(&["list", "--format", "json"]);
    let list: Value = serde_json::from_str(&stdout(&output)).expect("it is JSON");
    let list = list.as_array().expect("an array");
    assert!(list.len() >= 60, "{} scenarios", list.len());
    for member in ["id", "title", "level", "needs", "spec"] {
        assert!(
            list.iter().all(|entry| !entry[member].is_null()),
            "{member} is missing"
        );
    }
}

#[test]
fn explain_tells_a_scenario_and_a_verdict_in_words() {
    let output = gauntlet(&["explain", "id-token/wrong-aud"]);
    let text = stdout(&output);
    for heading in [
        "What happens",
        "Why it matters",
        "How to mend it",
        "Where it is written",
    ] {
        assert!(text.contains(heading), "{text}");
    }
    assert!(stdout(&gauntlet(&["explain", "inconclusive"])).contains("never counted as a pass"));
    assert_eq!(
        gauntlet(&["explain", "id-token/wrong-add"]).status.code(),
        Some(2)
    );
}

#[test]
fn a_row_of_another_catalogue_finds_its_scenario() {
    for (row, scenario) in [
        ("state-type-juggling", "callback/state-type[list]"),
        ("acct-email-not-key", "account/same-email"),
        (
            "mix-session-overwrite-1",
            "mix-up/other-login[honest-first]",
        ),
    ] {
        let listed = stdout(&gauntlet(&["list", row]));
        assert!(listed.contains(scenario), "{row}: {listed}");
        let explained = stdout(&gauntlet(&["explain", row]));
        let file = scenario.split('[').next().unwrap_or_default();
        assert!(explained.contains(file), "{row}: {explained}");
    }
}
