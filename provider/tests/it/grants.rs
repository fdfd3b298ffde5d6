//! The password grant (RFC 6749 §4.3) and the JWT bearer grant (RFC 7523).

use std::collections::BTreeSet;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use oauth_gauntlet_provider::{
    AuthMethod, Client, GrantType, IssuerSettings, MockProvider, Profile,
};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::signed::Key;
use crate::support::{NOW, World, error_of, granted, settings, verified, world_with};

async fn refused(request: RequestBuilder) -> String {
    let (status, error) = error_of(request.send().await.unwrap()).await;
    assert_eq!(status, if error == "invalid_client" { 401 } else { 400 });
    error
}

async fn with_passwords(profile: Profile) -> World {
    let mut settings = settings();
    settings.grants.insert(GrantType::Password);
    settings.profile = profile;
    world_with(settings).await
}

#[tokio::test]
async fn with_the_password_grant_any_password_of_a_known_user_is_right() {
    let world = with_passwords(Profile::Strict).await;
    for name in ["alice", "alice@example.com"] {
        let tokens = granted(world.token(&[
            ("grant_type", "password"),
            ("username", name),
            ("password", "whatever"),
            ("scope", "openid email offline_access"),
        ]))
        .await;
        let claims = verified(&world, tokens["id_token"].as_str().unwrap()).await;
        assert_eq!(
            [&claims["sub"], &claims["email"]],
            ["alice", "alice@example.com"]
        );
        assert_eq!(claims["auth_time"], NOW);
        assert_eq!(claims.get("nonce"), None);
        let heir = granted(world.refresh(tokens["refresh_token"].as_str().unwrap())).await;
        assert_eq!(heir["scope"], "openid email offline_access");
    }
    let without_scope = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "x"),
    ];
    assert_eq!(
        granted(world.token(&without_scope)).await["scope"],
        "profile"
    );
}

#[tokio::test]
async fn the_password_grant_refuses_whom_nobody_knows_and_is_off_where_it_should_be() {
    let world = with_passwords(Profile::Strict).await;
    let form = |name: &'static str, password: &'static str| {
        [
            ("grant_type", "password"),
            ("username", name),
            ("password", password),
        ]
    };
    assert_eq!(
        refused(world.token(&form("mallory", "x"))).await,
        "invalid_grant"
    );
    assert_eq!(
        refused(world.token(&form("alice", ""))).await,
        "invalid_request"
    );
    assert_eq!(
        refused(world.token(&form("", "x"))).await,
        "invalid_request"
    );
    let mut scope = form("alice", "x").to_vec();
    scope.push(("scope", "made-up"));
    assert_eq!(refused(world.token(&scope)).await, "invalid_scope");
    let stricter = with_passwords(Profile::Oauth21).await;
    for world in [world_with(settings()).await, stricter] {
        let off = refused(world.token(&form("alice", "x"))).await;
        assert_eq!(off, "unsupported_grant_type");
        let metadata = world.json("/.well-known/openid-configuration").await;
        let grants = metadata["grant_types_supported"].as_array().unwrap();
        assert!(!grants.contains(&json!("password")));
    }
}

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn key() -> EncodingKey {
    EncodingKey::from_ec_pem(include_bytes!("../../keys/p256-1.pem")).unwrap()
}

/// A provider with a client `robot` that has a key.
async fn with_robot() -> World {
    let mut settings = settings();
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key(), Algorithm::ES256).unwrap();
    let robot = Client::with_keys("robot", json!({"keys": [jwk]}));
    settings.clients.push(robot);
    world_with(settings).await
}

fn claims(world: &World) -> Value {
    json!({
        "iss": "robot",
        "sub": "alice",
        "aud": world.issuer.url(),
        "exp": NOW + 60,
        "iat": NOW,
        "jti": "the-jti",
    })
}

fn signed(claims: &Value) -> String {
    encode(&Header::new(Algorithm::ES256), claims, &key()).unwrap()
}

/// Without any client credentials: the assertion says who the client is.
fn bearer(world: &World, assertion: &str) -> RequestBuilder {
    let form = [
        ("grant_type", GRANT),
        ("assertion", assertion),
        ("scope", "openid profile"),
    ];
    world.http.post(world.url("/token")).form(&form)
}

#[tokio::test]
async fn a_client_vouches_for_a_user_with_its_signature_once() {
    let world = with_robot().await;
    let assertion = signed(&claims(&world));
    let tokens = granted(bearer(&world, &assertion)).await;
    assert_eq!(tokens.get("refresh_token"), None);
    let said = world
        .introspect(tokens["access_token"].as_str().unwrap())
        .await;
    assert_eq!([&said["sub"], &said["client_id"]], ["alice", "robot"]);
    assert_eq!(refused(bearer(&world, &assertion)).await, "invalid_grant");
    let exchanges = world.issuer.journal().exchanges();
    assert_eq!(exchanges[0].notes.client_id.as_deref(), Some("robot"));
    assert_eq!(exchanges[0].notes.grant.as_deref(), Some(GRANT));
    // The token endpoint is as good an audience, and a `jti` is not demanded.
    let mut again = claims(&world);
    again["aud"] = json!([world.url("/token"), "https://elsewhere.test"]);
    again.as_object_mut().unwrap().remove("jti");
    granted(bearer(&world, &signed(&again))).await;
}

#[tokio::test]
async fn an_assertion_that_is_not_quite_right_is_no_grant() {
    let world = with_robot().await;
    for (claim, value) in [
        ("iss", json!("other")),
        ("iss", json!("nobody")),
        ("iss", json!(null)),
        ("sub", json!("mallory")),
        ("sub", json!(1)),
        ("aud", json!("https://elsewhere.test")),
        ("aud", json!(null)),
        ("exp", json!(NOW)),
        ("exp", json!(NOW + 3 * 24 * 3_600)),
        ("exp", json!(null)),
        ("nbf", json!(NOW + 3_600)),
        ("jti", json!(7)),
    ] {
        let mut wrong = claims(&world);
        wrong[claim] = value.clone();
        let error = refused(bearer(&world, &signed(&wrong))).await;
        assert_eq!(error, "invalid_grant", "{claim}: {value}");
    }
    let other = EncodingKey::from_ec_pem(include_bytes!("../../keys/p256-2.pem")).unwrap();
    let forged = encode(&Header::new(Algorithm::ES256), &claims(&world), &other).unwrap();
    for assertion in [forged.as_str(), "a.b.c", "x"] {
        assert_eq!(refused(bearer(&world, assertion)).await, "invalid_grant");
    }
    let none = world
        .http
        .post(world.url("/token"))
        .form(&[("grant_type", GRANT)]);
    assert_eq!(refused(none).await, "invalid_request");
    // Nothing of all that used the `jti` up.
    granted(bearer(&world, &signed(&claims(&world)))).await;
}

#[tokio::test]
async fn a_client_that_publishes_its_keys_vouches_with_them() {
    let publisher = MockProvider::builder().start().await.unwrap();
    let mut settings = settings();
    settings.clients.push(Client {
        jwks_uri: Some(format!("{}/jwks", publisher.base_url())),
        auth_methods: [AuthMethod::PrivateKeyJwt].into(),
        ..Client::public("robot")
    });
    let world = world_with(settings).await;
    // The publisher signs with the shipped test keys, and so does this client.
    let key = Key::number(1);
    let header = json!({"alg": "ES256", "kid": "es256-1"});
    let assertion = key.sign(&header, &claims(&world));
    granted(bearer(&world, &assertion)).await;
    assert_eq!(refused(bearer(&world, &assertion)).await, "invalid_grant");
    // A key that it does not publish is none of its own, however long its `jti`.
    let mut forged = claims(&world);
    forged["jti"] = json!("x".repeat(5_000));
    let stranger = Key::number(3).sign(&json!({"alg": "ES256"}), &forged);
    assert_eq!(refused(bearer(&world, &stranger)).await, "invalid_grant");
    granted(bearer(&world, &key.sign(&header, &forged))).await;
}

#[tokio::test]
async fn another_client_cannot_use_an_assertion_and_a_secret_can_sign_one() {
    let world = with_robot().await;
    let assertion = signed(&claims(&world));
    let form = [("grant_type", GRANT), ("assertion", assertion.as_str())];
    assert_eq!(refused(world.token(&form)).await, "invalid_grant");

    let mut own = claims(&world);
    own["iss"] = json!("app");
    let secret = EncodingKey::from_secret(b"secret");
    let assertion = encode(&Header::new(Algorithm::HS256), &own, &secret).unwrap();
    let form = [("grant_type", GRANT), ("assertion", assertion.as_str())];
    granted(world.token(&form)).await;
}

#[tokio::test]
async fn a_grant_that_a_client_did_not_register_is_refused() {
    let mut settings = settings();
    settings.clients[0].grant_types = Some(BTreeSet::from([GrantType::AuthorizationCode]));
    settings.grants.insert(GrantType::Password);
    let world = world_with(settings).await;
    for grant in GrantType::ALL {
        let error = refused(world.token(&[("grant_type", grant.as_str())])).await;
        let expected = match grant {
            GrantType::AuthorizationCode => "invalid_request",
            GrantType::Implicit => "unsupported_grant_type",
            _ => "unauthorized_client",
        };
        assert_eq!(error, expected, "{grant:?}");
    }
}

#[tokio::test]
async fn a_grant_that_is_not_among_those_of_the_issuer_is_unsupported() {
    let world = world_with(IssuerSettings {
        grants: BTreeSet::new(),
        ..settings()
    })
    .await;
    for grant in GrantType::ALL {
        let error = refused(world.token(&[("grant_type", grant.as_str())])).await;
        assert_eq!(error, "unsupported_grant_type", "{grant:?}");
    }
    let served = world_with(settings()).await;
    assert_eq!(
        refused(served.token(&[("grant_type", GRANT)])).await,
        "invalid_request"
    );
}
