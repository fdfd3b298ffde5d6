//! An axum app that signs in with axum-login and the crate `oauth2`, as the example of axum-login
//! shows it.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum_login::{AuthManagerLayerBuilder, AuthUser, AuthnBackend, UserId, login_required};
use oauth2::basic::{BasicClient, BasicErrorResponseType, BasicTokenType};
use oauth2::{
    AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    EndpointNotSet, EndpointSet, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RevocationErrorResponseType, Scope, StandardErrorResponse, StandardRevocableToken,
    StandardTokenIntrospectionResponse, StandardTokenResponse, TokenResponse, TokenUrl,
};
use serde::Deserialize;
use tower_sessions::cookie::SameSite;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

type Provider = Client<
    StandardErrorResponse<BasicErrorResponseType>,
    StandardTokenResponse<EmptyExtraTokenFields, BasicTokenType>,
    StandardTokenIntrospectionResponse<EmptyExtraTokenFields, BasicTokenType>,
    StandardRevocableToken,
    StandardErrorResponse<RevocationErrorResponseType>,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

#[derive(Deserialize)]
struct Callback {
    code: String,
    state: CsrfToken,
}

#[derive(Clone, Debug, Deserialize)]
struct User {
    sub: String,
    name: String,
    email: String,
    #[serde(skip)]
    token: String,
}

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        self.sub.clone()
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.token.as_bytes()
    }
}

/// What the callback brings, and what the login kept for it.
#[derive(Clone)]
struct Credentials {
    code: String,
    verifier: String,
    old_state: CsrfToken,
    new_state: CsrfToken,
}

#[derive(Clone, Default)]
struct Backend {
    users: Arc<Mutex<HashMap<String, User>>>,
}

#[derive(Debug)]
struct BackendError(String);

impl std::fmt::Display for BackendError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for BackendError {}

fn failed(error: impl std::fmt::Display) -> BackendError {
    BackendError(error.to_string())
}

impl AuthnBackend for Backend {
    type User = User;
    type Credentials = Credentials;
    type Error = BackendError;

    async fn authenticate(&self, credentials: Credentials) -> Result<Option<User>, BackendError> {
        if credentials.old_state.secret() != credentials.new_state.secret() {
            return Ok(None);
        }
        let http = reqwest::Client::builder()
            // Following redirects would open the client up to server-side request forgery.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(failed)?;
        let token = provider()
            .map_err(|failure| failed(failure.0))?
            .exchange_code(AuthorizationCode::new(credentials.code))
            .set_pkce_verifier(PkceCodeVerifier::new(credentials.verifier))
            .request_async(&http)
            .await
            .map_err(failed)?;
        let response = http
            .get(format!("{}/userinfo", issuer()))
            .bearer_auth(token.access_token().secret())
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(failed)?;
        let mut user: User = response.json().await.map_err(failed)?;
        user.token = token.access_token().secret().clone();
        if let Ok(mut users) = self.users.lock() {
            users.insert(user.sub.clone(), user.clone());
        }
        Ok(Some(user))
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<User>, BackendError> {
        Ok(self.users.lock().map_err(failed)?.get(id).cloned())
    }
}

type AuthSession = axum_login::AuthSession<Backend>;

struct Failure(Box<dyn Error + Send + Sync>);

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        eprintln!("{}", self.0);
        (StatusCode::BAD_REQUEST, Html("<h1>Sign-in failed</h1>")).into_response()
    }
}

fn issuer() -> String {
    env::var("OIDC_ISSUER").unwrap_or_default()
}

fn provider() -> Result<Provider, Failure> {
    Ok(BasicClient::new(ClientId::new(env::var("OIDC_CLIENT_ID")?))
        .set_client_secret(ClientSecret::new(env::var("OIDC_CLIENT_SECRET")?))
        .set_auth_uri(AuthUrl::new(format!("{}/authorize", issuer()))?)
        .set_token_uri(TokenUrl::new(format!("{}/token", issuer()))?)
        .set_redirect_uri(RedirectUrl::new(format!(
            "{}/callback",
            env::var("APP_URL")?
        ))?))
}

async fn index() -> Html<&'static str> {
    Html(r#"<a href="/login">Log in</a> <a href="/profile">Profile</a>"#)
}

async fn login(session: Session) -> Result<Redirect, Failure> {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state) = provider()?
        .authorize_url(CsrfToken::new_random)
        .add_scope(Scope::new("profile".to_owned()))
        .add_scope(Scope::new("email".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    session.insert("state", state).await?;
    session.insert("verifier", verifier.secret()).await?;
    Ok(Redirect::to(url.as_str()))
}

async fn callback(
    session: Session,
    mut auth: AuthSession,
    Query(callback): Query<Callback>,
) -> Result<Redirect, Failure> {
    let credentials = Credentials {
        code: callback.code,
        verifier: session.remove("verifier").await?.ok_or("no login has begun")?,
        old_state: session.remove("state").await?.ok_or("no login has begun")?,
        new_state: callback.state,
    };
    let user = auth.authenticate(credentials).await?.ok_or("another state")?;
    auth.login(&user).await?;
    Ok(Redirect::to("/profile"))
}

async fn profile(auth: AuthSession) -> Result<Response, Failure> {
    let user = auth.user.ok_or("nobody is signed in")?;
    let page = format!(
        "<h1>Hello, {}!</h1><p>{}</p>",
        escaped(&user.name),
        escaped(&user.email)
    );
    Ok(Html(page).into_response())
}

async fn logout(mut auth: AuthSession) -> Result<Redirect, Failure> {
    auth.logout().await?;
    Ok(Redirect::to("/"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sessions = SessionManagerLayer::new(MemoryStore::default())
        .with_secure(false)
        .with_same_site(SameSite::Lax);
    let app = Router::new()
        .route("/profile", get(profile))
        .route_layer(login_required!(Backend, login_url = "/login"))
        .route("/", get(index))
        .route("/login", get(login))
        .route("/callback", get(callback))
        .route("/logout", get(logout))
        .layer(AuthManagerLayerBuilder::new(Backend::default(), sessions).build());
    let port: u16 = env::var("PORT")?.parse()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
