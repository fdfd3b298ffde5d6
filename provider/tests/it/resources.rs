//! Resource indicators at the token endpoint (RFC 8707 §2.2).

use std::collections::BTreeSet;

use oauth_gauntlet_provider::{AccessTokenFormat, IssuerSettings};
use serde_json::{Value, json};

use crate::support::{World, error_of, redemption, settings, world_with};

const ORDERS: &str = "https://api.test/orders";
const STOCK: &str = "https://api.test/stock";

async fn world() -> World {
    world_with(IssuerSettings {
        access_token_format: AccessTokenFormat::Jwt,
        resources: Some(BTreeSet::from([ORDERS.to_owned(), STOCK.to_owned()])),
        ..settings()
    })
    .await
}

/// The audience of an access token, which introspection and the token itself agree on.
async fn audience(world: &World, form: &[(&str, &str)]) -> Value {
    let response = world.token(form).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let tokens: Value = response.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Value>(token).unwrap();
    assert_eq!(world.introspect(token).await["aud"], claims["aud"]);
    claims["aud"].clone()
}

#[tokio::test]
async fn an_access_token_is_for_the_resources_that_the_request_names() {
    let world = world().await;
    let itself = [("grant_type", "client_credentials")];
    assert_eq!(audience(&world, &itself).await, world.issuer.url());
    let one = [itself[0], ("resource", ORDERS)];
    assert_eq!(audience(&world, &one).await, ORDERS);
    let two = [itself[0], ("resource", ORDERS), ("resource", STOCK)];
    assert_eq!(audience(&world, &two).await, json!([ORDERS, STOCK]));
    let twice = [itself[0], ("resource", ORDERS), ("resource", ORDERS)];
    assert_eq!(audience(&world, &twice).await, ORDERS);

    let code = world.code().await;
    let mut form = redemption(&code).to_vec();
    form.push(("resource", STOCK));
    assert_eq!(audience(&world, &form).await, STOCK);
    let tokens = world.tokens().await;
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ("resource", ORDERS),
    ];
    assert_eq!(audience(&world, &refresh).await, ORDERS);
}

#[tokio::test]
async fn what_is_no_resource_of_the_issuer_is_an_invalid_target() {
    let world = world().await;
    for resource in [
        "https://api.test/other",
        "orders",
        "https://api.test/orders#x",
        "\u{e9}",
    ] {
        let form = [("grant_type", "client_credentials"), ("resource", resource)];
        let refused = error_of(world.token(&form).send().await.unwrap()).await;
        assert_eq!(refused, (400, "invalid_target".to_owned()), "{resource}");
    }
    // The code lives on, so that the client can ask rightly.
    let code = world.code().await;
    let mut form = redemption(&code).to_vec();
    form.push(("resource", "https://api.test/other"));
    let refused = error_of(world.token(&form).send().await.unwrap()).await;
    assert_eq!(refused, (400, "invalid_target".to_owned()));
    assert_eq!(world.redeem(&code).send().await.unwrap().status(), 200);
}
