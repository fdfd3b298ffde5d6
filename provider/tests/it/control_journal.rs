//! What the control API tells of exchanges and flows, and what it can be asked about them.

use std::time::Duration;

use oauth_gauntlet_provider::{Endpoint, Expectation, Filter, FlowState};
use serde_json::{Value, json};

use crate::control::{ask, good};
use crate::support::{World, callback, careful, redemption, world};

async fn get(world: &World, path: &str) -> Value {
    good(ask(world, "GET", path, Value::Null).await)
}

#[tokio::test]
async fn exchanges_are_listed_by_filter_and_tell_no_secret() {
    let world = world().await;
    let tokens = world.tokens().await;
    let path = "/issuers/default/exchanges";
    let all = get(&world, path).await;
    assert_eq!(all["exchanges"].as_array().unwrap().len(), 2);
    assert_eq!(all["last"], 2);
    let text = all.to_string();
    for secret in ["access_token", "refresh_token", "id_token"] {
        assert!(!text.contains(tokens[secret].as_str().unwrap()), "{secret}");
    }
    assert!(!text.contains(crate::support::VERIFIER) && !text.contains("YXBwOnNlY3JldA"));
    let shown = get(&world, &format!("{path}?secrets=true&endpoint=token"))
        .await
        .to_string();
    assert!(shown.contains(tokens["access_token"].as_str().unwrap()));

    let count = async |query: &str| {
        let found = get(&world, &format!("{path}?{query}")).await;
        found["exchanges"].as_array().unwrap().len()
    };
    assert_eq!(
        count("endpoint=token&client_id=app&status=200&user=alice").await,
        1
    );
    assert_eq!(count("since=1").await, 1);
    assert_eq!(count("test=none").await, 0);
    assert_eq!(count("limit=1").await, 1);
    let one = get(&world, &format!("{path}/2")).await;
    assert_eq!(one["grant"], "authorization_code");
    assert_eq!(one["issued"][0]["kind"], "access-token");
    assert_eq!(
        ask(&world, "GET", &format!("{path}/9"), Value::Null)
            .await
            .0,
        404
    );
    assert_eq!(ask(&world, "DELETE", path, Value::Null).await.0, 204);
    assert!(world.issuer.journal().is_empty());
}

#[tokio::test]
async fn waiting_ends_with_what_was_waited_for_or_says_what_came() {
    let world = world().await;
    let path = "/issuers/default/exchanges/wait";
    let wanted = json!({"filter": {"endpoint": "token"}, "timeout_ms": 60_000});
    let (came, _) = tokio::join!(ask(&world, "POST", path, wanted), world.tokens());
    assert_eq!(good(came)["exchanges"][0]["endpoint"], "token");

    let never = json!({"filter": {"endpoint": "userinfo"}, "timeout_ms": 1});
    let (status, document) = ask(&world, "POST", path, never).await;
    assert_eq!((status, &document["error"]), (408, &json!("timeout")));
    assert_eq!(document["latest"].as_array().unwrap().len(), 2);
    let too_long = json!({"timeout_ms": 60_001});
    assert_eq!(ask(&world, "POST", path, too_long).await.0, 400);
}

#[tokio::test]
async fn a_stream_tells_exchanges_as_they_happen_and_ends_with_the_provider() {
    let world = world().await;
    let url = format!(
        "{}/_/issuers/default/exchanges/stream?endpoint=jwks",
        world.provider.base_url()
    );
    let mut stream = world.http.get(&url).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    while !text.contains("connected") {
        text.push_str(&String::from_utf8_lossy(
            &stream.chunk().await.unwrap().unwrap(),
        ));
    }
    world.json("/.well-known/openid-configuration").await;
    world.json("/jwks").await;
    while !text.contains("\n\nid: 2\nevent: exchange\ndata: {") {
        text.push_str(&String::from_utf8_lossy(
            &stream.chunk().await.unwrap().unwrap(),
        ));
    }
    assert!(!text.contains("id: 1\n"));

    let mut again = world
        .http
        .get(&url)
        .header("last-event-id", "1")
        .send()
        .await
        .unwrap();
    let mut text = String::new();
    while !text.contains("id: 2\n") {
        text.push_str(&String::from_utf8_lossy(
            &again.chunk().await.unwrap().unwrap(),
        ));
    }
    let started = std::time::Duration::from_secs(30);
    tokio::time::timeout(started, world.provider.shut_down())
        .await
        .unwrap();
    while let Some(_more) = stream.chunk().await.unwrap() {}
}

#[tokio::test]
async fn a_flow_has_everything_from_the_first_request_to_the_logout() {
    let world = world().await;
    let tokens = world.tokens().await;
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    world.userinfo(&text("access_token")).send().await.unwrap();
    world.refresh(&text("refresh_token")).send().await.unwrap();
    let flows = world.issuer.flows();
    assert_eq!((flows.len(), flows[0].state), (1, FlowState::Refreshed));
    let logout = [("id_token_hint", text("id_token"))];
    world
        .http
        .get(world.url("/end_session"))
        .query(&logout)
        .send()
        .await
        .unwrap();
    world.json("/jwks").await;

    let flows = get(&world, "/issuers/default/flows").await;
    let flow = &flows["flows"][0];
    assert_eq!(flows["flows"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&flow["state"], &flow["user"], &flow["client_id"]),
        (&json!("signed-out"), &json!("alice"), &json!("app"))
    );
    let endpoints: Vec<_> = (flow["exchanges"].as_array().unwrap().iter())
        .map(|it| it["endpoint"].as_str().unwrap())
        .collect();
    assert_eq!(
        endpoints,
        ["authorize", "token", "userinfo", "token", "end-session"]
    );
    let one = get(
        &world,
        &format!("/issuers/default/flows/{}", flow["id"].as_str().unwrap()),
    )
    .await;
    assert_eq!(one["exchanges"][1]["request"]["method"], "POST");
    assert_eq!(
        ask(&world, "GET", "/issuers/default/flows/none", Value::Null)
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn a_page_belongs_to_the_flow_that_it_begins_and_a_failure_is_told() {
    let world = world().await;
    let page = world
        .authorize(&careful())
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(world.issuer.flows()[0].state, FlowState::Started);
    let (_, handle) = page.split_once("name=\"interaction\" value=\"").unwrap();
    let handle = handle.split('"').next().unwrap();
    let form = [("interaction", handle), ("sub", "alice")];
    let answered = world
        .http
        .post(world.url("/login"))
        .form(&form)
        .send()
        .await
        .unwrap();
    let code = callback(&answered)["code"].clone();
    assert_eq!(world.issuer.flows()[0].state, FlowState::SignedIn);
    let mut wrong = redemption(&code);
    wrong[3].1 = "a-verifier-that-does-not-fit-the-challenge-at-all";
    assert_eq!(world.token(&wrong).send().await.unwrap().status(), 400);
    let flows = world.issuer.flows();
    assert_eq!(flows.len(), 1);
    assert_eq!(
        (flows[0].state, flows[0].error.as_deref()),
        (FlowState::Failed, Some("invalid_grant"))
    );
    assert_eq!(flows[0].violations().count(), 1);
    world.redeem("unknown").send().await.unwrap();
    assert_eq!(world.issuer.flows()[1].id, "exchange-4");
}

#[tokio::test]
async fn a_client_is_verified_by_what_it_sent() {
    let world = world().await;
    let verify = async |expect: Value| {
        let question = json!({"expect": expect, "filter": {"client_id": "app"}});
        good(ask(&world, "POST", "/issuers/default/verify", question).await)
    };
    let pkce = verify(json!("pkce")).await;
    assert_eq!(
        (&pkce["holds"], pkce["seen"].as_array().unwrap().len()),
        (&Value::Null, 0)
    );
    assert_eq!(
        verify(json!({"calls": {"endpoint": "token", "at_most": 1}})).await["holds"],
        Value::Null
    );

    let code = world.code().await;
    world.redeem(&code).send().await.unwrap();
    for (expect, holds) in [
        (json!("pkce"), true),
        (json!("state"), true),
        (json!("state_unique"), true),
        (json!("nonce"), true),
        (json!({"client_auth_method": "client_secret_basic"}), true),
        (json!({"client_auth_method": "client_secret_post"}), false),
        (json!({"calls": {"endpoint": "token", "exactly": 1}}), true),
        (json!({"calls": {"endpoint": "jwks", "at_most": 2}}), true),
        (
            json!({"calls": {"endpoint": "token", "at_least": 2}}),
            false,
        ),
        (json!("no_secret_in_query"), true),
        (json!("code_used_once"), true),
        (json!("no_violation"), true),
    ] {
        assert_eq!(verify(expect.clone()).await["holds"], holds, "{expect}");
    }

    let mut careless = careful();
    careless.retain(|name, _| !name.starts_with("code_challenge") && *name != "nonce");
    world.callback(&careless).await;
    world.redeem(&code).send().await.unwrap();
    world
        .http
        .get(world.url("/userinfo?access_token=x"))
        .send()
        .await
        .unwrap();
    world
        .http
        .get(world.url("/end_session?client_id=app"))
        .send()
        .await
        .unwrap();
    let pkce = verify(json!("pkce")).await;
    assert_eq!(pkce["holds"], false);
    assert_eq!(
        pkce["seen"][1],
        json!({"exchange": 3, "value": "no code_challenge", "fits": false})
    );
    assert!(pkce["explanation"].as_str().unwrap().contains("exchange 3"));
    for expect in [
        "state_unique",
        "nonce",
        "code_used_once",
        "id_token_hint",
        "no_violation",
    ] {
        assert_eq!(verify(json!(expect)).await["holds"], false, "{expect}");
    }
    let secret = world
        .issuer
        .verify(&Expectation::NoSecretInQuery, &Filter::default());
    assert_eq!(secret.holds, Some(false));
    let token = Filter {
        endpoint: Some(Endpoint::Token),
        ..Filter::default()
    };
    assert_eq!(
        world
            .issuer
            .verify(&Expectation::NoSecretInQuery, &token)
            .holds,
        Some(true)
    );

    for wrong in [
        json!({"expect": "pcke"}),
        json!({"expect": {"calls": {"endpoint": "token"}}}),
        json!({}),
    ] {
        assert_eq!(
            ask(&world, "POST", "/issuers/default/verify", wrong.clone())
                .await
                .0,
            400,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_reader_can_begin_after_any_exchange() {
    let world = world().await;
    world.json("/jwks").await;
    world.json("/jwks").await;
    let mut reader = world.issuer.journal().subscribe_after(1);
    let limit = Duration::from_secs(30);
    assert_eq!(
        tokio::time::timeout(limit, reader.next())
            .await
            .unwrap()
            .number,
        2
    );
}
