//! Logout tokens that are pushed through the control API, right ones and wrong ones.

use oauth_gauntlet_provider::Endpoint;
use serde_json::{Value, json};

use crate::control::{ask, good};
use crate::logout::{app, receiver, sent};
use crate::signed::header;
use crate::support::{NOW, World, verified, world_with};

const PUSH: &str = "/issuers/default/clients/app/logout";

async fn world(status: u16) -> World {
    let back_channel = receiver(status).await;
    world_with(app(|app| app.backchannel_logout_uri = Some(back_channel))).await
}

/// Pushes a logout token, and returns what the control API tells of it.
async fn push(world: &World, body: Value) -> Value {
    let told = good(ask(world, "POST", PUSH, body).await);
    let pushes = told["pushes"].as_array().unwrap();
    assert_eq!(pushes.len(), 1, "{told}");
    pushes[0].clone()
}

async fn arm(world: &World, fault: Value) {
    let fault = json!({"logout-token": fault, "when": {"times": 1}});
    good(ask(world, "POST", "/issuers/default/faults", fault).await);
}

#[tokio::test]
async fn a_valid_logout_token_is_pushed_and_told_with_the_answer() {
    let world = world(204).await;
    let told = push(&world, json!({"sub": "alice", "sid": "the-session"})).await;
    assert_eq!(
        (&told["client_id"], &told["status"]),
        (&json!("app"), &json!(204))
    );
    let token = sent(&world).pop().unwrap();
    assert_eq!(told["header"], header(&token));
    let claims = verified(&world, &token).await;
    assert_eq!(told["claims"], claims);
    assert_eq!(
        (&claims["sub"], &claims["sid"]),
        (&json!("alice"), &json!("the-session"))
    );
    assert_eq!(
        (&claims["aud"], &claims["iat"]),
        (&json!("app"), &json!(NOW))
    );
    assert!(!told.to_string().contains(&token), "{told}");
}

#[tokio::test]
async fn logout_tokens_that_no_client_may_take_are_pushed_on_demand() {
    let world = world(400).await;
    arm(&world, json!({"claims": {"aud": "another"}})).await;
    let wrong_aud = push(&world, json!({"sub": "alice"})).await;
    assert_eq!(
        (&wrong_aud["claims"]["aud"], &wrong_aud["status"]),
        (&json!("another"), &json!(400))
    );
    arm(&world, json!({"claims": {"nonce": "n"}})).await;
    let nonce = push(&world, json!({"sub": "alice"})).await;
    assert_eq!(nonce["claims"]["nonce"], "n");
    let nobody = push(&world, json!({})).await;
    assert_eq!(
        (nobody["claims"].get("sub"), nobody["claims"].get("sid")),
        (None, None)
    );
    for _ in 0..2 {
        arm(&world, json!({"claims": {"jti": "seen"}})).await;
        let replayed = push(&world, json!({"sub": "alice"})).await;
        assert_eq!(replayed["claims"]["jti"], "seen");
    }
    let honest = push(&world, json!({"sub": "alice"})).await;
    assert_ne!(honest["claims"]["jti"], "seen");
    assert_eq!(honest["claims"].get("nonce"), None);
}

#[tokio::test]
async fn a_user_is_signed_out_everywhere_and_the_clients_are_told() {
    let world = world(200).await;
    world.tokens().await;
    let path = "/issuers/default/users/alice/logout";
    let told = good(ask(&world, "POST", path, Value::Null).await);
    let pushes = told["pushes"].as_array().unwrap();
    assert_eq!(pushes.len(), 1, "{told}");
    assert_eq!(
        (&pushes[0]["claims"]["sub"], &pushes[0]["status"]),
        (&json!("alice"), &json!(200))
    );
    // The sessions are over.
    let again = good(ask(&world, "POST", path, Value::Null).await);
    assert_eq!(again, json!({"pushes": []}));
}

#[tokio::test]
async fn a_push_belongs_to_the_parallel_test_that_it_names() {
    let world = world(200).await;
    world.provider.begin_test("mine").unwrap();
    let fault = json!({"logout-token": {"claims": {"aud": "x"}}, "when": {"test": "mine"}});
    good(ask(&world, "POST", "/issuers/default/faults", fault).await);
    let told = push(&world, json!({"sub": "alice"})).await;
    assert_eq!(told["claims"]["aud"], "app");
    let told = push(&world, json!({"sub": "alice", "test": "mine"})).await;
    assert_eq!(told["claims"]["aud"], "x");
    let exchanges = world.issuer.journal().exchanges();
    let tests: Vec<_> = (exchanges.iter())
        .filter(|it| it.endpoint == Endpoint::BackchannelLogout)
        .map(|it| it.notes.test.as_deref())
        .collect();
    assert_eq!(tests, [None, Some("mine")]);
}

#[tokio::test]
async fn what_cannot_be_pushed_is_refused_with_a_way_out() {
    let world = world(200).await;
    for (path, body, status) in [
        ("/issuers/default/users/nobody/logout", Value::Null, 404),
        (
            "/issuers/default/users/alice/logout",
            json!({"sub": "bob"}),
            400,
        ),
        ("/issuers/default/clients/nobody/logout", json!({}), 404),
        ("/issuers/default/clients/native/logout", json!({}), 400),
        (PUSH, json!({"user": "alice"}), 400),
        (PUSH, json!({"test": "unknown"}), 400),
    ] {
        let (seen, document) = ask(&world, "POST", path, body).await;
        assert_eq!(seen, status, "{path} {document}");
    }
    // Nobody listens at this port.
    let mut deaf = (*world.issuer.clients()[0]).clone();
    deaf.backchannel_logout_uri = Some("http://127.0.0.1:1/back".to_owned());
    world.issuer.add_client(deaf);
    let told = push(&world, json!({"sub": "alice"})).await;
    let problem = told["problem"].as_str().unwrap();
    assert!(problem.starts_with("cannot connect to"), "{problem}");
    assert_eq!(told.get("status"), None);
}
