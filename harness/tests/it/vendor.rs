//! Clients that were written for one vendor's provider: its paths are built in, and its claims asked
//! for.

use crate::files::{Folder, example};

fn run(folder: &Folder) -> (Option<i32>, String) {
    let scenarios = [
        "flow/*",
        "callback/bad-state",
        "logout/ends-session",
        "account/same-email",
    ];
    let report = ["--report", "json=report.json"];
    folder.gauntlet(&[&["run"][..], &scenarios, &report].concat())
}

fn target(kind: &str, provider: &str, env: &str) -> String {
    let client = example("slow_client");
    let client = client.display();
    format!(
        r#"
name = "vendor"
can = ["{kind}", "userinfo", "pkce", "logout"]
[provider]
{provider}
[start]
command = "{client} {{port}} 0"
[start.env]
BASE_URL = "{{app}}"
OIDC_CLIENT_ID = "{{client_id}}"
OIDC_CLIENT_SECRET = "{{client_secret}}"
{env}
[app]
logout = {{ path = "/logout", method = "POST" }}
"#
    )
}

#[test]
fn a_client_with_the_paths_of_a_vendor_is_judged_as_any_other() {
    let folder = Folder::new("vendor-paths");
    let provider = r#"
paths = { "/oauth/authorize" = "authorize", "/oauth/token" = "token", "/api/me" = "userinfo" }
"#;
    let env = r#"
OAUTH_AUTHORIZATION_ENDPOINT = "{issuer}/oauth/authorize"
OAUTH_TOKEN_ENDPOINT = "{issuer}/oauth/token"
OAUTH_USERINFO_ENDPOINT = "{issuer}/api/me"
OIDC_SCOPES = "profile email"
"#;
    let file = target("plain-oauth2", provider, env);
    folder.write("gauntlet.toml", file.as_bytes());
    let (code, text) = run(&folder);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("0 pass"), "{text}");
    let without_paths = file.replace("\"/oauth/token\" = \"token\", ", "");
    folder.write("gauntlet.toml", without_paths.as_bytes());
    let (code, text) = run(&folder);
    assert_eq!(code, Some(3), "{text}");
    for words in [
        "/oauth/token, where its issuer has no endpoint",
        "write {issuer}/token",
    ] {
        assert!(text.contains(words), "`{words}` is not in:\n{text}");
    }
}

#[test]
fn all_accounts_have_the_claims_of_the_target_file() {
    let folder = Folder::new("vendor-claims");
    let file = target(
        "oidc",
        r#"claims = { groups = ["staff"], hd = "example.com" }"#,
        r#"OIDC_ISSUER = "{issuer}""#,
    );
    folder.write("gauntlet.toml", file.as_bytes());
    let (code, text) = run(&folder);
    assert_eq!(code, Some(0), "{text}");
    let report = std::fs::read_to_string(folder.0.join("report.json")).expect("it was written");
    for claim in ["claims.groups = [", "claims.hd = example.com"] {
        assert!(report.contains(claim), "`{claim}` is not in the report");
    }
}

#[test]
fn a_path_that_is_none_is_told_with_its_line() {
    for (paths, says) in [
        (
            r#"paths = { "oauth/token" = "token" }"#,
            "`oauth/token` is no path",
        ),
        (
            r#"paths = { "/oauth/token" = "tokens" }"#,
            "unknown variant `tokens`",
        ),
        (
            r#"paths = { "/oauth/token" = "other" }"#,
            "name an endpoint such as `token`",
        ),
    ] {
        let folder = Folder::new("vendor-wrong");
        folder.write("gauntlet.toml", target("oidc", paths, "").as_bytes());
        let (code, text) = run(&folder);
        assert_eq!(code, Some(2), "{text}");
        assert!(
            text.contains(says) && text.contains("gauntlet.toml:5"),
            "{text}"
        );
    }
}
