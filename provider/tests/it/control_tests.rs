//! Parallel tests on one provider, each with a key.

use oauth_gauntlet_provider::MockProvider;
use serde_json::{Value, json};

use crate::control::{ask, good};
use crate::support::{World, callback, careful, http, settings, world};

/// Signs alice in under a test; the code.
async fn code(world: &World, test: &str) -> String {
    let request = world.authorize_as("alice", &careful());
    let response = request.header("gauntlet-test", test).send().await.unwrap();
    callback(&response)["code"].clone()
}

#[tokio::test]
async fn a_fault_of_one_test_does_not_touch_another() {
    let world = world().await;
    let begin = async |body: Value| {
        good(ask(&world, "POST", "/tests", body).await)["key"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (one, two) = (begin(json!({"key": "one"})).await, begin(json!({})).await);
    assert_ne!(one, two);
    let fault = json!({"when": {"test": one}, "token": {"error": "server_error"}});
    good(ask(&world, "POST", "/issuers/default/faults", fault).await);
    let (code_one, code_two) = (code(&world, &one).await, code(&world, &two).await);
    // The client knows nothing of tests: the code carries the key.
    assert_eq!(world.redeem(&code_two).send().await.unwrap().status(), 200);
    assert_eq!(world.redeem(&code_one).send().await.unwrap().status(), 400);
    assert_eq!(world.tokens().await["token_type"], "Bearer");

    let mine = good(
        ask(
            &world,
            "GET",
            "/issuers/default/exchanges?test=one",
            Value::Null,
        )
        .await,
    );
    let statuses: Vec<_> = (mine["exchanges"].as_array().unwrap().iter())
        .map(|it| it["response"]["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [302, 400]);
    assert_eq!(
        ask(&world, "DELETE", "/tests/one", Value::Null).await.0,
        204
    );
    assert_eq!(
        ask(&world, "DELETE", "/tests/one", Value::Null).await.0,
        404
    );
    assert!(world.issuer.faults().is_empty());
}

#[tokio::test]
async fn what_is_handed_out_under_a_test_carries_its_key_to_the_end() {
    let world = world().await;
    world.provider.begin_test("t").unwrap();
    let tokens: Value = world
        .redeem(&code(&world, "t").await)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    world
        .userinfo(tokens["access_token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    world
        .refresh(tokens["refresh_token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    let exchanges = world.issuer.journal().exchanges();
    assert_eq!(exchanges.len(), 4);
    assert!(
        exchanges
            .iter()
            .all(|it| it.notes.test.as_deref() == Some("t"))
    );

    let page = world
        .authorize(&careful())
        .header("cookie", "gauntlet_test=t");
    let page = page.send().await.unwrap().text().await.unwrap();
    let (_, handle) = page.split_once("name=\"interaction\" value=\"").unwrap();
    let form = [
        ("interaction", handle.split('"').next().unwrap()),
        ("sub", "alice"),
    ];
    world
        .http
        .post(world.url("/login"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(
        world.issuer.journal().exchanges()[5].notes.test.as_deref(),
        Some("t")
    );
}

#[tokio::test]
async fn a_key_that_nobody_registered_is_refused_at_every_endpoint() {
    let world = world().await;
    for path in [
        "/jwks",
        "/.well-known/openid-configuration",
        "/userinfo",
        "/end_session",
        "/authorize",
    ] {
        let request = world
            .http
            .get(world.url(path))
            .header("gauntlet-test", "typo");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 400, "{path}");
        assert!(response.text().await.unwrap().contains("`typo`"), "{path}");
    }
    let token = world
        .redeem("x")
        .header("cookie", "gauntlet_test=typo")
        .send()
        .await
        .unwrap();
    assert_eq!(token.status(), 400);
    assert!(token.text().await.unwrap().contains("POST /_/tests"));
    let fault = json!({"when": {"test": "typo"}, "jwks": {"empty": true}});
    assert_eq!(
        ask(&world, "POST", "/issuers/default/faults", fault)
            .await
            .0,
        400
    );
    for (body, status) in [
        (json!({"key": "a b"}), 400),
        (json!({"key": "k"}), 201),
        (json!({"key": "k"}), 409),
    ] {
        assert_eq!(ask(&world, "POST", "/tests", body).await.0, status);
    }
}

#[tokio::test]
async fn where_a_key_is_required_nothing_begins_without_one() {
    let provider = MockProvider::builder()
        .settings(settings())
        .require_test_key(true)
        .start()
        .await
        .unwrap();
    let world = World {
        issuer: provider.issuer().clone(),
        provider,
        http: http(),
    };
    let begun = world
        .authorize_as("alice", &careful())
        .send()
        .await
        .unwrap();
    assert_eq!(begun.status(), 400);
    assert!(begun.text().await.unwrap().contains("gauntlet-test"));
    let alone = world
        .token(&[("grant_type", "client_credentials")])
        .send()
        .await
        .unwrap();
    assert_eq!(alone.status(), 400);
    world.json("/jwks").await;
    world.provider.begin_test("t").unwrap();
    let code = code(&world, "t").await;
    assert_eq!(world.redeem(&code).send().await.unwrap().status(), 200);
}
