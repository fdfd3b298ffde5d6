//! What other mock providers got wrong, each as a test that this one does not (`docs/peers.md`).

use std::time::Duration;

use oauth_gauntlet_provider::IssuerSettings;
use serde_json::{Value, json};

use crate::support::{careful, error_of, location, settings, verified, world, world_with};

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap()
}

#[tokio::test]
async fn a_code_with_a_challenge_is_not_redeemed_without_the_verifier() {
    let world = world().await;
    let code = world.code().await;
    let callback = careful()["redirect_uri"];
    let request = world.token(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", callback),
    ]);
    let refused = error_of(request.send().await.unwrap()).await;
    assert_eq!(refused, (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn expires_in_is_in_seconds_of_the_clock_that_exp_is_of() {
    let world = world_with(IssuerSettings {
        access_token_lifetime: Duration::from_mins(7),
        id_token_lifetime: Duration::from_mins(7),
        ..settings()
    })
    .await;
    world.issuer.clock().advance(Duration::from_hours(24));
    let tokens = world.tokens().await;
    assert_eq!(tokens["expires_in"], 420);
    let claims = verified(&world, text(&tokens, "id_token")).await;
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 420);
    assert_eq!(claims["iat"], world.issuer.clock().now());
    // And the token is honoured for just as long.
    let access_token = text(&tokens, "access_token");
    world.issuer.clock().advance(Duration::from_secs(419));
    let honoured = world.userinfo(access_token).send().await.unwrap();
    assert_eq!(honoured.status(), 200);
    world.issuer.clock().advance(Duration::from_secs(1));
    let expired = world.userinfo(access_token).send().await.unwrap();
    assert_eq!(expired.status(), 401);
}

#[tokio::test]
async fn the_three_tokens_are_three() {
    let world = world().await;
    let tokens = world.tokens().await;
    let [access, id, refresh] =
        ["access_token", "id_token", "refresh_token"].map(|name| text(&tokens, name));
    assert!(access != id && id != refresh && refresh != access);
    for wrong in [id, refresh] {
        let response = world.userinfo(wrong).send().await.unwrap();
        assert_eq!(error_of(response).await, (401, "invalid_token".to_owned()));
    }
    let response = world.refresh(access).send().await.unwrap();
    assert_eq!(error_of(response).await, (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_fault_for_one_endpoint_is_not_eaten_by_another_nor_blocks_the_next() {
    let world = world().await;
    for fault in [
        json!({"token": {"error": "invalid_grant"}, "when": {"times": 1, "client": "other"}}),
        json!({"token": {"error": "server_error"}, "when": {"times": 1, "client": "app"}}),
    ] {
        let fault = serde_json::from_value(fault).unwrap();
        world.issuer.arm(fault).unwrap();
    }
    // Neither discovery nor the keys nor the authorization request eat it, and the one that is
    // armed for somebody else does not stand in its way.
    world.json("/.well-known/openid-configuration").await;
    world.json("/jwks").await;
    let response = world.redeem(&world.code().await).send().await.unwrap();
    assert_eq!(error_of(response).await, (400, "server_error".to_owned()));
    world.tokens().await;
}

#[tokio::test]
async fn what_nobody_issued_is_an_invalid_grant() {
    let world = world().await;
    for unknown in ["", "x", "é", &"x".repeat(5_000)] {
        let code = world.redeem(unknown).send().await.unwrap();
        let refresh = world.refresh(unknown).send().await.unwrap();
        let expected = if unknown.is_empty() {
            "invalid_request"
        } else {
            "invalid_grant"
        };
        assert_eq!(error_of(code).await, (400, expected.to_owned()));
        assert_eq!(error_of(refresh).await, (400, expected.to_owned()));
    }
}

#[tokio::test]
async fn a_revoked_token_is_inactive_and_opens_nothing() {
    let world = world().await;
    let tokens = world.tokens().await;
    let access_token = text(&tokens, "access_token");
    assert_eq!(world.introspect(access_token).await["active"], true);
    assert_eq!(
        world.revoke(access_token).send().await.unwrap().status(),
        200
    );
    let told = world.introspect(access_token).await;
    assert_eq!(told, json!({"active": false}));
    let response = world.userinfo(access_token).send().await.unwrap();
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn errors_at_authorize_come_back_to_the_client_with_its_state_as_it_was_sent() {
    let world = world().await;
    let mut request = careful();
    request.insert("state", "MiXed-Case");
    request.insert("response_type", "nothing");
    let response = world.authorize(&request).send().await.unwrap();
    let location = location(&response);
    assert!(location.starts_with(request["redirect_uri"]), "{location}");
    assert!(
        location.contains("error=unsupported_response_type"),
        "{location}"
    );
    assert!(location.contains("state=MiXed-Case"), "{location}");
}

#[tokio::test]
async fn a_form_post_response_needs_no_state() {
    let world = world().await;
    let mut request = careful();
    request.remove("state");
    request.insert("response_mode", "form_post");
    let request = world.authorize(&request).header("gauntlet-user", "alice");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let page = response.text().await.unwrap();
    assert!(page.contains("name=\"code\"") && !page.contains("name=\"state\""));
}

#[tokio::test]
async fn the_state_of_a_logout_joins_the_query_that_is_there() {
    let world = world().await;
    let tokens = world.tokens().await;
    let request = world.http.get(world.url("/end_session")).query(&[
        ("id_token_hint", text(&tokens, "id_token")),
        ("post_logout_redirect_uri", "http://localhost:3000/bye?x=1"),
        ("state", "s"),
    ]);
    let response = request.send().await.unwrap();
    assert_eq!(location(&response), "http://localhost:3000/bye?x=1&state=s");
}

#[tokio::test]
async fn no_private_member_is_ever_published() {
    let world = world().await;
    world.issuer.rotate_keys();
    let published = world.json("/jwks").await;
    for key in published["keys"].as_array().unwrap() {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert!(key.get(private).is_none(), "{key}");
        }
    }
}

#[tokio::test]
async fn scripts_may_read_errors_as_well() {
    let world = world().await;
    let response = world.userinfo("nonsense").send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    let response = world.redeem("nonsense").send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_read() {
    let world = world().await;
    let large = "x".repeat(1024 * 1024);
    let response = world.redeem(&large).send().await.unwrap();
    assert_eq!(response.status(), 413);
}

#[tokio::test]
async fn a_sign_in_over_plain_http_does_not_need_a_cookie_that_browsers_drop() {
    let world = world().await;
    let page = world.authorize(&careful()).send().await.unwrap();
    let page = page.text().await.unwrap();
    let handle = page.split("name=\"interaction\" value=\"").nth(1).unwrap();
    let handle = handle.split('"').next().unwrap();
    let form = [("interaction", handle), ("sub", "alice")];
    let request = world.http.post(world.url("/login")).form(&form);
    let response = request.send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains("Secure"), "{cookie}");
}
