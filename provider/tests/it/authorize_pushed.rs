//! Pushed authorization requests (RFC 9126).

use std::collections::BTreeMap;

use oauth_gauntlet_provider::{
    Client, Endpoint, Enforcement, Fault, IssuerSettings, Profile, Rule,
};
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{
    CALLBACK, Parameters, World, callback, careful, error_of, location, settings, world, world_with,
};

fn app() -> Client {
    Client::confidential("app", "secret").redirect_uri(CALLBACK)
}

async fn push(world: &World, request: &BTreeMap<&str, &str>) -> Response {
    let request = world.http.post(world.url("/par")).form(request);
    let request = request.basic_auth("app", Some("secret"));
    request.send().await.unwrap()
}

async fn pushed(world: &World, request: &BTreeMap<&str, &str>) -> String {
    let response = push(world, request).await;
    assert_eq!(response.status(), 201);
    let body: Value = response.json().await.unwrap();
    body["request_uri"].as_str().unwrap().to_owned()
}

async fn authorize(world: &World, query: &[(&str, &str)], user: Option<&str>) -> Response {
    let mut request = world.http.get(world.url("/authorize")).query(query);
    if let Some(user) = user {
        request = request.header("gauntlet-user", user);
    }
    request.send().await.unwrap()
}

async fn come_back(world: &World, request_uri: &str) -> Parameters {
    let query = [("client_id", "app"), ("request_uri", request_uri)];
    callback(&authorize(world, &query, Some("alice")).await)
}

#[tokio::test]
async fn a_pushed_request_is_good_for_one_response() {
    let world = world().await;
    let response = push(&world, &careful()).await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["cache-control"], "no-cache, no-store");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["expires_in"], 60);
    let request_uri = body["request_uri"].as_str().unwrap();
    assert!(request_uri.starts_with("urn:ietf:params:oauth:request_uri:"));
    let exchange = &world.issuer.journal().exchanges()[0];
    assert_eq!(exchange.endpoint, Endpoint::Par);
    assert_eq!(exchange.notes.client_id.as_deref(), Some("app"));

    let parameters = come_back(&world, request_uri).await;
    assert_eq!(parameters["state"], "the-state");
    let tokens = world.redeem(&parameters["code"]).send().await.unwrap();
    assert_eq!(tokens.status(), 200);

    let query = [("client_id", "app"), ("request_uri", request_uri)];
    let again = authorize(&world, &query, Some("alice")).await;
    assert_eq!(again.status(), 400);
}

#[tokio::test]
async fn a_page_of_a_pushed_request_can_be_reloaded_and_answered_once_even_late() {
    let world = world_with(IssuerSettings {
        user_header: false,
        ..settings()
    })
    .await;
    let request_uri = pushed(&world, &careful()).await;
    let query = [("client_id", "app"), ("request_uri", request_uri.as_str())];
    let mut pages = Vec::new();
    for _ in 0..2 {
        let page = authorize(&world, &query, None).await;
        assert_eq!(page.status(), 200);
        pages.push(page.text().await.unwrap());
    }
    world
        .issuer
        .clock()
        .advance(std::time::Duration::from_mins(5));
    assert_eq!(authorize(&world, &query, None).await.status(), 400);
    let answer = async |html: &str| {
        let (_, rest) = html.split_once("name=\"interaction\" value=\"").unwrap();
        let handle = rest.split('"').next().unwrap();
        let form = [("interaction", handle), ("sub", "bob")];
        let request = world.http.post(world.url("/login")).form(&form);
        request.send().await.unwrap()
    };
    let first = answer(&pages[0]).await;
    assert!(callback(&first).contains_key("code"));
    let second = answer(&pages[1]).await;
    assert_eq!(second.status(), 400);
    assert!(second.text().await.unwrap().contains("Answered already"));
}

#[tokio::test]
async fn nothing_beside_a_pushed_request_counts() {
    let world = world().await;
    let request_uri = pushed(&world, &careful()).await;
    let query = [
        ("client_id", "app"),
        ("request_uri", request_uri.as_str()),
        ("state", "another"),
        ("scope", "email"),
        ("redirect_uri", "http://evil.test/"),
    ];
    let parameters = callback(&authorize(&world, &query, Some("alice")).await);
    assert_eq!(parameters["state"], "the-state");
    let tokens = world.redeem(&parameters["code"]).send().await.unwrap();
    let tokens: Value = tokens.json().await.unwrap();
    assert_eq!(tokens["scope"], "openid profile email offline_access");
}

#[tokio::test]
async fn a_request_uri_is_for_the_client_that_pushed_it_and_for_its_time() {
    let world = world().await;
    let request_uri = pushed(&world, &careful()).await;
    for (client_id, uri) in [
        ("other", request_uri.as_str()),
        ("app", "urn:ietf:params:oauth:request_uri:made-up"),
        ("app", "https://app.test/request"),
    ] {
        let query = [("client_id", client_id), ("request_uri", uri)];
        let response = authorize(&world, &query, Some("alice")).await;
        assert_eq!(response.status(), 400, "{uri}");
    }
    let told = [
        ("client_id", "app"),
        ("request_uri", "urn:ietf:params:oauth:request_uri:made-up"),
        ("redirect_uri", CALLBACK),
        ("state", "s"),
    ];
    let told = callback(&authorize(&world, &told, Some("alice")).await);
    assert_eq!(told["error"], "invalid_request_uri");
    assert_eq!(told["state"], "s");
    assert!(come_back(&world, &request_uri).await.contains_key("code"));
    let request_uri = pushed(&world, &careful()).await;
    world
        .issuer
        .clock()
        .advance(std::time::Duration::from_mins(1));
    let query = [("client_id", "app"), ("request_uri", request_uri.as_str())];
    let late = authorize(&world, &query, Some("alice")).await;
    assert_eq!(late.status(), 400);
}

#[tokio::test]
async fn bad_requests_are_refused_when_they_are_pushed() {
    let world = world().await;
    for (name, value, error) in [
        ("redirect_uri", "http://evil.test/", "invalid_request"),
        ("response_type", "coffee", "unsupported_response_type"),
        ("response_mode", "carrier_pigeon", "invalid_request"),
        ("scope", "no-such-scope", "invalid_scope"),
        ("code_challenge", "short", "invalid_request"),
        ("request_uri", "urn:x", "invalid_request"),
        ("request", "not.a.jwt", "invalid_request_object"),
        ("resource", "relative", "invalid_target"),
        ("claims", "[]", "invalid_request"),
        ("client_id", "other", "invalid_client"),
    ] {
        let mut request = careful();
        request.insert(name, value);
        let response = push(&world, &request).await;
        assert_eq!(error_of(response).await.1, error, "{name}");
    }
    let endpoint = || world.http.post(world.url("/par"));
    let wrong = endpoint().form(&careful()).basic_auth("app", Some("wrong"));
    let wrong = wrong.send().await.unwrap();
    assert!(wrong.headers().contains_key("www-authenticate"));
    assert_eq!(error_of(wrong).await, (401, "invalid_client".to_owned()));
    let json = endpoint().json(&careful()).send().await.unwrap();
    assert_eq!(error_of(json).await, (400, "invalid_request".to_owned()));
    let twice = endpoint().body("client_id=native&state=a&state=b");
    let twice = twice.header("content-type", "application/x-www-form-urlencoded");
    let twice = twice.send().await.unwrap();
    assert_eq!(error_of(twice).await, (400, "invalid_request".to_owned()));
    let get = world.http.get(world.url("/par")).send().await.unwrap();
    assert_eq!(get.status(), 405);
}

#[tokio::test]
async fn a_public_client_pushes_without_a_secret_and_a_secret_is_not_kept() {
    let world = world().await;
    let mut request = careful();
    request.extend([
        ("client_id", "native"),
        ("redirect_uri", "http://127.0.0.1:9/native"),
    ]);
    let endpoint = world.http.post(world.url("/par")).form(&request);
    assert_eq!(endpoint.send().await.unwrap().status(), 201);
    let mut request = careful();
    request.insert("client_secret", "secret");
    let endpoint = world.http.post(world.url("/par")).form(&request);
    assert_eq!(endpoint.send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn a_client_that_has_to_push_may_not_do_without() {
    let world = world().await;
    world.issuer.add_client(Client {
        require_pushed_authorization_requests: true,
        ..app()
    });
    let told = world.callback(&careful()).await;
    assert_eq!(told["error"], "invalid_request");
    let notes = &world.issuer.journal().exchanges()[0].notes;
    assert_eq!(notes.violations[0].rule, Rule::RequestAsRegistered);
    let request_uri = pushed(&world, &careful()).await;
    assert!(come_back(&world, &request_uri).await.contains_key("code"));
}

#[tokio::test]
async fn a_fault_reaches_the_answer_to_a_push() {
    let world = world().await;
    let fault: Fault = serde_json::from_value(json!({"par": {"set": {"expires_in": 1}}})).unwrap();
    world.issuer.arm(fault).unwrap();
    let body: Value = push(&world, &careful()).await.json().await.unwrap();
    assert_eq!(body["expires_in"], 1);
}

#[tokio::test]
async fn the_profiles_refuse_what_they_leave_out_and_a_laxer_one_lists_it() {
    let changes: [(&str, Option<&str>, Rule, Profile); 5] = [
        (
            "code_challenge",
            None,
            Rule::CodeChallenge,
            Profile::Oauth21,
        ),
        (
            "response_type",
            Some("code token"),
            Rule::NoTokenByBrowser,
            Profile::Oauth21,
        ),
        (
            "response_type",
            Some("code id_token"),
            Rule::CodeAlone,
            Profile::Fapi2,
        ),
        (
            "redirect_uri",
            Some("http://app.test/callback"),
            Rule::SecureRedirectUri,
            Profile::Fapi2,
        ),
        ("display", Some("page"), Rule::PushedRequest, Profile::Fapi2),
    ];
    for (name, value, rule, first) in changes {
        let mut request = careful();
        match value {
            Some(value) => {
                request.insert(name, value);
            }
            None => request.retain(|known, _| !known.starts_with(name)),
        }
        for profile in Profile::ALL {
            let world = world_with(IssuerSettings {
                profile,
                enforcement: Enforcement::Observe,
                ..settings()
            })
            .await;
            let client = app().redirect_uri("http://app.test/callback");
            world.issuer.add_client(client);
            let sent = world.authorize(&request).header("gauntlet-user", "alice");
            let sent = sent.send().await.unwrap();
            let notes = &world.issuer.journal().exchanges()[0].notes;
            let context = format!("{rule:?} {profile:?}");
            assert_eq!(sent.status(), 302, "{context}");
            if profile >= first {
                assert!(
                    notes.violations.iter().any(|it| it.rule == rule),
                    "{context}"
                );
            } else {
                let listed =
                    |(known, violation): &(Profile, oauth_gauntlet_provider::Violation)| {
                        *known == first && violation.rule == rule
                    };
                assert!(notes.stricter.iter().any(listed), "{context}");
                assert!(notes.violations.is_empty(), "{context}");
            }
        }
    }
}

#[tokio::test]
async fn a_stricter_profile_refuses() {
    for (profile, name, value, error) in [
        (Profile::Oauth21, "code_challenge", "", "invalid_request"),
        (
            Profile::Oauth21,
            "response_type",
            "token",
            "unsupported_response_type",
        ),
        (Profile::Fapi2, "display", "page", "invalid_request"),
    ] {
        let world = world_with(IssuerSettings {
            profile,
            ..settings()
        })
        .await;
        let mut request = careful();
        if value.is_empty() {
            request.retain(|known, _| !known.starts_with(name));
        } else {
            request.insert(name, value);
        }
        request.insert("response_mode", "fragment");
        let sent = world.authorize(&request).header("gauntlet-user", "alice");
        let sent = location(&sent.send().await.unwrap());
        assert!(sent.contains(&format!("#error={error}&")), "{sent}");
    }
}

#[tokio::test]
async fn the_metadata_of_a_profile_say_what_it_serves() {
    for (profile, types, pushed) in [
        (Profile::Strict, 8, false),
        (Profile::Oauth21, 4, false),
        (Profile::Fapi2, 1, true),
    ] {
        let world = world_with(IssuerSettings {
            profile,
            ..settings()
        })
        .await;
        let metadata = world.json("/.well-known/openid-configuration").await;
        let listed = metadata["response_types_supported"].as_array().unwrap();
        assert_eq!(listed.len(), types, "{profile:?}");
        assert_eq!(metadata["require_pushed_authorization_requests"], pushed);
        let grants = metadata["grant_types_supported"].as_array().unwrap();
        assert_eq!(grants.contains(&json!("implicit")), types > 1);
    }
}
