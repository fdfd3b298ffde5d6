//! Scripts of other origins (Fetch, CORS protocol): what they may call and read, whatever comes of
//! it, and what they may not.

use oauth_gauntlet_provider::Fault;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response};

use crate::support::{World, world};

/// What browsers are sent to; a script has no business there.
const FOR_BROWSERS: [&str; 2] = ["authorization_endpoint", "end_session_endpoint"];

/// The URLs of the metadata, those of their methods that are served, and whether scripts may call
/// them.
async fn endpoints(world: &World) -> Vec<(String, bool)> {
    let document = world.json("/.well-known/openid-configuration").await;
    let document = document.as_object().unwrap();
    let mut found = vec![(world.url("/.well-known/openid-configuration"), true)];
    for (member, url) in document {
        if member.ends_with("_endpoint") || member == "jwks_uri" {
            let open = !FOR_BROWSERS.contains(&member.as_str());
            found.push((url.as_str().unwrap().to_owned(), open));
        }
    }
    assert!(found.len() > 5);
    found
}

/// Any origin may read, and none with the credentials of a browser.
fn is_open(headers: &HeaderMap) -> bool {
    assert!(!headers.contains_key("access-control-allow-credentials"));
    headers
        .get("access-control-allow-origin")
        .is_some_and(|origin| origin == "*")
}

async fn sent(world: &World, method: Method, url: &str) -> Response {
    let request = world.http.request(method, url);
    let request = request.header("origin", "https://app.example.test");
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_preflight_lets_scripts_send_what_clients_need() {
    let world = world().await;
    for (url, open) in endpoints(&world).await {
        let request = world.http.request(Method::OPTIONS, &url);
        let request = request
            .header("origin", "https://app.example.test")
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization, content-type, dpop",
            );
        let answer = request.send().await.unwrap();
        assert_eq!(is_open(answer.headers()), open, "{url}");
        if open {
            assert_eq!(answer.status(), 204, "{url}");
            let allowed = answer.headers()["access-control-allow-headers"].to_str();
            assert_eq!(allowed.unwrap(), "authorization, content-type, dpop");
        } else {
            assert_eq!(answer.status(), 405, "{url}");
        }
    }
}

#[tokio::test]
async fn scripts_read_answers_and_refusals_alike() {
    let world = world().await;
    for (url, open) in endpoints(&world).await {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = sent(&world, method.clone(), &url).await;
            assert_eq!(is_open(answer.headers()), open, "{method} {url}");
            if open {
                let exposed = answer.headers()["access-control-expose-headers"].to_str();
                let exposed = exposed.unwrap();
                assert!(exposed.contains("www-authenticate") && exposed.contains("dpop-nonce"));
            }
        }
    }
}

#[tokio::test]
async fn scripts_read_tokens_and_claims() {
    let world = world().await;
    let code = world.code().await;
    let request = world.redeem(&code).header("origin", "null");
    let answer = request.send().await.unwrap();
    assert!(answer.status() == 200 && is_open(answer.headers()));
    let tokens: serde_json::Value = answer.json().await.unwrap();
    let request = world.userinfo(tokens["access_token"].as_str().unwrap());
    let answer = request.header("origin", "null").send().await.unwrap();
    assert!(answer.status() == 200 && is_open(answer.headers()));
}

#[tokio::test]
async fn scripts_of_a_client_may_bring_the_credentials_of_the_browser() {
    let world = world().await;
    let metadata = world.url("/.well-known/openid-configuration");
    // The tests' client has its redirect URI there.
    let (own, foreign) = ("http://localhost:3000", "http://localhost:30000");
    for (origin, known) in [(own, true), (foreign, false)] {
        for method in [Method::OPTIONS, Method::GET] {
            let request = world
                .http
                .request(method, &metadata)
                .header("origin", origin);
            let answer = request.send().await.unwrap();
            let headers = answer.headers();
            if known {
                assert_eq!(headers["access-control-allow-origin"], origin);
                assert_eq!(headers["access-control-allow-credentials"], "true");
                assert_eq!(headers["vary"], "origin");
            } else {
                assert!(is_open(headers), "{origin}");
            }
        }
    }
}

#[tokio::test]
async fn a_fault_below_http_waits_for_the_request_that_a_preflight_asks_for() {
    let world = world().await;
    let reset = r#"{"transport": {"at": "userinfo", "do": "reset"}}"#;
    let reset: Fault = serde_json::from_str(reset).unwrap();
    world.issuer.arm(reset).unwrap();
    let userinfo = world.url("/userinfo");
    let preflight = sent(&world, Method::OPTIONS, &userinfo).await;
    assert_eq!(preflight.status(), 204);
    let request = world.http.get(&userinfo).send().await;
    assert!(request.is_err(), "the connection is reset");
}
