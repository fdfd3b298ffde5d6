//! Scenario files: what is wrong is answered with file, line, caret and the nearest valid word.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn gauntlet(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("the program starts")
}

/// A program of `harness/examples/`.
pub(crate) fn example(name: &str) -> PathBuf {
    let programs = Path::new(env!("CARGO_BIN_EXE_gauntlet")).parent();
    programs
        .expect("it is in a folder")
        .join("examples")
        .join(name)
}

/// A folder of its own for one test, gone when the test ends.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the folder can be made");
        Self(path)
    }

    /// Runs the program here: its exit code, and what it said.
    pub(crate) fn gauntlet(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = gauntlet(&self.0, arguments);
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        (output.status.code(), text)
    }

    pub(crate) fn write(&self, file: &str, content: &[u8]) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().expect("it has one")).expect("the folder can be made");
        fs::write(path, content).expect("the file can be written");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

const GOOD: &str = r#"
title    = "A test"
level    = "MUST"
severity = "low"
spec     = ["RFC 6749 §4.1"]
why      = "Because."
fix      = "Mend it."
"#;

fn lint(name: &str, text: &[u8]) -> (String, Option<i32>) {
    let folder = Folder::new(name);
    folder.write("scenarios/area/file.toml", text);
    let output = gauntlet(&folder.0, &["lint"]);
    (
        String::from_utf8_lossy(&output.stderr).into_owned(),
        output.status.code(),
    )
}

fn refused(name: &str, text: &str, says: &[&str]) {
    let (stderr, code) = lint(name, text.as_bytes());
    assert_eq!(code, Some(2), "{stderr}");
    for words in says {
        assert!(stderr.contains(words), "`{words}` is not in:\n{stderr}");
    }
    assert!(
        stderr.contains("area/file.toml:"),
        "no file and line in:\n{stderr}"
    );
}

#[test]
fn a_misspelt_key_points_at_itself_and_names_the_nearest_key() {
    refused(
        "misspelt",
        &format!("{GOOD}tgas = [\"x\"]\n[expect]\noutcome = \"refused\"\n"),
        &[
            "unknown field `tgas`",
            "tgas = ",
            "^^^^",
            "did you mean `tags`?",
        ],
    );
}

#[test]
fn a_path_belongs_to_a_visit_and_begins_with_a_slash() {
    for (name, step) in [
        ("path-act", "do = \"sign-in\"\npath = \"/x\""),
        ("path-slash", "do = \"visit\"\npath = \"x\""),
    ] {
        refused(
            name,
            &format!("{GOOD}[[step]]\n{step}\n[expect]\noutcome = \"refused\"\n"),
            &["`path` is a page", "path = ", "^^^^", "write path"],
        );
    }
}

#[test]
fn a_wrong_type_points_at_the_value() {
    refused(
        "type",
        &format!("{GOOD}tags = 3\n[expect]\noutcome = \"refused\"\n"),
        &["invalid type", "tags = 3", "^"],
    );
}

#[test]
fn an_unknown_fault_names_the_nearest_point() {
    refused(
        "fault",
        &format!("{GOOD}[[fault]]\nid-tokn = {{}}\n[expect]\noutcome = \"refused\"\n"),
        &[
            "unknown field `id-tokn`",
            "^^^^^^^",
            "did you mean `id-token`?",
        ],
    );
}

#[test]
fn an_unknown_capability_names_the_nearest_one() {
    refused(
        "capability",
        &format!("{GOOD}needs = [\"odic\"]\n[expect]\noutcome = \"refused\"\n"),
        &["unknown variant `odic`", "did you mean `oidc`?"],
    );
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    refused("empty", "", &["the scenario file is empty"]);
}

#[test]
fn a_binary_file_is_said_to_be_no_text() {
    let (stderr, code) = lint("binary", b"title = \"x\"\n\xff\xfe\x00");
    assert_eq!(code, Some(2));
    assert!(stderr.contains("not UTF-8 text"), "{stderr}");
    assert!(stderr.contains("area/file.toml:2"), "{stderr}");
}

#[test]
fn a_scenario_that_expects_nothing_is_refused() {
    refused("nothing", GOOD, &["expects nothing"]);
}

#[test]
fn a_fault_at_two_points_is_refused() {
    refused(
        "points",
        &format!(
            "{GOOD}[[fault]]\ntoken = {{}}\nuserinfo = {{}}\n[expect]\noutcome = \"refused\"\n"
        ),
        &["exactly one of"],
    );
}

#[test]
fn the_errors_of_all_files_are_shown_and_nothing_runs() {
    let folder = Folder::new("all");
    folder.write("scenarios/a/one.toml", b"titel = 1\n");
    folder.write("scenarios/b/two.toml", b"\n");
    folder.write("scenarios/b/three.toml", b"= nonsense\n");
    let output = gauntlet(&folder.0, &["run"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    for file in ["one.toml", "two.toml", "three.toml"] {
        assert!(stderr.contains(file), "{file} is not in:\n{stderr}");
    }
    assert!(stderr.contains("3 errors"), "{stderr}");
}

#[test]
fn lint_takes_files_and_folders() {
    let folder = Folder::new("paths");
    folder.write("x/area/bad.toml", b"titel = 1\n");
    folder.write(
        "x/area/good.toml",
        format!("{GOOD}[expect]\noutcome = \"signed-in\"\n").as_bytes(),
    );
    assert_eq!(
        gauntlet(&folder.0, &["lint", "x/area/good.toml"])
            .status
            .code(),
        Some(0)
    );
    assert_eq!(gauntlet(&folder.0, &["lint", "x"]).status.code(), Some(2));
    assert_eq!(
        gauntlet(&folder.0, &["lint", "nowhere.toml"]).status.code(),
        Some(2)
    );
}

#[test]
fn a_new_file_is_picked_up_without_touching_code() {
    let folder = Folder::new("new");
    folder.write(
        "scenarios/mine/first.toml",
        format!("{GOOD}[expect]\noutcome = \"signed-in\"\n").as_bytes(),
    );
    let output = gauntlet(&folder.0, &["run"]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.contains("mine/first"), "{stdout}");
}

#[test]
fn every_target_file_of_the_documentation_can_be_read() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/targets.md");
    let text = fs::read_to_string(&page).expect("the page is there");
    let blocks = text.split("```toml\n").skip(1);
    let files: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    assert!(files.len() > 4, "{files:?}");
    for file in files {
        if let Err(defects) = gauntlet::target::parse(&page, file) {
            panic!("{}\n{file}", defects[0]);
        }
    }
}

#[test]
fn a_scenario_that_changes_nothing_cannot_ask_for_a_refusal() {
    let folder = Folder::new("nothing");
    let text = format!("{GOOD}[expect]\noutcome = \"refused\"\n");
    folder.write("x/area/one.toml", text.as_bytes());
    let (code, told) = folder.gauntlet(&["lint", "x/area/one.toml"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains("`area/one` changes nothing") && told.contains("outcome = \"refused\""),
        "{told}"
    );
}

#[test]
fn what_is_wrong_with_a_case_is_shown_at_the_case() {
    let folder = Folder::new("cases");
    let case = "[[case]]\nname = \"a\"\nfault = [{ redirect = { remove = [\"state\"] } }]\n";
    let text = format!("{GOOD}[expect]\noutcome = \"refused\"\n{case}{case}");
    folder.write("x/area/one.toml", text.as_bytes());
    let (_, told) = folder.gauntlet(&["lint", "x/area/one.toml"]);
    let line = 1 + text[..text.rfind("name = \"a\"").expect("it is there")]
        .matches('\n')
        .count();
    assert!(told.contains("two cases called `a`"), "{told}");
    assert!(told.contains(&format!("one.toml:{line}:")), "{told}");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_read() {
    let folder = Folder::new("device");
    let (code, told) = folder.gauntlet(&["doctor", "-t", "/dev/zero"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("this is not a file"), "{told}");
}

#[test]
fn a_report_replaces_nothing_that_is_read_and_has_a_place_to_go_to() {
    let folder = Folder::new("reports");
    let target = "name = \"x\"\ncan = []\n[start]\ncommand = \"x\"\n";
    folder.write("gauntlet.toml", target.as_bytes());
    for (reports, why) in [
        (&["json=gauntlet.toml"][..], "would be lost"),
        (&["json=x", "html=x"], "another report goes there"),
        (&["html=no/such.html"], "there is no such folder"),
        (&["junit=."], "that is a folder"),
    ] {
        let mut arguments = vec!["run"];
        arguments.extend(reports.iter().flat_map(|report| ["--report", report]));
        let (code, told) = folder.gauntlet(&arguments);
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains(why), "{told}");
    }
    let kept = fs::read_to_string(folder.0.join("gauntlet.toml"));
    assert_eq!(kept.expect("it is still there"), target);
}

#[test]
fn a_target_file_in_place_of_a_scenario_is_told_from_one() {
    let folder = Folder::new("place");
    folder.write("mine.toml", b"");
    let (code, told) = folder.gauntlet(&["run", "mine.toml"]);
    assert_eq!(code, Some(4), "{told}");
    assert!(told.contains("a target file is named with -t"), "{told}");
}

#[test]
fn what_a_target_claims_it_says_how_to_use() {
    let folder = Folder::new("claims");
    let start = "[start]\ncommand = \"x\"\n";
    for (text, why) in [
        ("can = [\"return-to\"]\n", "`can` claims `return-to`"),
        (
            "can = [\"back-channel-logout\"]\n",
            "`can` claims `back-channel-logout`",
        ),
        (
            "can = []\n[app]\nreturn-to = \"/login?next=\"\n",
            "does not say where `{target}` goes",
        ),
        (
            "can = []\n[app]\nreturn-to = \"/login?next={targte}\"\n",
            "did you mean `{target}`?",
        ),
        (
            "can = []\n[app]\nback-channel-logout = \"bcl\"\n",
            "`bcl` is not a path",
        ),
        (
            "can = []\ntime-limit = \"580000000000y\"\n",
            "`time-limit` is longer than a day",
        ),
    ] {
        folder.write(
            "gauntlet.toml",
            format!("name = \"x\"\n{text}{start}").as_bytes(),
        );
        let (code, told) = folder.gauntlet(&["doctor"]);
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains(why), "{told}");
    }
}
