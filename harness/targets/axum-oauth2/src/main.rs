//! An axum app that signs in with the crate `oauth2`, as its documentation shows it.

use std::env;
use std::error::Error;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use oauth2::basic::{BasicClient, BasicErrorResponseType, BasicTokenType};
use oauth2::{
    AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    EndpointNotSet, EndpointSet, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RevocationErrorResponseType, Scope, StandardErrorResponse, StandardRevocableToken,
    StandardTokenIntrospectionResponse, StandardTokenResponse, TokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
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

/// What a login that has begun keeps until its callback.
#[derive(Serialize, Deserialize)]
struct Pending {
    state: CsrfToken,
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
    session
        .insert("pending", Pending { state, verifier })
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
    let http = reqwest::Client::builder()
        // Following redirects would open the client up to server-side request forgery.
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let token = provider()?
        .exchange_code(AuthorizationCode::new(callback.code))
        .set_pkce_verifier(pending.verifier)
        .request_async(&http)
        .await?;
    let user: User = http
        .get(format!("{}/userinfo", issuer()))
        .bearer_auth(token.access_token().secret())
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
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
