//! ID tokens and userinfo responses that are signed as a client wants it, and that only it can
//! read (RFC 7516, OIDC Core §5.3.2, §10).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rsa::{
    KeyPair, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::{
    Client, ContentEncryption, Encryption, KeyManagementAlgorithm, SigningAlgorithm,
};
use serde_json::{Value, json};

use crate::signed::{claims, der, header};
use crate::support::{World, error_of, settings, verified, world_with};

const RSA: &str = include_str!("../../keys/rsa-3.pem");
const RSA_GCM: Encryption = Encryption {
    algorithm: KeyManagementAlgorithm::RsaOaep256,
    content: ContentEncryption::A256Gcm,
};

async fn world(change: impl FnOnce(&mut Client)) -> World {
    let mut settings = settings();
    change(&mut settings.clients[0]);
    world_with(settings).await
}

/// The client's key, as it registers it.
fn jwks() -> Value {
    let pair = KeyPair::from_pkcs8(&der(RSA)).unwrap();
    let key = pair.public_key();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let n = text(key.modulus().big_endian_without_leading_zero());
    let e = text(key.exponent().big_endian_without_leading_zero());
    json!({"keys": [{"kty": "RSA", "use": "enc", "kid": "mine", "n": n, "e": e}]})
}

/// What the client reads.
fn decrypted(token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let bytes = |number: usize| URL_SAFE_NO_PAD.decode(parts[number]).unwrap();
    assert_eq!(header(token)["enc"], "A256GCM");
    let key = PrivateDecryptingKey::from_pkcs8(&der(RSA)).unwrap();
    let key = OaepPrivateDecryptingKey::new(key).unwrap();
    let mut content_key = vec![0; key.min_output_size()];
    let content_key = key
        .decrypt(&OAEP_SHA256_MGF1SHA256, &bytes(1), &mut content_key, None)
        .unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, content_key).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(&bytes(2)).unwrap();
    let mut text = [bytes(3), bytes(4)].concat();
    let text = key
        .open_in_place(nonce, Aad::from(parts[0]), &mut text)
        .unwrap();
    String::from_utf8(text.to_vec()).unwrap()
}

async fn userinfo(world: &World) -> reqwest::Response {
    let tokens = world.tokens().await;
    let token = tokens["access_token"].as_str().unwrap();
    let response = world.userinfo(token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response
}

#[tokio::test]
async fn an_id_token_is_signed_and_then_encrypted_to_the_client_with_its_faults_in_it() {
    let world = world(|app| {
        app.jwks = Some(jwks());
        app.id_token_encryption = Some(RSA_GCM);
    })
    .await;
    let id_token = world.tokens().await["id_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let outer = header(&id_token);
    assert_eq!(
        (&outer["alg"], &outer["cty"], &outer["kid"]),
        (&json!("RSA-OAEP-256"), &json!("JWT"), &json!("mine"))
    );
    let signed = decrypted(&id_token);
    assert_eq!(verified(&world, &signed).await["sub"], "alice");
    // What the client has to decrypt first, it can still send as a hint.
    let request = world.http.get(world.url("/end_session"));
    let hinted = request.query(&[("id_token_hint", &signed)]).send().await;
    assert_eq!(hinted.unwrap().status(), 200);

    let fault = json!({"id-token": {"sign": "none", "claims": {"aud": "another"}}});
    let fault = serde_json::from_value(fault).unwrap();
    world.issuer.arm(fault).unwrap();
    let id_token = world.tokens().await["id_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let faulty = decrypted(&id_token);
    assert_eq!(header(&faulty)["alg"], "none");
    assert_eq!(claims(&faulty)["aud"], "another");
}

#[tokio::test]
async fn a_client_without_a_key_to_encrypt_to_is_told_so() {
    let world = world(|app| app.id_token_encryption = Some(RSA_GCM)).await;
    let response = world.redeem(&world.code().await).send().await.unwrap();
    let error = error_of(response).await;
    assert_eq!(error, (400, "invalid_client_metadata".to_owned()));
}

#[tokio::test]
async fn an_id_token_is_signed_with_any_algorithm_that_the_client_registered() {
    for algorithm in SigningAlgorithm::ALL {
        let world = world(|app| app.id_token_algorithm = Some(algorithm)).await;
        let id_token = world.tokens().await["id_token"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(header(&id_token)["alg"], algorithm.as_str());
        if algorithm.is_symmetric() {
            use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
            let name: Algorithm = algorithm.as_str().parse().unwrap();
            let mut validation = Validation::new(name);
            validation.set_audience(&["app"]);
            let key = DecodingKey::from_secret(b"secret");
            let decoded = decode::<Value>(&id_token, &key, &validation);
            assert_eq!(decoded.unwrap().claims["sub"], "alice");
        } else {
            assert_eq!(verified(&world, &id_token).await["sub"], "alice");
        }
    }
}

#[tokio::test]
async fn a_userinfo_response_is_signed_encrypted_or_both_as_the_client_registered() {
    let signs = world(|app| app.userinfo_algorithm = Some(SigningAlgorithm::Es256)).await;
    let response = userinfo(&signs).await;
    assert_eq!(response.headers()["content-type"], "application/jwt");
    // The check includes `iss` and `aud`.
    let claims = verified(&signs, &response.text().await.unwrap()).await;
    assert_eq!(claims["email"], "alice@example.com");

    let both = world(|app| {
        app.jwks = Some(jwks());
        app.userinfo_algorithm = Some(SigningAlgorithm::Es256);
        app.userinfo_encryption = Some(RSA_GCM);
    })
    .await;
    let text = userinfo(&both).await.text().await.unwrap();
    let claims = verified(&both, &decrypted(&text)).await;
    assert_eq!(claims["sub"], "alice");

    let encrypts = world(|app| {
        app.jwks = Some(jwks());
        app.userinfo_encryption = Some(RSA_GCM);
    })
    .await;
    let response = userinfo(&encrypts).await;
    assert_eq!(response.headers()["content-type"], "application/jwt");
    let text = decrypted(&response.text().await.unwrap());
    let claims: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(claims["sub"], "alice");
}

#[tokio::test]
async fn faults_of_the_userinfo_response_are_signed_and_those_of_the_reply_are_not() {
    let world = world(|app| app.userinfo_algorithm = Some(SigningAlgorithm::Rs256)).await;
    let arm = |fault: Value| {
        let fault = serde_json::from_value(json!({"userinfo": fault})).unwrap();
        world.issuer.arm(fault).unwrap()
    };
    let armed = arm(json!({"set": {"sub": "mallory"}}));
    let text = userinfo(&world).await.text().await.unwrap();
    assert_eq!(verified(&world, &text).await["sub"], "mallory");
    armed.disarm();
    let armed = arm(json!({"reply": {"type": "text/plain", "body": "hello"}}));
    let response = userinfo(&world).await;
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert_eq!(response.text().await.unwrap(), "hello");
    armed.disarm();
    arm(json!({"error": "server_error"}));
    let tokens = world.tokens().await;
    let token = tokens["access_token"].as_str().unwrap();
    let response = world.userinfo(token).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(error_of(response).await, (400, "server_error".to_owned()));
}
