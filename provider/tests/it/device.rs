//! The device grant (RFC 8628): the code on the device, the page, and the polls.

use std::time::Duration;

use oauth_gauntlet_provider::{
    Client, DeviceError, DeviceSettings, Endpoint, GrantType, IssuerSettings,
};
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{World, error_of, settings, verified, world, world_with};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn started(world: &World) -> Value {
    let request = world.http.post(world.url("/device/authorize"));
    let request = request.basic_auth("app", Some("secret"));
    let request = request.form(&[("scope", "openid profile offline_access")]);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.json().await.unwrap()
}

fn text<'a>(device: &'a Value, name: &str) -> &'a str {
    device[name].as_str().unwrap()
}

async fn poll(world: &World, device: &Value) -> Response {
    let form = [
        ("grant_type", GRANT),
        ("device_code", text(device, "device_code")),
    ];
    world.token(&form).send().await.unwrap()
}

/// What a poll is refused with.
async fn told(world: &World, device: &Value) -> String {
    let (status, error) = error_of(poll(world, device).await).await;
    assert_eq!(status, 400);
    error
}

fn wait(world: &World, seconds: u64) {
    world.issuer.clock().advance(Duration::from_secs(seconds));
}

async fn with_device(device: DeviceSettings) -> World {
    world_with(IssuerSettings {
        device,
        ..settings()
    })
    .await
}

#[tokio::test]
async fn a_device_gets_its_tokens_once_somebody_agreed_and_only_once() {
    let world = world().await;
    let device = started(&world).await;
    assert_eq!(device["verification_uri"], world.url("/device"));
    let complete = format!(
        "{}?user_code={}",
        world.url("/device"),
        text(&device, "user_code")
    );
    assert_eq!(device["verification_uri_complete"], complete);
    assert_eq!([&device["expires_in"], &device["interval"]], [600, 5]);

    assert_eq!(told(&world, &device).await, "authorization_pending");
    wait(&world, 5);
    let typed = text(&device, "user_code").to_lowercase();
    world.issuer.approve_device(&typed, "alice").unwrap();
    let tokens: Value = poll(&world, &device).await.json().await.unwrap();
    assert_eq!(tokens["scope"], "openid profile offline_access");
    let claims = verified(&world, text(&tokens, "id_token")).await;
    assert_eq!(claims["sub"], "alice");
    let refreshed = world.refresh(text(&tokens, "refresh_token")).send().await;
    assert_eq!(refreshed.unwrap().status(), 200);

    wait(&world, 5);
    assert_eq!(told(&world, &device).await, "invalid_grant");
    let journal = world.issuer.journal().exchanges();
    assert_eq!(journal[0].endpoint, Endpoint::Device);
}

#[tokio::test]
async fn who_asks_too_often_is_told_to_slow_down() {
    let world = world().await;
    let device = started(&world).await;
    assert_eq!(told(&world, &device).await, "authorization_pending");
    wait(&world, 4);
    assert_eq!(told(&world, &device).await, "slow_down");
    // From now on ten seconds have to lie between two polls.
    wait(&world, 9);
    assert_eq!(told(&world, &device).await, "slow_down");
    wait(&world, 15);
    assert_eq!(told(&world, &device).await, "authorization_pending");
    let patient = with_device(DeviceSettings {
        interval: Duration::ZERO,
        ..DeviceSettings::default()
    })
    .await;
    let device = started(&patient).await;
    for _ in 0..3 {
        assert_eq!(told(&patient, &device).await, "authorization_pending");
    }
}

#[tokio::test]
async fn a_set_number_of_polls_is_answered_as_the_test_wants() {
    let world = with_device(DeviceSettings {
        auto: Some("bob".to_owned()),
        pending_polls: 2,
        slow_downs: 1,
        ..DeviceSettings::default()
    })
    .await;
    let device = started(&world).await;
    assert_eq!(told(&world, &device).await, "slow_down");
    for _ in 0..2 {
        wait(&world, 10);
        assert_eq!(told(&world, &device).await, "authorization_pending");
    }
    wait(&world, 10);
    let tokens: Value = poll(&world, &device).await.json().await.unwrap();
    let claims = verified(&world, text(&tokens, "id_token")).await;
    assert_eq!(claims["sub"], "bob");
}

#[tokio::test]
async fn a_device_that_is_denied_or_too_late_is_told_so() {
    let world = world().await;
    let denied = started(&world).await;
    world
        .issuer
        .deny_device(text(&denied, "user_code"))
        .unwrap();
    assert_eq!(told(&world, &denied).await, "access_denied");
    let again = world
        .issuer
        .approve_device(text(&denied, "user_code"), "alice");
    assert!(matches!(again, Err(DeviceError::Answered { .. })));

    let late = started(&world).await;
    wait(&world, 600);
    let expired = world
        .issuer
        .approve_device(text(&late, "user_code"), "alice");
    assert!(matches!(expired, Err(DeviceError::Expired { .. })));
    assert_eq!(told(&world, &late).await, "expired_token");
    let unknown = world.issuer.deny_device("BCDF-GHJK");
    assert!(matches!(unknown, Err(DeviceError::Unknown { .. })));
}

#[tokio::test]
async fn of_many_polls_at_once_one_gets_the_tokens() {
    let world = with_device(DeviceSettings {
        auto: Some("alice".to_owned()),
        interval: Duration::ZERO,
        ..DeviceSettings::default()
    })
    .await;
    let device = started(&world).await;
    let form = [
        ("grant_type", GRANT),
        ("device_code", text(&device, "device_code")),
    ];
    let attempts: Vec<_> = (0..8)
        .map(|_| tokio::spawn(world.token(&form).send()))
        .collect();
    let mut successes = 0;
    for attempt in attempts {
        successes += u32::from(attempt.await.unwrap().unwrap().status() == 200);
    }
    assert_eq!(successes, 1);
}

#[tokio::test]
async fn a_device_code_is_for_its_client_and_a_client_for_its_grants() {
    let world = world().await;
    let device = started(&world).await;
    let form = [
        ("grant_type", GRANT),
        ("device_code", text(&device, "device_code")),
    ];
    let other = world.http.post(world.url("/token")).form(&form);
    let other = other.basic_auth("other", Some("other-secret")).send().await;
    assert_eq!(
        error_of(other.unwrap()).await,
        (400, "invalid_grant".to_owned())
    );

    let ask = |form: &[(&str, &str)]| world.http.post(world.url("/device/authorize")).form(form);
    let public = ask(&[("client_id", "native")]).send().await.unwrap();
    assert_eq!(public.status(), 200);
    for (form, expected) in [
        (&[("client_id", "nobody")][..], (401, "invalid_client")),
        (&[("scope", "openid")], (401, "invalid_client")),
        (
            &[("client_id", "native"), ("scope", "made-up")],
            (400, "invalid_scope"),
        ),
        (
            &[("client_id", "native"), ("resource", "x")],
            (400, "invalid_target"),
        ),
        (
            &[("client_id", "native"), ("client_id", "app")],
            (400, "invalid_request"),
        ),
    ] {
        let (status, error) = error_of(ask(form).send().await.unwrap()).await;
        assert_eq!((status, error.as_str()), expected, "{form:?}");
    }
    world.issuer.add_client(Client {
        grant_types: Some([GrantType::AuthorizationCode].into()),
        ..Client::public("native")
    });
    let refused = error_of(ask(&[("client_id", "native")]).send().await.unwrap()).await;
    assert_eq!(refused, (400, "unauthorized_client".to_owned()));
}

#[tokio::test]
async fn without_the_grant_there_is_neither_endpoint_nor_page() {
    let mut settings = settings();
    settings.grants.remove(&GrantType::DeviceCode);
    let world = world_with(settings).await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    assert_eq!(metadata.get("device_authorization_endpoint"), None);
    let page = world.http.get(world.url("/device")).send().await.unwrap();
    assert_eq!(page.status(), 404);
    let endpoint = world.http.post(world.url("/device/authorize"));
    assert_eq!(endpoint.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_fault_changes_what_a_device_is_told() {
    let world = world().await;
    let fault = json!({"device": {"set": {"interval": 0}}});
    world
        .issuer
        .arm(serde_json::from_value(fault).unwrap())
        .unwrap();
    assert_eq!(started(&world).await["interval"], 0);
}

/// The single-use handle of a page.
fn handle(html: &str) -> String {
    let (_, rest) = html.split_once("name=\"interaction\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

async fn post(world: &World, form: &[(&str, &str)]) -> (u16, String) {
    let request = world.http.post(world.url("/device")).form(form);
    let response = request.send().await.unwrap();
    (response.status().into(), response.text().await.unwrap())
}

#[tokio::test]
async fn people_type_the_code_and_choose_who_they_are() {
    let world = world().await;
    let device = started(&world).await;
    let code = text(&device, "user_code");
    let first = world.http.get(world.url("/device")).send().await.unwrap();
    let policy = first.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'"));
    assert!(first.text().await.unwrap().contains("Which code"));

    let (status, html) = post(&world, &[("user_code", &code.to_lowercase())]).await;
    assert_eq!(status, 200);
    for shown in [code, "<code>app</code>", "offline_access", "Alice Adams"] {
        assert!(html.contains(shown), "{shown}");
    }
    let page = handle(&html);
    let (status, html) = post(&world, &[("interaction", &page), ("other", "zo\u{eb}")]).await;
    assert_eq!(status, 400);
    assert!(html.contains("all of them ASCII"));
    let page = handle(&html);
    let (status, html) = post(&world, &[("interaction", &page), ("sub", "bob")]).await;
    assert_eq!(status, 200);
    assert!(html.contains("is connected"));
    let (status, html) = post(&world, &[("interaction", &page), ("sub", "alice")]).await;
    assert_eq!(status, 400);
    assert!(html.contains("answered already"));
    let (status, html) = post(&world, &[("user_code", code)]).await;
    assert_eq!(status, 400);
    assert!(html.contains("was answered already"));

    let tokens: Value = poll(&world, &device).await.json().await.unwrap();
    let claims = verified(&world, text(&tokens, "id_token")).await;
    assert_eq!(claims["sub"], "bob");
}

#[tokio::test]
async fn the_complete_link_asks_at_once_and_no_is_an_answer() {
    let world = world().await;
    let device = started(&world).await;
    let link = text(&device, "verification_uri_complete");
    let html = world
        .http
        .get(link)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let form = [("interaction", handle(&html)), ("deny", "1".to_owned())];
    let foreign = world.http.post(world.url("/device")).form(&form);
    let foreign = foreign.header("sec-fetch-site", "cross-site").send().await;
    assert_eq!(foreign.unwrap().status(), 403);
    let (status, html) = post(&world, &[("interaction", &form[0].1), ("deny", "1")]).await;
    assert_eq!(status, 200);
    assert!(html.contains("You said no"));
    assert_eq!(told(&world, &device).await, "access_denied");
}

#[tokio::test]
async fn a_code_that_nobody_has_is_asked_for_again() {
    let world = world().await;
    for code in ["BCDF-GHJK", "x", "<script>", "\u{e9}"] {
        let (status, html) = post(&world, &[("user_code", code)]).await;
        assert_eq!(status, 400);
        assert!(html.contains("No device waits"), "{html}");
        assert!(!html.contains("<script>"));
    }
}
