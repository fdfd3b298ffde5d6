//! The published key set: which keys are in it, and how they take turns.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use oauth_gauntlet_provider::{
    Fault, IssuerSettings, JwksFault, JwtFault, KeySource, KeyState, KeyStep, OwnKey, OwnKeyError,
    Signing, SigningAlgorithm,
};
use serde_json::Value;

use crate::support::{World, settings, verified, world, world_with};

const RSA: &str = include_str!("../../keys/rsa-1.pem");
const P384: &str = include_str!("../../keys/p384-1.pem");
const PRIVATE_JWKS: &str = include_str!("../keys/private-jwks.json");

async fn with_keys(algorithm: SigningAlgorithm, keys: KeySource) -> World {
    world_with(IssuerSettings {
        algorithm,
        keys,
        ..settings()
    })
    .await
}

async fn published(world: &World) -> Vec<Value> {
    let set = world.json("/jwks").await;
    set["keys"].as_array().unwrap().clone()
}

async fn kids(world: &World) -> Vec<String> {
    let keys = published(world).await;
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    keys.iter().map(kid).collect()
}

/// The claims of a fresh ID token, verified, and the token.
async fn signed_in(world: &World) -> (Value, String) {
    let tokens = world.tokens().await;
    let id_token = tokens["id_token"].as_str().unwrap();
    (verified(world, id_token).await, id_token.to_owned())
}

/// Whether the issuer takes the token for one of its own, as the hint of a sign-out.
async fn accepts(world: &World, id_token: &str) -> bool {
    let url = world.url("/end_session");
    let request = world.http.get(url).query(&[("id_token_hint", id_token)]);
    request.send().await.unwrap().status() == 200
}

#[tokio::test]
async fn keys_of_ones_own_sign_and_are_published_without_their_private_half() {
    let keys = OwnKey::read_all(PRIVATE_JWKS).unwrap();
    assert_eq!(keys.len(), 5);
    for algorithm in SigningAlgorithm::ASYMMETRIC {
        let world = with_keys(algorithm, KeySource::Own(keys.clone())).await;
        let (claims, _) = signed_in(&world).await;
        assert_eq!(claims["sub"], "alice", "{algorithm:?}");
        for key in published(&world).await {
            for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
                assert_eq!(key.get(private), None, "{key}");
            }
            assert!(!key.to_string().contains("\"d\""));
        }
    }
}

#[tokio::test]
async fn an_issuer_with_one_key_supports_what_that_key_can_do_and_nothing_else() {
    let key = OwnKey::from_pem(P384).unwrap();
    let thumbprint = key.kid().to_owned();
    let world = with_keys(SigningAlgorithm::Rs256, KeySource::Own(vec![key])).await;
    assert_eq!(kids(&world).await, [thumbprint]);
    let metadata = world.json("/.well-known/openid-configuration").await;
    assert_eq!(
        metadata["id_token_signing_alg_values_supported"],
        serde_json::json!(["ES384", "HS256", "HS384", "HS512"])
    );
    signed_in(&world).await;
    assert_eq!(world.issuer.keys()[0].alg, SigningAlgorithm::Es384);
}

#[tokio::test]
async fn keys_of_ones_own_take_turns_and_then_new_ones_are_made() {
    let own = |pem, kid: &str| OwnKey::from_pem(pem).unwrap().with_kid(kid);
    let other = include_str!("../../keys/p384-2.pem");
    let source = KeySource::Own(vec![own(P384, "first"), own(other, "second")]);
    let world = with_keys(SigningAlgorithm::Es384, source).await;
    assert_eq!(kids(&world).await, ["first"]);
    world.issuer.rotate_keys();
    assert_eq!(kids(&world).await, ["first", "second"]);
    world.issuer.rotate_keys();
    let three = kids(&world).await;
    assert_eq!(three[..2], ["first", "second"]);
    assert_eq!(three.len(), 3);
    signed_in(&world).await;
}

#[tokio::test]
async fn one_rsa_key_is_published_under_one_name_for_each_algorithm() {
    let key = OwnKey::from_pem(RSA).unwrap().with_kid("mine");
    let world = with_keys(SigningAlgorithm::Ps512, KeySource::Own(vec![key])).await;
    let keys = published(&world).await;
    assert_eq!(kids(&world).await, ["mine-rs256", "mine"]);
    assert_eq!([&keys[0]["alg"], &keys[1]["alg"]], ["RS256", "PS512"]);
    assert_eq!(keys[0]["n"], keys[1]["n"]);
    signed_in(&world).await;
}

#[tokio::test]
async fn a_rotation_in_steps_is_seen_at_every_step() {
    let world = world().await;
    let rs256 = async |world: &World| {
        let mut kids = kids(world).await;
        kids.retain(|kid| kid.starts_with("rs256"));
        kids
    };
    let kid_of = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let (_, old) = signed_in(&world).await;
    assert_eq!(kid_of(&old), "rs256-1");

    assert!(world.issuer.step_keys(KeyStep::Publish));
    assert_eq!(rs256(&world).await, ["rs256-1", "rs256-2"]);
    assert_eq!(kid_of(&signed_in(&world).await.1), "rs256-1");

    assert!(world.issuer.step_keys(KeyStep::Use));
    assert_eq!(rs256(&world).await, ["rs256-1", "rs256-2"]);
    assert_eq!(kid_of(&signed_in(&world).await.1), "rs256-2");
    assert!(accepts(&world, &old).await);

    assert!(world.issuer.step_keys(KeyStep::Retire));
    assert_eq!(rs256(&world).await, ["rs256-1", "rs256-2"]);
    verified(&world, &old).await;
    assert!(!accepts(&world, &old).await);

    assert!(world.issuer.step_keys(KeyStep::Drop));
    assert_eq!(rs256(&world).await, ["rs256-2"]);
    let states: Vec<KeyState> = world.issuer.keys().iter().map(|key| key.state).collect();
    assert_eq!(states, [KeyState::Signing; 3]);
    // Nothing is left to do.
    for step in [KeyStep::Use, KeyStep::Retire, KeyStep::Drop] {
        assert!(!world.issuer.step_keys(step), "{step:?}");
    }
}

#[tokio::test]
async fn a_token_under_a_withdrawn_key_has_a_name_that_the_key_set_no_longer_has() {
    let world = world().await;
    let old = published(&world).await.remove(0);
    world.issuer.rotate_keys();
    for step in [KeyStep::Retire, KeyStep::Drop] {
        assert!(world.issuer.step_keys(step));
    }
    let fault = Fault {
        id_token: Some(JwtFault {
            sign: Some(Signing::WithdrawnKey),
            ..JwtFault::default()
        }),
        ..Fault::default()
    };
    world.issuer.arm(fault).unwrap();
    let tokens = world.tokens().await;
    let token = tokens["id_token"].as_str().unwrap();
    let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    assert_eq!(old["kid"], *kid);
    assert!(!kids(&world).await.contains(&kid));
    let [n, e] = ["n", "e"].map(|name| old[name].as_str().unwrap());
    let key = DecodingKey::from_rsa_components(n, e).unwrap();
    assert!(is_signed_with(&key, token));
}

/// Whether the signature is one of the key; nothing else of the token is looked at.
fn is_signed_with(key: &DecodingKey, token: &str) -> bool {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_aud = false;
    validation.validate_exp = false;
    jsonwebtoken::decode::<Value>(token, key, &validation).is_ok()
}

#[tokio::test]
async fn certificates_stand_beside_the_keys_of_rsa_with_the_same_key_in_them() {
    let world = world().await;
    let fault = Fault {
        jwks: Some(JwksFault {
            certificates: true,
            ..JwksFault::default()
        }),
        ..Fault::default()
    };
    world.issuer.arm(fault).unwrap();
    let (_, token) = signed_in(&world).await;
    let keys = published(&world).await;
    let with: Vec<&Value> = keys.iter().filter(|key| key.get("x5c").is_some()).collect();
    assert_eq!(with.len(), 1);
    assert_eq!(with[0]["alg"], "RS256");
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        with[0]["x5c"][0].as_str().unwrap()
    );
    let key = DecodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    assert!(is_signed_with(&key, &token));
}

#[test]
fn a_key_that_cannot_be_used_says_so_before_anything_starts() {
    let error = OwnKey::from_pem("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----");
    let label = "CERTIFICATE".to_owned();
    assert_eq!(error.unwrap_err(), OwnKeyError::NotPrivate { label });
    assert!(
        !KeySource::Own(vec![OwnKey::from_pem(P384).unwrap()]).supports(SigningAlgorithm::Rs256)
    );
    assert!(KeySource::Test.supports(SigningAlgorithm::Ps512));
    assert!(!KeySource::Test.supports(SigningAlgorithm::Hs256));
}
