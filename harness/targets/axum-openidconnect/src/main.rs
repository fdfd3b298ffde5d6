//! An axum app that signs in with the crate `openidconnect`, as its documentation shows it.

use std::env;
use std::error::Error;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
};
use serde::{Deserialize, Serialize};
use tower_sessions::cookie::SameSite;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

/// What a login that has begun keeps until its callback.
#[derive(Serialize, Deserialize)]
struct Pending {
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

#[derive(Deserialize)]
struct Callback {
    code: String,
    state: String,
}

#[derive(Serialize, Deserialize)]
struct User {
    name: String,
    email: String,
}

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

fn http() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        // Following redirects would open the client up to server-side request forgery.
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

async fn metadata(http: &reqwest::Client) -> Result<CoreProviderMetadata, Failure> {
    let issuer = IssuerUrl::new(env::var("OIDC_ISSUER")?)?;
    Ok(CoreProviderMetadata::discover_async(issuer, http).await?)
}

/// The client: a macro, since its type says which endpoints the metadata have.
macro_rules! provider {
    ($metadata:expr) => {
        CoreClient::from_provider_metadata(
            $metadata,
            ClientId::new(env::var("OIDC_CLIENT_ID")?),
            Some(ClientSecret::new(env::var("OIDC_CLIENT_SECRET")?)),
        )
        .set_redirect_uri(RedirectUrl::new(format!(
            "{}/callback",
            env::var("APP_URL")?
        ))?)
    };
}

async fn index() -> Html<&'static str> {
    Html(r#"<a href="/login">Log in</a> <a href="/profile">Profile</a>"#)
}

async fn login(session: Session) -> Result<Redirect, Failure> {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = provider!(metadata(&http()?).await?)
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scope(Scope::new("profile".to_owned()))
        .add_scope(Scope::new("email".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    session
        .insert(
            "pending",
            Pending {
                state,
                nonce,
                verifier,
            },
        )
        .await?;
    Ok(Redirect::to(url.as_str()))
}

async fn callback(
    session: Session,
    Query(callback): Query<Callback>,
) -> Result<Redirect, Failure> {
    let pending: Pending = session.remove("pending").await?.ok_or("no login has begun")?;
    if pending.state.secret() != &callback.state {
        return Err("another state".into());
    }
    let http = http()?;
    let provider = provider!(metadata(&http).await?);
    let token = provider
        .exchange_code(AuthorizationCode::new(callback.code))?
        .set_pkce_verifier(pending.verifier)
        .request_async(&http)
        .await?;
    let id_token = token.id_token().ok_or("no ID token")?;
    let verifier = provider.id_token_verifier();
    let claims = id_token.claims(&verifier, &pending.nonce)?;
    if let Some(expected) = claims.access_token_hash() {
        let actual = AccessTokenHash::from_token(
            token.access_token(),
            id_token.signing_alg()?,
            id_token.signing_key(&verifier)?,
        )?;
        if actual != *expected {
            return Err("another access token".into());
        }
    }
    let name = claims.name().and_then(|name| name.get(None));
    let user = User {
        name: name.map(|name| name.to_string()).unwrap_or_default(),
        email: claims.email().map(|email| email.to_string()).unwrap_or_default(),
    };
    session.cycle_id().await?;
    session.insert("user", user).await?;
    Ok(Redirect::to("/profile"))
}

async fn profile(session: Session) -> Result<Response, Failure> {
    let Some(user) = session.get::<User>("user").await? else {
        return Ok(Redirect::to("/login").into_response());
    };
    let page = format!(
        "<h1>Hello, {}!</h1><p>{}</p>",
        escaped(&user.name),
        escaped(&user.email)
    );
    Ok(Html(page).into_response())
}

async fn logout(session: Session) -> Result<Redirect, Failure> {
    session.flush().await?;
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
        .route("/", get(index))
        .route("/login", get(login))
        .route("/callback", get(callback))
        .route("/profile", get(profile))
        .route("/logout", get(logout))
        .layer(sessions);
    let port: u16 = env::var("PORT")?.parse()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
