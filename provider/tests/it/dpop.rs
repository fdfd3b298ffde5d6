//! Tokens that are bound to a key (RFC 9449).

use std::time::Duration;

use oauth_gauntlet_provider::{AccessTokenFormat, Client, IssuerSettings, RefreshTokens, Rule};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::signed::{Key, claims, keyed, message, with};
use crate::support::{
    CALLBACK, NOW, World, careful, error_of, redemption, settings, world, world_with,
};

/// The header of an honest proof.
fn header(key: &Key) -> Value {
    json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk()})
}

/// The claims of an honest proof for the token endpoint; each is made once.
fn proof(world: &World, jti: &str) -> Value {
    json!({"htm": "POST", "htu": world.url("/token"), "iat": NOW, "jti": jti})
}

/// The claims of an honest proof for the userinfo endpoint.
fn use_of(world: &World, token: &str, jti: &str) -> Value {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::Engine as _;
    let hash = digest(&SHA256, token.as_bytes());
    let ath = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash);
    let userinfo = json!({"htm": "GET", "htu": world.url("/userinfo"), "ath": ath});
    with(proof(world, jti), &userinfo)
}

fn userinfo(world: &World, token: &str, proof: &str) -> RequestBuilder {
    let request = world.http.get(world.url("/userinfo"));
    request
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", proof)
}

/// Tokens for a fresh sign-in, bound to the key.
async fn bound(world: &World, key: &Key, jti: &str) -> Value {
    let proof = key.sign(&header(key), &proof(world, jti));
    let request = world.redeem(&world.code().await).header("dpop", proof);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

fn broken(world: &World) -> Vec<Rule> {
    let exchanges = world.issuer.journal().exchanges();
    let violations = &exchanges.last().unwrap().notes.violations;
    violations.iter().map(|it| it.rule).collect()
}

fn challenge(response: &Response) -> String {
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    challenge.to_owned()
}

#[tokio::test]
async fn a_token_is_bound_to_the_key_of_the_proof_and_used_with_it() {
    let world = world().await;
    let key = Key::number(1);
    let tokens = bound(&world, &key, "1").await;
    assert_eq!(tokens["token_type"], "DPoP");
    let token = tokens["access_token"].as_str().unwrap();
    let proof = key.sign(&header(&key), &use_of(&world, token, "2"));
    let response = userinfo(&world, token, &proof).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let claims: Value = response.json().await.unwrap();
    assert_eq!(claims["sub"], "alice");
}

#[tokio::test]
async fn introspection_says_whom_a_token_is_bound_to() {
    let world = world().await;
    let key = Key::number(1);
    let tokens = bound(&world, &key, "1").await;
    let said = world.introspect(tokens["access_token"].as_str().unwrap());
    let said = said.await;
    assert_eq!(said["active"], true);
    assert_eq!(said["token_type"], "DPoP");
    assert_eq!(said["cnf"], json!({"jkt": key.thumbprint()}));
    let free = world.tokens().await;
    let said = world.introspect(free["access_token"].as_str().unwrap());
    let said = said.await;
    assert_eq!(said["token_type"], "Bearer");
    assert_eq!(said.get("cnf"), None);
}

#[tokio::test]
async fn a_bound_token_is_of_no_use_to_anybody_else() {
    let world = world().await;
    let (key, other) = (Key::number(1), Key::number(2));
    let tokens = bound(&world, &key, "1").await;
    let token = tokens["access_token"].as_str().unwrap();
    let proof = key.sign(&header(&key), &use_of(&world, token, "2"));
    let as_bearer = world.userinfo(token).header("dpop", &proof);
    let theirs = other.sign(&header(&other), &use_of(&world, token, "3"));
    let without_proof =
        (world.http.get(world.url("/userinfo"))).header("authorization", format!("DPoP {token}"));
    for request in [as_bearer, userinfo(&world, token, &theirs), without_proof] {
        let response = request.send().await.unwrap();
        let challenge = challenge(&response);
        assert!(challenge.starts_with("DPoP "), "{challenge}");
        assert!(challenge.contains("error=\"invalid_token\", algs=\"RS256 "));
        assert_eq!(error_of(response).await, (401, "invalid_token".to_owned()));
        assert_eq!(broken(&world), [Rule::TokenOfThisHolder]);
    }
    // And the other way round: the scheme makes no bound token of one that is not.
    let tokens = world.tokens().await;
    let token = tokens["access_token"].as_str().unwrap();
    let proof = key.sign(&header(&key), &use_of(&world, token, "4"));
    let response = userinfo(&world, token, &proof).send().await.unwrap();
    assert_eq!(error_of(response).await, (401, "invalid_token".to_owned()));
}

#[tokio::test]
async fn a_proof_that_breaks_a_rule_is_refused_by_that_rule() {
    let world = world().await;
    let key = Key::number(1);
    let (honest, typ) = (proof(&world, "1"), header(&key));
    let no_jwk = with(typ.clone(), &json!({"jwk": null}));
    let private = with(key.jwk(), &json!({"d": "AA"}));
    let tampered = key.sign(&typ, &honest).replacen("ey", "eY", 1);
    let cases = [
        (
            key.sign(&with(typ.clone(), &json!({"typ": "JWT"})), &honest),
            Rule::GenuineProof,
        ),
        (
            key.sign(&with(typ.clone(), &json!({"typ": null})), &honest),
            Rule::GenuineProof,
        ),
        (key.sign(&no_jwk, &honest), Rule::GenuineProof),
        (
            key.sign(&with(typ.clone(), &json!({"jwk": private})), &honest),
            Rule::GenuineProof,
        ),
        (Key::number(2).sign(&typ, &honest), Rule::GenuineProof),
        (keyed("secret", &honest), Rule::GenuineProof),
        (
            format!(
                "{}.",
                message(&with(typ.clone(), &json!({"alg": "none"})), &honest)
            ),
            Rule::GenuineProof,
        ),
        (tampered, Rule::GenuineProof),
        (String::new(), Rule::GenuineProof),
        (
            key.sign(&typ, &with(honest.clone(), &json!({"htm": "GET"}))),
            Rule::ProofOfThisRequest,
        ),
        (
            key.sign(
                &typ,
                &with(honest.clone(), &json!({"htu": world.url("/userinfo")})),
            ),
            Rule::ProofOfThisRequest,
        ),
        (
            key.sign(&typ, &with(honest.clone(), &json!({"iat": NOW - 61}))),
            Rule::FreshProof,
        ),
        (
            key.sign(&typ, &with(honest.clone(), &json!({"iat": null}))),
            Rule::FreshProof,
        ),
        (
            key.sign(&typ, &with(honest.clone(), &json!({"jti": null}))),
            Rule::UnusedProof,
        ),
    ];
    let code = world.code().await;
    for (proof, rule) in cases {
        let response = world.redeem(&code).header("dpop", &proof).send().await;
        let error = error_of(response.unwrap()).await;
        assert_eq!(error, (400, "invalid_dpop_proof".to_owned()), "{rule:?}");
        assert_eq!(broken(&world), [rule]);
    }
    let good = key.sign(&typ, &honest);
    let twice = world
        .redeem(&code)
        .header("dpop", &good)
        .header("dpop", &good);
    let error = error_of(twice.send().await.unwrap()).await;
    assert_eq!(error, (400, "invalid_dpop_proof".to_owned()));
    assert_eq!(broken(&world), [Rule::SingleProof]);
    // None of all these has used the code or the proof up.
    let response = world.redeem(&code).header("dpop", &good).send().await;
    assert_eq!(response.unwrap().status(), 200);
    let response = world.redeem(&code).header("dpop", &good).send().await;
    let error = error_of(response.unwrap()).await;
    assert_eq!(error, (400, "invalid_dpop_proof".to_owned()));
    assert_eq!(broken(&world), [Rule::UnusedProof]);
}

#[tokio::test]
async fn a_proof_goes_with_one_access_token() {
    let world = world().await;
    let key = Key::number(1);
    let tokens = bound(&world, &key, "1").await;
    let token = tokens["access_token"].as_str().unwrap();
    for (number, ath) in [json!(null), json!("another")].into_iter().enumerate() {
        let claims = use_of(&world, token, &format!("use {number}"));
        let proof = key.sign(&header(&key), &with(claims, &json!({"ath": ath})));
        let response = userinfo(&world, token, &proof).send().await.unwrap();
        let error = error_of(response).await;
        assert_eq!(error, (401, "invalid_dpop_proof".to_owned()));
        assert_eq!(broken(&world), [Rule::ProofOfThisToken]);
    }
}

#[tokio::test]
async fn nonces_are_asked_for_given_and_replaced() {
    let world = world_with(IssuerSettings {
        dpop_nonces: true,
        code_lifetime: Duration::from_mins(10),
        ..settings()
    })
    .await;
    let key = Key::number(1);
    let code = world.code().await;
    let redeem = async |proof: &Value| {
        let proof = key.sign(&header(&key), proof);
        let response = world.redeem(&code).header("dpop", proof).send().await;
        response.unwrap()
    };
    let nonce = |response: &Response| {
        let nonce = response.headers()["dpop-nonce"].to_str().unwrap();
        nonce.to_owned()
    };
    let response = redeem(&proof(&world, "1")).await;
    let first = nonce(&response);
    assert_eq!(
        response.headers()["access-control-expose-headers"],
        "www-authenticate, dpop-nonce, retry-after"
    );
    assert_eq!(error_of(response).await, (400, "use_dpop_nonce".to_owned()));

    world.issuer.clock().advance(Duration::from_mins(1));
    let later = |jti: &str, nonce: &str| {
        let iat = world.issuer.clock().now();
        with(proof(&world, jti), &json!({"iat": iat, "nonce": nonce}))
    };
    let response = redeem(&later("2", &first)).await;
    let second = nonce(&response);
    assert_ne!(first, second);
    let tokens: Value = response.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();

    world.issuer.clock().advance(Duration::from_mins(1));
    for wrong in [first.as_str(), "made up"] {
        let error = error_of(redeem(&later("3", wrong)).await).await;
        assert_eq!(error, (400, "use_dpop_nonce".to_owned()));
        assert_eq!(broken(&world), [Rule::ProofNonce]);
    }
    let iat = world.issuer.clock().now();
    let asked = async |nonce: &str| {
        let change = json!({"iat": iat, "nonce": nonce});
        let claims = with(use_of(&world, token, nonce), &change);
        let proof = key.sign(&header(&key), &claims);
        userinfo(&world, token, &proof).send().await.unwrap()
    };
    let response = asked(&first).await;
    assert!(challenge(&response).contains("error=\"use_dpop_nonce\""));
    let third = nonce(&response);
    assert_eq!(error_of(response).await, (401, "use_dpop_nonce".to_owned()));
    for good in [second, third] {
        assert_eq!(asked(&good).await.status(), 200);
    }
}

#[tokio::test]
async fn a_client_that_registered_bound_tokens_gets_no_others() {
    let world = world().await;
    world.issuer.add_client(Client {
        dpop_bound_access_tokens: true,
        ..Client::confidential("app", "secret").redirect_uri(CALLBACK)
    });
    let code = world.code().await;
    let response = world.redeem(&code).send().await.unwrap();
    assert_eq!(
        error_of(response).await,
        (400, "invalid_request".to_owned())
    );
    assert_eq!(broken(&world), [Rule::RegisteredBinding]);
    let key = Key::number(1);
    let proof = key.sign(&header(&key), &proof(&world, "1"));
    let response = world.redeem(&code).header("dpop", proof).send().await;
    assert_eq!(response.unwrap().status(), 200);
}

#[tokio::test]
async fn refresh_tokens_of_public_clients_are_bound_and_those_of_others_are_not() {
    let mut settings = settings();
    settings.refresh_tokens = RefreshTokens::Always;
    let world = world_with(settings).await;
    let native = "http://127.0.0.1/native";
    let (key, other) = (Key::number(1), Key::number(2));
    for (client, is_bound) in [("native", true), ("app", false)] {
        let ask = async |key: &Key, jti: String, mut form: Vec<(&str, &str)>| {
            let proof = key.sign(&header(key), &proof(&world, &jti));
            form.push(("client_id", client));
            if !is_bound {
                form.push(("client_secret", "secret"));
            }
            let request = world.http.post(world.url("/token")).form(&form);
            request.header("dpop", proof).send().await.unwrap()
        };
        let mut request = careful();
        request.insert("client_id", client);
        if is_bound {
            request.insert("redirect_uri", native);
        }
        let code = world.callback(&request).await["code"].clone();
        let mut form = redemption(&code).to_vec();
        form[2].1 = request["redirect_uri"];
        let response = ask(&key, format!("{client} 1"), form).await;
        let tokens: Value = response.json().await.unwrap();
        let refresh_token = tokens["refresh_token"].as_str().unwrap();
        let form = || {
            vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh_token),
            ]
        };
        let response = ask(&other, format!("{client} 2"), form()).await;
        assert_eq!(response.status() == 400, is_bound, "{client}");
        if is_bound {
            assert_eq!(error_of(response).await.1, "invalid_grant");
            assert_eq!(broken(&world), [Rule::GrantOfThisKey]);
            let response = ask(&key, format!("{client} 3"), form()).await;
            assert_eq!(response.status(), 200);
        }
    }
}

#[tokio::test]
async fn a_jwt_access_token_says_whom_it_is_bound_to() {
    let world = world_with(IssuerSettings {
        access_token_format: AccessTokenFormat::Jwt,
        ..settings()
    })
    .await;
    let key = Key::number(1);
    let tokens = bound(&world, &key, "1").await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(claims(token)["cnf"], json!({"jkt": key.thumbprint()}));
    let proof = key.sign(&header(&key), &use_of(&world, token, "2"));
    let response = userinfo(&world, token, &proof).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn algorithms_of_proofs_are_advertised_and_whoever_sends_no_token_is_told() {
    let world = world().await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    let advertised = metadata["dpop_signing_alg_values_supported"].as_array();
    assert!(advertised.unwrap().contains(&json!("ES256")));
    let response = world.http.get(world.url("/userinfo")).send().await.unwrap();
    let challenges: Vec<_> = (response.headers().get_all("www-authenticate").iter())
        .map(|it| it.to_str().unwrap())
        .collect();
    assert_eq!(challenges[0], "Bearer realm=\"userinfo\"");
    assert!(challenges[1].starts_with("DPoP realm=\"userinfo\", algs=\"RS256 "));
}

#[tokio::test]
async fn a_pushed_request_binds_the_code_to_the_key_of_its_proof() {
    let world = world().await;
    let (key, other) = (Key::number(1), Key::number(2));
    let push = async |jti: &str, jkt: Option<String>| {
        let claims = with(proof(&world, jti), &json!({"htu": world.url("/par")}));
        let mut form = careful();
        form.extend(jkt.iter().map(|jkt| ("dpop_jkt", jkt.as_str())));
        let request = world.http.post(world.url("/par")).form(&form);
        let request = request.basic_auth("app", Some("secret"));
        let request = request.header("dpop", key.sign(&header(&key), &claims));
        request.send().await.unwrap()
    };
    let response = push("1", Some(other.thumbprint())).await;
    let error = error_of(response).await;
    assert_eq!(error, (400, "invalid_dpop_proof".to_owned()));
    let response = push("2", Some(key.thumbprint())).await;
    assert_eq!(response.status(), 201);
    let pushed: Value = push("3", None).await.json().await.unwrap();
    let request_uri = pushed["request_uri"].as_str().unwrap();
    let request = [("client_id", "app"), ("request_uri", request_uri)].into();
    let code = world.callback(&request).await["code"].clone();
    for (number, (key, outcome)) in [(&other, 400), (&key, 200)].into_iter().enumerate() {
        let proof = key.sign(&header(key), &proof(&world, &format!("code {number}")));
        let response = world.redeem(&code).header("dpop", proof).send().await;
        assert_eq!(response.unwrap().status(), outcome);
    }
}
