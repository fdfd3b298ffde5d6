//! Each kind of fault, and exactly what it changes: the snapshots show an honest sign-in against
//! a faulty one, line by line.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::{Endpoint, Exchange, Fault, FaultError, IssuerSettings};
use serde_json::{Value, json};

use crate::support::{World, callback, careful, settings, world, world_with};

/// A careful client that shrugs everything off: discovery, keys, sign-in, tokens, userinfo.
async fn sign_in(world: &World) {
    for path in ["/.well-known/openid-configuration", "/jwks"] {
        world.http.get(world.url(path)).send().await.unwrap();
    }
    let request = world.authorize(&careful()).header("gauntlet-user", "alice");
    let Some(code) = callback(&request.send().await.unwrap()).remove("code") else {
        return;
    };
    let response = world.redeem(&code).send().await.unwrap();
    let tokens: Value = response.json().await.unwrap_or_default();
    let Some(access_token) = tokens["access_token"].as_str() else {
        return;
    };
    world.userinfo(access_token).send().await.unwrap();
}

/// What went out, one fact a line: all of it until `changed`, then the status alone, since what
/// follows from a fault is not what it changes.
async fn facts(world: &World, changed: Endpoint) -> Vec<String> {
    let exchanges = world.issuer.journal().exchanges();
    world.issuer.disarm_all();
    let keys = world.json("/jwks").await;
    let mut facts = Vec::new();
    // At most five: what comes later are the requests of this function itself.
    for exchange in exchanges.into_iter().take(5) {
        let place = exchange.endpoint.as_str();
        let mut told = response_facts(&exchange, &keys);
        if exchange.endpoint > changed {
            told.truncate(1);
        }
        facts.extend(told.into_iter().map(|fact| format!("{place} {fact}")));
    }
    let base = world.issuer.url();
    let encoded: String = form_urlencoded::byte_serialize(base.as_bytes()).collect();
    let plain = |fact: String| {
        let fact = fact.replace(base, "http://op");
        fact.replace(&encoded, "http://op")
    };
    facts.into_iter().map(plain).collect()
}

fn response_facts(exchange: &Exchange, keys: &Value) -> Vec<String> {
    let response = &exchange.response;
    let mut facts = vec![format!("status {}", response.status)];
    for (name, value) in &response.headers {
        if name == "location" {
            let (uri, query) = value.split_once('?').unwrap_or((value, ""));
            facts.push(format!("-> {uri}"));
            let pairs = form_urlencoded::parse(query.as_bytes());
            facts.extend(pairs.map(|(name, value)| format!("-> {name} = {value}")));
        } else {
            facts.push(format!("{name}: {value}"));
        }
    }
    let body = response.body.trim_end();
    if let Ok(Value::Object(members)) = serde_json::from_str(body) {
        for (name, value) in &members {
            match (name.as_str(), value) {
                ("id_token", Value::String(token)) => facts.extend(token_facts(token, keys)),
                ("keys", Value::Array(keys)) => {
                    facts.extend(keys.iter().map(|key| format!("key {}", shortened(key))));
                }
                _ => facts.push(format!("{name} = {value}")),
            }
        }
    } else if exchange.endpoint != Endpoint::Authorize {
        facts.push(format!("body {body}"));
    }
    if body.len() != response.body.len() {
        facts.push(format!("size {}", response.body.len()));
    }
    facts
}

fn shortened(key: &Value) -> String {
    let mut key = key.clone();
    for member in ["n", "x", "y"] {
        if let Some(value) = key.get_mut(member) {
            *value = json!("…");
        }
    }
    key.to_string()
}

fn token_facts(token: &str, keys: &Value) -> Vec<String> {
    let mut parts = token.split('.');
    let mut facts = Vec::new();
    for kind in ["header", "claim"] {
        let part = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
        let members: serde_json::Map<String, Value> = serde_json::from_slice(&part).unwrap();
        facts.extend(
            members
                .iter()
                .map(|(name, value)| format!("id-token {kind} {name} = {value}")),
        );
    }
    facts.push(format!("id-token signature {}", signature(token, keys)));
    facts
}

/// What a library of others says about the signature.
fn signature(token: &str, keys: &Value) -> &'static str {
    use jsonwebtoken::{DecodingKey, crypto, decode_header, jwk::JwkSet};
    let (message, signature) = token.rsplit_once('.').unwrap();
    if signature.is_empty() {
        return "missing";
    }
    let keys: JwkSet = serde_json::from_value(keys.clone()).unwrap();
    let Ok(header) = decode_header(token) else {
        return "unreadable";
    };
    let Some(key) = header.kid.and_then(|kid| keys.find(&kid).cloned()) else {
        return "by an unknown key";
    };
    let key = DecodingKey::from_jwk(&key).unwrap();
    match crypto::verify(signature, message.as_bytes(), &key, header.alg) {
        Ok(true) => "right",
        Ok(false) | Err(_) => "wrong",
    }
}

/// The lines that only one of the two has.
fn difference(honest: &[String], faulty: &[String]) -> String {
    let count = |lines: &[String]| {
        let mut counts = BTreeMap::new();
        for line in lines {
            *counts.entry(line.clone()).or_insert(0) += 1;
        }
        counts
    };
    let only = |these: &[String], those: &[String], sign: char| -> Vec<String> {
        let mut others: BTreeMap<String, i32> = count(those);
        let is_new = |line: &&String| {
            let left = others.entry((*line).clone()).or_insert(0);
            *left -= 1;
            *left < 0
        };
        these
            .iter()
            .filter(is_new)
            .map(|line| format!("{sign} {line}"))
            .collect()
    };
    let mut lines = only(honest, faulty, '-');
    lines.extend(only(faulty, honest, '+'));
    lines.join("\n")
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<(&'static str, Value)> {
    vec![
        (
            "metadata-set",
            json!({"metadata": {"set": {"issuer": "{value}/evil", "jwks_uri": "{issuer}/other"}}}),
        ),
        (
            "metadata-remove",
            json!({"metadata": {"remove": ["token_endpoint"]}}),
        ),
        (
            "metadata-error",
            json!({"metadata": {"error": "server_error"}}),
        ),
        (
            "metadata-reply",
            json!({"metadata": {"reply": {"status": 500, "type": "text/html", "body": "<h1>Oops</h1>"}}}),
        ),
        (
            "jwks-remove-members",
            json!({"jwks": {"remove-members": ["alg", "kid", "use"]}}),
        ),
        ("jwks-empty", json!({"jwks": {"empty": true}})),
        (
            "jwks-reply",
            json!({"jwks": {"reply": {"headers": {"cache-control": "max-age=1"}}}}),
        ),
        (
            "authorize-forward",
            json!({"authorize": {"forward-to": "http://honest.test/authorize?a=b", "set": {"client_id": "at-{value}", "extra": "1"}}}),
        ),
        (
            "redirect-set",
            json!({"redirect": {"set": {"state": "forged", "iss": "{value}/evil", "code": "{half}"}}}),
        ),
        (
            "redirect-remove",
            json!({"redirect": {"remove": ["state", "iss"]}}),
        ),
        (
            "redirect-append",
            json!({"redirect": {"append": [["state", "{value}"], ["utm_source", "x"]]}}),
        ),
        (
            "redirect-error",
            json!({"redirect": {"error": {"code": "access_denied", "description": "<b>no</b>"}}}),
        ),
        (
            "redirect-error-beside-code",
            json!({"redirect": {"error": {"code": "server_error", "keep-code": true}}}),
        ),
        (
            "token-set",
            json!({"token": {"set": {"token_type": "mac", "expires_in": "{value}"}}}),
        ),
        (
            "token-json",
            json!({"token": {"json": "{\"expires_in\": null, \"nested\": {\"deep\": [\"{client_id}\"]}}"}}),
        ),
        (
            "token-remove",
            json!({"token": {"remove": ["access_token", "refresh_token"]}}),
        ),
        ("token-error", json!({"token": {"error": "invalid_grant"}})),
        (
            "token-redirect",
            json!({"token": {"reply": {"status": 307, "headers": {"location": "{url}"}}}}),
        ),
        ("token-pad", json!({"token": {"reply": {"pad": 5000}}})),
        (
            "id-token-claims",
            json!({"id-token": {"claims": {"aud": ["{client_id}", "another"], "sub": "bob", "nonce": "{swapcase}"}}}),
        ),
        (
            "id-token-claims-json",
            json!({"id-token": {"claims-json": "{\"sub\": null}"}}),
        ),
        (
            "id-token-remove",
            json!({"id-token": {"remove": ["nonce", "at_hash"]}}),
        ),
        (
            "id-token-shift",
            json!({"id-token": {"shift": {"exp": "-2h", "iat": "+1d", "nbf": "+1h"}}}),
        ),
        (
            "id-token-header",
            json!({"id-token": {"header": {"crit": ["x"], "x": true, "alg": "{value}"}, "remove-header": ["typ"]}}),
        ),
        ("id-token-sign-none", json!({"id-token": {"sign": "none"}})),
        (
            "id-token-sign-none-spelt-otherwise",
            json!({"id-token": {"sign": "none", "header": {"alg": "nOnE"}}}),
        ),
        (
            "id-token-sign-hmac-with-public-key",
            json!({"id-token": {"sign": "hmac-with-public-key"}}),
        ),
        (
            "id-token-sign-corrupt-signature",
            json!({"id-token": {"sign": "corrupt-signature"}}),
        ),
        (
            "id-token-sign-unpublished-key",
            json!({"id-token": {"sign": "unpublished-key"}}),
        ),
        (
            "id-token-sign-unknown-kid",
            json!({"id-token": {"sign": "unknown-kid"}}),
        ),
        (
            "id-token-sign-other-algorithm",
            json!({"id-token": {"sign": "other-algorithm"}}),
        ),
        (
            "id-token-sign-hmac-with-openssh-ec",
            json!({"id-token": {"sign": "hmac-with-openssh-ec"}}),
        ),
        (
            "id-token-sign-hmac-with-client-secret",
            json!({"id-token": {"sign": "hmac-with-client-secret"}}),
        ),
        (
            "id-token-sign-embedded-key",
            json!({"id-token": {"sign": "embedded-key", "header": {"kid": "unknown"}}}),
        ),
        (
            "id-token-sign-zero-signature",
            json!({"id-token": {"sign": "zero-signature"}}),
        ),
        (
            "id-token-fractional",
            json!({"id-token": {"fractional": ["exp", "iat"]}}),
        ),
        (
            "id-token-claims-around",
            json!({"id-token": {"claims-before": {"sub": "first"}, "claims-after": {"sub": "{value}-last"}}}),
        ),
        (
            "jwks-more-keys",
            json!({"jwks": {"before": [{"kty": "XYZ", "kid": "{value}"}, "no object"], "fillers": 2, "foreign": "a-stranger"}}),
        ),
        (
            "userinfo-around",
            json!({"userinfo": {"before": {"sub": "first"}, "after": {"sub": "{value}-last"}}}),
        ),
        (
            "userinfo-prefix-suffix",
            json!({"userinfo": {"reply": {"prefix": "before ", "suffix": " after"}}}),
        ),
        ("access-token-dead", json!({"access-token": {"dead": true}})),
        (
            "userinfo-set",
            json!({"userinfo": {"set": {"sub": "{sub}-else"}, "remove": ["email"]}}),
        ),
        (
            "userinfo-reply",
            json!({"userinfo": {"reply": {"status": 401, "headers": {"www-authenticate": "Bearer error=\"invalid_token\""}}}}),
        ),
    ]
}

#[tokio::test]
async fn each_fault_changes_exactly_what_its_snapshot_shows() {
    let honest = world().await;
    sign_in(&honest).await;
    for (name, fault) in cases() {
        let fault: Fault = serde_json::from_value(fault).unwrap();
        let world = world().await;
        let summary = fault.summary();
        let armed = world.issuer.arm(fault).unwrap();
        sign_in(&world).await;
        assert_eq!(armed.fired(), 1, "{name}");
        let exchanges = world.issuer.journal().exchanges();
        let fired: Vec<_> = exchanges
            .iter()
            .flat_map(|exchange| {
                exchange
                    .notes
                    .faults
                    .iter()
                    .map(|it| (exchange.endpoint, it))
            })
            .collect();
        let [(place, fired)] = fired[..] else {
            panic!("{name}: {fired:?}")
        };
        assert_eq!(fired.summary, summary, "{name}");
        let changed = difference(&facts(&honest, place).await, &facts(&world, place).await);
        insta::with_settings!({ description => summary, omit_expression => true }, {
            insta::assert_snapshot!(name, changed);
        });
    }
}

#[tokio::test]
async fn two_honest_sign_ins_are_alike() {
    let (one, two) = (world().await, world().await);
    sign_in(&one).await;
    sign_in(&two).await;
    let all = Endpoint::Other;
    assert_eq!(
        difference(&facts(&one, all).await, &facts(&two, all).await),
        ""
    );
}

/// Which of four sign-ins (alice, bob, alice, bob) a fault changed.
async fn changed(when: Value) -> Vec<bool> {
    let world = world_with(IssuerSettings {
        seed: None,
        ..settings()
    })
    .await;
    let fault = json!({"redirect": {"set": {"state": "forged"}}, "when": when});
    world
        .issuer
        .arm(serde_json::from_value(fault).unwrap())
        .unwrap();
    let mut changed = Vec::new();
    for user in ["alice", "bob", "alice", "bob"] {
        let request = world.authorize(&careful()).header("gauntlet-user", user);
        changed.push(callback(&request.send().await.unwrap())["state"] == "forged");
    }
    changed
}

#[tokio::test]
async fn a_fault_applies_when_its_conditions_hold() {
    let (yes, no) = (true, false);
    assert_eq!(changed(json!({})).await, [yes; 4]);
    assert_eq!(changed(json!({"user": "bob"})).await, [no, yes, no, yes]);
    assert_eq!(
        changed(json!({"user": "bob", "nth": 2})).await,
        [no, no, no, yes]
    );
    assert_eq!(changed(json!({"times": 3})).await, [yes, yes, yes, no]);
    assert_eq!(changed(json!({"nth": 2, "times": 1})).await, [no; 4]);
    assert_eq!(changed(json!({"client": "app"})).await, [yes; 4]);
    assert_eq!(changed(json!({"client": "other"})).await, [no; 4]);
    assert_eq!(changed(json!({"issuer": "attacker"})).await, [no; 4]);
    assert_eq!(changed(json!({"issuer": ""})).await, [yes; 4]);
    assert_eq!(changed(json!({"grant": "refresh_token"})).await, [no; 4]);
}

#[tokio::test]
async fn a_fault_of_one_grant_type_leaves_the_other_alone() {
    let world = world().await;
    let fault = json!({"token": {"error": "invalid_grant"}, "when": {"grant": "refresh_token"}});
    world
        .issuer
        .arm(serde_json::from_value(fault).unwrap())
        .unwrap();
    let tokens = world.tokens().await;
    let refresh = world
        .refresh(tokens["refresh_token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(crate::support::error_of(refresh).await.1, "invalid_grant");
}

#[tokio::test]
async fn faults_apply_in_order_and_end_when_disarmed() {
    let world = world().await;
    let arm = |state: &str| {
        let fault = json!({"redirect": {"set": {"state": state}}});
        world
            .issuer
            .arm(serde_json::from_value(fault).unwrap())
            .unwrap()
    };
    let (first, second) = (arm("{value}-1"), arm("{value}-2"));
    assert_eq!((first.id(), second.id()), (1, 2));
    assert_eq!(world.callback(&careful()).await["state"], "the-state-1-2");
    first.disarm();
    assert_eq!(world.callback(&careful()).await["state"], "the-state-2");
    world.issuer.disarm_all();
    assert_eq!(world.callback(&careful()).await["state"], "the-state");
    assert_eq!((first.fired(), second.fired()), (1, 2));
}

#[test]
fn a_fault_that_makes_no_sense_is_refused() {
    let refused = |fault: Value| {
        let fault: Fault = serde_json::from_value(fault).unwrap();
        fault.check().unwrap_err()
    };
    assert_eq!(refused(json!({})), FaultError::NoPoint);
    let two = refused(json!({"jwks": {"empty": true}, "access-token": {"dead": true}}));
    assert_eq!(
        two.to_string(),
        "the fault names `jwks` and `access-token`: one fault changes one point, so write two"
    );
    assert!(matches!(
        refused(json!({"token": {}})),
        FaultError::NoChange(_)
    ));
    assert!(matches!(
        refused(json!({"redirect": {}})),
        FaultError::NoChange(_)
    ));
    assert!(matches!(
        refused(json!({"token": {"json": "{"}})),
        FaultError::Json { .. }
    ));
    assert_eq!(
        refused(json!({"token": {"reply": {"status": 99}}})),
        FaultError::Status(99)
    );
    let header = json!({"token": {"reply": {"headers": {"a b": "c"}}}});
    assert_eq!(refused(header), FaultError::Header("a b".to_owned()));
    let nth = json!({"access-token": {"dead": true}, "when": {"nth": 0}});
    assert_eq!(refused(nth), FaultError::Zero("nth"));
}

#[test]
fn a_fault_survives_being_written_and_read() {
    for (name, fault) in cases() {
        let read: Fault = serde_json::from_value(fault.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), fault, "{name}");
    }
}
