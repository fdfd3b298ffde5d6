//! Replicas: two providers with one Redis server serve one flow, whatever becomes of the server.

use std::collections::BTreeSet;
use std::time::Duration;

use oauth_gauntlet_provider::{
    Addresses, IssuerSettings, KeySource, MockProvider, MockProviderBuilder, SignIn, StartError,
};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::redis_server::RedisServer;
use crate::support::{self, World, careful, error_of};

const PUBLIC: &str = "http://replicas.test";

/// Two replicas, and the server that they share. The server goes last.
pub(crate) struct Replicas {
    pub(crate) a: World,
    pub(crate) b: World,
    pub(crate) redis: RedisServer,
}

pub(crate) async fn replicas(test: &str) -> Option<Replicas> {
    replicas_with(test, support::settings).await
}

pub(crate) async fn replicas_with(
    test: &str,
    settings: impl Fn() -> IssuerSettings,
) -> Option<Replicas> {
    let redis = RedisServer::start(test)?;
    Some(Replicas {
        a: replica(&redis, settings()).await,
        b: replica(&redis, settings()).await,
        redis,
    })
}

/// A provider that is reached under the address of all.
pub(crate) async fn replica(redis: &RedisServer, settings: IssuerSettings) -> World {
    meeting(
        builder(&redis.url())
            .settings(settings)
            .start()
            .await
            .unwrap(),
    )
}

pub(crate) fn builder(url: &str) -> MockProviderBuilder {
    let addresses = Addresses {
        public: Some(PUBLIC.to_owned()),
        ..Addresses::default()
    };
    MockProvider::builder().addresses(addresses).redis(url)
}

/// A replica, with a client that always meets this one.
pub(crate) fn meeting(provider: MockProvider) -> World {
    let address = provider.base_url().strip_prefix("http://").unwrap();
    let http = support::http_builder().resolve("replicas.test", address.parse().unwrap());
    World {
        issuer: provider.issuer().clone(),
        http: http.build().unwrap(),
        provider,
    }
}

impl World {
    async fn introspected(&self, token: &Value) -> bool {
        let answer = self.introspect(token.as_str().unwrap()).await;
        answer["active"].as_bool().unwrap()
    }
}

/// Asks until the answer is another than 503.
pub(crate) async fn until_served(request: impl Fn() -> RequestBuilder) -> reqwest::Response {
    let asking = async {
        loop {
            let response = request().send().await.unwrap();
            if response.status() != StatusCode::SERVICE_UNAVAILABLE {
                return response;
            }
        }
    };
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, asking).await.unwrap()
}

#[track_caller]
pub(crate) fn is_unavailable(response: &reqwest::Response, what: &str) {
    assert_eq!(response.status(), 503, "{what}");
    assert_eq!(response.headers()["retry-after"], "1", "{what}");
}

#[tokio::test]
async fn a_code_of_one_replica_is_redeemed_at_another_and_the_tokens_work_at_both() {
    let Some(Replicas {
        a,
        b,
        redis: _redis,
    }) = replicas("code").await
    else {
        return;
    };
    let code = a.code().await;
    let response = b.redeem(&code).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let tokens: Value = response.json().await.unwrap();
    for world in [&a, &b] {
        let token = tokens["access_token"].as_str().unwrap();
        let response = world.userinfo(token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(world.introspected(&tokens["refresh_token"]).await);
        support::verified(world, tokens["id_token"].as_str().unwrap()).await;
    }
    let again = a.redeem(&code).send().await.unwrap();
    assert_eq!(error_of(again).await, (400, "invalid_grant".to_owned()));
    assert!(!b.introspected(&tokens["access_token"]).await);
}

#[tokio::test]
async fn of_200_redemptions_of_one_code_at_once_exactly_one_succeeds() {
    let Some(Replicas {
        a,
        b,
        redis: _redis,
    }) = replicas("race").await
    else {
        return;
    };
    let code = a.code().await;
    let mut redemptions = JoinSet::new();
    for n in 0..200 {
        let world = if n % 2 == 0 { &a } else { &b };
        redemptions.spawn(world.redeem(&code).send());
    }
    let mut served = 0;
    while let Some(response) = redemptions.join_next().await {
        let response = response.unwrap().unwrap();
        if response.status() == 200 {
            served += 1;
        } else {
            assert_eq!(error_of(response).await, (400, "invalid_grant".to_owned()));
        }
    }
    assert_eq!(served, 1);
}

#[tokio::test]
async fn of_200_codes_each_is_redeemed_once_wherever_it_comes_from() {
    let Some(Replicas {
        a,
        b,
        redis: _redis,
    }) = replicas("codes").await
    else {
        return;
    };
    let mut codes = BTreeSet::new();
    for n in 0..200 {
        codes.insert(if n % 2 == 0 { &a } else { &b }.code().await);
    }
    assert_eq!(codes.len(), 200);
    let mut redemptions = JoinSet::new();
    for code in &codes {
        redemptions.spawn(a.redeem(code).send());
        redemptions.spawn(b.redeem(code).send());
    }
    let mut served = 0;
    while let Some(response) = redemptions.join_next().await {
        let status = response.unwrap().unwrap().status();
        assert!(matches!(status.as_u16(), 200 | 400), "{status}");
        served += usize::from(status == 200);
    }
    assert_eq!(served, 200);
}

#[tokio::test]
async fn a_refresh_token_that_is_used_twice_at_one_replica_ends_the_family_at_both() {
    let Some(Replicas {
        a,
        b,
        redis: _redis,
    }) = replicas("family").await
    else {
        return;
    };
    let tokens = a.tokens().await;
    let old = tokens["refresh_token"].as_str().unwrap();
    let response = b.refresh(old).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let new: Value = response.json().await.unwrap();
    assert!(b.introspected(&new["access_token"]).await);
    let reuse = a.refresh(old).send().await.unwrap();
    assert_eq!(error_of(reuse).await, (400, "invalid_grant".to_owned()));
    let refresh = b.refresh(new["refresh_token"].as_str().unwrap());
    let refresh = refresh.send().await.unwrap();
    assert_eq!(error_of(refresh).await, (400, "invalid_grant".to_owned()));
    assert!(!b.introspected(&new["access_token"]).await);
}

#[tokio::test]
async fn what_is_expired_or_revoked_at_one_replica_is_so_at_the_other() {
    let Some(Replicas {
        a,
        b,
        redis: _redis,
    }) = replicas("expiry").await
    else {
        return;
    };
    let tokens = b.tokens().await;
    assert!(b.introspected(&tokens["access_token"]).await);
    a.issuer.expire_access_tokens();
    assert!(!b.introspected(&tokens["access_token"]).await);
    assert!(b.introspected(&tokens["refresh_token"]).await);
    a.issuer.revoke_refresh_tokens();
    assert!(!b.introspected(&tokens["refresh_token"]).await);
    let tokens = b.tokens().await;
    assert!(a.introspected(&tokens["refresh_token"]).await);
}

#[tokio::test]
async fn a_login_page_of_one_replica_is_answered_at_another() {
    let settings = || IssuerSettings {
        sign_in: SignIn::Page,
        ..support::settings()
    };
    let Some(Replicas {
        a,
        b,
        redis: _redis,
    }) = replicas_with("page", settings).await
    else {
        return;
    };
    let page = a.authorize(&careful()).send().await.unwrap();
    let page = page.text().await.unwrap();
    let (_, rest) = page.split_once("name=\"interaction\" value=\"").unwrap();
    let handle = rest.split('"').next().unwrap().to_owned();
    let form = [("interaction", handle.as_str()), ("sub", "alice")];
    let mut response = b
        .http
        .post(b.url("/login"))
        .form(&form)
        .send()
        .await
        .unwrap();
    if response.status() == 200 {
        // The consent page is one more interaction.
        let page = response.text().await.unwrap();
        let (_, rest) = page.split_once("name=\"interaction\" value=\"").unwrap();
        let handle = rest.split('"').next().unwrap();
        let form = [("interaction", handle), ("scope", "openid")];
        response = a
            .http
            .post(a.url("/login"))
            .form(&form)
            .send()
            .await
            .unwrap();
    }
    let code = support::callback(&response)["code"].clone();
    let response = a.redeem(&code).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let again = b
        .http
        .post(b.url("/login"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 400);
}

/// One request to everything that needs the store.
fn needing(world: &World, token: &str) -> Vec<(&'static str, RequestBuilder)> {
    let query = careful();
    let headless = [
        (
            "authorization_url",
            world.authorize(&query).build().unwrap().url().to_string(),
        ),
        ("sub", "alice".to_owned()),
    ];
    let http = &world.http;
    vec![
        (
            "authorize",
            world.authorize(&query).header("gauntlet-user", "alice"),
        ),
        (
            "login",
            http.post(world.url("/login"))
                .form(&[("interaction", "x"), ("sub", "alice")]),
        ),
        (
            "headless",
            http.post(world.url("/headless-login")).form(&headless),
        ),
        ("token", world.redeem("some-code")),
        ("refresh", world.refresh("some-token")),
        (
            "client credentials",
            world.token(&[("grant_type", "client_credentials")]),
        ),
        ("userinfo", world.userinfo(token)),
        (
            "introspect",
            world
                .http
                .post(world.url("/introspect"))
                .basic_auth("app", Some("secret"))
                .form(&[("token", token)]),
        ),
        ("revoke", world.revoke(token)),
        (
            "par",
            http.post(world.url("/par"))
                .basic_auth("app", Some("secret"))
                .form(&query),
        ),
    ]
}

#[tokio::test]
async fn without_its_server_a_replica_says_so_and_it_needs_no_restart_when_that_is_back() {
    let Some(Replicas { a, b, mut redis }) = replicas("killed").await else {
        return;
    };
    let tokens = a.tokens().await;
    let token = tokens["access_token"].as_str().unwrap();
    let code = a.code().await;
    redis.kill();
    for world in [&a, &b] {
        for (what, request) in needing(world, token) {
            is_unavailable(&request.send().await.unwrap(), what);
        }
        for path in ["/.well-known/openid-configuration", "/jwks"] {
            let response = world.http.get(world.url(path)).send().await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
        }
    }
    is_unavailable(&b.redeem(&code).send().await.unwrap(), "the code");
    redis.restart();
    // What it knew it knows, and the code was not used.
    let response = until_served(|| b.redeem(&code)).await;
    assert_eq!(response.status(), 200);
    let response = until_served(|| a.userinfo(token)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(b.tokens().await["token_type"], "Bearer");
}

#[tokio::test]
async fn a_stalled_server_costs_nobody_more_than_the_limit_and_nothing_happens_late() {
    let Some(Replicas { a, b, redis }) = replicas("stalled").await else {
        return;
    };
    let tokens = a.tokens().await;
    let token = tokens["access_token"].as_str().unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let code = a.code().await;
    redis.stall();
    for request in [a.redeem(&code), b.refresh(refresh)] {
        let limit = Duration::from_secs(2);
        let response = tokio::time::timeout(limit, request.send()).await.unwrap();
        is_unavailable(&response.unwrap(), "the first");
    }
    for world in [&a, &b] {
        for (what, request) in needing(world, token) {
            is_unavailable(&request.send().await.unwrap(), what);
        }
        let response = world.http.get(world.url("/jwks")).send().await.unwrap();
        assert_eq!(response.status(), 200);
    }
    redis.go_on();
    // The questions of before still stood in the server's queue. They were not done.
    let response = until_served(|| b.redeem(&code)).await;
    assert_eq!(response.status(), 200);
    let response = until_served(|| a.refresh(refresh)).await;
    assert_eq!(response.status(), 200);
    let late = b.redeem(&code).send().await.unwrap();
    assert_eq!(error_of(late).await, (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_server_that_has_forgotten_everything_is_a_new_beginning() {
    let Some(Replicas { a, b, redis }) = replicas("forgotten").await else {
        return;
    };
    let tokens = a.tokens().await;
    let token = tokens["access_token"].as_str().unwrap();
    a.issuer.expire_access_tokens();
    redis.forget();
    for world in [&a, &b] {
        let response = world.userinfo(token).send().await.unwrap();
        assert_eq!(response.status(), 401);
    }
    let tokens = a.tokens().await;
    assert!(b.introspected(&tokens["access_token"]).await);
}

#[tokio::test]
async fn nothing_stays_in_the_server_for_ever() {
    let Some(Replicas { a, b, redis }) = replicas("expiring").await else {
        return;
    };
    a.tokens().await;
    b.code().await;
    let keys = redis.ask(&["KEYS", "*"]);
    assert!(keys.lines().count() > 3, "{keys}");
    for key in keys.lines() {
        let left: i64 = redis.ask(&["TTL", key]).parse().unwrap();
        assert!(left > 0, "{key}");
    }
}

#[tokio::test]
async fn keys_that_are_generated_are_those_of_all_replicas() {
    let settings = || IssuerSettings {
        keys: KeySource::Generated,
        ..support::settings()
    };
    let Some(Replicas {
        a,
        b,
        redis: _redis,
    }) = replicas_with("keys", settings).await
    else {
        return;
    };
    assert_eq!(a.json("/jwks").await, b.json("/jwks").await);
    let code = a.code().await;
    let response = b.redeem(&code).send().await.unwrap();
    let tokens: Value = response.json().await.unwrap();
    support::verified(&a, tokens["id_token"].as_str().unwrap()).await;
    for world in [&a, &b] {
        world.provider.create_issuer("shop", settings()).unwrap();
    }
    assert_eq!(a.json("/shop/jwks").await, b.json("/jwks").await);
}

#[tokio::test]
async fn replicas_without_a_common_address_or_common_keys_do_not_start() {
    let nowhere = "redis://127.0.0.1:1";
    let started = MockProvider::builder().redis(nowhere).start();
    assert!(matches!(started.await, Err(StartError::NoPublicAddress)));
    let started = builder(nowhere).keys(KeySource::Generated).start();
    assert!(matches!(started.await, Err(StartError::SharedKeys { .. })));
    for url in ["http://127.0.0.1", "127.0.0.1:6379", "rediss://127.0.0.1"] {
        let started = builder(url).start().await;
        assert!(matches!(started, Err(StartError::RedisUrl(_))), "{url}");
    }
    // With keys of its own it starts, and waits for its server.
    let waiting = builder(nowhere).settings(support::settings());
    let waiting = meeting(waiting.start().await.unwrap());
    for (what, request) in needing(&waiting, "token") {
        is_unavailable(&request.send().await.unwrap(), what);
    }
    waiting.json("/jwks").await;
}
