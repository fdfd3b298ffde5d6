//! What replicas share beside what they hand out: faults, clock and journal.

use std::time::Duration;

use oauth_gauntlet_provider::{
    Clock, DocumentFault, Endpoint, Expectation, Fault, Filter, IssuerSettings, TransportAct,
    TransportFault, When,
};
use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::redis::until_served;
use crate::redis::{Replicas, builder, is_unavailable, meeting, replica, replicas, replicas_with};
use crate::support::{self, World, error_of};

/// A word in the token response, for some requests.
fn marking(word: &str, when: When) -> Fault {
    Fault {
        when,
        token: Some(DocumentFault {
            set: Map::from_iter([("mark".to_owned(), json!(word))]),
            ..DocumentFault::default()
        }),
        ..Fault::default()
    }
}

fn once() -> When {
    When {
        times: Some(1),
        ..When::default()
    }
}

/// The mark of a token response.
async fn marked(world: &World) -> Value {
    world.tokens().await["mark"].clone()
}

async fn control(world: &World, method: &str, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/_/issuers/default{path}", world.provider.base_url());
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = support::http().request(method, url).json(&body);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[tokio::test]
async fn a_fault_that_is_armed_or_disarmed_at_one_replica_is_so_at_the_other_at_once() {
    let Some(Replicas {
        a,
        b,
        redis: _redis,
    }) = replicas("faults").await
    else {
        return;
    };
    assert_eq!(marked(&b).await, Value::Null);
    let armed = a.issuer.arm(marking("x", When::default())).unwrap();
    assert_eq!(marked(&b).await, "x");
    assert_eq!(marked(&a).await, "x");
    assert_eq!((armed.matched(), armed.fired()), (2, 2));
    let seen = &b.issuer.faults()[0];
    assert_eq!((seen.id(), seen.fired()), (armed.id(), 2));
    assert_eq!(seen.fault(), armed.fault());
    seen.disarm();
    assert_eq!(marked(&a).await, Value::Null);
    assert!(a.issuer.faults().is_empty());
    assert_eq!(armed.fired(), 2);

    let fault = json!({"token": {"set": {"mark": "y"}}});
    let (status, told) = control(&b, "POST", "/faults", fault).await;
    assert_eq!(status, 201, "{told}");
    assert_eq!(marked(&a).await, "y");
    let (_, listed) = control(&a, "GET", "/faults", Value::Null).await;
    assert_eq!(listed["faults"][0]["id"], told["id"]);
    assert_eq!(listed["faults"][0]["fired"], 1);
    assert_eq!(control(&a, "DELETE", "/faults", Value::Null).await.0, 204);
    assert_eq!(marked(&b).await, Value::Null);
}

#[tokio::test]
async fn a_fault_for_one_request_fires_once_however_many_come_to_all_replicas() {
    let Some(Replicas {
        a,
        b,
        redis: _redis,
    }) = replicas("times").await
    else {
        return;
    };
    // A busy machine may keep some requests waiting for the store too long: they are told 503, and
    // may have been counted or not. Such a round shows less than the next one.
    for _ in 0..10 {
        if fires_once(&a, &b).await {
            return;
        }
        a.issuer.disarm_all();
    }
    panic!("in each of ten rounds the store came too late for a request");
}

/// Sends 60 requests at once; whether the store was in time for all of them.
async fn fires_once(a: &World, b: &World) -> bool {
    let armed = a.issuer.arm(marking("x", once())).unwrap();
    let third = When {
        nth: Some(3),
        ..When::default()
    };
    // Each fault counts for itself: the first request for one may be the third for the other, and
    // then bears both marks.
    let third = Fault {
        token: Some(DocumentFault {
            set: Map::from_iter([("other".to_owned(), json!("y"))]),
            ..DocumentFault::default()
        }),
        ..marking("y", third)
    };
    let third = b.issuer.arm(third).unwrap();
    let mut requests = JoinSet::new();
    for n in 0..60 {
        let world = if n % 2 == 0 { a } else { b };
        let form = [("grant_type", "client_credentials")];
        requests.spawn(world.token(&form).send());
    }
    let (mut marks, mut in_time) = (Vec::new(), true);
    while let Some(response) = requests.join_next().await {
        let response = response.unwrap().unwrap();
        if response.status() == 503 {
            is_unavailable(&response, "the store came too late");
            in_time = false;
            continue;
        }
        assert_eq!(response.status(), 200);
        let document: Value = response.json().await.unwrap();
        let there = ["mark", "other"].map(|member| document[member].as_str().map(str::to_owned));
        marks.extend(there.into_iter().flatten());
    }
    marks.sort();
    if in_time {
        assert_eq!(marks, ["x", "y"]);
        assert_eq!((armed.matched(), armed.fired()), (60, 1));
        assert_eq!((third.matched(), third.fired()), (60, 1));
    } else {
        let all = marks.len();
        marks.dedup();
        assert_eq!(marks.len(), all, "nothing fires twice");
    }
    in_time
}

#[tokio::test]
async fn faults_of_the_set_up_are_armed_once_for_all_replicas_and_anew_when_all_is_forgotten() {
    let Some(Replicas { a, redis, .. }) = replicas("set-up").await else {
        return;
    };
    drop(a);
    redis.forget();
    let start = async || {
        let provider = builder(&redis.url()).settings(support::settings());
        meeting(
            provider
                .fault(marking("first", once()))
                .start()
                .await
                .unwrap(),
        )
    };
    let (a, b) = (start().await, start().await);
    assert_eq!(marked(&a).await, "first");
    assert_eq!(marked(&b).await, Value::Null);
    assert_eq!(b.issuer.faults().len(), 1);
    a.issuer.disarm_all();
    let c = start().await;
    assert!(c.issuer.faults().is_empty());
    redis.forget();
    assert_eq!(marked(&c).await, "first");
    assert_eq!(a.issuer.faults().len(), 1);
    a.issuer.disarm_all();
    c.issuer.reset().unwrap();
    assert_eq!(b.issuer.faults()[0].fired(), 0);
}

#[tokio::test]
async fn a_clock_that_is_set_at_one_replica_is_set_at_the_other() {
    let settings = || IssuerSettings {
        clock: Clock::fixed(1_000_000),
        ..support::settings()
    };
    let Some(Replicas { a, b, redis }) = replicas_with("clock", settings).await else {
        return;
    };
    let tokens = a.tokens().await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(b.userinfo(token).send().await.unwrap().status(), 200);
    a.issuer.clock().advance(Duration::from_hours(24));
    assert_eq!(b.userinfo(token).send().await.unwrap().status(), 401);
    assert_eq!(b.issuer.clock().now(), 1_086_400);
    let own = b.issuer.clock().clone();
    own.advance(Duration::from_secs(1));
    assert_eq!(a.issuer.clock().now(), 1_086_401);

    let turned = control(&a, "POST", "/clock/advance", json!({"by": "9s"})).await;
    assert_eq!(turned, (200, json!({"now": 1_086_410, "frozen": true})));
    let told = control(&b, "GET", "/clock", Value::Null).await;
    assert_eq!(told, turned);
    control(&b, "POST", "/clock/unfreeze", json!({})).await;
    assert!(!a.issuer.clock().is_frozen());

    // One that comes later shows what all show.
    let late = replica(&redis, settings()).await;
    assert!(late.issuer.clock().now() >= 1_086_410);
    a.issuer.reset().unwrap();
    assert_eq!(b.issuer.clock().now(), 1_000_000);
}

#[tokio::test]
async fn of_100_moves_of_the_clock_at_all_replicas_none_is_lost() {
    let settings = || IssuerSettings {
        clock: Clock::fixed(0),
        ..support::settings()
    };
    let Some(Replicas {
        a,
        b,
        redis: _redis,
    }) = replicas_with("moves", settings).await
    else {
        return;
    };
    let mut moves = JoinSet::new();
    for world in [&a, &b] {
        let issuer = world.issuer.clone();
        moves.spawn_blocking(move || {
            for _ in 0..50 {
                issuer.clock().advance(Duration::from_secs(1));
            }
        });
    }
    moves.join_all().await;
    assert_eq!((a.issuer.clock().now(), b.issuer.clock().now()), (100, 100));
}

#[tokio::test]
async fn the_journal_is_one_for_all_replicas_in_one_order() {
    let Some(Replicas {
        a,
        b,
        redis: _redis,
    }) = replicas("journal").await
    else {
        return;
    };
    let code = a.code().await;
    let response = b.redeem(&code).send().await.unwrap();
    let tokens: Value = response.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    a.userinfo(token).send().await.unwrap();
    for world in [&a, &b] {
        let all = world.issuer.journal().exchanges();
        let told: Vec<_> = all.iter().map(|it| (it.number, it.endpoint)).collect();
        assert_eq!(
            told,
            [
                (1, Endpoint::Authorize),
                (2, Endpoint::Token),
                (3, Endpoint::Userinfo)
            ]
        );
        assert!(all.windows(2).all(|two| two[0].ended <= two[1].started));
        assert!(all.iter().all(|it| it.started <= it.ended));
        assert_eq!(all[1].request.method, "POST");
        assert!(all[1].request.body.contains(&code));
        let sent = |it: &&(String, String)| it.0 == "authorization" && it.1.contains(token);
        assert!(all[2].request.headers.iter().find(sent).is_some());
        assert_eq!(all[1].notes.client_id.as_deref(), Some("app"));
        assert!(all[1].notes.issued.iter().any(|it| it.value == token));
        let flows = world.issuer.flows();
        assert_eq!((flows.len(), flows[0].exchanges.len()), (1, 3));
        let pkce = world.issuer.verify(&Expectation::Pkce, &Filter::default());
        assert_eq!(pkce.holds, Some(true), "{}", pkce.explanation);
        let (_, listed) = control(world, "GET", "/exchanges?secrets=true", Value::Null).await;
        assert_eq!(listed["last"], 3);
        assert!(listed["exchanges"][1].to_string().contains(&code));
        let (_, hidden) = control(world, "GET", "/exchanges", Value::Null).await;
        assert!(!hidden.to_string().contains(token));
        let question = json!({"expect": {"calls": {"endpoint": "token", "exactly": 1}}});
        let (_, verified) = control(world, "POST", "/verify", question).await;
        assert_eq!(verified["holds"], true, "{verified}");
    }
    b.issuer.journal().clear();
    assert!(a.issuer.journal().is_empty());
    a.userinfo(token).send().await.unwrap();
    assert_eq!(b.issuer.journal().exchanges()[0].number, 4);
}

#[tokio::test]
async fn who_waits_at_one_replica_hears_of_the_other() {
    let Some(Replicas { a, b, redis }) = replicas("waiting").await else {
        return;
    };
    a.json("/jwks").await;
    let mut reader = b.issuer.journal().subscribe();
    let journal = b.issuer.journal().clone();
    let limit = Duration::from_secs(10);
    let waiting = tokio::spawn(async move {
        let wanted = journal.wait_for(|it| it.endpoint == Endpoint::Token, limit);
        wanted.await.unwrap().number
    });
    let url = format!(
        "{}/_/issuers/default/exchanges/stream",
        b.provider.base_url()
    );
    let mut stream = support::http().get(url).send().await.unwrap();
    let connected = stream.chunk().await.unwrap().unwrap();
    assert_eq!(connected, ": connected\n\n");
    let wait = json!({"filter": {"endpoint": "token"}, "timeout_ms": 10_000});
    let (told, _) = tokio::join!(control(&b, "POST", "/exchanges/wait", wait), async {
        a.token(&[("grant_type", "client_credentials")])
            .send()
            .await
            .unwrap()
    });
    assert_eq!(told.0, 200, "{}", told.1);
    assert_eq!(waiting.await.unwrap(), 2);
    assert_eq!(reader.next().await.endpoint, Endpoint::Token);
    let event = stream.chunk().await.unwrap().unwrap();
    let event = String::from_utf8_lossy(&event);
    assert!(event.starts_with("id: 2\nevent: exchange\n"), "{event}");

    // A server that has forgotten everything goes on with the numbers of those who remember.
    redis.forget();
    b.json("/jwks").await;
    assert!(a.issuer.journal().exchanges()[0].number > 2);
    assert_eq!(reader.next().await.endpoint, Endpoint::Jwks);
}

#[tokio::test]
async fn the_journal_of_replicas_is_bounded_and_gone_in_a_day() {
    let Some(Replicas { a, b, redis }) = replicas("bounds").await else {
        return;
    };
    let body = "x".repeat(60 * 1024);
    for n in 0..160 {
        let world = if n % 2 == 0 { &a } else { &b };
        let request = world.http.post(world.url("/token")).body(body.clone());
        request.send().await.unwrap();
    }
    let all = b.issuer.journal().exchanges();
    assert!((100..140).contains(&all.len()), "{}", all.len());
    assert_eq!(all[all.len() - 1].number, 160);
    assert_eq!(all[0].number, 161 - all.len() as u64);
    assert_eq!(a.issuer.journal().len(), all.len());
    for key in redis.ask(&["KEYS", "*"]).lines() {
        let left: i64 = redis.ask(&["TTL", key]).parse().unwrap();
        assert!(left > 0, "{key}");
        let most = if key.contains("exchanges") {
            86_400
        } else {
            30 * 86_400
        };
        assert!(left <= most, "{key}");
    }
    let marks: usize = redis
        .ask(&["HLEN", "gauntlet:{http://replicas.test}:exchanges:by"])
        .parse()
        .unwrap();
    assert_eq!(marks, all.len());
}

#[tokio::test]
async fn without_its_server_a_replica_claims_nothing_about_faults_clock_and_journal() {
    let Some(Replicas { a, b, mut redis }) = replicas("claims").await else {
        return;
    };
    let unlucky = Fault {
        transport: Some(TransportFault {
            at: Endpoint::Jwks,
            act: TransportAct::Reset,
        }),
        when: once(),
        ..Fault::default()
    };
    a.issuer.arm(unlucky).unwrap();
    b.token(&[("grant_type", "client_credentials")])
        .send()
        .await
        .unwrap();
    redis.kill();
    let questions = [
        ("GET", "/faults", Value::Null),
        ("POST", "/faults", json!({"token": {"set": {"mark": "x"}}})),
        ("DELETE", "/faults", Value::Null),
        ("GET", "/clock", Value::Null),
        ("POST", "/clock/advance", json!({"by": "1s"})),
        ("GET", "/exchanges", Value::Null),
        ("DELETE", "/exchanges", Value::Null),
        ("GET", "/flows", Value::Null),
        ("POST", "/exchanges/wait", json!({})),
        ("POST", "/verify", json!({"expect": "pkce"})),
    ];
    for (method, path, body) in questions {
        let (status, told) = control(&b, method, path, body).await;
        assert_eq!(status, 503, "{method} {path}: {told}");
    }
    a.issuer.arm(marking("x", once())).unwrap_err();
    // Whether this is the one request of the fault, only the server knows.
    let response = b.http.get(b.url("/jwks")).send().await.unwrap();
    is_unavailable(&response, "the key set");
    let metadata = b.url("/.well-known/openid-configuration");
    let response = b.http.get(metadata).send().await.unwrap();
    assert_eq!(response.status(), 200);
    redis.restart();
    let form = [("grant_type", "client_credentials")];
    // Each finds its server again by itself.
    for replica in [&a, &b] {
        assert_eq!(until_served(|| replica.token(&form)).await.status(), 200);
    }
    b.http.get(b.url("/jwks")).send().await.unwrap_err();
    a.json("/jwks").await;
    assert_eq!(a.issuer.faults()[0].fired(), 1);
}

#[tokio::test]
async fn what_may_be_seen_once_is_seen_once_by_all_replicas() {
    let Some(Replicas {
        a,
        b,
        redis: _redis,
    }) = replicas("once").await
    else {
        return;
    };
    // A pushed request of one is used at the other, and then used up.
    let query = support::careful();
    let request = a.http.post(a.url("/par")).basic_auth("app", Some("secret"));
    let pushed: Value = request
        .form(&query)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let short = [
        ("client_id", "app"),
        ("request_uri", pushed["request_uri"].as_str().unwrap()),
    ];
    let authorize = |world: &World| {
        let request = world.authorize(&short.into_iter().collect());
        request.header("gauntlet-user", "alice").send()
    };
    let response = authorize(&b).await.unwrap();
    assert!(support::callback(&response)["code"].len() > 20);
    let response = authorize(&a).await.unwrap();
    assert_eq!(response.status(), 400);

    // A device of one is approved at the other, and polls both.
    let request = a.http.post(a.url("/device/authorize"));
    let request = request.basic_auth("app", Some("secret"));
    let device: Value = request
        .form(&[("scope", "openid")])
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", device["device_code"].as_str().unwrap()),
    ];
    let pending = b.token(&form).send().await.unwrap();
    assert_eq!(error_of(pending).await.1, "authorization_pending");
    let hasty = a.token(&form).send().await.unwrap();
    assert_eq!(error_of(hasty).await.1, "slow_down");
    let code = device["user_code"].as_str().unwrap();
    b.issuer.approve_device(code, "alice").unwrap();
    a.issuer.clock().advance(Duration::from_mins(1));
    let mut polls = JoinSet::new();
    for n in 0..20 {
        let world = if n % 2 == 0 { &a } else { &b };
        polls.spawn(world.token(&form).send());
    }
    let mut served = 0;
    while let Some(response) = polls.join_next().await {
        served += usize::from(response.unwrap().unwrap().status() == 200);
    }
    assert_eq!(served, 1);
}
