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
    insta::assert_snapshot!(complaint("key.toml", unknown_key), @r"
    error: cannot use `TMP/key.toml`
    TOML parse error at line 3, column 1
      |
    3 | claim = 1
      | ^^^^^
    unknown field `claim`, expected `sub` or `claims`
    ");
    let wrong_value = "profile = \"laks\"\n";
    insta::assert_snapshot!(complaint("type.toml", wrong_value), @r#"
    error: cannot use `TMP/type.toml`
    TOML parse error at line 1, column 11
      |
    1 | profile = "laks"
      |           ^^^^^^
    unknown variant `laks`, expected one of `lax`, `strict`, `oauth21`, `fapi2`
    "#);
    let wrong_span = "[lifetimes]\naccess-token = \"1 hour\"\n";
    insta::assert_snapshot!(complaint("span.toml", wrong_span), @r#"
    error: cannot use `TMP/span.toml`
    TOML parse error at line 2, column 16
      |
    2 | access-token = "1 hour"
      |                ^^^^^^^^
    `1 hour` is no span of time: write a number and one of `s`, `m`, `h`, `d`, as in `10m`
    "#);
    let fault = "[[fault]]\njwks = { empty = true }\n[[fault]]\ntoken = {}\n";
    assert_eq!(
        complaint("fault.toml", fault),
        "error: cannot use `TMP/fault.toml`: fault 2: the fault changes nothing at `token`"
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
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut greeting)
        .unwrap();
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
