//! Speaks to one provider: metadata, keys, tokens, userinfo. It talks; `checks.rs` decides.

use crate::{
    back_channel::{self, Endpoint},
    checks,
    config::{Algorithm, ClientAuth, Config, Endpoints, Kind, ProviderConfig},
    endpoint::EndpointUrl,
    id_token::Header,
    refusal::Refusal,
    secret::Secret,
    session::PendingLogin,
    userinfo::Userinfo,
};
use aws_lc_rs::digest;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::jwk::Jwk;
use reqwest::{RequestBuilder, header::ACCEPT};
use serde::Deserialize;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use url::Url;

/// How long metadata and keys are used before they are fetched again.
const CACHED_FOR: Duration = Duration::from_hours(1);

/// How often an unknown key may make us fetch the keys again.
const REFETCH_EVERY: Duration = Duration::from_secs(5);

/// How many refreshes may go on at the same time.
const REFRESHES_AT_ONCE: usize = 32;

/// A provider, with what has been learnt about it.
pub(crate) struct Provider {
    config: ProviderConfig,
    redirect_uri: String,
    http: reqwest::Client,
    discovered: Mutex<Option<(Instant, Arc<Endpoints>)>>,
    keys: tokio::sync::Mutex<KeyCache>,
    refreshing: [tokio::sync::Mutex<()>; REFRESHES_AT_ONCE],
}

/// What OpenID Connect adds to a provider.
#[derive(Clone, Copy)]
pub(crate) struct OpenId<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) algorithms: &'a [Algorithm],
}

#[derive(Default)]
struct KeyCache {
    fetched: Option<(Instant, Vec<Jwk>)>,
    refetched_at: Option<Instant>,
}

/// A token response (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3).
#[derive(Debug, Deserialize)]
pub(crate) struct TokenResponse {
    pub(crate) access_token: Secret,
    pub(crate) token_type: String,
    /// The access token's lifetime in seconds.
    pub(crate) expires_in: Option<f64>,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) id_token: Option<Secret>,
}

/// A provider's metadata (OpenID Connect Discovery section 3), as far as we use it.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: EndpointUrl,
    token_endpoint: EndpointUrl,
    userinfo_endpoint: EndpointUrl,
    jwks_uri: EndpointUrl,
    end_session_endpoint: Option<EndpointUrl>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Provider {
    /// A provider of the configuration; nothing is asked of it yet.
    pub(crate) fn new(config: &Config, provider: &ProviderConfig) -> Result<Self, reqwest::Error> {
        Ok(Self {
            config: provider.clone(),
            redirect_uri: config.redirect_uri(),
            http: back_channel::client(provider, config.back_channel_timeout)?,
            discovered: Mutex::default(),
            keys: tokio::sync::Mutex::default(),
            refreshing: std::array::from_fn(|_| tokio::sync::Mutex::default()),
        })
    }

    pub(crate) fn config(&self) -> &ProviderConfig {
        &self.config
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.config.client_id
    }

    /// The issuer identifier, where one is known.
    pub(crate) fn issuer(&self) -> Option<&str> {
        match &self.config.kind {
            Kind::OpenId { issuer, .. } => Some(issuer),
            Kind::OAuth { issuer, .. } => issuer.as_deref(),
        }
    }

    /// Whether users are identified by an ID token here.
    pub(crate) fn is_openid(&self) -> bool {
        matches!(self.config.kind, Kind::OpenId { .. })
    }

    /// What an ID token has to fit. A plain OAuth 2.0 provider allows no algorithm at all.
    pub(crate) fn openid(&self) -> OpenId<'_> {
        match &self.config.kind {
            Kind::OpenId {
                issuer, algorithms, ..
            } => OpenId { issuer, algorithms },
            Kind::OAuth { .. } => OpenId {
                issuer: "",
                algorithms: &[],
            },
        }
    }

    /// The endpoints: as configured, or discovered and then remembered for an hour.
    pub(crate) async fn endpoints(&self) -> Result<Arc<Endpoints>, Refusal> {
        let (issuer, issuer_url) = match &self.config.kind {
            Kind::OAuth { endpoints, .. }
            | Kind::OpenId {
                endpoints: Some(endpoints),
                ..
            } => return Ok(Arc::new(endpoints.clone())),
            Kind::OpenId {
                issuer, issuer_url, ..
            } => (issuer, issuer_url),
        };
        let remembered = self.remembered().clone();
        if let Some((at, endpoints)) = remembered
            && at.elapsed() < CACHED_FOR
        {
            return Ok(endpoints);
        }
        let endpoints = Arc::new(self.discover(issuer, issuer_url).await?);
        *self.remembered() = Some((Instant::now(), Arc::clone(&endpoints)));
        Ok(endpoints)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Arc<Endpoints>)>> {
        let lock = self.discovered.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }

    /// OpenID Connect Discovery section 4.
    async fn discover(&self, issuer: &str, url: &EndpointUrl) -> Result<Endpoints, Refusal> {
        let mut well_known = url.as_url().clone();
        let base = well_known.path().trim_end_matches('/').to_owned();
        well_known.set_path(&format!("{base}/.well-known/openid-configuration"));
        let body = self
            .ask(Endpoint::Metadata, self.http.get(well_known))
            .await?;
        let metadata: Metadata =
            checks::is_well_formed("the provider's metadata", serde_json::from_slice(&body))?;
        checks::metadata_is_of_our_issuer(&metadata.issuer, issuer)?;
        Ok(Endpoints {
            authorization: metadata.authorization_endpoint,
            token: metadata.token_endpoint,
            userinfo: metadata.userinfo_endpoint,
            jwks: Some(metadata.jwks_uri),
            end_session: metadata.end_session_endpoint,
            sends_issuer: metadata.authorization_response_iss_parameter_supported,
        })
    }

    /// Where to send the browser (RFC 6749 section 4.1.1, RFC 7636 section 4.3, OpenID Connect
    /// Core section 3.1.2.1).
    pub(crate) async fn authorization_request(&self, login: &PendingLogin) -> Result<Url, Refusal> {
        let mut url = self.endpoints().await?.authorization.as_url().clone();
        let verifier = login.code_verifier.expose().as_bytes();
        let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier));
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.config.scopes.join(" "))
            .append_pair("state", login.state.expose())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if let Some(nonce) = &login.nonce {
            query.append_pair("nonce", nonce.expose());
        }
        if self.is_openid() && self.config.asks_for("offline_access") {
            // Without it a provider has to ignore `offline_access` (OpenID Connect Core section 11).
            query.append_pair("prompt", "consent");
        }
        drop(query);
        Ok(url)
    }

    /// Exchanges the code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
    pub(crate) async fn exchange(
        &self,
        code: &Secret,
        login: &PendingLogin,
    ) -> Result<TokenResponse, Refusal> {
        let grant = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", login.code_verifier.expose()),
        ];
        self.tokens(&grant).await
    }

    /// Waits until nobody else uses the same refresh token. A provider that replaces it takes a
    /// second use for theft (RFC 9700 section 4.14.2), and tabs ask at the same time.
    pub(crate) async fn turn(&self, refresh_token: &Secret) -> tokio::sync::MutexGuard<'_, ()> {
        let hash = digest::digest(&digest::SHA256, refresh_token.expose().as_bytes());
        let place = usize::from(hash.as_ref()[0]) % REFRESHES_AT_ONCE;
        self.refreshing[place].lock().await
    }

    /// Trades the refresh token for new tokens (RFC 6749 section 6).
    pub(crate) async fn refresh(&self, refresh_token: &Secret) -> Result<TokenResponse, Refusal> {
        let grant = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
        ];
        self.tokens(&grant).await
    }

    async fn tokens(&self, grant: &[(&str, &str)]) -> Result<TokenResponse, Refusal> {
        let endpoints = self.endpoints().await?;
        let request = self.http.post(endpoints.token.as_url().clone());
        let client_id = ("client_id", self.config.client_id.as_str());
        let request = match &self.config.client_auth {
            ClientAuth::Public => request.form(&[grant, &[client_id]].concat()),
            ClientAuth::Post(secret) => {
                let secret = ("client_secret", secret.expose());
                request.form(&[grant, &[client_id, secret]].concat())
            }
            ClientAuth::Basic(secret) => request
                .header("authorization", basic(client_id.1, secret))
                .form(grant),
        };
        let body = self.ask(Endpoint::Token, request).await?;
        checks::is_well_formed("the token response", serde_json::from_slice(&body))
    }

    /// Asks who the access token belongs to (OpenID Connect Core section 5.3, RFC 6750 section 2.1).
    pub(crate) async fn userinfo(&self, access_token: &Secret) -> Result<Userinfo, Refusal> {
        let endpoints = self.endpoints().await?;
        let request = self
            .http
            .get(endpoints.userinfo.as_url().clone())
            .bearer_auth(access_token.expose());
        let body = self.ask(Endpoint::Userinfo, request).await?;
        let parsed = if self.is_openid() {
            Userinfo::of_openid(&body)
        } else {
            Userinfo::of_oauth(&body)
        };
        checks::is_well_formed("the userinfo response", parsed)
    }

    /// The key that an ID token says it was signed with (OpenID Connect Core section 10.1.1).
    ///
    /// An unknown key makes us look at the provider's keys once more, since it may have changed
    /// them, but not each time that somebody sends us a token with an invented key.
    pub(crate) async fn signing_key(&self, header: &Header) -> Result<Jwk, Refusal> {
        // Held while fetching: whoever needs the same keys waits for them instead of asking too.
        let mut cache = self.keys.lock().await;
        let fresh = match &cache.fetched {
            Some((at, keys)) if at.elapsed() < CACHED_FOR => {
                let known = checks::key_is_known(keys, header).cloned();
                let too_soon = cache
                    .refetched_at
                    .is_some_and(|at| at.elapsed() < REFETCH_EVERY);
                if known.is_ok() || too_soon {
                    return known;
                }
                cache.refetched_at = Some(Instant::now());
                self.fetch_keys().await?
            }
            Some(_) | None => self.fetch_keys().await?,
        };
        let key = checks::key_is_known(&fresh, header).cloned();
        cache.fetched = Some((Instant::now(), fresh));
        key
    }

    /// The provider's keys. One that we cannot read does not make the others useless (RFC 7517
    /// section 5).
    async fn fetch_keys(&self) -> Result<Vec<Jwk>, Refusal> {
        #[derive(Deserialize)]
        struct KeySet {
            keys: Vec<serde_json::Value>,
        }
        let endpoints = self.endpoints().await?;
        let Some(jwks) = &endpoints.jwks else {
            return Ok(Vec::new());
        };
        let request = self.http.get(jwks.as_url().clone());
        let body = self.ask(Endpoint::Jwks, request).await?;
        let set: KeySet = checks::is_well_formed("the key set", serde_json::from_slice(&body))?;
        let readable = set.keys.into_iter().map(serde_json::from_value);
        Ok(readable.filter_map(Result::ok).collect())
    }

    /// Every request to the provider goes through here, and every reply through these two checks.
    async fn ask(&self, endpoint: Endpoint, request: RequestBuilder) -> Result<Vec<u8>, Refusal> {
        let request = request.header(ACCEPT, "application/json");
        let outcome = back_channel::send(request).await;
        let reply = checks::provider_was_reached(endpoint, outcome)?;
        checks::reply_is_a_success(endpoint, &reply)?;
        Ok(reply.body)
    }
}

/// The `Authorization` header of RFC 6749 section 2.3.1: both parts are form-encoded first.
fn basic(client_id: &str, secret: &Secret) -> String {
    let encoded =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pair = format!("{}:{}", encoded(client_id), encoded(secret.expose()));
    format!("Basic {}", STANDARD.encode(pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_of_the_basic_header_are_form_encoded() {
        let header = basic("my:client", &Secret::new("p%ss wörd"));
        let pair = STANDARD
            .decode(header.trim_start_matches("Basic "))
            .unwrap();
        assert_eq!(pair, b"my%3Aclient:p%25ss+w%C3%B6rd");
    }
}
