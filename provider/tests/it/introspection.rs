//! Introspection (RFC 7662) and revocation (RFC 7009).

use std::collections::BTreeSet;
use std::time::Duration;

use oauth_gauntlet_provider::{
    AccessTokenFormat, ClaimRule, Client, Endpoint, IssuerSettings, Profile, SubjectType,
};
use serde_json::{Value, json};

use crate::support::{CALLBACK, NOW, World, error_of, settings, verified, world, world_with};

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

async fn jwt_world() -> World {
    world_with(IssuerSettings {
        access_token_format: AccessTokenFormat::Jwt,
        ..settings()
    })
    .await
}

async fn userinfo_status(world: &World, token: &str) -> u16 {
    world.userinfo(token).send().await.unwrap().status().into()
}

const INACTIVE: fn() -> Value = || json!({"active": false});

#[tokio::test]
async fn introspection_says_of_an_access_token_what_a_resource_server_needs() {
    for format in [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt] {
        let world = world_with(IssuerSettings {
            access_token_format: format,
            ..settings()
        })
        .await;
        let tokens = world.tokens().await;
        let token = text(&tokens, "access_token");
        let mut said = world.introspect(token).await;
        let jti = said.as_object_mut().unwrap().remove("jti").unwrap();
        if format == AccessTokenFormat::Jwt {
            let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Value>(token).unwrap();
            for name in [
                "iss",
                "sub",
                "aud",
                "exp",
                "iat",
                "scope",
                "client_id",
                "auth_time",
            ] {
                assert_eq!(said[name], claims[name], "{name}");
            }
            assert_eq!(jti, claims["jti"]);
        } else {
            assert_ne!(jti, token);
        }
        let expected = json!({
            "active": true,
            "scope": "openid profile email offline_access",
            "client_id": "app",
            "username": "alice",
            "token_type": "Bearer",
            "exp": NOW + 3_600,
            "iat": NOW,
            "auth_time": NOW,
            "sub": "alice",
            "aud": world.issuer.url(),
            "iss": world.issuer.url(),
        });
        assert_eq!(said, expected);
        let exchanges = world.issuer.journal().exchanges();
        assert_eq!(exchanges.last().unwrap().endpoint, Endpoint::Introspection);
        world.issuer.clock().advance(Duration::from_hours(1));
        assert_eq!(world.introspect(token).await, INACTIVE());
    }
}

#[tokio::test]
async fn a_refresh_token_is_told_to_its_own_client_alone() {
    let world = world().await;
    let tokens = world.tokens().await;
    let token = text(&tokens, "refresh_token");
    let said = world.introspect(token).await;
    assert_eq!(said["active"], true);
    assert_eq!(said["exp"], NOW + 30 * 24 * 3_600);
    assert_eq!(said.get("token_type"), None);
    let other = world.http.post(world.url("/introspect"));
    let other = other.basic_auth("other", Some("other-secret"));
    let other = other.form(&[("token", token), ("token_type_hint", "refresh_token")]);
    let said: Value = other.send().await.unwrap().json().await.unwrap();
    assert_eq!(said, INACTIVE());
    // A used one is no good any more.
    assert_eq!(world.refresh(token).send().await.unwrap().status(), 200);
    assert_eq!(world.introspect(token).await, INACTIVE());
}

#[tokio::test]
async fn what_is_no_token_of_this_issuer_is_inactive() {
    let world = jwt_world().await;
    let elsewhere = world_with(IssuerSettings {
        seed: None,
        ..settings()
    })
    .await;
    let foreign = elsewhere.tokens().await;
    let own = world.tokens().await;
    let mut bent = text(&own, "access_token").to_owned();
    bent.insert(bent.len() / 2, 'A');
    for token in [
        "unknown",
        ".",
        "a.b.c",
        "\u{e9}",
        text(&foreign, "access_token"),
        text(&foreign, "refresh_token"),
        text(&own, "id_token"),
        &bent,
    ] {
        assert_eq!(world.introspect(token).await, INACTIVE(), "{token}");
    }
}

#[tokio::test]
async fn only_a_client_that_proves_who_it_is_may_ask() {
    let world = world().await;
    let tokens = world.tokens().await;
    let ask = |world: &World, form: &[(&str, &str)]| {
        world.http.post(world.url("/introspect")).form(form).send()
    };
    let token = text(&tokens, "access_token");
    for form in [
        &[("token", token)][..],
        &[("token", token), ("client_id", "native")],
        &[
            ("token", token),
            ("client_id", "app"),
            ("client_secret", "x"),
        ],
    ] {
        let refused = error_of(ask(&world, form).await.unwrap()).await;
        assert_eq!(refused, (401, "invalid_client".to_owned()));
    }
    let lax = world_with(IssuerSettings {
        profile: Profile::Lax,
        ..settings()
    })
    .await;
    let form = [("token", "x"), ("client_id", "native")];
    assert_eq!(ask(&lax, &form).await.unwrap().status(), 200);
}

#[tokio::test]
async fn claims_for_the_access_token_and_pairwise_subjects_are_introspected_alike() {
    let mut settings = settings();
    settings.claims = vec![ClaimRule {
        scope: Some("email".to_owned()),
        access_token: json!({"groups": ["admin"], "aud": "api"})
            .as_object()
            .unwrap()
            .clone(),
        ..ClaimRule::default()
    }];
    settings.clients[0].subject_type = SubjectType::Pairwise;
    let world = world_with(settings).await;
    let tokens = world.tokens().await;
    let said = world.introspect(text(&tokens, "access_token")).await;
    assert_eq!(said["groups"], json!(["admin"]));
    assert_eq!(said["aud"], "api");
    let claims = verified(&world, text(&tokens, "id_token")).await;
    assert_ne!(claims["sub"], "alice");
    assert_eq!(said["sub"], claims["sub"]);
}

#[tokio::test]
async fn a_client_that_acts_for_itself_is_its_own_subject() {
    let world = world().await;
    let form = [("grant_type", "client_credentials"), ("scope", "email")];
    let tokens: Value = (world.token(&form).send().await.unwrap())
        .json()
        .await
        .unwrap();
    let said = world.introspect(text(&tokens, "access_token")).await;
    assert_eq!([&said["sub"], &said["client_id"]], ["app", "app"]);
    assert_eq!(said.get("username"), None);
    assert_eq!(said["scope"], "email");
}

#[tokio::test]
async fn faults_change_what_introspection_says() {
    let world = world().await;
    let tokens = world.tokens().await;
    let fault = json!({"introspection": {"set": {"active": false}}});
    let fault = serde_json::from_value(fault).unwrap();
    world.issuer.arm(fault).unwrap();
    let said = world.introspect(text(&tokens, "access_token")).await;
    assert_eq!(said["active"], false);
    assert_eq!(said["client_id"], "app");
}

#[tokio::test]
async fn a_revoked_access_token_ends_alone() {
    for world in [world().await, jwt_world().await] {
        let tokens = world.tokens().await;
        let token = text(&tokens, "access_token");
        let response = world.revoke(token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), "");
        assert_eq!(world.introspect(token).await, INACTIVE());
        assert_eq!(userinfo_status(&world, token).await, 401);
        let refreshed = world.refresh(text(&tokens, "refresh_token")).send().await;
        assert_eq!(refreshed.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_revoked_refresh_token_takes_its_family_along() {
    // A used one does, too: its family lives on in its heir.
    for uses in [0, 1] {
        let world = world().await;
        let tokens = world.tokens().await;
        let mut latest = tokens.clone();
        for _ in 0..uses {
            let heir = world.refresh(text(&latest, "refresh_token")).send().await;
            latest = heir.unwrap().json().await.unwrap();
        }
        let revoked = world.revoke(text(&tokens, "refresh_token")).send().await;
        assert_eq!(revoked.unwrap().status(), 200);
        for token in [text(&tokens, "access_token"), text(&latest, "access_token")] {
            assert_eq!(world.introspect(token).await, INACTIVE());
            assert_eq!(userinfo_status(&world, token).await, 401);
        }
        let heir = world.refresh(text(&latest, "refresh_token")).send().await;
        let refused = error_of(heir.unwrap()).await;
        assert_eq!(refused, (400, "invalid_grant".to_owned()));
    }
}

#[tokio::test]
async fn what_is_unknown_is_revoked_already_and_the_hint_does_not_matter() {
    let world = world().await;
    let unknown = world.revoke("no-such-token").send().await.unwrap();
    assert_eq!(unknown.status(), 200);
    for hint in ["access_token", "refresh_token", "made_up", ""] {
        let tokens = world.tokens().await;
        for name in ["access_token", "refresh_token"] {
            let token = text(&tokens, name);
            let request = world.http.post(world.url("/revoke"));
            let request = request.basic_auth("app", Some("secret"));
            let request = request.form(&[("token", token), ("token_type_hint", hint)]);
            assert_eq!(request.send().await.unwrap().status(), 200);
            assert_eq!(world.introspect(token).await, INACTIVE(), "{hint} {name}");
        }
    }
}

#[tokio::test]
async fn the_token_of_another_client_cannot_be_revoked_and_a_public_client_revokes_its_own() {
    let world = world().await;
    let tokens = world.tokens().await;
    for name in ["access_token", "refresh_token"] {
        let token = text(&tokens, name);
        let request = world.http.post(world.url("/revoke"));
        let request = request.form(&[("token", token), ("client_id", "native")]);
        let refused = error_of(request.send().await.unwrap()).await;
        assert_eq!(refused, (400, "invalid_grant".to_owned()));
        assert_eq!(world.introspect(token).await["active"], true);
    }
    world.issuer.add_client(Client {
        auth_methods: BTreeSet::new(),
        ..Client::public("app").redirect_uri(CALLBACK)
    });
    let request = world.http.post(world.url("/revoke"));
    let token = text(&tokens, "access_token");
    let request = request.form(&[("token", token), ("client_id", "app")]);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(userinfo_status(&world, token).await, 401);
}

#[tokio::test]
async fn a_question_without_a_token_is_refused() {
    let world = world().await;
    for path in ["/introspect", "/revoke"] {
        let post = || (world.http.post(world.url(path))).basic_auth("app", Some("secret"));
        for request in [
            post().form(&[("token", "")]),
            post().form(&[("token", "a"), ("token", "b")]),
            post().json(&json!({"token": "a"})),
            post(),
        ] {
            let refused = error_of(request.send().await.unwrap()).await;
            assert_eq!(refused, (400, "invalid_request".to_owned()), "{path}");
        }
        let get = world.http.get(world.url(path)).send().await.unwrap();
        assert_eq!(get.status(), 405);
        assert_eq!(get.headers()["access-control-allow-origin"], "*");
    }
}
