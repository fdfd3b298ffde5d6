//! The program `mock-provider`: its greeting, its end, and what it says about wrong input.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mock-provider"))
}

fn with_config(name: &str, text: &str) -> Output {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    program()
        .args(["--port", "0", "--config"])
        .arg(&path)
        .output()
        .unwrap()
}

fn complaint(name: &str, text: &str) -> String {
    let output = with_config(name, text);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    stderr
        .replace(env!("CARGO_TARGET_TMPDIR"), "TMP")
        .trim_end()
        .to_owned()
}

#[test]
fn a_wrong_configuration_is_pointed_at() {
    let unknown_key = "[[user]]\nsub = \"dora\"\nclaim = 1\n";
    insta::assert_snapshot!(complaint("key.toml", unknown_key), @r#"
    error: TMP/key.toml:3:1: unknown key `claim`
      |
    3 | claim = 1
      | ^^^^^
      = did you mean `claims`?
    "#);
    let wrong_value = "profile = \"laks\"\n";
    insta::assert_snapshot!(complaint("type.toml", wrong_value), @r#"
    error: TMP/type.toml:1:11: unknown value `laks`
      |
    1 | profile = "laks"
      |           ^^^^^^
      = did you mean `lax`?
    "#);
    let wrong_span = "[lifetimes]\naccess-token = \"1 hour\"\n";
    insta::assert_snapshot!(complaint("span.toml", wrong_span), @r#"
    error: TMP/span.toml:2:16: `1 hour` is no span of time: write a number and one of `s`, `m`, `h`, `d`, as in `10m`
      |
    2 | access-token = "1 hour"
      |                ^^^^^^^^
    "#);
    let fault = "[[fault]]\njwks = { empty = true }\n[[fault]]\ntoken = {}\n";
    assert_eq!(
        complaint("fault.toml", fault),
        "error: cannot use `TMP/fault.toml`: fault 2: the fault changes nothing at `token`"
    );
    let keyed = "algorithm = \"HS256\"\n";
    assert_eq!(
        complaint("keyed.toml", keyed),
        "error: `algorithm` (TMP/keyed.toml:1) is HS256, which is keyed with the secret of one client: leave it out, and give the [[client]] `id-token-algorithm = \"HS256\"`"
    );
    let missing = program()
        .args(["--config", "/no/such/file"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let output = program().args(["--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8(output.stderr)
        .unwrap()
        .replace(&port, "PORT");
    insta::assert_snapshot!(
        stderr.trim_end(),
        @"error: port PORT of 127.0.0.1 is in use: stop what listens there, or choose another with `--port` (`--port 0` takes a free one)"
    );
}

#[cfg(unix)]
#[test]
fn it_says_what_a_client_needs_and_ends_on_an_interrupt() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("good.toml");
    let text = r#"
        profile = "strict"
        algorithm = "ES256"
        refresh-tokens = "always"
        [lifetimes]
        access-token = "5m"
        [scopes]
        pets = ["pet"]
        [[user]]
        sub = "dora"
        claims = { pet = "cat" }
        [[client]]
        id = "app"
        secret = "secret"
        redirect-uris = ["http://localhost:3000/callback"]
        [[fault]]
        token = { error = "invalid_grant" }
    "#;
    fs::write(&path, text).unwrap();
    let mut child = program()
        .args(["--port", "0", "--user", "emil:admin=true", "--config"])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .take(6)
        .map(Result::unwrap)
        .collect();
    let issuer = lines[0].rsplit(' ').next().unwrap().to_owned();
    let greeting = lines.join("\n").replace(&issuer, "ISSUER");
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
    insta::assert_snapshot!(greeting, @r"
    Mock provider, issuer ISSUER
      discovery  ISSUER/.well-known/openid-configuration
      users      dora, emil (no password)
      clients    only app
      more       ISSUER/NAME is an issuer of its own
    Press Ctrl-C to stop.
    ");
}

#[cfg(unix)]
#[test]
fn it_takes_more_connections_than_the_soft_limit_of_open_files() {
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -Sn 32 && exec \"$0\" --port 0"])
        .arg(env!("CARGO_BIN_EXE_mock-provider"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut greeting = String::new();
    // Kept, since a program whose output nobody reads may end.
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut greeting).unwrap();
    let address = greeting.trim_end().rsplit('/').next().unwrap();
    let mut connections: Vec<TcpStream> = (0..100)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    for connection in &mut connections {
        connection
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let request = b"GET /.well-known/openid-configuration HTTP/1.1\r\nhost: x\r\n\r\n";
        connection.write_all(request).unwrap();
        let mut status = [0; 12];
        connection.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A running program, its ready file, and what that says.
#[cfg(unix)]
struct Served {
    child: std::process::Child,
    ready_file: std::path::PathBuf,
    ready: serde_json::Value,
}

#[cfg(unix)]
impl Served {
    /// Starts the program, and waits until it has said where it answers.
    fn start(name: &str, arguments: &[&str]) -> Self {
        let ready_file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let mut child = program()
            .args(["--port", "0", "--log-format", "json", "--ready-file"])
            .arg(&ready_file)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap();
        // The file comes first, and then the line.
        let file = fs::read_to_string(&ready_file).unwrap();
        assert_eq!(file, line);
        Self {
            child,
            ready_file,
            ready,
        }
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &id]).status();
        assert!(status.unwrap().success());
    }

    fn end(mut self) -> String {
        self.signal("-TERM");
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        assert!(!self.ready_file.exists());
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut log).unwrap();
        log
    }
}

#[cfg(unix)]
#[test]
fn a_ready_file_says_where_it_answers_until_it_ends_and_the_log_has_no_secret() {
    let served = Served::start(
        "ready-1.json",
        &["--log", "requests", "--base-path", "/auth"],
    );
    let base = served.ready["local_url"].as_str().unwrap();
    assert_eq!(served.ready["issuer"], base);
    assert!(base.ends_with("/auth"));
    assert_eq!(served.ready["pid"], served.child.id());
    let port = u16::try_from(served.ready["port"].as_u64().unwrap()).unwrap();
    assert!(base.contains(&format!(":{port}/")));
    let health = program().args(["healthcheck", "--url", base]).output();
    let health = health.unwrap();
    assert_eq!(health.status.code(), Some(0), "{health:?}");
    assert!(health.stdout.starts_with(b"healthy: http"));
    let mut request = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = "POST /auth/token?secret=in-the-query HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                content-type: application/x-www-form-urlencoded\r\ncontent-length: 27\r\n\r\n\
                client_secret=in-the-body-1";
    request.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    request.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let log = served.end();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let token = lines.iter().find(|line| line["path"] == "/auth/token");
    assert_eq!(token.unwrap()["method"], "POST");
    assert!(
        !log.contains("in-the-query") && !log.contains("in-the-body"),
        "{log}"
    );
}

#[cfg(unix)]
#[test]
fn healthcheck_trusts_the_ca_of_the_run_and_says_what_is_wrong() {
    let ca = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ca-1.pem");
    let ca = ca.to_str().unwrap();
    let arguments = ["--tls", "--ca-file", ca, "--control-key", "the-key"];
    let served = Served::start("ready-2.json", &arguments);
    let base = served.ready["local_url"].as_str().unwrap();
    assert!(base.starts_with("https://"));
    assert_eq!(served.ready["ca_file"], ca);
    let ask = |arguments: &[&str]| {
        let output = program().arg("healthcheck").args(arguments).output();
        output.unwrap().status.code()
    };
    assert_eq!(ask(&["--url", base, "--ca-file", ca]), Some(0));
    assert_eq!(ask(&["--url", base]), Some(1));
    // In a container the check has the provider's own environment, and no arguments.
    let port = served.ready["port"].to_string();
    let alone = program()
        .arg("healthcheck")
        .env("MOCK_PROVIDER_PORT", &port)
        .env("MOCK_PROVIDER_TLS", "true")
        .env("MOCK_PROVIDER_CA_FILE", ca)
        .output();
    assert_eq!(alone.unwrap().status.code(), Some(0));
    served.end();
    assert_eq!(ask(&["--port", &port]), Some(1));
}

#[cfg(unix)]
#[test]
fn what_is_in_flight_is_finished_and_a_second_signal_ends_at_once() {
    let text =
        "[server]\ngrace = \"60s\"\n[[fault]]\ntransport = { at = \"jwks\", do = \"trickle\" }\n";
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trickle.toml");
    fs::write(&path, text).unwrap();
    let served = Served::start("ready-3.json", &["--config", path.to_str().unwrap()]);
    let port = u16::try_from(served.ready["port"].as_u64().unwrap()).unwrap();
    let mut request = TcpStream::connect(("127.0.0.1", port)).unwrap();
    request
        .write_all(b"GET /jwks HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    // Once there is a byte of the response, the request is in flight, and for a minute.
    request.read_exact(&mut [0]).unwrap();
    // Two of one kind might be taken for one.
    served.signal("-INT");
    served.signal("-TERM");
    let Served {
        mut child,
        ready_file,
        ..
    } = served;
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!ready_file.exists());
}

#[test]
fn the_printed_configuration_can_be_used_again() {
    let printed = program()
        .args(["--print-config", "--alg", "ES256"])
        .env("MOCK_PROVIDER_AUTO", "bob")
        .output()
        .unwrap();
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(text.contains("# --alg") && text.contains("# MOCK_PROVIDER_AUTO"));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("printed.toml");
    fs::write(&path, &text).unwrap();
    let again = program()
        .args(["--print-config", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    let bare = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .map(|line| line.split("  # ").next().unwrap_or_default());
        lines.map(|line| line.trim().to_owned()).collect()
    };
    assert_eq!(bare(&String::from_utf8(again.stdout).unwrap()), bare(&text));
}
