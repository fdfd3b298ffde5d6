//! A real browser: the same verdicts as with the one that is played, and what only it can see.
//!
//! Skipped by name where Chromium or its driver is not installed.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::files::{Folder, example};

/// A turn with the browser, one test after another: several at a time make each other late. None,
/// where there is no browser to test with, which it says.
#[expect(clippy::print_stderr, reason = "whoever runs the tests is to see it")]
fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |name: &str| std::env::split_paths(&path).any(|it| it.join(name).is_file());
    let browser = has("chromium-headless-shell") || has("chromium");
    let there = browser && has("chromedriver");
    if !there {
        eprintln!("SKIPPED browser: apt-get install chromium-headless-shell chromium-driver");
    }
    there.then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

fn single_page_app(defects: &str, response_mode: &str) -> String {
    let program = example("spa_target");
    format!(
        r#"
name = "single-page app"
can  = ["plain-oauth2", "userinfo", "pkce", "iss", "discovery", "logout"]
time-limit = "20s"

[start]
command = "{}"
public-client = true
timeout = "60s"

[start.env]
PORT           = "{{port}}"
APP_URL        = "{{app}}"
OIDC_ISSUER    = "{{issuer}}"
OIDC_CLIENT_ID = "{{client_id}}"
SPA_DEFECTS    = "{defects}"
SPA_RESPONSE_MODE = "{response_mode}"

[browser]
kind = "chromium"

[app]
logout = {{ open = "/profile", click = "text=Sign out" }}

[signed_in]
css  = "[data-testid=user]"
text = "{{user.email}}"

[error_page]
css = "[role=alert]"
"#,
        program.display()
    )
}

/// All that a run said.
fn told(output: &Output) -> String {
    let [printed, complained] = [&output.stdout, &output.stderr];
    let text = [printed, complained].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    text.concat()
}

/// The verdicts by id, with their sentences.
fn judged(folder: &Folder, arguments: &[&str]) -> (Output, BTreeMap<String, (String, String)>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gauntlet"));
    command
        .arg("run")
        .args(arguments)
        .args(["-j2", "--report", "json=report.json"]);
    command.current_dir(&folder.0).env("NO_COLOR", "1");
    let output = command.output().expect("the program starts");
    let text = std::fs::read_to_string(folder.0.join("report.json"))
        .unwrap_or_else(|error| panic!("{error}\n{}", told(&output)));
    let report: Value = serde_json::from_str(&text).expect("it is JSON");
    let results = report["results"].as_array().into_iter().flatten();
    let verdicts = results.map(|result| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let sentence = text(&result["findings"][0]["sentence"]);
        (text(&result["id"]), (text(&result["verdict"]), sentence))
    });
    (output, verdicts.collect())
}

#[test]
fn a_single_page_app_is_judged_as_any_other_client() {
    let Some(_turn) = turn() else { return };
    let folder = Folder::new("spa");
    folder.write("gauntlet.toml", single_page_app("", "").as_bytes());
    let (output, verdicts) = judged(
        &folder,
        &[
            "flow/valid-code",
            "callback/state-forged",
            "callback/state-wrong-while-pending",
            "callback/access-denied",
            "logout/ends-session",
            "userinfo/unauthorized",
            "browser/*",
        ],
    );
    let printed = told(&output);
    assert_eq!(output.status.code(), Some(0), "{printed}\n{verdicts:#?}");
    assert!(verdicts.len() > 10, "{verdicts:#?}");
    for (id, (verdict, _)) in &verdicts {
        assert!(
            matches!(verdict.as_str(), "pass" | "skip"),
            "{id}: {verdict}\n{printed}"
        );
    }
}

#[test]
fn responses_in_a_fragment_and_in_a_form_reach_the_app() {
    let Some(_turn) = turn() else { return };
    for mode in ["fragment", "form_post"] {
        let folder = Folder::new(&format!("spa-{mode}"));
        folder.write("gauntlet.toml", single_page_app("", mode).as_bytes());
        let (output, verdicts) = judged(
            &folder,
            &[
                "flow/valid-code",
                "userinfo/unauthorized",
                "callback/iss-wrong[other]",
            ],
        );
        let printed = told(&output);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{mode}: {printed}\n{verdicts:#?}"
        );
    }
}

#[test]
fn what_only_a_browser_sees_is_found() {
    let Some(_turn) = turn() else { return };
    for (defect, id, sentence) in [
        ("state", "callback/state-wrong-while-pending", "wrong state"),
        (
            "storage",
            "browser/tokens-in-storage",
            "the access token in localStorage",
        ),
        (
            "address",
            "browser/tokens-in-address",
            "the access token in the address bar",
        ),
        (
            "referer",
            "browser/referer",
            "tells another host the authorization code",
        ),
        (
            "uncaught",
            "browser/uncaught-errors",
            "a script of the client fails",
        ),
    ] {
        let folder = Folder::new(&format!("spa-{defect}"));
        folder.write("gauntlet.toml", single_page_app(defect, "").as_bytes());
        let (output, verdicts) = judged(&folder, &[id, "flow/valid-code"]);
        let mut of_it = verdicts.iter().filter(|(case, _)| case.starts_with(id));
        let found = of_it.any(|(_, (verdict, said))| {
            matches!(verdict.as_str(), "fail" | "warn") && said.contains(sentence)
        });
        let printed = told(&output);
        assert!(found, "{defect}: {verdicts:#?}\n{printed}");
    }
}

#[test]
fn the_reference_client_gets_the_same_verdicts_with_either_browser() {
    let Some(_turn) = turn() else { return };
    let folder = Folder::new("both");
    let some = [
        "flow/*",
        "callback/state-forged",
        "callback/posted",
        "session/cookie-secure",
        "session/no-cookies",
        "logout/old-cookie",
    ];
    let (_, played) = judged(&folder, &some);
    let real = [&some[..], &["--browser", "chromium"]].concat();
    let (_, real) = judged(&folder, &real);
    assert!(played.len() > 8, "{played:#?}");
    assert_eq!(
        played.keys().collect::<Vec<_>>(),
        real.keys().collect::<Vec<_>>()
    );
    for (id, (verdict, sentence)) in played {
        let skipped = real[&id].0 == "skip" && verdict == "pass";
        assert!(
            real[&id].0 == verdict || skipped,
            "{id}: {verdict} {sentence}\n{:?}",
            real[&id]
        );
    }
}
