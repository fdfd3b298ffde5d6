//! Refresh tokens (RFC 6749 §6, OIDC Core §12): who gets one, how long it lives, what it gives.

use std::collections::BTreeSet;
use std::time::Duration;

use oauth_gauntlet_provider::{GrantType, IssuerSettings, Profile, RefreshTokens};
use serde_json::Value;

use crate::support::{
    NOW, World, careful, error_of, granted, redemption, settings, verified, world_with,
};

async fn refreshed(world: &World, token: &str) -> Value {
    let response = world.refresh(token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

#[tokio::test]
async fn where_they_do_not_rotate_one_token_works_until_it_expires() {
    let world = world_with(IssuerSettings {
        rotate_refresh_tokens: false,
        refresh_token_lifetime: Duration::from_hours(10),
        ..settings()
    })
    .await;
    let tokens = world.tokens().await;
    let token = tokens["refresh_token"].as_str().unwrap();
    for hour in 1..4 {
        world.issuer.clock().advance(Duration::from_hours(1));
        let again = refreshed(&world, token).await;
        assert_eq!(again.get("refresh_token"), None);
        let claims = verified(&world, again["id_token"].as_str().unwrap()).await;
        assert_eq!(claims["iat"], NOW + hour * 3_600);
        assert_eq!(claims["auth_time"], NOW);
        assert_eq!([&claims["sub"], &claims["aud"]], ["alice", "app"]);
        assert_eq!(claims.get("nonce"), None);
        assert!(claims["at_hash"].is_string());
    }
    world.issuer.clock().advance(Duration::from_hours(7));
    let expired = error_of(world.refresh(token).send().await.unwrap()).await;
    assert_eq!(expired, (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_rotated_token_has_a_whole_life_before_it() {
    let world = world_with(IssuerSettings {
        refresh_token_lifetime: Duration::from_hours(2),
        ..settings()
    })
    .await;
    let mut tokens = world.tokens().await;
    for _ in 0..3 {
        world.issuer.clock().advance(Duration::from_mins(90));
        tokens = refreshed(&world, tokens["refresh_token"].as_str().unwrap()).await;
    }
}

#[tokio::test]
async fn only_who_may_use_a_refresh_token_gets_one() {
    let mut settings = settings();
    settings.refresh_tokens = RefreshTokens::Always;
    settings.clients[0].grant_types = Some(BTreeSet::from([GrantType::AuthorizationCode]));
    let world = world_with(settings.clone()).await;
    assert_eq!(world.tokens().await.get("refresh_token"), None);
    let refused = error_of(world.refresh("x").send().await.unwrap()).await;
    assert_eq!(refused, (400, "unauthorized_client".to_owned()));

    settings.clients[0].grant_types = None;
    settings.grants.remove(&GrantType::RefreshToken);
    let world = world_with(settings).await;
    assert_eq!(world.tokens().await.get("refresh_token"), None);
    let refused = error_of(world.refresh("x").send().await.unwrap()).await;
    assert_eq!(refused, (400, "unsupported_grant_type".to_owned()));
}

#[tokio::test]
async fn oauth_21_rotates_the_refresh_tokens_of_public_clients_whatever_is_set() {
    let mut settings = settings();
    settings.profile = Profile::Oauth21;
    settings.refresh_tokens = RefreshTokens::Always;
    settings.rotate_refresh_tokens = false;
    let world = world_with(settings).await;
    let mut request = careful();
    request.insert("client_id", "native");
    request.insert("redirect_uri", "http://127.0.0.1/native");
    let code = world.callback(&request).await["code"].clone();
    let as_native = |form: &[(&str, &str)]| {
        let form = [form, &[("client_id", "native")]].concat();
        world.http.post(world.url("/token")).form(&form)
    };
    let mut redemption = redemption(&code);
    redemption[2].1 = "http://127.0.0.1/native";
    let tokens = granted(as_native(&redemption)).await;
    let text = |tokens: &Value| tokens["refresh_token"].as_str().unwrap().to_owned();
    let refresh =
        |token: &str| as_native(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
    let first = text(&tokens);
    let second = text(&granted(refresh(&first)).await);
    assert_ne!(first, second);
    // The first comes again, so one of both was stolen: neither is good any more.
    let again = error_of(refresh(&first).send().await.unwrap()).await;
    assert_eq!(again, (400, "invalid_grant".to_owned()));
    let late = error_of(refresh(&second).send().await.unwrap()).await;
    assert_eq!(late, (400, "invalid_grant".to_owned()));
    // A client that authenticates may keep its own.
    let tokens = world.tokens().await;
    let token = tokens["refresh_token"].as_str().unwrap();
    for _ in 0..2 {
        assert_eq!(refreshed(&world, token).await.get("refresh_token"), None);
    }
}
