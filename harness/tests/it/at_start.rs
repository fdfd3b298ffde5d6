//! Clients that read a document as they start and never again: its faults are there before they are.

use serde_json::Value;

use crate::files::{Folder, example};

/// A client that makes one thing of its discovery document, judged by one scenario: the result, and
/// what was printed.
fn judged(mode: &str, scenario: &str) -> (Value, String) {
    let program = example("eager_target");
    let command = format!("{} {mode} {{port}}", program.display());
    let folder = Folder::new(&format!("at-start-{mode}-{}", scenario.replace('/', "-")));
    let target = format!(
        r#"
name = "eager"
can  = ["oidc", "plain-oauth2", "discovery", "userinfo"]

[start]
command = "{command}"
timeout = "4s"

[start.env]
OIDC_ISSUER        = "{{issuer}}"
OIDC_CLIENT_ID     = "{{client_id}}"
OIDC_CLIENT_SECRET = "{{client_secret}}"
BASE_URL           = "{{app}}"
"#
    );
    folder.write("gauntlet.toml", target.as_bytes());
    let (_, text) = folder.gauntlet(&["run", scenario, "--report", "json=report.json"]);
    let report = std::fs::read(folder.0.join("report.json")).unwrap_or_else(|_| panic!("{text}"));
    let mut report: Value = serde_json::from_slice(&report).expect("it is JSON");
    (report["results"][0].take(), text)
}

/// The result, with its verdict.
fn came_to(mode: &str, scenario: &str, verdict: &str) -> (Value, String) {
    let (result, text) = judged(mode, scenario);
    assert_eq!(result["verdict"], verdict, "{text}");
    (result, text)
}

fn says(text: &Value, words: &str) {
    assert!(
        text.as_str().is_some_and(|it| it.contains(words)),
        "`{words}` is not in {text}"
    );
}

/// The exchange of the start, in which the client met the fault.
fn met_the_fault(result: &Value, number: usize) {
    let exchange = &result["transcript"][number - 1];
    assert_eq!(exchange["number"], number, "{result}");
    assert_eq!(
        (&exchange["from"], &exchange["to"]),
        (&"app".into(), &"provider".into())
    );
    let faults = exchange["faults"].as_array().expect("a list");
    assert!(!faults.is_empty(), "{exchange}");
}

#[test]
fn who_refuses_to_start_with_a_wrong_document_has_refused_it() {
    let (result, text) = came_to("strict", "discovery/wrong-issuer[other]", "pass");
    let reason = &result["reason"];
    says(
        reason,
        "the client read the discovery document and did not start (exchange 1)",
    );
    says(reason, "ended before it was ready (exit status: 1)");
    met_the_fault(&result, 1);
    assert!(text.contains("did not start (exchange 1)"), "{text}");
}

#[test]
fn who_starts_with_a_wrong_document_is_judged_by_what_it_does_then() {
    let (result, _) = came_to("careless", "discovery/wrong-issuer[other]", "fail");
    says(
        &result["findings"][0]["sentence"],
        "signed the user in although the provider sent",
    );
    met_the_fault(&result, 1);
    let (result, _) = came_to("careless", "discovery/unknown-members[more]", "pass");
    says(
        &result["reason"],
        "was there as the client started (exchange 1)",
    );
    met_the_fault(&result, 1);
}

#[test]
fn who_never_reads_the_document_proves_nothing() {
    let (result, _) = came_to("never", "discovery/wrong-issuer[other]", "inconclusive");
    says(&result["reason"], "the fault changed nothing");
}

#[test]
fn who_does_not_start_with_a_document_that_has_to_be_taken_fails_with_its_last_words() {
    let scenario = "discovery/endpoint-query[authorization-endpoint]";
    let (result, text) = came_to("strict", scenario, "fail");
    let finding = &result["findings"][0];
    says(
        &finding["sentence"],
        "the client did not start when the provider sent this: metadata",
    );
    assert_eq!(finding["exchange"], 1);
    met_the_fault(&result, 1);
    let last = "cannot start: authorization_endpoint is no endpoint";
    let output = result["output"].as_array().expect("a list");
    let printed = |line: &Value| line.as_str().is_some_and(|it| it.contains(last));
    assert!(output.iter().any(printed), "{output:?}");
    assert!(text.contains(last), "{text}");
}

#[test]
fn who_ends_over_a_broken_document_says_why() {
    came_to("strict", "discovery/malformed[metadata]", "pass");
    let (result, _) = came_to("mute", "discovery/malformed[metadata]", "warn");
    says(
        &result["findings"][0]["sentence"],
        "the client ended without a word",
    );
}

#[test]
fn who_waits_for_a_silent_provider_for_ever_never_starts() {
    let (result, _) = came_to("strict", "discovery/hangs[metadata]", "pass");
    says(
        &result["reason"],
        "the client asked for the discovery document and did not start",
    );
    let (result, _) = came_to("waits", "discovery/hangs[metadata]", "warn");
    says(
        &result["findings"][0]["sentence"],
        "neither started nor ended",
    );
    says(&result["findings"][0]["observed"], "is not ready after 4s");
}

#[test]
fn keys_that_are_read_at_the_start_are_broken_before_it() {
    let (result, _) = came_to("keys", "discovery/malformed[no-keys]", "pass");
    says(
        &result["reason"],
        "the client read the key set and did not start (exchange 2)",
    );
    met_the_fault(&result, 2);
}

#[test]
fn who_is_shown_a_certificate_that_nobody_vouches_for_asks_nothing() {
    let (result, _) = came_to("strict", "request/certificate", "pass");
    says(&result["reason"], "the client connected");
    says(&result["reason"], "asked nothing; it did not start");
    let (result, _) = came_to("never", "request/certificate", "pass");
    says(&result["reason"], "saw the certificate and asked nothing");
    let (result, text) = came_to("gullible", "request/certificate", "fail");
    let finding = &result["findings"][0];
    says(&finding["observed"], "/.well-known/openid-configuration");
    assert_eq!(finding["exchange"], 1, "{text}");
}
