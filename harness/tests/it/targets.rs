//! Targets that go wrong: a clear reason, the last lines of their output, and nothing left behind.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::files::{Folder, example};

fn target_file(command: &str, timeout: &str) -> String {
    format!(
        r#"
name = "bad"
can  = ["plain-oauth2", "userinfo"]
time-limit = "2s"

[start]
command = "{command}"
timeout = "{timeout}"

[start.env]
OIDC_ISSUER        = "{{issuer}}"
OIDC_CLIENT_ID     = "{{client_id}}"
OIDC_CLIENT_SECRET = "{{client_secret}}"
BASE_URL           = "{{app}}"
"#
    )
}

fn command(folder: &Folder) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gauntlet"));
    command.args([
        "run",
        "flow/valid-code",
        "callback/bad-state",
        "callback/state-missing",
        "-j1",
    ]);
    command.current_dir(&folder.0).env("NO_COLOR", "1");
    command
}

fn run(name: &str, start: &str, timeout: &str) -> (Output, String) {
    let folder = Folder::new(name);
    folder.write("gauntlet.toml", target_file(start, timeout).as_bytes());
    let output = command(&folder).output().expect("the program starts");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output, text)
}

fn mode(mode: &str) -> String {
    format!("{} {mode} {{port}}", example("bad_target").display())
}

fn is_setup(name: &str, start: &str, says: &[&str]) {
    let (output, text) = run(name, start, "1500ms");
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("0 scenarios run"), "{text}");
    for words in says {
        assert!(text.contains(words), "`{words}` is not in:\n{text}");
    }
}

#[test]
fn a_program_that_does_not_exist_is_a_mistake_of_the_set_up() {
    is_setup(
        "nothing",
        "no-such-program --port {port}",
        &["`no-such-program", "does not start"],
    );
}

#[test]
fn a_program_that_ends_at_once_is_told_with_its_last_words() {
    is_setup(
        "ends",
        "sh -c 'echo cannot find module flask; exit 3'",
        &[
            "ended before it was ready",
            "exit status: 3",
            "cannot find module flask",
        ],
    );
}

#[test]
fn a_program_on_another_port_is_told_so() {
    is_setup(
        "port",
        &mode("wrong-port"),
        &["is not ready after", "nothing listens there", "{port}"],
    );
}

#[test]
fn a_program_that_never_answers_is_told_so() {
    is_setup(
        "silent",
        &mode("silent"),
        &["accepts connections but never answers"],
    );
}

#[test]
fn a_login_page_that_fails_is_told_with_its_status() {
    is_setup("500", &mode("500"), &["answers 500 to GET /login"]);
}

#[test]
fn megabytes_of_output_are_cut_to_the_last_lines() {
    let (output, text) = run("megabytes", &mode("megabytes"), "10s");
    assert_eq!(output.status.code(), Some(3), "{}", text.len());
    assert!(text.contains("the end of it"));
    assert!(text.len() < 8_000, "{} bytes", text.len());
}

#[test]
fn a_program_that_dies_half_way_makes_nothing_pass() {
    let (output, text) = run("dies", &mode("dies"), "10s");
    assert!(matches!(output.status.code(), Some(1 | 3 | 5)), "{text}");
    assert!(text.contains("exit status: 7"), "{text}");
    assert!(text.contains("out of memory, so to speak"), "{text}");
}

/// The reference client as a program of its own, which is told about the CA by its environment.
fn over_https(provider: &str) -> String {
    format!(
        r#"
name = "reference over https"
can  = ["oidc", "pkce", "nonce", "userinfo", "discovery"]

[provider]
{provider}

[start]
command = "'{}' client --issuer {{issuer}} --port {{port}}"

[start.env]
BASE_URL           = "{{app}}"
OIDC_CLIENT_ID     = "{{client_id}}"
OIDC_CLIENT_SECRET = "{{client_secret}}"
"#,
        env!("CARGO_BIN_EXE_gauntlet")
    )
}

fn passes_over_https(name: &str, provider: &str, issuer: &str) {
    let folder = Folder::new(name);
    folder.write("gauntlet.toml", over_https(provider).as_bytes());
    let (code, text) = folder.gauntlet(&["run", "flow/valid-code", "id-token/bad-signature"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(issuer), "{text}");
    let all = !text.contains("skipped") && !text.contains("FAIL");
    assert!(all && text.contains(" pass   exit 0"), "{text}");
}

#[test]
fn issuers_are_https_and_the_program_trusts_their_ca() {
    passes_over_https("https", "tls = true", "provider  https://127.0.0.1:");
}

#[test]
fn a_host_name_for_issuers_is_in_their_urls_and_their_certificate() {
    passes_over_https(
        "https-host",
        "tls = true\nissuer-host = \"localhost\"",
        "provider  https://localhost:",
    );
}

/// Where a certificate for 127.0.0.1 is that is good for a hundred years; no secret.
fn own_certificate() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/certificate");
    let file = |name: &str| format!("{:?}", folder.join(name).display().to_string());
    let [chain, key, ca] = ["issuer.pem", "issuer-key.pem", "ca.pem"].map(file);
    format!("tls = true\ncertificate = {{ chain = {chain}, key = {key}, ca = {ca} }}")
}

#[test]
fn a_certificate_that_there_is_already_is_served() {
    passes_over_https(
        "https-own",
        &own_certificate(),
        "provider  https://127.0.0.1:",
    );
}

#[test]
fn an_app_that_runs_already_needs_a_certificate_that_stays() {
    let folder = Folder::new("https-attached");
    let file = |provider: &str| {
        format!(
            "name = \"x\"\ncan = [\"oidc\"]\n[provider]\n{provider}\n[attach]\n\
             app = \"http://localhost:1\"\nissuer-port = 1\nclient-id = \"x\"\n"
        )
    };
    folder.write("gauntlet.toml", file("tls = true").as_bytes());
    let (code, text) = folder.gauntlet(&["run"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("gauntlet.toml:4:"), "{text}");
    assert!(text.contains("add certificate = {"), "{text}");

    let lost = own_certificate().replace("issuer-key.pem", "lost.pem");
    folder.write("gauntlet.toml", file(&lost).as_bytes());
    let (code, text) = folder.gauntlet(&["run"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("gauntlet.toml:5:"), "{text}");
    assert!(text.contains("lost.pem: No such file"), "{text}");
}

#[test]
fn a_login_that_ends_at_a_path_is_not_tried_with_other_addresses() {
    let folder = Folder::new("paths-alone");
    let text = over_https("").replace("can  = [", "can  = [\"return-to\", ");
    let text = text + "[app]\nreturn-to = \"{target}\"\n";
    folder.write("gauntlet.toml", text.as_bytes());
    let (_, text) = folder.gauntlet(&["run", "redirect/after-sign-in"]);
    let line = |case: &str| {
        let mut lines = text.lines();
        let line = lines.find(|line| line.contains(&format!("after-sign-in[{case}]")));
        line.unwrap_or_else(|| panic!("no {case} in:\n{text}"))
    };
    for case in ["absolute", "javascript", "own-address-as-user-name"] {
        let line = line(case);
        assert!(line.contains("SKIP"), "{line}");
        assert!(line.contains("takes paths alone"), "{line}");
    }
    for case in ["two-slashes", "backslash"] {
        assert!(!line(case).contains("SKIP"), "{text}");
    }
}

#[test]
fn a_ca_file_is_there_over_https_alone() {
    let folder = Folder::new("no-ca");
    folder.write("gauntlet.toml", target_file("x {ca_file}", "1s").as_bytes());
    let output = command(&folder).output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("gauntlet.toml:7") && text.contains("add `tls = true` to [provider]"),
        "{text}"
    );
}

/// An app that reads a file, begins logins by a form, and answers everybody 200 in JSON.
fn fussy(login: &str, more: &str) -> String {
    let program = example("fussy_target");
    format!(
        r#"
name = "fussy"
can  = ["plain-oauth2", "userinfo", "logout"]

[start]
command = "{program} {{port}}"
ready   = {{ log = "Started .* in \\d" }}

[start.files."config/app.json"]
json = {{ authority = "{{issuer}}", client_id = "{{client_id}}", client_secret = "{{client_secret}}", base = "{{app}}" }}

[app]
login     = {login}
callback  = "/callback"
protected = "/account"
logout    = {{ path = "/end", method = "POST", csrf = "_csrf" }}

[signed_in]
json = {{ "$.user.email" = "{{user.email}}" }}

[signed_out]
json = {{ "$.user.email" = "null" }}
{more}"#,
        program = program.display()
    )
}

fn fussy_run(name: &str, login: &str, more: &str, scenarios: &[&str]) -> (Option<i32>, String) {
    let folder = Folder::new(name);
    folder.write("gauntlet.toml", fussy(login, more).as_bytes());
    folder.write("config/keep.json", b"{}");
    let told = folder.gauntlet(&[&["run"], scenarios].concat());
    let left: Vec<_> = std::fs::read_dir(folder.0.join("config"))
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").file_name())
        .collect();
    assert_eq!(left, ["keep.json"], "the file is gone when the run is over");
    told
}

#[test]
fn a_form_with_its_token_a_file_and_a_line_of_the_output_are_all_it_takes() {
    let login = r#"{ path = "/begin", method = "POST", csrf = "_csrf", from = "/" }"#;
    let scenarios = ["flow/valid-code", "logout/ends-session"];
    let (code, text) = fussy_run("fussy-form", login, "", &scenarios);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("2 pass"), "{text}");
}

#[test]
fn a_client_that_reads_files_and_is_never_restarted_serves_all_scenarios() {
    let folder = Folder::new("fussy-never");
    let login = r#"{ open = "/", click = "text=Sign in" }"#;
    let text = fussy(login, "").replace("ready   =", "restart = \"never\"\nready   =");
    folder.write("gauntlet.toml", text.as_bytes());
    let scenarios = ["flow/valid-code", "logout/ends-session", "refresh/works"];
    let (code, text) = folder.gauntlet(&[&["run"], &scenarios[..]].concat());
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("2 pass") && text.contains("SKIP"), "{text}");
    assert!(
        !folder.0.join("config").exists(),
        "the file is gone when the run is over"
    );
}

#[test]
fn a_button_is_clicked_by_its_text() {
    let login = r#"{ open = "/", click = "text=Sign in" }"#;
    let (code, text) = fussy_run("fussy-click", login, "", &["flow/valid-code"]);
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_button_that_is_not_there_is_a_mistake_of_the_set_up_that_names_what_is() {
    let login = r#"{ open = "/", click = "text=Log on" }"#;
    let (code, text) = fussy_run("fussy-no-button", login, "", &["flow/valid-code"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("the page has `Sign in`"), "{text}");
}

#[test]
fn what_is_listed_as_known_does_not_fail_and_what_is_stale_does() {
    let login = r#"{ open = "/", click = "text=Sign in" }"#;
    let listed = |check: &str| {
        format!(
            "\n[[known]]\nscenario = \"callback/state-missing\"\nreason = \"in review\"\n{check}"
        )
    };
    let run = |name: &str, more: &str, scenario: &str| {
        fussy_run(name, login, more, &["flow/valid-code", scenario])
    };
    let (code, text) = run("known", &listed(""), "callback/state-missing");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("KNOWN"), "{text}");
    let other = listed("check = \"something else\"");
    let (code, text) = run("known-other", &other, "callback/state-missing");
    assert_eq!(code, Some(1), "{text}");
    let stale = listed("").replace("callback/state-missing", "flow/valid-code");
    let (code, text) = run("known-stale", &stale, "flow/valid-code");
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("remove the entry"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_was_written_for_a_program_is_put_back_after_an_interruption() {
    let folder = Folder::new("put-back");
    let pid = with_grandchild(&folder);
    let file = folder.0.join("gauntlet.toml");
    let text = std::fs::read_to_string(&file).expect("it was written");
    let more = "\n[start.files.\"settings.ini\"]\ntext = \"issuer = {issuer}\"\n";
    folder.write("gauntlet.toml", (text + more).as_bytes());
    folder.write("settings.ini", b"mine");
    let (mut child, _) = started(command(&folder), &pid);
    let settings = folder.0.join("settings.ini");
    let now = std::fs::read_to_string(&settings).expect("it is there");
    assert!(now.starts_with("issuer = http://127.0.0.1:"), "{now}");
    let signalled = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signalled.expect("kill is there").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(std::fs::read(&settings).expect("it is there"), b"mine");
}

/// Each mistake is answered at its word.
#[test]
fn mistakes_of_a_target_file_are_pointed_at_to_the_word() {
    let whole = r#"
name = "x"
can  = []
[provider]
issuer-host = "http://x"
[start]
command = "x"
ready   = { log = "(" }
[start.env]
A = "{issuer}"
B = "{second.isuer}"
[start.files."../x"]
text = "{prot}"
[app]
login   = { path = "begin", method = "POST" }
logout  = { open = "/", click = "[[" }
[signed_in]
text = "hello"
json = { "$.[" = "{user.mail}" }
[error_page]
text = "(?i)failed ("
"#;
    let folder = Folder::new("mistakes");
    folder.write("gauntlet.toml", whole.as_bytes());
    let output = command(&folder).output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    for (line, says) in [
        (5, "`http://x` is not a host name"),
        (8, "this is no regular expression"),
        (11, "did you mean `{second.issuer}`?"),
        (12, "is not below the folder"),
        (13, "did you mean `{port}`?"),
        (15, "`begin` is not a path"),
        (16, "`[[` is no CSS selector"),
        (19, "did you mean `{user.email}`?"),
        (19, "is no JSON path"),
        (21, "this is no regular expression"),
    ] {
        assert!(text.contains(says), "`{says}` is not in:\n{text}");
        let place = format!("gauntlet.toml:{line}:");
        assert!(text.contains(&place), "`{place}` is not in:\n{text}");
    }
}

/// Whether a process is there and no zombie.
#[cfg(target_os = "linux")]
fn lives(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state
        .rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}

#[cfg(target_os = "linux")]
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "{what} took too long");
        std::thread::yield_now();
    }
}

/// A target whose program leaves a grandchild and writes down its process id.
#[cfg(target_os = "linux")]
fn with_grandchild(folder: &Folder) -> PathBuf {
    let pid = folder.0.join("pid");
    let script = format!(
        "#!/bin/sh\nsleep 600 &\necho $! > {}\nexec {} silent $1\n",
        pid.display(),
        example("bad_target").display()
    );
    folder.write("start.sh", script.as_bytes());
    folder.write(
        "gauntlet.toml",
        target_file("sh start.sh {port}", "60s").as_bytes(),
    );
    pid
}

#[cfg(target_os = "linux")]
fn started(mut command: Command, pid: &Path) -> (Child, String) {
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut grandchild = String::new();
    wait_for("the start of the target", || {
        let written = std::fs::read_to_string(pid).unwrap_or_default();
        written.trim().clone_into(&mut grandchild);
        !grandchild.is_empty()
    });
    (child, grandchild)
}

#[cfg(target_os = "linux")]
#[test]
fn the_whole_process_group_is_gone_after_an_interruption() {
    let folder = Folder::new("interrupt");
    let pid = with_grandchild(&folder);
    let (mut child, grandchild) = started(command(&folder), &pid);
    assert!(lives(&grandchild));
    let signalled = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signalled.expect("kill is there").success());
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    wait_for("the end of the grandchild", || !lives(&grandchild));
}

#[cfg(target_os = "linux")]
#[test]
fn the_whole_process_group_is_gone_after_a_run() {
    let folder = Folder::new("group");
    let pid = with_grandchild(&folder);
    let file = folder.0.join("gauntlet.toml");
    let short = std::fs::read_to_string(&file)
        .expect("it was written")
        .replace("60s", "1s");
    folder.write("gauntlet.toml", short.as_bytes());
    let output = command(&folder).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(3));
    let grandchild = std::fs::read_to_string(&pid).expect("it was written");
    wait_for("the end of the grandchild", || !lives(grandchild.trim()));
}

#[test]
fn a_target_file_with_a_mistake_points_at_it() {
    let folder = Folder::new("mistake");
    folder.write("gauntlet.toml", target_file("x {prot}", "1s").as_bytes());
    let output = command(&folder).output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("gauntlet.toml:7") && text.contains("did you mean `{port}`?"),
        "{text}"
    );
}
