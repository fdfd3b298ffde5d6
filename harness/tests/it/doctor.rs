//! `gauntlet doctor` and `gauntlet healthcheck` against a provider that runs.

use std::process::Command;

use oauth_gauntlet_provider::{Addresses, MockProvider};

fn gauntlet(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text)
}

async fn provider(addresses: Addresses) -> MockProvider {
    let builder = MockProvider::builder().addresses(addresses);
    builder.start().await.expect("a port is free")
}

#[tokio::test]
async fn a_provider_at_one_address_is_well() {
    let provider = provider(Addresses::default()).await;
    let url = provider.base_url();
    let (code, text) = gauntlet(&["doctor", "--issuer", url]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("nothing is wrong"), "{text}");
    let (code, text) = gauntlet(&["healthcheck", "--url", url]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("healthy: "), "{text}");
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_issuer_is_seen() {
    let provider = provider(Addresses::default()).await;
    let url = format!("{}/", provider.base_url());
    let (code, text) = gauntlet(&["doctor", "--issuer", &url]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("a slash at the end counts"), "{text}");
}

#[tokio::test]
async fn an_unregistered_client_is_seen() {
    let provider = provider(Addresses::default()).await;
    let url = provider.base_url();
    let (code, text) = gauntlet(&["doctor", "--issuer", url, "--client-id", "nobody"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("register this client"), "{text}");
}

#[tokio::test]
async fn browsers_that_are_sent_into_the_container_network_are_seen() {
    let provider = provider(Addresses {
        public: Some("http://provider:9400".to_owned()),
        ..Addresses::default()
    })
    .await;
    let (code, text) = gauntlet(&["doctor", "--issuer", provider.base_url()]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("WRONG  browser side"), "{text}");
    assert!(text.contains("--public-url"), "{text}");
}

#[test]
fn who_is_not_there_and_what_is_no_url_have_exit_codes_of_their_own() {
    let (code, text) = gauntlet(&["doctor", "--issuer", "http://127.0.0.1:1"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("cannot be reached"), "{text}");
    assert_eq!(gauntlet(&["doctor", "--issuer", "localhost"]).0, Some(2));
    assert_eq!(
        gauntlet(&["healthcheck", "--url", "http://127.0.0.1:1"]).0,
        Some(1)
    );
}
