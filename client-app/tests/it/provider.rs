//! A provider of few lines: honest, unless its script says otherwise.

use aws_lc_rs::{
    digest,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::{net::TcpListener, task::JoinHandle};

type Fields = HashMap<String, String>;

/// What is done to a document before it leaves.
pub(crate) type Change = Box<dyn Fn(&mut Value) + Send>;

/// Makes an answer.
pub(crate) type Answer = fn() -> Response;

/// Sets one member of a document.
pub(crate) fn set(member: &str, value: Value) -> Change {
    let member = member.to_owned();
    Box::new(move |document| document[&member] = value.clone())
}

/// A running provider; it ends with this value.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    state: Arc<Mutex<Script>>,
    server: JoinHandle<()>,
}

/// What the provider does next, and what it has seen.
pub(crate) struct Script {
    issuer: String,
    key: (String, EncodingKey),
    /// Lifetime of access tokens in seconds.
    pub(crate) expires_in: u64,
    pub(crate) rotates: bool,
    pub(crate) changes_id_token: Change,
    pub(crate) changes_tokens: Change,
    /// The `crit` member of the ID token's header.
    pub(crate) crit: Option<Vec<String>>,
    pub(crate) changes_metadata: Change,
    /// What userinfo says, besides `sub`.
    pub(crate) claims: Value,
    /// Answers a request to this path in place of the provider.
    pub(crate) instead: Option<(&'static str, Answer)>,
    /// Authorization requests by the code that answered them.
    codes: HashMap<String, Fields>,
    pub(crate) access_tokens: Vec<String>,
    pub(crate) refresh_tokens: Vec<String>,
    /// The path of each request on the back channel, and `grant_type` where there is one.
    pub(crate) calls: Vec<String>,
    issued: usize,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(Script {
            issuer: issuer.clone(),
            key: new_key("key-1"),
            expires_in: 3600,
            rotates: true,
            changes_id_token: Box::new(|_| {}),
            changes_tokens: Box::new(|_| {}),
            crit: None,
            changes_metadata: Box::new(|_| {}),
            claims: json!({ "name": "Alice Example", "email": "alice@example.com" }),
            instead: None,
            codes: HashMap::new(),
            access_tokens: Vec::new(),
            refresh_tokens: Vec::new(),
            calls: Vec::new(),
            issued: 0,
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(jwks))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/moved", post(moved))
            .route("/userinfo", get(userinfo))
            .with_state(Arc::clone(&state));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            issuer,
            state,
            server,
        }
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.state.lock().unwrap()
    }

    pub(crate) fn rotate_key(&self, kid: &str) {
        self.script().key = new_key(kid);
    }

    /// How often a path was asked on the back channel.
    pub(crate) fn calls(&self, path: &str) -> usize {
        let script = self.script();
        script.calls.iter().filter(|call| *call == path).count()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Script {
    fn fresh(&mut self, what: &str) -> String {
        self.issued += 1;
        format!("{what}-{}", self.issued)
    }

    fn note(&mut self, path: &'static str) -> Option<Response> {
        self.calls.push(path.to_owned());
        let instead = self.instead.filter(|(faulty, _)| *faulty == path);
        instead.map(|(_, respond)| respond())
    }

    fn id_token(&self, nonce: Option<&String>, client_id: &str, access_token: &str) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let hash = digest::digest(&digest::SHA256, access_token.as_bytes());
        let mut claims = json!({
            "iss": self.issuer, "sub": "alice", "aud": client_id, "iat": now, "exp": now + 300,
            "at_hash": URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]),
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        (self.changes_id_token)(&mut claims);
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.key.0.clone());
        header.crit.clone_from(&self.crit);
        jsonwebtoken::encode(&header, &claims, &self.key.1).unwrap()
    }

    fn tokens(&mut self, nonce: Option<&String>, client_id: &str) -> Value {
        let access_token = self.fresh("access");
        self.access_tokens.push(access_token.clone());
        let mut response = json!({
            "access_token": access_token, "token_type": "Bearer", "expires_in": self.expires_in,
            "id_token": self.id_token(nonce, client_id, &access_token),
        });
        if self.rotates || self.refresh_tokens.is_empty() {
            let refresh_token = self.fresh("refresh");
            self.refresh_tokens = vec![refresh_token.clone()];
            response["refresh_token"] = json!(refresh_token);
        }
        (self.changes_tokens)(&mut response);
        response
    }
}

fn new_key(kid: &str) -> (String, EncodingKey) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
    (kid.to_owned(), key)
}

type Shared = State<Arc<Mutex<Script>>>;

async fn metadata(State(script): Shared) -> Response {
    let mut script = script.lock().unwrap();
    if let Some(response) = script.note("metadata") {
        return response;
    }
    let issuer = &script.issuer;
    let mut metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "end_session_endpoint": format!("{issuer}/end?tenant=1"),
        "authorization_response_iss_parameter_supported": true,
    });
    (script.changes_metadata)(&mut metadata);
    Json(metadata).into_response()
}

async fn jwks(State(script): Shared) -> Response {
    let mut script = script.lock().unwrap();
    if let Some(response) = script.note("jwks") {
        return response;
    }
    let (kid, key) = &script.key;
    let mut jwk = Jwk::from_encoding_key(key, Algorithm::ES256).unwrap();
    jwk.common.key_id = Some(kid.clone());
    Json(json!({ "keys": [{ "kty": "future" }, jwk] })).into_response()
}

async fn authorize(State(script): Shared, Query(request): Query<Fields>) -> Response {
    let mut script = script.lock().unwrap();
    assert_eq!(request["response_type"], "code");
    assert_eq!(request["code_challenge_method"], "S256");
    let code = script.fresh("code");
    let mut callback = url::Url::parse(&request["redirect_uri"]).unwrap();
    callback
        .query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &request["state"])
        .append_pair("iss", &script.issuer);
    script.codes.insert(code, request);
    Redirect::to(callback.as_str()).into_response()
}

async fn token(State(script): Shared, body: String) -> Response {
    let mut script = script.lock().unwrap();
    match script.note("token") {
        Some(response) => response,
        None => grant(&mut script, &body),
    }
}

/// The token endpoint under another address.
async fn moved(State(script): Shared, body: String) -> Response {
    grant(&mut script.lock().unwrap(), &body)
}

fn grant(script: &mut Script, body: &str) -> Response {
    let request: Fields = form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let grant = request["grant_type"].clone();
    script.calls.push(grant.clone());
    let tokens = match grant.as_str() {
        "authorization_code" => {
            let Some(asked) = script.codes.remove(&request["code"]) else {
                return invalid_grant();
            };
            let verifier = digest::digest(&digest::SHA256, request["code_verifier"].as_bytes());
            assert_eq!(URL_SAFE_NO_PAD.encode(verifier), asked["code_challenge"]);
            assert_eq!(request["redirect_uri"], asked["redirect_uri"]);
            script.tokens(asked.get("nonce"), &asked["client_id"])
        }
        "refresh_token" if script.refresh_tokens.contains(&request["refresh_token"]) => {
            script.tokens(None, "client-app")
        }
        _ => return invalid_grant(),
    };
    Json(tokens).into_response()
}

async fn userinfo(State(script): Shared, headers: HeaderMap) -> Response {
    let mut script = script.lock().unwrap();
    if let Some(response) = script.note("userinfo") {
        return response;
    }
    let bearer = headers["authorization"].to_str().unwrap();
    let token = bearer.trim_start_matches("Bearer ").to_owned();
    if !script.access_tokens.contains(&token) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut claims = script.claims.clone();
    claims["sub"] = json!("alice");
    Json(claims).into_response()
}

fn invalid_grant() -> Response {
    let body = Json(json!({ "error": "invalid_grant" }));
    (StatusCode::BAD_REQUEST, body).into_response()
}
