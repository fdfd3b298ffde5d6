//! From what was said, by file, environment and options, to what is served.

use std::fs;
use std::path::PathBuf;

use clap::{Args as _, FromArgMatches as _};

use super::args::ServeArgs;
use super::layers::Layered;
use super::print::{Secrets, print};
use super::setup::{Setup, check_build};
use crate::config::ConfigError;
use crate::settings::{Profile, SignIn};

fn args(words: &[&str]) -> ServeArgs {
    let command = ServeArgs::augment_args(clap::Command::new("serve").no_binary_name(true));
    ServeArgs::from_arg_matches(&command.try_get_matches_from(words).unwrap()).unwrap()
}

fn layered(words: &[&str], variables: &[(&str, &str)]) -> Result<Layered, ConfigError> {
    let variables = variables.iter();
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Layered::read(args(words), variables)
}

fn set_up(words: &[&str], variables: &[(&str, &str)]) -> Result<Setup, String> {
    let setup = layered(words, variables).and_then(|layered| Setup::new(&layered));
    setup.map_err(|error| {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    })
}

fn with_text(text: &str) -> [(&str, &str); 1] {
    [("MOCK_PROVIDER_CONFIG_TOML", text)]
}

#[track_caller]
fn refusal(words: &[&str], variables: &[(&str, &str)]) -> String {
    set_up(words, variables).unwrap_err()
}

/// A file of one test, which goes with it.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let folder = self.0.parent().unwrap();
        fs::remove_dir_all(folder).unwrap();
    }
}

fn temporary(name: &str, text: &str) -> Temporary {
    let folder = format!("gauntlet-config-{}-{name}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    Temporary(path)
}

#[test]
fn a_program_is_lax_unless_told_otherwise() {
    let setup = set_up(&[], &[]).unwrap();
    assert_eq!(setup.default.profile, Profile::Lax);
    assert_eq!(setup.server.port, 9400);
    let setup = set_up(&["--strict", "--user", "dora"], &[]).unwrap();
    assert_eq!(setup.default.profile, Profile::Strict);
    assert_eq!(setup.default.users.len(), 1);
}

#[test]
fn what_is_said_later_wins() {
    let text = "profile = \"strict\"\nseed = 1\n[server]\nport = 1\nworkers = 2\n";
    let mut variables = with_text(text).to_vec();
    variables.extend([
        ("MOCK_PROVIDER_PORT", "2"),
        ("MOCK_PROVIDER_SEED", "2"),
        ("MOCK_PROVIDER_BASE_PATH", "/auth"),
        ("UNRELATED", "3"),
    ]);
    let setup = set_up(&["--port", "3"], &variables).unwrap();
    assert_eq!(setup.server.port, 3);
    assert_eq!(setup.default.seed, Some(2));
    assert_eq!(setup.default.profile, Profile::Strict);
    assert_eq!(setup.server.workers, 2);
    assert_eq!(setup.server.base_path.as_str(), "/auth");
}

#[test]
fn every_option_is_a_variable() {
    let setup = set_up(
        &[],
        &[
            ("MOCK_PROVIDER_STRICT", "true"),
            ("MOCK_PROVIDER_TLS", "1"),
            ("MOCK_PROVIDER_TRUST_FORWARDED", "no"),
            ("MOCK_PROVIDER_TLS_NAME", "a.test;b.test"),
            ("MOCK_PROVIDER_USER", "dora:age=7,admin=true;emil"),
            ("MOCK_PROVIDER_PUBLIC_URL", "http://localhost:1"),
            ("MOCK_PROVIDER_AUTO", ""),
        ],
    );
    let setup = setup.unwrap();
    assert_eq!(setup.default.profile, Profile::Strict);
    assert!(setup.server.tls && !setup.server.trust_forwarded);
    assert_eq!(setup.server.tls_names, ["a.test", "b.test"]);
    let subs: Vec<&str> = setup
        .default
        .users
        .iter()
        .map(|it| it.sub.as_str())
        .collect();
    assert_eq!(subs, ["dora", "emil"]);
    assert_eq!(setup.default.users[0].claims["age"], 7);
    assert_eq!(setup.default.sign_in, SignIn::Page);
}

#[test]
fn a_wrong_variable_is_named() {
    insta::assert_snapshot!(refusal(&[], &[("MOCK_PROVIDER_PORT", "eighty")]), @"the environment variable `MOCK_PROVIDER_PORT` is wrong: invalid value 'eighty' for '--port <PORT>': invalid digit found in string");
    insta::assert_snapshot!(refusal(&[], &[("MOCK_PROVIDER_TLS", "maybe")]), @"the environment variable `MOCK_PROVIDER_TLS` is wrong: invalid value 'maybe' for '--tls[=<BOOL>]'");
    insta::assert_snapshot!(refusal(&[], &[("MOCK_PROVIDER_PUBLIC_URL", "localhost")]), @"the environment variable `MOCK_PROVIDER_PUBLIC_URL` is wrong: invalid value 'localhost' for '--public-url <URL>': `localhost` is no address to be reached at: write scheme and host, as in `http://localhost:9400`");
    insta::assert_snapshot!(
        refusal(&[], &[("MOCK_PROVIDER_CONFIG", "x"), ("MOCK_PROVIDER_CONFIG_TOML", "y")]),
        @"`config` names a file, and `config-toml` is the text of one: give only one of them"
    );
    let unknown = layered(&[], &[("MOCK_PROVIDER_PUBLIC_URI", "x")]).unwrap();
    insta::assert_snapshot!(unknown.warnings.join("\n"), @"the environment variable MOCK_PROVIDER_PUBLIC_URI means nothing here; did you mean MOCK_PROVIDER_PUBLIC_URL?");
}

#[test]
fn variables_that_an_orchestrator_makes_of_a_service_called_mock_provider_are_let_be() {
    let layered = layered(
        &[],
        &[
            ("MOCK_PROVIDER_PORT", "tcp://10.0.0.1:9400"),
            ("MOCK_PROVIDER_PORT_9400_TCP_ADDR", "10.0.0.1"),
            ("MOCK_PROVIDER_SERVICE_HOST", "10.0.0.1"),
        ],
    );
    let layered = layered.unwrap();
    assert_eq!(layered.config.server.port, 9400);
    assert_eq!(layered.warnings, [""; 0]);
}

#[test]
fn what_contradicts_itself_is_refused_with_who_said_it() {
    insta::assert_snapshot!(refusal(&["--strict", "--auto", "zoe"], &[]), @r#"`auto` (--auto) signs `zoe` in, who is no user, and `profile` (--strict) accepts users that exist alone: name one of alice, bob, carol, or add [[user]] sub = "zoe""#);
    insta::assert_snapshot!(
        refusal(&["--auto", "zoe"], &[("MOCK_PROVIDER_PROFILE", "oauth21")]),
        @r#"`auto` (--auto) signs `zoe` in, who is no user, and `profile` (MOCK_PROVIDER_PROFILE) accepts users that exist alone: name one of alice, bob, carol, or add [[user]] sub = "zoe""#
    );
    insta::assert_snapshot!(refusal(&["--ca-file", "/tmp/x"], &[]), @"`server.ca-file` (--ca-file) needs HTTPS, and `server.tls` (by default) says no: add `--tls`");
    insta::assert_snapshot!(refusal(&["--tls-cert", "/tmp/x"], &[]), @"`/tmp/x` is one half of a certificate of your own: give both `tls-cert` and `tls-key`");
    insta::assert_snapshot!(
        refusal(&[], &with_text("[[client]]\nid = \"a\"\n[[client]]\nid = \"a\"")),
        @"there are two of [[client]] `a`: remove one"
    );
    insta::assert_snapshot!(refusal(&[], &with_text("[issuer.jwks]")), @"cannot use issuer `jwks`: the name `jwks` is reserved");
    insta::assert_snapshot!(
        refusal(&[], &with_text("[issuer.shop]\nauto = \"zoe\"\nprofile = \"strict\"")),
        @r#"cannot use issuer `shop`: `issuer.shop.auto` (MOCK_PROVIDER_CONFIG_TOML:2) signs `zoe` in, who is no user, and `issuer.shop.profile` (MOCK_PROVIDER_CONFIG_TOML:3) accepts users that exist alone: name one of alice, bob, carol, or add [[user]] sub = "zoe""#
    );
    insta::assert_snapshot!(
        refusal(&[], &with_text("[[issuer.shop.fault]]\ntoken = {}")),
        @"cannot use issuer `shop`: fault 1: the fault changes nothing at `token`"
    );
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/keys/p384-1.pem");
    let text = format!("[[keys.own]]\nfile = '{key}'");
    insta::assert_snapshot!(refusal(&["--alg", "ES256"], &with_text(&text)), @"`algorithm` (--alg) is ES256, which none of the keys of `keys` (MOCK_PROVIDER_CONFIG_TOML:1) signs with");
    assert!(set_up(&["--auto", "zoe"], &[]).is_ok());
    assert!(set_up(&["--alg", "ES384"], &with_text(&text)).is_ok());
}

#[test]
fn a_named_issuer_has_what_the_default_has_and_its_own() {
    let text = r#"
        algorithm = "ES256"
        [[fault]]
        jwks = { empty = true }
        [lifetimes]
        code = "2m"
        [issuer.shop]
        profile = "strict"
        [issuer.shop.lifetimes]
        id-token = "5m"
        [[issuer.shop.client]]
        id = "till"
        [issuer.empty]
    "#;
    let setup = set_up(&[], &with_text(text)).unwrap();
    let [empty, shop] = setup.named.as_slice() else {
        panic!("two issuers");
    };
    assert_eq!(shop.settings.algorithm, setup.default.algorithm);
    assert_eq!(shop.settings.profile, Profile::Strict);
    assert_eq!(shop.settings.code_lifetime.as_secs(), 120);
    assert_eq!(shop.settings.id_token_lifetime.as_secs(), 300);
    assert_eq!(shop.settings.clients[0].id, "till");
    assert!(shop.faults.is_empty() && empty.settings.clients.is_empty());
    assert_eq!(setup.faults.len(), 1);
}

#[test]
fn the_printed_configuration_says_where_values_come_from_and_hides_secrets() {
    let file = temporary(
        "printed.toml",
        "auto = \"dora\"\nregistration = { token = \"the-token\" }\n[server]\nworkers = 2\n\
         control-key = \"the-key\"\n\
         [[client]]\nid = \"app\"\nsecret = \"the-secret\"\n",
    );
    let file = file.0.to_str().unwrap();
    let layered = layered(
        &["--config", file, "--alg", "ES256"],
        &[("MOCK_PROVIDER_PORT", "0")],
    );
    let layered = layered.unwrap();
    let setup = Setup::new(&layered).unwrap();
    let text = print(&layered, &setup, Secrets::Masked).replace(file, "FILE");
    let line = |start: &str| {
        let found = text.lines().find(|line| line.starts_with(start)).unwrap();
        found.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("auto"), "auto = \"dora\" # FILE:1");
    assert_eq!(line("workers"), "workers = 2 # FILE:4");
    assert_eq!(line("algorithm"), "algorithm = \"ES256\" # --alg");
    assert_eq!(line("port"), "port = 0 # MOCK_PROVIDER_PORT");
    assert_eq!(line("profile"), "profile = \"lax\" # default");
    assert_eq!(line("secret"), "secret = \"<hidden>\" # FILE:8");
    assert_eq!(line("token"), "token = \"<hidden>\" # FILE:2");
    assert_eq!(line("control-key"), "control-key = \"<hidden>\" # FILE:5");
    for secret in ["the-secret", "the-token", "the-key"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let shown = print(&layered, &setup, Secrets::Shown);
    assert!(shown.contains("the-secret") && shown.contains("the-token"));
}

#[test]
fn a_replica_says_what_it_lacks_and_shows_no_password() {
    let complaint = |url: &str, more: &[&str]| {
        let variables = [("MOCK_PROVIDER_REDIS", url)];
        let layered = layered(more, &variables).unwrap();
        match Setup::new(&layered) {
            Err(error) => error.to_string(),
            Ok(setup) => print(&layered, &setup, Secrets::Masked),
        }
    };
    let public = ["--public-url", "http://login.test"];
    let good = complaint("redis://me:the-password@cache:6380/1", &public);
    assert!(!good.contains("the-password"), "{good}");
    let replica = layered(&public, &[("MOCK_PROVIDER_REDIS", "redis://cache")]).unwrap();
    let built = check_build(&replica).map_err(|error| error.to_string());
    assert_eq!(built.is_ok(), cfg!(feature = "redis"), "{built:?}");
    if let Err(lacking) = built {
        assert!(lacking.contains("--features redis"), "{lacking}");
    }
    let shown = "redis = \"redis://me:<hidden>@cache:6380/1\"";
    assert!(good.contains(shown), "{good}");
    assert!(complaint("redis://cache", &public).contains("\"redis://cache\""));
    let alone = complaint("redis://:the-password@cache", &[]);
    assert!(alone.contains("needs `public-url`"), "{alone}");
    for (url, wanted) in [
        ("rediss://:the-password@cache", "asks for TLS"),
        ("http://:the-password@cache", "is no URL of a Redis"),
    ] {
        let told = complaint(url, &public);
        assert!(
            told.contains(wanted) && told.contains("MOCK_PROVIDER_REDIS"),
            "{told}"
        );
        assert!(!told.contains("the-password"), "{told}");
    }
}

#[test]
fn the_printed_configuration_is_a_file_that_comes_to_the_same() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/provider.toml");
    let first = layered(&["--config", example, "--user", "x:odd key=\"a\\nb\""], &[]).unwrap();
    let setup = Setup::new(&first).unwrap();
    let printed = print(&first, &setup, Secrets::Shown);
    let file = temporary("again.toml", &printed);
    let second = layered(&["--config", file.0.to_str().unwrap()], &[]).unwrap();
    let again = Setup::new(&second).unwrap();
    let bare = |text: &str| {
        let lines = text
            .lines()
            .map(|line| line.rsplit_once("  # ").map_or(line, |it| it.0));
        lines.map(str::trim_end).collect::<Vec<_>>().join("\n")
    };
    let reprinted = print(&second, &again, Secrets::Shown);
    assert_eq!(bare(&reprinted), bare(&printed));
    assert_eq!(second.config.server, first.config.server);
    assert_eq!(second.config.named, first.config.named);
}
