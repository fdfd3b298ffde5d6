//! `docs/endpoints.md`: endpoint by endpoint, what is advertised, what is served, what tests it. The
//! test asks a running provider, and fails where the committed table says something else.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{World, world};

/// A member of the discovery document that names an endpoint; its clause; a request method that it
/// takes; the files that test it.
const ENDPOINTS: [(&str, &str, &str, &[&str]); 11] = [
    (
        "authorization_endpoint",
        "RFC 6749 §3.1, OIDC Core §3.1.2",
        "GET",
        &[
            "honest",
            "pages",
            "authorize_responses",
            "authorize_wishes",
            "authorize_objects",
            "authorize_pushed",
            "resources",
            "rules",
            "traps",
            "bad_input",
            "bad_tokens",
        ],
    ),
    (
        "token_endpoint",
        "RFC 6749 §3.2",
        "POST",
        &[
            "honest",
            "rules",
            "client_auth",
            "certificates",
            "dpop",
            "grants",
            "device",
            "token_exchange",
            "refresh",
            "resources",
            "bad_input",
            "bad_tokens",
        ],
    ),
    (
        "userinfo_endpoint",
        "OIDC Core §5.3",
        "GET",
        &[
            "honest",
            "faults",
            "rules",
            "dpop",
            "certificates",
            "encrypted",
            "cors",
            "bad_tokens",
        ],
    ),
    (
        "jwks_uri",
        "RFC 7517 §5",
        "GET",
        &["keys", "encrypted", "discovery", "cors"],
    ),
    (
        "end_session_endpoint",
        "RP-Initiated Logout 1.0 §2",
        "GET",
        &["logout", "honest", "pages", "addresses"],
    ),
    (
        "introspection_endpoint",
        "RFC 7662 §2",
        "POST",
        &["introspection", "dpop", "certificates", "token_exchange"],
    ),
    (
        "revocation_endpoint",
        "RFC 7009 §2",
        "POST",
        &["introspection"],
    ),
    (
        "device_authorization_endpoint",
        "RFC 8628 §3.1",
        "POST",
        &["device", "addresses"],
    ),
    (
        "pushed_authorization_request_endpoint",
        "RFC 9126 §2",
        "POST",
        &["authorize_pushed", "client_auth", "dpop"],
    ),
    (
        "registration_endpoint",
        "RFC 7591 §3",
        "POST",
        &["registration"],
    ),
    (
        "issuer",
        "OIDC Discovery 1.0 §4, RFC 8414 §3",
        "GET",
        &["discovery", "addresses", "issuers", "cors"],
    ),
];

#[tokio::test]
async fn the_table_of_endpoints_says_what_is_advertised_served_and_tested() {
    let world = world().await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    let table = document(&world, &metadata).await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/endpoints.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &table).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == table,
        "docs/endpoints.md is stale: UPDATE_DOCS=1 cargo test -p oauth-gauntlet-provider --test it endpoints"
    );
}

async fn document(world: &World, metadata: &Value) -> String {
    let members = metadata.as_object().unwrap();
    let advertised = members.iter().filter(|(name, _)| {
        *name == "issuer" || *name == "jwks_uri" || name.ends_with("_endpoint")
    });
    let mut text = String::from(
        "# What the provider advertises, serves and tests\n\n\
         Written by a test that asks a running provider (`provider/tests/it/endpoints.rs`). *Served* is\n\
         the status of a request without any parameter, which has to be that of an endpoint, never 404,\n\
         405 or 5xx. *Tests* counts the tests of the files named; `provider/tests/it/discovery.rs` walks\n\
         every advertised value besides.\n\n\
         | discovery says | clause | method | served | tests |\n| --- | --- | --- | --- | --- |\n",
    );
    for (name, url) in advertised {
        let row = (ENDPOINTS.iter()).find(|(member, ..)| member == name);
        let (_, clause, method, files) =
            row.unwrap_or_else(|| panic!("`{name}` is advertised, and no row says what tests it"));
        let url = match name.as_str() {
            "issuer" => world.url("/.well-known/openid-configuration"),
            _ => url.as_str().unwrap().to_owned(),
        };
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let status = (world
            .http
            .request(method.clone(), &url)
            .send()
            .await
            .unwrap())
        .status()
        .as_u16();
        assert!(
            status < 500 && status != 404 && status != 405,
            "{name}: {status}"
        );
        let path = url.strip_prefix(world.issuer.url()).unwrap();
        let tests: Vec<String> = (files.iter())
            .map(|file| format!("{file} ({})", tests_in(file)))
            .collect();
        let _ = writeln!(
            text,
            "| `{name}`: `{path}` | {clause} | {method} | {status} | {} |",
            tests.join(", ")
        );
    }
    text.push_str("\n| also advertised | values |\n| --- | --- |\n");
    for (name, values) in members {
        let Value::Array(values) = values else {
            continue;
        };
        let values: Vec<String> = (values.iter().filter_map(Value::as_str))
            .map(|value| format!("`{value}`"))
            .collect();
        let _ = writeln!(text, "| `{name}` | {} |", values.join(", "));
    }
    text
}

fn tests_in(file: &str) -> usize {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/{file}.rs"));
    let text =
        fs::read_to_string(&path).unwrap_or_else(|_| panic!("there is no {}", path.display()));
    let tests = text.matches("#[test]").count() + text.matches("#[tokio::test").count();
    assert!(tests > 0, "{file} tests nothing");
    tests
}
