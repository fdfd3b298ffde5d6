//! Reports: `JUnit` and HTML of a run, several clients put together, and wrong input.

use std::process::Output;

use crate::cli::gauntlet;
use crate::files::Folder;

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A run with a report of each kind.
fn run(folder: &Folder, target: &[&str], name: &str) -> [String; 3] {
    let paths = ["json", "junit", "html"].map(|kind| {
        folder
            .0
            .join(format!("{name}.{kind}"))
            .display()
            .to_string()
    });
    let [json, junit, html] = &paths;
    let reports = [
        format!("--report=json={json}"),
        format!("--report=junit={junit}"),
        format!("--report=html={html}"),
    ];
    let mut arguments = vec!["run", "callback/bad-state", "flow/valid-code"];
    arguments.extend(target);
    arguments.extend(reports.iter().map(String::as_str));
    let output = gauntlet(&arguments);
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{}",
        stderr(&output)
    );
    paths
}

fn text(path: &str) -> String {
    std::fs::read_to_string(path).expect("the report is there")
}

#[test]
fn one_run_writes_every_kind_of_report() {
    let folder = Folder::new("reports-one");
    let [_, junit, html] = run(&folder, &["-t", "demo"], "demo");
    let junit = text(&junit);
    assert!(junit.contains("failures=\"1\""), "{junit}");
    assert!(junit.contains("name=\"callback/bad-state\""), "{junit}");
    let html = text(&html);
    assert!(html.contains("the verdict rests on this"), "{html}");
    assert!(html.contains("id=\"t1:callback:bad-state\""), "{html}");
}

#[test]
fn reports_of_several_clients_become_one_matrix() {
    let folder = Folder::new("reports-many");
    let [demo, ..] = run(&folder, &["-t", "demo"], "demo");
    let [reference, ..] = run(&folder, &[], "reference");
    let html = folder.0.join("all.html").display().to_string();
    let junit = folder.0.join("all.xml").display().to_string();
    let output = gauntlet(&[
        "report",
        &demo,
        &reference,
        "--report",
        &format!("html={html}"),
        "--report",
        &format!("junit={junit}"),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let html = text(&html);
    assert!(html.contains("<th scope=\"col\">demo</th>"), "{html}");
    assert!(html.contains("<th scope=\"col\">client-app</th>"), "{html}");
    assert!(text(&junit).contains("<testsuite name=\"client-app\""));
}

#[test]
fn a_mistake_of_the_set_up_is_an_error_in_the_reports_and_no_result() {
    let folder = Folder::new("reports-set-up");
    folder.write(
        "gauntlet.toml",
        b"name = \"gone\"\ncan = []\n[start]\ncommand = \"./is-not-there\"\n",
    );
    let target = folder.0.join("gauntlet.toml");
    let junit = folder.0.join("junit.xml").display().to_string();
    let report = format!("junit={junit}");
    let output = gauntlet(&[
        "run",
        "-t",
        &target.display().to_string(),
        "--report",
        &report,
    ]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let junit = text(&junit);
    assert!(junit.contains("type=\"set-up\""), "{junit}");
    assert!(junit.contains("errors=\"1\""), "{junit}");
}

#[test]
fn what_is_no_report_is_named_with_the_way_out() {
    let folder = Folder::new("reports-wrong");
    folder.write("report.json", b"{\"results\": 1}");
    let file = folder.0.join("report.json").display().to_string();
    for (arguments, words) in [
        (vec!["report", file.as_str()], "it is not a report of a run"),
        (vec!["report", "no-such.json"], "no-such.json"),
        (
            vec!["run", "--report", "htm=x"],
            "there is no report called `htm`",
        ),
        (vec!["run", "--report", "html="], "it does not say where to"),
        (
            vec!["run", "--report", "html"],
            "write json=PATH, junit=PATH or html=PATH",
        ),
    ] {
        let output = gauntlet(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = stderr(&output);
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}
