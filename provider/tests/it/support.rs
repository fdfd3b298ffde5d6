//! What the tests share: a client and a browser in a few lines, and a provider to use them on.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::{Client, Clock, Issuer, IssuerSettings, MockProvider};
use reqwest::{RequestBuilder, Response, header};
use serde_json::{Value, json};

pub(crate) const CALLBACK: &str = "http://localhost:3000/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const NOW: u64 = 1_800_000_000;

/// A provider with one client `app`, and what it takes to talk to it.
pub(crate) struct World {
    pub(crate) provider: MockProvider,
    pub(crate) issuer: Issuer,
    pub(crate) http: reqwest::Client,
}

/// Settings with one client, a user header, a seed and a clock that stands still.
pub(crate) fn settings() -> IssuerSettings {
    IssuerSettings {
        clients: vec![
            Client::confidential("app", "secret")
                .redirect_uri(CALLBACK)
                .post_logout_redirect_uri("http://localhost:3000/bye?x=1"),
            Client::confidential("other", "other-secret").redirect_uri(CALLBACK),
            Client::public("native").redirect_uri("http://127.0.0.1/native"),
        ],
        user_header: true,
        clock: Clock::fixed(NOW),
        seed: Some(1),
        ..IssuerSettings::default()
    }
}

pub(crate) async fn world() -> World {
    world_with(settings()).await
}

pub(crate) async fn world_with(settings: IssuerSettings) -> World {
    let provider = MockProvider::builder()
        .settings(settings)
        .start()
        .await
        .unwrap();
    World {
        issuer: provider.issuer().clone(),
        provider,
        http: http(),
    }
}

pub(crate) fn http() -> reqwest::Client {
    http_builder().build().unwrap()
}

pub(crate) fn http_builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
}

/// The authorization request of a careful client.
pub(crate) fn careful() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile email offline_access"),
        ("state", "the-state"),
        ("nonce", "the-nonce"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ])
}

impl World {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.url())
    }

    pub(crate) fn authorize(&self, parameters: &BTreeMap<&str, &str>) -> RequestBuilder {
        self.http.get(self.url("/authorize")).query(parameters)
    }

    /// The same, with somebody signed in by header.
    pub(crate) fn authorize_as(
        &self,
        sub: &str,
        parameters: &BTreeMap<&str, &str>,
    ) -> RequestBuilder {
        self.authorize(parameters).header("gauntlet-user", sub)
    }

    /// Signs somebody in by header; the parameters of the callback.
    pub(crate) async fn callback_as(
        &self,
        sub: &str,
        parameters: &BTreeMap<&str, &str>,
    ) -> Parameters {
        callback(&self.authorize_as(sub, parameters).send().await.unwrap())
    }

    /// Signs alice in by header; the parameters of the callback.
    pub(crate) async fn callback(&self, parameters: &BTreeMap<&str, &str>) -> Parameters {
        self.callback_as("alice", parameters).await
    }

    /// Signs alice in by header; the code.
    pub(crate) async fn code(&self) -> String {
        self.callback(&careful()).await["code"].clone()
    }

    pub(crate) fn token(&self, form: &[(&str, &str)]) -> RequestBuilder {
        let request = self.http.post(self.url("/token"));
        request.basic_auth("app", Some("secret")).form(form)
    }

    /// The honest token request for a code.
    pub(crate) fn redeem(&self, code: &str) -> RequestBuilder {
        self.token(&redemption(code))
    }

    pub(crate) fn refresh(&self, token: &str) -> RequestBuilder {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// A whole sign-in of alice; the token response.
    pub(crate) async fn tokens(&self) -> Value {
        self.tokens_for(&self.code().await).await
    }

    /// What a code is good for.
    pub(crate) async fn tokens_for(&self, code: &str) -> Value {
        granted(self.redeem(code)).await
    }

    /// A token of the client itself.
    pub(crate) async fn own_token(&self) -> Value {
        granted(self.token(&[("grant_type", "client_credentials")])).await
    }

    /// What introspection says of a token, to `app`.
    pub(crate) async fn introspect(&self, token: &str) -> Value {
        let request = self.http.post(self.url("/introspect"));
        let request = request.basic_auth("app", Some("secret"));
        let response = request.form(&[("token", token)]).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["cache-control"], "no-store");
        response.json().await.unwrap()
    }

    pub(crate) fn revoke(&self, token: &str) -> RequestBuilder {
        let request = self.http.post(self.url("/revoke"));
        let request = request.basic_auth("app", Some("secret"));
        request.form(&[("token", token)])
    }

    pub(crate) fn userinfo(&self, token: &str) -> RequestBuilder {
        self.http.get(self.url("/userinfo")).bearer_auth(token)
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        self.http
            .get(self.url(path))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }
}

/// The body of a response that has to be a success.
pub(crate) async fn granted(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 200, "{body}");
    body
}

pub(crate) fn redemption(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

pub(crate) type Parameters = BTreeMap<String, String>;

/// The parameters that came back to the redirect URI.
#[track_caller]
pub(crate) fn callback(response: &Response) -> Parameters {
    let location = location(response);
    let (uri, query) = location.split_once('?').unwrap();
    assert!(!uri.is_empty());
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

#[track_caller]
pub(crate) fn location(response: &Response) -> String {
    let status = response.status().as_u16();
    assert!(matches!(status, 302 | 303), "no redirect but {status}");
    response.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned()
}

pub(crate) async fn error_of(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["error"].as_str().unwrap().to_owned())
}

/// The claims of an ID token, once a library of others has checked it against the published keys.
pub(crate) async fn verified(world: &World, id_token: &str) -> Value {
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
    let published = world.json("/jwks").await;
    if let Some(claims) = verified_ecdsa(&published, id_token) {
        return claims;
    }
    let keys: JwkSet = serde_json::from_value(published).unwrap();
    let header = decode_header(id_token).unwrap();
    let key = keys.find(header.kid.as_deref().unwrap()).unwrap();
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&["app"]);
    validation.set_issuer(&[world.issuer.url()]);
    validation.validate_exp = false;
    // Userinfo responses have none.
    validation.required_spec_claims.remove("exp");
    let key = DecodingKey::from_jwk(key).unwrap();
    decode::<Value>(id_token, &key, &validation).unwrap().claims
}

/// The claims of a token that is signed with ES512 or ES256K, which the library does not know.
fn verified_ecdsa(published: &Value, token: &str) -> Option<Value> {
    use aws_lc_rs::signature::{
        ECDSA_P256K1_SHA256_FIXED, ECDSA_P521_SHA512_FIXED, UnparsedPublicKey,
    };
    let decode = |part: &Value| URL_SAFE_NO_PAD.decode(part.as_str().unwrap()).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decode(&json!(header))).unwrap();
    let scheme = match header["alg"].as_str() {
        Some("ES512") => &ECDSA_P521_SHA512_FIXED,
        Some("ES256K") => &ECDSA_P256K1_SHA256_FIXED,
        _ => return None,
    };
    let keys = published["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let point = [vec![4], decode(&key["x"]), decode(&key["y"])].concat();
    UnparsedPublicKey::new(scheme, point)
        .verify(message.as_bytes(), &decode(&json!(signature)))
        .unwrap();
    Some(serde_json::from_slice(&decode(&json!(claims))).unwrap())
}
