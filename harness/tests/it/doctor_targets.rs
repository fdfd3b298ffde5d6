//! `gauntlet doctor` on target files: each mistake is told in one screen, with the line to change
//! and what to write there; `gauntlet run` says the same and judges nothing.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::doctor_app as app;
use crate::files::{Folder, example};

const BIN: &str = env!("CARGO_BIN_EXE_gauntlet");

/// How many lines one screen has.
const SCREEN: usize = 40;

/// A program that takes connections and never answers.
fn silent() -> String {
    let program = example("bad_target");
    let command = format!("{} silent {{port}}", program.display());
    pages().replace(&app::command().join(" "), &command)
}

/// The reference client, started as any program.
pub(crate) fn reference() -> String {
    format!(
        r#"name = "mine"
can  = ["oidc", "userinfo", "discovery", "pkce", "nonce", "iss", "logout"]
time-limit = "3s"

[start]
command = "{BIN} client --port {{port}} --issuer {{issuer}}"
timeout = "10s"

[start.env]
BASE_URL           = "{{app}}"
OIDC_CLIENT_ID     = "{{client_id}}"
OIDC_CLIENT_SECRET = "{{client_secret}}"

[app]
login     = "/login"
callback  = "/callback"
protected = "/profile"
logout    = {{ path = "/logout", method = "POST" }}
"#
    )
}

/// The naive client, with pages beside it that may be named by mistake.
pub(crate) fn pages() -> String {
    format!(
        r#"name = "mine"
can  = ["plain-oauth2", "userinfo", "logout"]
time-limit = "2s"

[start]
command = "{}"
timeout = "10s"

[start.env]
PORT               = "{{port}}"
BASE_URL           = "{{app}}"
OIDC_ISSUER        = "{{issuer}}"
OIDC_CLIENT_ID     = "{{client_id}}"
OIDC_CLIENT_SECRET = "{{client_secret}}"

[app]
login     = "/login"
callback  = "/callback"
protected = "/profile"
logout    = "/logout"
"#,
        app::command().join(" ")
    )
}

/// One mistake: what is replaced in a good file, and what has to be told.
pub(crate) struct Mistake {
    pub(crate) what: &'static str,
    pub(crate) file: fn() -> String,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    /// Words of the line that is to be named.
    pub(crate) line: &'static str,
    pub(crate) says: &'static [&'static str],
}

impl Mistake {
    pub(crate) fn text(&self) -> String {
        let good = (self.file)();
        assert!(good.contains(self.from), "{}: {}", self.what, self.from);
        good.replace(self.from, self.to)
    }

    pub(crate) fn is_told(&self, text: &str, told: &str) {
        let line = text.lines().position(|line| line.contains(self.line));
        let line = line.unwrap_or_else(|| panic!("{}: no line {}", self.what, self.line)) + 1;
        let place = format!("gauntlet.toml:{line}:");
        for words in self.says.iter().copied().chain([place.as_str()]) {
            assert!(
                told.contains(words),
                "{}: `{words}` is not in:\n{told}",
                self.what
            );
        }
        let lines = told.lines().count();
        assert!(lines <= SCREEN, "{}: {lines} lines:\n{told}", self.what);
    }
}

/// Mistakes that show once the app is started.
const SET_UP: &[Mistake] = &[
    Mistake {
        what: "login is not there",
        file: reference,
        from: "\"/login\"",
        to: "\"/signin\"",
        line: "login     =",
        says: &["answers 404", "write login = \"/login\""],
    },
    Mistake {
        what: "callback is another path",
        file: reference,
        from: "\"/callback\"",
        to: "\"/auth/callback\"",
        line: "callback  =",
        says: &[
            "not declared",
            "redirect_uri=",
            "write callback = \"/callback\"",
        ],
    },
    Mistake {
        what: "protected is not there",
        file: pages,
        from: "\"/profile\"",
        to: "\"/account\"",
        line: "protected =",
        says: &["and /profile does", "write protected = \"/profile\""],
    },
    Mistake {
        what: "protected shows nobody",
        file: pages,
        from: "\"/profile\"",
        to: "\"/nobody\"",
        line: "protected =",
        says: &["write protected = \"/profile\""],
    },
    Mistake {
        what: "protected answers everybody",
        file: pages,
        from: "\"/profile\"",
        to: "\"/last\"",
        line: "protected =",
        says: &["a browser that never signed in", "a stranger"],
    },
    Mistake {
        what: "the client id has another name",
        file: pages,
        from: "OIDC_CLIENT_ID    ",
        to: "OIDC_CLIENTID     ",
        line: "OIDC_CLIENTID ",
        says: &[
            "without its client identifier",
            "does the client read that?",
        ],
    },
    Mistake {
        what: "the client id is another one",
        file: pages,
        from: "\"{client_id}\"",
        to: "\"my-app\"",
        line: "[start.env]",
        says: &[
            "calls itself `my-app`",
            "nothing hands the client its {client_id}",
        ],
    },
    Mistake {
        what: "the secret has another name",
        file: pages,
        from: "OIDC_CLIENT_SECRET",
        to: "OIDC_SECRET",
        line: "OIDC_SECRET",
        says: &["does not have its secret", "does the client read that?"],
    },
    Mistake {
        what: "the issuer has another name",
        file: pages,
        from: "OIDC_ISSUER",
        to: "ISSUER_URL",
        line: "ISSUER_URL",
        says: &[
            "a page of its own and not there",
            "under the name that the client reads",
        ],
    },
    Mistake {
        what: "the issuer is another host",
        file: pages,
        from: "\"/login\"",
        to: "\"/away\"",
        line: "OIDC_ISSUER",
        says: &["sends its users to http://127.0.0.1:9/authorize"],
    },
    Mistake {
        what: "the issuer is None",
        file: pages,
        from: "\"/login\"",
        to: "\"/relative\"",
        line: "OIDC_ISSUER",
        says: &["sends its users to /None/authorize"],
    },
    Mistake {
        what: "the address is ignored",
        file: pages,
        from: "\"{app}\"",
        to: "\"http://localhost:5000\"",
        line: "BASE_URL",
        says: &[
            "not declared",
            "http://localhost:5000/callback",
            "write BASE_URL = \"{app}\"",
        ],
    },
    Mistake {
        what: "127.0.0.1 in place of localhost",
        file: pages,
        from: "\"{app}\"",
        to: "\"http://127.0.0.1:{port}\"",
        line: "BASE_URL",
        says: &["not the address", "write BASE_URL = \"{app}\""],
    },
    Mistake {
        what: "the program is not there",
        file: reference,
        from: "command = \"",
        to: "command = \"no-such-program ",
        line: "command =",
        says: &["there is no program `no-such-program`"],
    },
    Mistake {
        what: "variables stand in the command",
        file: reference,
        from: "command = \"",
        to: "command = \"DEBUG=1 ",
        line: "command =",
        says: &["write them into [start.env]"],
    },
    Mistake {
        what: "the app is not installed",
        file: pages,
        from: "command = \"",
        to: "install = \"make setup\"\ncommand = \"sh -c 'echo No module named flask; exit 1' ",
        line: "command =",
        says: &["exit status: 1", "No module named flask", "make setup"],
    },
    Mistake {
        what: "the port is not handed over",
        file: pages,
        from: "timeout = \"10s\"\n\n[start.env]\nPORT               = \"{port}\"\nBASE_URL           = \"{app}\"",
        to: "timeout = \"1s\"\n\n[start.env]",
        line: "[start.env]",
        says: &["nothing hands the program its {port}"],
    },
    Mistake {
        what: "the app listens elsewhere",
        file: pages,
        from: "timeout = \"10s\"\n\n[start.env]\nPORT",
        to: "timeout = \"1s\"\n\n[start.env]\nLISTEN_PORT",
        line: "LISTEN_PORT",
        says: &[
            "nothing listens there",
            "speaks of port",
            "does it read `LISTEN_PORT`",
        ],
    },
    Mistake {
        what: "ready is at a port of its own",
        file: pages,
        from: "timeout = \"10s\"",
        to: "timeout = \"1s\"\nready = \"http://localhost:9/\"",
        line: "ready =",
        says: &["write ready = \"{app}/\""],
    },
    Mistake {
        what: "the app never answers",
        file: silent,
        from: "timeout = \"10s\"",
        to: "ready = \"{app}/\"\ntimeout = \"1s\"",
        line: "ready =",
        says: &["accepts connections but never answers", "raise `timeout`"],
    },
    Mistake {
        what: "the library wants https",
        file: pages,
        from: "\"/login\"",
        to: "\"/https\"",
        line: "logout    =",
        says: &["wants an https issuer", "tls = true"],
    },
    Mistake {
        what: "the app does not trust the CA",
        file: pages,
        from: "\"/login\"",
        to: "\"/untrusted\"",
        line: "logout    =",
        says: &["does not trust the provider's certificate", "SSL_CERT_FILE"],
    },
    Mistake {
        what: "the issuer is not reached",
        file: pages,
        from: "\"/login\"",
        to: "\"/refused\"",
        line: "OIDC_ISSUER",
        says: &["could not connect to its issuer"],
    },
    Mistake {
        what: "login shows a page",
        file: pages,
        from: "\"/login\"",
        to: "\"/start\"",
        line: "login     =",
        says: &["never led to the issuer", "write login = \"/login\""],
    },
    Mistake {
        what: "login wants a form",
        file: pages,
        from: "\"/login\"",
        to: "\"/only-post\"",
        line: "login     =",
        says: &["answers 405"],
    },
    Mistake {
        what: "the form of the login has no such token",
        file: pages,
        from: "\"/login\"",
        to: "{ path = \"/only-post\", method = \"POST\", csrf = \"_csrf\" }",
        line: "login     =",
        says: &["there is no `_csrf`", "name another page"],
    },
    Mistake {
        what: "logout is not there",
        file: pages,
        from: "\"/logout\"",
        to: "\"/bye\"",
        line: "logout    =",
        says: &["there is no such page"],
    },
    Mistake {
        what: "logout wants a form",
        file: pages,
        from: "\"/logout\"",
        to: "\"/only-post\"",
        line: "logout    =",
        says: &["write logout = { path = \"/only-post\", method = \"POST\" }"],
    },
    Mistake {
        what: "the words of [signed_in] are not on the page",
        file: pages,
        from: "[app]",
        to: "[signed_in]\ntext = \"Signed in as {user.email}\"\n\n[app]",
        line: "text =",
        says: &[
            "does not show who is signed in",
            "the page says “",
            "the page shows {user.email}, without these words around it",
        ],
    },
];

#[test]
fn a_mistake_of_the_set_up_is_told_with_the_line_to_change() {
    for mistake in SET_UP {
        let folder = Folder::new("set-up");
        let text = mistake.text();
        folder.write("gauntlet.toml", text.as_bytes());
        let (code, told) = folder.gauntlet(&["doctor"]);
        assert_eq!(code, Some(3), "{}:\n{told}", mistake.what);
        mistake.is_told(&text, &told);
        let (code, told) = folder.gauntlet(&["run", "flow/valid-code"]);
        assert_eq!(code, Some(3), "{}:\n{told}", mistake.what);
        assert!(
            told.contains("0 scenarios run"),
            "{}:\n{told}",
            mistake.what
        );
        mistake.is_told(&text, &told);
    }
}

/// Mistakes that the file shows by itself.
const IN_THE_FILE: &[(&str, &str, &str, &[&str])] = &[
    ("name = ", "nmae = ", "nmae", &["did you mean `name`?"]),
    (
        "name = \"mine\"\n",
        "",
        "can  =",
        &["missing field `name`", "add the line"],
    ),
    ("can  = ", "cna  = ", "cna", &["did you mean `can`?"]),
    (
        "\"userinfo\"",
        "\"user-info\"",
        "can  =",
        &["did you mean `userinfo`?"],
    ),
    (
        "can  = [\"oidc\"",
        "can  = \"oidc\" # [",
        "can  =",
        &["in brackets"],
    ),
    ("\"nonce\"", "\"two-issuers\"", "can  =", &["[app.second]"]),
    (
        "time-limit",
        "time_limit",
        "time_limit",
        &["did you mean `time-limit`?"],
    ),
    ("\"3s\"", "\"3\"", "time-limit", &["write it with a unit"]),
    ("\"3s\"", "3", "time-limit", &["write it in quotes"]),
    ("[start]", "[strat]", "[strat]", &["did you mean `start`?"]),
    ("command", "comand", "comand", &["did you mean `command`?"]),
    (
        "[start.env]",
        "[start.envs]",
        "[start.envs]",
        &["did you mean `env`?"],
    ),
    (
        "{client_id}",
        "{client-id}",
        "OIDC_CLIENT_ID",
        &["did you mean `{client_id}`?"],
    ),
    (
        "{client_id}",
        "{clientId}",
        "OIDC_CLIENT_ID",
        &["did you mean `{client_id}`?"],
    ),
    ("{app}", "{ap}", "BASE_URL", &["did you mean `{app}`?"]),
    ("\"{app}\"", "8000", "BASE_URL", &["write it in quotes"]),
    (
        "\"/login\"",
        "\"login\"",
        "login     =",
        &["start with `/`"],
    ),
    (
        "protected",
        "protcted",
        "protcted",
        &["did you mean `protected`?"],
    ),
    (
        "timeout = ",
        "restart = \"nevr\"\ntimeout = ",
        "restart",
        &["did you mean `never`?"],
    ),
    (
        "[app]",
        "[signed-in]\n[app]",
        "[signed-in]",
        &["did you mean `signed_in`?"],
    ),
    (
        "[app]",
        "[signed_in]\ntext = \"hello\"\n[app]",
        "text =",
        &["does not say who"],
    ),
    (
        "[app]",
        "[attach]\napp = \"http://localhost:1\"\nissuer-port = 1\nclient-id = \"x\"\n[app]",
        "[attach]",
        &["both started and attached"],
    ),
    (
        "[app]",
        "[[known]]\nscenario = \"x\"\n[app]",
        "[[known]]",
        &["missing field `reason`"],
    ),
    (
        "\"/callback\"",
        "\"/callback",
        "callback  =",
        &["gauntlet.toml"],
    ),
];

#[test]
fn a_mistake_in_the_file_is_told_with_its_line_and_nothing_is_started() {
    for (from, to, line, says) in IN_THE_FILE {
        let mistake = Mistake {
            what: to,
            file: reference,
            from,
            to,
            line,
            says,
        };
        let folder = Folder::new("in-the-file");
        let text = mistake.text();
        folder.write("gauntlet.toml", text.as_bytes());
        for command in ["doctor", "run"] {
            let (code, told) = folder.gauntlet(&[command]);
            assert_eq!(code, Some(2), "{to}:\n{told}");
            mistake.is_told(&text, &told);
        }
    }
}

#[test]
fn a_scenario_that_is_listed_as_known_and_is_none_is_told_with_its_line() {
    let folder = Folder::new("known");
    let known = "[[known]]\nscenario = \"flow/vlid-code\"\nreason = \"x\"\n";
    let text = format!("{}{known}", pages());
    folder.write("gauntlet.toml", text.as_bytes());
    let (code, told) = folder.gauntlet(&["doctor"]);
    assert_eq!(code, Some(2), "{told}");
    let line = text.lines().count() - 1;
    assert!(told.contains(&format!("gauntlet.toml:{line}:")), "{told}");
    assert!(told.contains("did you mean `flow/valid-code`?"), "{told}");
}

#[test]
fn a_target_that_is_well_is_told_in_one_screen() {
    let folder = Folder::new("well");
    folder.write("gauntlet.toml", reference().as_bytes());
    let (code, told) = folder.gauntlet(&["doctor"]);
    assert_eq!(code, Some(0), "{told}");
    for words in [
        "app            http://localhost:",
        "provider       http://127.0.0.1:",
        "signed in as alice.",
        "/callback",
        "response_type=code, scope “openid",
        "state, nonce, PKCE S256",
        "client_secret_basic",
        "discovery, keys, userinfo",
        "HttpOnly, SameSite=Lax",
        "GET /profile → 200   shows e-mail, name",
        "for strangers",
        "signed out",
        "hint",
        "all is well",
    ] {
        assert!(told.contains(words), "`{words}` is not in:\n{told}");
    }
    assert!(told.lines().count() <= SCREEN, "{told}");
    let hint = told.lines().find(|line| line.contains("write can = ["));
    let hint = hint.unwrap_or_else(|| panic!("no proposal in:\n{told}"));
    assert!(
        hint.contains("\"rp-logout\"") && hint.contains("gauntlet.toml:2"),
        "{hint}"
    );
    let (code, told) = folder.gauntlet(&["doctor", "-t", "demo"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("no PKCE"), "{told}");
}

#[test]
fn a_claim_that_was_not_seen_is_a_mistake_of_the_file() {
    let folder = Folder::new("claims");
    let text = pages().replace("\"logout\"]", "\"logout\",\n  \"pkce\", \"refresh\"]");
    folder.write("gauntlet.toml", text.as_bytes());
    let (code, told) = folder.gauntlet(&["doctor"]);
    assert_eq!(code, Some(2), "{told}");
    for words in [
        "`can` claims `pkce`, and the app sent no code_challenge",
        "`can` claims `refresh`",
        "gauntlet.toml:3:3",
        "write can = [\"plain-oauth2\", \"userinfo\", \"logout\"]",
    ] {
        assert!(told.contains(words), "`{words}` is not in:\n{told}");
    }
    let (_, told) = folder.gauntlet(&["run", "flow/userinfo-only"]);
    assert!(
        told.contains("pkce, and not seen   (gauntlet.toml:2)"),
        "{told}"
    );
}

#[test]
fn without_a_target_file_there_is_nothing_to_look_at() {
    let folder = Folder::new("no-file");
    let (code, told) = folder.gauntlet(&["doctor"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("gauntlet init"), "{told}");
    let (code, told) = folder.gauntlet(&["doctor", "-t", "mine.toml"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("mine.toml"), "{told}");
    assert_eq!(
        folder
            .gauntlet(&["doctor", "-t", "x", "--issuer", "http://x"])
            .0,
        Some(2)
    );
}

/// A client that runs already; gone when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

fn running(issuer_port: u16) -> (Running, u16) {
    let port = free_port();
    let [program, arguments @ ..] = app::command();
    let child = Command::new(program)
        .args(arguments)
        .env("PORT", port.to_string())
        .env("BASE_URL", format!("http://localhost:{port}"))
        .env("OIDC_ISSUER", format!("http://127.0.0.1:{issuer_port}"))
        .env("OIDC_CLIENT_ID", "mine")
        .env("OIDC_CLIENT_SECRET", "s3cret")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < deadline, "the start took too long");
        std::thread::yield_now();
    }
    (Running(child), port)
}

#[test]
fn mistakes_about_an_app_that_runs_are_told_with_the_line_to_change() {
    let (issuer, other, nobody) = (free_port(), free_port(), free_port());
    let (_running, app) = running(issuer);
    let file = format!(
        r#"name = "mine"
can  = ["plain-oauth2", "userinfo", "logout"]

[attach]
app           = "http://localhost:{app}"
issuer-port   = {issuer}
client-id     = "mine"
client-secret = "s3cret"
"#
    );
    let folder = Folder::new("attached");
    let told = |file: &str| {
        folder.write("gauntlet.toml", file.as_bytes());
        folder.gauntlet(&["doctor"])
    };
    let (code, text) = told(&file);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("never started anew"), "{text}");
    for (from, to, line, says) in [
        (
            format!(":{app}"),
            format!(":{nobody}"),
            5,
            "nothing answers at".to_owned(),
        ),
        (
            format!("= {issuer}"),
            format!("= {other}"),
            6,
            format!("write issuer-port = {issuer}"),
        ),
        (
            "\"mine\"\nclient-s".to_owned(),
            "\"my\"\nclient-s".to_owned(),
            7,
            "write client-id = \"mine\"".to_owned(),
        ),
        (
            "s3cret".to_owned(),
            "other".to_owned(),
            8,
            "used another secret".to_owned(),
        ),
        (
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            5,
            format!("write app = \"http://localhost:{app}\""),
        ),
    ] {
        let (code, text) = told(&file.replace(&from, &to));
        assert_eq!(code, Some(3), "{to}:\n{text}");
        assert!(
            text.contains(&format!("gauntlet.toml:{line}:")),
            "{to}:\n{text}"
        );
        assert!(text.contains(&says), "`{says}` is not in:\n{text}");
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, other)).expect("it is free");
    let (code, text) = told(&file.replace(&format!("= {issuer}"), &format!("= {other}")));
    drop(listener);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("gauntlet.toml:6:") && text.contains("free the port"),
        "{text}"
    );
}
