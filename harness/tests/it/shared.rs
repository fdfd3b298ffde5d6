//! Runs beside each other on one client: told apart by what was handed out.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use gauntlet::scenario::Touches;
use gauntlet::target::{Manner, Pool, Spec, parse};
use oauth_gauntlet_provider::{Fault, Filter};

use crate::files::Folder;

type Verdicts = BTreeMap<String, (String, String)>;

fn free_ports() -> [u16; 2] {
    let listeners =
        [0, 0].map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port is free"));
    listeners.map(|it| it.local_addr().expect("it is bound").port())
}

/// A program that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Verdicts and reasons by id.
fn run(folder: &Folder, arguments: &[&str]) -> Verdicts {
    let output = Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .arg("run")
        .args(arguments)
        .args(["--report", "json=report.json"])
        .current_dir(&folder.0)
        .env("NO_COLOR", "1")
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + String::from_utf8_lossy(&output.stderr).as_ref();
    let report = std::fs::read(folder.0.join("report.json")).unwrap_or_else(|_| panic!("{text}"));
    let report: serde_json::Value = serde_json::from_slice(&report).expect("it is JSON");
    let results = report["results"].as_array().expect("there are results");
    let text_of = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let verdicts = results.iter().map(|result| {
        let verdict = (text_of(&result["verdict"]), text_of(&result["reason"]));
        (text_of(&result["id"]), verdict)
    });
    let verdicts: Verdicts = verdicts.collect();
    assert!(!verdicts.is_empty(), "{text}");
    verdicts
}

fn words(verdicts: &Verdicts) -> BTreeMap<&str, &str> {
    verdicts
        .iter()
        .map(|(id, (word, _))| (id.as_str(), word.as_str()))
        .collect()
}

#[test]
fn opposite_faults_beside_each_other_on_one_attached_client_do_not_meet() {
    let [app, issuer] = free_ports();
    let client = Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .args(["client", "--port", &app.to_string()])
        .args(["--issuer", &format!("http://127.0.0.1:{issuer}")])
        .env("BASE_URL", format!("http://localhost:{app}"))
        .env("OIDC_CLIENT_ID", "attached")
        .env("OIDC_CLIENT_SECRET", "secret-of-the-attached-client")
        .stdout(Stdio::null())
        .spawn()
        .expect("the client starts");
    let _client = Running(client);
    let folder = Folder::new("attached");
    let target = format!(
        r#"
name = "attached"
can = ["oidc", "userinfo", "pkce", "nonce", "iss", "refresh", "logout", "discovery"]
[attach]
app = "http://localhost:{app}"
issuer-port = {issuer}
client-id = "attached"
client-secret = "secret-of-the-attached-client"
[app]
logout = {{ path = "/logout", method = "POST" }}
"#
    );
    folder.write("gauntlet.toml", target.as_bytes());
    // The accepting ones beside the refusing ones: a fault that reached the wrong run would show.
    let which = [
        "id-token/*",
        "callback/*",
        "userinfo/sub-mismatch",
        "userinfo/malformed*",
        "token/type-case",
        "token/type-not-bearer",
        "token/error-status",
        "session/*",
        "logout/ends-session",
        "discovery/malformed*",
    ];
    let beside = run(&folder, &[&which[..], &["-j16"]].concat());
    let one_by_one = run(&folder, &[&which[..], &["-j1"]].concat());
    assert_eq!(words(&beside), words(&one_by_one));
    let mut skipped = 0;
    for (id, (verdict, reason)) in &beside {
        skipped += usize::from(verdict == "skip");
        // It has just been made to look for a key that is not there.
        let keys = id == "id-token/rotated-key" && reason.contains("fetch keys");
        let fresh = keys || verdict == "skip" && reason.starts_with("needs ");
        // It has one cookie for both, and it can read nothing in it.
        let about_cookies = ["session/cookie-of-a-login", "session/forged-cookie"];
        let moot = about_cookies.contains(&id.as_str()) && verdict == "info";
        assert!(
            verdict == "pass" || fresh || moot,
            "{id}: {verdict} {reason}"
        );
    }
    assert!(skipped < beside.len() / 3, "{beside:?}");
    // What a client keeps needs one that has not read it yet.
    let malformed = beside
        .iter()
        .find(|(id, _)| id.starts_with("discovery/malformed"));
    let (_, (verdict, reason)) = malformed.expect("it was asked for");
    assert_eq!(
        (verdict.as_str(), reason.as_str()),
        ("skip", "needs a restart of the client")
    );
}

/// No test, but the program that others start: the naive client, which may die of an error.
#[test]
fn the_naive_client_as_a_program() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let Ok(port) = variable("NAIVE_CLIENT_PORT").parse::<u16>() else {
        return;
    };
    let router = gauntlet::demo::app(gauntlet::demo::DemoConfig {
        issuer: variable("OIDC_ISSUER"),
        client_id: variable("OIDC_CLIENT_ID"),
        client_secret: variable("OIDC_CLIENT_SECRET"),
        base_url: variable("BASE_URL"),
    });
    let dies = variable("DIES");
    let broken = Arc::new(AtomicBool::new(false));
    let router = router.layer(from_fn(move |request: Request, next: Next| {
        let (dies, broken) = (dies.clone(), Arc::clone(&broken));
        async move {
            let query = request.uri().query().unwrap_or_default();
            let fatal = query.contains("error=access_denied");
            if fatal && dies == "yes" {
                std::process::exit(7);
            }
            if fatal && dies == "inside" {
                broken.store(true, Ordering::SeqCst);
            }
            if broken.load(Ordering::SeqCst) && request.uri().path() != "/" {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
            next.run(request).await
        }
    }));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.expect("the port is free");
        axum::serve(listener, router)
            .await
            .expect("serving goes on");
    });
}

fn naive_client(folder: &Folder, dies: &str, restart: &str) {
    let program = std::env::current_exe().expect("this is a program");
    let target = format!(
        r#"
name = "naive"
can = ["plain-oauth2", "userinfo"]
time-limit = "5s"
[start]
command = "{} --exact shared::the_naive_client_as_a_program"
restart = "{restart}"
[start.env]
NAIVE_CLIENT_PORT = "{{port}}"
DIES = "{dies}"
OIDC_ISSUER = "{{issuer}}"
OIDC_CLIENT_ID = "{{client_id}}"
OIDC_CLIENT_SECRET = "{{client_secret}}"
BASE_URL = "{{app}}"
"#,
        program.display()
    );
    folder.write("gauntlet.toml", target.as_bytes());
}

const WHICH: [&str; 7] = [
    "callback/access-denied",
    "callback/state-*",
    "callback/unknown-parameters",
    "callback/code-*",
    "token/type-*",
    "userinfo/sub-mismatch",
    "session/*",
];

#[test]
fn a_client_that_is_broken_for_good_is_blamed_on_the_scenario_that_broke_it() {
    let which = [
        "callback/access-denied",
        "callback/code-*",
        "callback/unknown-parameters",
        "token/type-*",
        "userinfo/sub-mismatch",
    ];
    let folder = Folder::new("broken-inside");
    naive_client(&folder, "inside", "per-run");
    let broken = run(&folder, &[&which[..], &["-j4"]].concat());
    naive_client(&folder, "no", "per-run");
    let whole = run(&folder, &[&which[..], &["-j4"]].concat());
    let (mut by_the_error, mut others) = (0, 0);
    for (id, (verdict, reason)) in &whole {
        if id.starts_with("callback/access-denied") {
            by_the_error += usize::from(broken[id].0 != "pass");
            continue;
        }
        assert_eq!(&broken[id].0, verdict, "{id}: {reason} {:?}", broken[id]);
        others += 1;
    }
    assert!(by_the_error > 2 && others > 10, "{broken:#?}");
}

#[test]
fn a_program_that_ends_is_blamed_on_the_scenario_that_ended_it() {
    let folder = Folder::new("culprit");
    naive_client(&folder, "no", "per-run");
    let steady = run(&folder, &[&WHICH[..], &["-j16"]].concat());
    naive_client(&folder, "yes", "per-run");
    let fragile = run(&folder, &[&WHICH[..], &["-j16"]].concat());
    let culprits: Vec<&str> = steady
        .keys()
        .filter(|id| words(&fragile).get(id.as_str()) != words(&steady).get(id.as_str()))
        .map(String::as_str)
        .collect();
    assert!(
        culprits
            .iter()
            .any(|id| id.starts_with("callback/access-denied")),
        "{fragile:?}"
    );
    for id in culprits {
        let (verdict, reason) = &fragile[id];
        assert_eq!(verdict, "inconclusive", "{id}");
        let ended = "ended during the run (exit status: 7)";
        assert!(reason.contains(ended), "{id}: {reason}");
    }
    // What sends no such error is not blamed, whatever died beside it.
    let id = "callback/unknown-parameters[many]";
    assert_eq!(fragile[id], steady[id]);
}

#[test]
fn where_the_program_may_not_be_started_again_its_end_is_held_against_nobody() {
    let folder = Folder::new("end");
    naive_client(&folder, "no", "never");
    let steady = run(&folder, &[&WHICH[..], &["-j16"]].concat());
    naive_client(&folder, "yes", "never");
    let fragile = run(&folder, &[&WHICH[..], &["-j16"]].concat());
    for (id, (verdict, reason)) in &fragile {
        let unproven = verdict == "inconclusive" && reason.contains("ended");
        assert!(
            unproven || Some(verdict.as_str()) == words(&steady).get(id.as_str()).copied(),
            "{id}: {verdict} {reason}"
        );
    }
    let mut denied = fragile
        .iter()
        .filter(|(id, _)| id.starts_with("callback/access-denied"));
    assert!(denied.any(|(_, (verdict, _))| verdict == "inconclusive"));
}

#[test]
fn runs_beside_each_other_have_accounts_and_faults_of_their_own() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let [app, issuer] = free_ports();
        let text = format!(
            "name = \"x\"\ncan = [\"oidc\"]\n[attach]\napp = \"http://localhost:{app}\"\n\
             issuer-port = {issuer}\nclient-id = \"x\"\nclient-secret = \"long-enough\"\n"
        );
        // It takes connections, which is all that is asked of it here.
        let _app = TcpListener::bind((Ipv4Addr::LOCALHOST, app)).expect("the port is free");
        let target = parse(Path::new("gauntlet.toml"), &text).expect("a target");
        let pool = Pool::start(target).await.expect("the provider starts");
        let spec = Spec::default();
        assert_eq!(pool.manner(&spec), Some(Manner::Beside));
        let (one, two) = (pool.acquire(&spec).await, pool.acquire(&spec).await);
        let (one, two) = (one.expect("a place"), two.expect("a place"));
        let users = |instance: &gauntlet::target::Instance| {
            let users = instance.honest.users();
            users.into_iter().map(|user| user.sub).collect::<Vec<_>>()
        };
        for account in [&one.victim, &one.mallory, &two.victim, &two.mallory] {
            assert!(users(&one).contains(&account.sub), "{}", account.sub);
        }
        assert_ne!(one.victim.sub, two.victim.sub);

        // Both sign in, and only one of them is told so.
        let key = one.key.clone().expect("it shares the client");
        let fault = r#"{"redirect": {"error": {"code": "access_denied"}}}"#;
        let mut fault: Fault = serde_json::from_str(fault).expect("a fault");
        fault.when.test = Some(key.clone());
        let armed = one.honest.arm(fault).expect("it can be armed");
        let http = one.http.clone();
        for (instance, denied) in [(&one, true), (&two, false)] {
            let url = format!(
                "http://127.0.0.1:{issuer}/authorize?response_type=code&client_id=x&scope=openid\
                 &redirect_uri=http%3A%2F%2Flocalhost%3A{app}%2Fcallback&state=s"
            );
            let response = http
                .get(url)
                .header("gauntlet-user", &instance.victim.sub)
                .header("gauntlet-test", instance.key.as_deref().unwrap_or_default())
                .send()
                .await
                .expect("an answer");
            let location = response.headers()["location"].to_str().unwrap_or_default();
            assert_eq!(location.contains("access_denied"), denied, "{location}");
        }
        assert_eq!(armed.fired(), 1);
        let own = Filter {
            test: Some(key),
            ..Filter::default()
        };
        let journal = one.honest.journal().exchanges();
        assert_eq!(journal.iter().filter(|it| own.fits(it)).count(), 1);

        let (gone, stays) = (one.victim.sub.clone(), two.victim.sub.clone());
        pool.release(one, true);
        assert!(!users(&two).contains(&gone) && users(&two).contains(&stays));
        assert!(two.honest.faults().is_empty());

        // What others would notice waits until they have left.
        let alone = Spec {
            touches: Touches::Keys,
            ..Spec::default()
        };
        assert_eq!(pool.manner(&alone), Some(Manner::Alone));
        let waiting =
            tokio::time::timeout(std::time::Duration::from_millis(50), pool.acquire(&alone));
        assert!(waiting.await.is_err());
        drop(two);
        let alone = pool.acquire(&alone).await.expect("a place");
        assert_eq!(alone.key, None);
    });
}

#[test]
fn a_client_that_reads_files_is_one_for_each_run_or_one_for_all() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        for (restart, manner) in [("per-run", Manner::Own), ("never", Manner::Beside)] {
            let text = format!(
                "name = \"x\"\ncan = [\"oidc\"]\n[start]\ncommand = \"x\"\nrestart = {restart:?}\n\
                 [start.files.\"x.ini\"]\ntext = \"{{issuer}}\"\n"
            );
            let target = parse(Path::new("gauntlet.toml"), &text).expect("a target");
            let pool = Pool::start(target).await.expect("the provider starts");
            assert_eq!(pool.manner(&Spec::default()), Some(manner), "{restart}");
        }
    });
}
