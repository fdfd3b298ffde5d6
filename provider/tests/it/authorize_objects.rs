//! Request objects (RFC 9101).

use std::collections::BTreeMap;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256K1_SHA256_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, encode};
use oauth_gauntlet_provider::{
    Client, Enforcement, IssuerSettings, Profile, Rule, SigningAlgorithm,
};
use serde_json::{Value, json};

use crate::support::{
    CALLBACK, NOW, Parameters, World, callback, careful, error_of, settings, world, world_with,
};

/// The shipped test key that an algorithm takes.
fn pem(algorithm: &str) -> &'static str {
    match algorithm {
        "ES256" => include_str!("../../keys/p256-1.pem"),
        "ES384" => include_str!("../../keys/p384-1.pem"),
        "ES512" => include_str!("../../keys/p521-1.pem"),
        "ES256K" => include_str!("../../keys/secp256k1-1.pem"),
        "EdDSA" => include_str!("../../keys/ed25519-1.pem"),
        _ => include_str!("../../keys/rsa-1.pem"),
    }
}

/// A compact JWS, made by other libraries than ours.
#[expect(
    clippy::disallowed_methods,
    reason = "no seed is needed to sign in a test"
)]
fn sign(algorithm: &str, typ: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unknown_to_the_library = match algorithm {
        "ES512" => Some(&ECDSA_P521_SHA512_FIXED_SIGNING),
        "ES256K" => Some(&ECDSA_P256K1_SHA256_FIXED_SIGNING),
        _ => None,
    };
    if let Some(scheme) = unknown_to_the_library {
        let lines = pem(algorithm).lines().filter(|line| !line.starts_with('-'));
        let der = STANDARD.decode(lines.collect::<String>()).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(scheme, &der).unwrap();
        let header = part(&json!({"alg": algorithm, "typ": typ}));
        let message = format!("{header}.{}", part(claims));
        let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        return format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    }
    let pem = pem(algorithm).as_bytes();
    let key = match algorithm.split_at(2).0 {
        "HS" => EncodingKey::from_secret(b"secret"),
        "ES" => EncodingKey::from_ec_pem(pem).unwrap(),
        "Ed" => EncodingKey::from_ed_pem(pem).unwrap(),
        _ => EncodingKey::from_rsa_pem(pem).unwrap(),
    };
    let mut header = Header::new(algorithm.parse().unwrap());
    header.typ = Some(typ.to_owned());
    encode(&header, claims, &key).unwrap()
}

fn unsigned(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({"alg": "none"})), part(claims))
}

/// The careful request as claims.
fn claims(issuer: &str) -> Value {
    let mut claims = json!(careful());
    let more = json!({"iss": "app", "aud": issuer, "exp": NOW + 60, "nbf": NOW, "jti": "1"});
    let more = more.as_object().unwrap().clone();
    claims.as_object_mut().unwrap().extend(more);
    claims
}

/// A world whose client has the published keys of the issuer, for the want of others.
async fn world_that_signs(algorithm: SigningAlgorithm, change: impl FnOnce(&mut Client)) -> World {
    let world = world_with(IssuerSettings {
        algorithm,
        ..settings()
    })
    .await;
    let mut client = Client::confidential("app", "secret").redirect_uri(CALLBACK);
    client.jwks = Some(world.json("/jwks").await);
    change(&mut client);
    world.issuer.add_client(client);
    world
}

async fn send(world: &World, query: &BTreeMap<&str, &str>) -> Parameters {
    world.callback(query).await
}

#[tokio::test]
async fn every_advertised_algorithm_signs_request_objects() {
    let metadata = world()
        .await
        .json("/.well-known/openid-configuration")
        .await;
    assert_eq!(metadata["request_parameter_supported"], true);
    let advertised = metadata["request_object_signing_alg_values_supported"].clone();
    let advertised = advertised.as_array().unwrap();
    assert_eq!(advertised.len(), SigningAlgorithm::ALL.len());
    for algorithm in SigningAlgorithm::ALL {
        let name = algorithm.as_str();
        assert!(advertised.contains(&json!(name)));
        let publishing = if algorithm.is_symmetric() {
            SigningAlgorithm::Rs256
        } else {
            algorithm
        };
        let world = world_that_signs(publishing, |_| {}).await;
        let object = sign(name, "oauth-authz-req+jwt", &claims(world.issuer.url()));
        let query = BTreeMap::from([("client_id", "app"), ("request", object.as_str())]);
        let parameters = send(&world, &query).await;
        assert!(parameters.contains_key("code"), "{name} {parameters:?}");
        assert_eq!(parameters["state"], "the-state");
    }
}

#[tokio::test]
async fn what_is_outside_a_signed_object_does_not_count() {
    let world = world_that_signs(SigningAlgorithm::Es256, |_| {}).await;
    let mut inside = claims(world.issuer.url());
    inside["max_age"] = json!(100);
    inside["claims"] = json!({"id_token": {"email": null}});
    inside["resource"] = json!(["https://one.test/", "https://two.test/"]);
    let object = sign("ES256", "JWT", &inside);
    let query = BTreeMap::from([
        ("client_id", "app"),
        ("response_type", "code"),
        ("scope", "openid phone"),
        ("state", "outside"),
        ("response_mode", "fragment"),
        ("request", object.as_str()),
    ]);
    let parameters = send(&world, &query).await;
    assert_eq!(parameters["state"], "the-state");
    let tokens = world.redeem(&parameters["code"]).send().await.unwrap();
    let tokens: Value = tokens.json().await.unwrap();
    assert_eq!(tokens["scope"], "openid profile email offline_access");
}

#[tokio::test]
async fn an_object_that_is_not_as_it_should_be_is_refused() {
    let world = world_that_signs(SigningAlgorithm::Es256, |_| {}).await;
    let issuer = world.issuer.url().to_owned();
    let outcome = async |object: &str, outer: &[(&'static str, &'static str)]| {
        let mut query = BTreeMap::from([("client_id", "app"), ("request", object)]);
        query.extend(outer.iter().copied());
        send(&world, &query).await
    };
    for (name, value) in [
        ("iss", json!("other")),
        ("aud", json!("https://other.test")),
        ("aud", json!(["https://other.test"])),
        ("exp", json!(NOW)),
        ("exp", json!("soon")),
        ("nbf", json!(NOW + 1)),
        ("client_id", json!("other")),
        ("request", json!("a.b.c")),
        ("request_uri", json!("urn:x")),
    ] {
        let mut inside = claims(&issuer);
        inside[name] = value;
        let told = outcome(&sign("ES256", "JWT", &inside), &[]).await;
        assert_eq!(told["error"], "invalid_request_object", "{name}");
        assert_eq!(told["state"], "the-state", "{name}");
    }
    let good = sign("ES256", "JWT", &claims(&issuer));
    let typed = sign("ES256", "at+jwt", &claims(&issuer));
    assert_eq!(
        outcome(&typed, &[]).await["error"],
        "invalid_request_object"
    );
    let other = outcome(&good, &[("response_type", "none")]).await;
    assert_eq!(other["error"], "invalid_request_object");
    let (message, _) = good.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", URL_SAFE_NO_PAD.encode([7; 64]));
    assert_eq!(
        outcome(&forged, &[]).await["error"],
        "invalid_request_object"
    );
    let told = outcome(&unsigned(&claims(&issuer)), &[]).await;
    assert_eq!(told["error"], "invalid_request_object");
    let both = outcome(
        &good,
        &[("request_uri", "urn:x"), ("redirect_uri", CALLBACK)],
    )
    .await;
    assert_eq!(both["error"], "invalid_request");
    for rubbish in ["x", "..", "a.b.c.d.e"] {
        let query = BTreeMap::from([("client_id", "app"), ("request", rubbish)]);
        let page = world.authorize(&query).header("gauntlet-user", "alice");
        assert_eq!(page.send().await.unwrap().status(), 400, "{rubbish}");
        let told = outcome(rubbish, &[("redirect_uri", CALLBACK)]).await;
        assert_eq!(told["error"], "invalid_request_object");
    }
    // A redirect URI of somebody else is not followed, signed or not.
    let mut inside = claims(&issuer);
    inside["redirect_uri"] = json!("http://evil.test/");
    for object in [sign("ES256", "JWT", &inside), unsigned(&inside)] {
        let query = BTreeMap::from([("client_id", "app"), ("request", object.as_str())]);
        let page = world.authorize(&query).header("gauntlet-user", "alice");
        assert_eq!(page.send().await.unwrap().status(), 400);
    }
}

#[tokio::test]
async fn a_client_is_held_to_the_algorithm_that_it_registered() {
    let world = world_that_signs(SigningAlgorithm::Es256, |client| {
        client.request_object_algorithm = Some(SigningAlgorithm::Rs256);
    })
    .await;
    for (algorithm, good) in [("RS256", true), ("ES256", false), ("HS256", false)] {
        let object = sign(algorithm, "JWT", &claims(world.issuer.url()));
        let query = BTreeMap::from([("client_id", "app"), ("request", object.as_str())]);
        let parameters = send(&world, &query).await;
        assert_eq!(parameters.contains_key("code"), good, "{algorithm}");
    }
}

#[tokio::test]
async fn a_client_that_has_to_sign_may_not_do_without() {
    let world = world_that_signs(SigningAlgorithm::Es256, |client| {
        client.require_signed_request_object = true;
    })
    .await;
    let told = world.callback(&careful()).await;
    assert_eq!(told["error"], "invalid_request");
    let push = async |form: &BTreeMap<&str, &str>| {
        let request = world.http.post(world.url("/par")).form(form);
        let request = request.basic_auth("app", Some("secret"));
        request.send().await.unwrap()
    };
    let refused = push(&careful()).await;
    assert_eq!(error_of(refused).await.1, "invalid_request");
    let object = sign("ES256", "JWT", &claims(world.issuer.url()));
    let pushed = push(&BTreeMap::from([("request", object.as_str())])).await;
    assert_eq!(pushed.status(), 201);
    let pushed: Value = pushed.json().await.unwrap();
    // What was pushed stays good, whatever becomes of the object.
    world
        .issuer
        .clock()
        .advance(std::time::Duration::from_secs(59));
    let query = [
        ("client_id", "app"),
        ("request_uri", pushed["request_uri"].as_str().unwrap()),
    ];
    let request = world.http.get(world.url("/authorize")).query(&query);
    let response = request.header("gauntlet-user", "alice").send().await;
    assert!(callback(&response.unwrap()).contains_key("code"));
}

#[tokio::test]
async fn only_the_lax_take_an_object_that_nobody_signed_and_merge_it() {
    let lax = world_with(IssuerSettings {
        profile: Profile::Lax,
        ..settings()
    })
    .await;
    let metadata = lax.json("/.well-known/openid-configuration").await;
    let advertised = &metadata["request_object_signing_alg_values_supported"];
    assert!(advertised.as_array().unwrap().contains(&json!("none")));
    let observing = world_with(IssuerSettings {
        enforcement: Enforcement::Observe,
        ..settings()
    })
    .await;
    for world in [lax, observing] {
        let object = unsigned(&json!({"state": "inside", "client_id": "app"}));
        let mut query = careful();
        query.insert("request", &object);
        let parameters = send(&world, &query).await;
        assert!(parameters.contains_key("code"));
        assert_eq!(parameters["state"], "inside");
        let notes = &world
            .issuer
            .journal()
            .exchanges()
            .last()
            .unwrap()
            .notes
            .clone();
        let observed = notes.violations.iter().map(|it| it.rule);
        let listed = notes.stricter.iter().map(|(_, it)| it.rule);
        let rules: Vec<Rule> = observed.chain(listed).collect();
        assert!(rules.contains(&Rule::SignedRequestObject));
    }
}
