//! `POST /backchannel-logout`: a provider says that somebody has signed out there (Back-Channel
//! Logout section 2.5). No browser is involved, so no cookie and no form token; the logout token
//! proves who is speaking.

use crate::{App, failure::Failure, id_token, provider::Provider, secret::Secret};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// Ends the sessions that the logout token names. That there are none is no error: somebody may
/// have signed out here before (section 2.7).
pub(crate) async fn back_channel_logout(State(app): State<Arc<App>>, body: String) -> Response {
    match end_sessions(&app, &body).await {
        Ok(ended) => {
            tracing::info!(ended, "signed out by the provider");
            StatusCode::OK.into_response()
        }
        Err(failure) => {
            tracing::warn!(reason = %failure, "a logout token was refused");
            let json = [(header::CONTENT_TYPE, "application/json")];
            let error = r#"{"error":"invalid_request"}"#;
            (StatusCode::BAD_REQUEST, json, error).into_response()
        }
    }
}

async fn end_sessions(app: &App, body: &str) -> Result<usize, Failure> {
    let mut pairs = form_urlencoded::parse(body.as_bytes());
    let token = pairs.find(|(name, _)| name == "logout_token");
    let token = Secret::new(
        token
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default(),
    );
    let provider = provider_of(app, &token)?;
    let logout = id_token::of_logout(provider, &token).await?;
    let (sub, sid) = (logout.sub.as_deref(), logout.sid.as_deref());
    Ok(app.sessions.end(provider.name(), sub, sid).await?)
}

/// Whose keys to check the token with; what it says of itself is believed only after that.
fn provider_of<'app>(app: &'app App, token: &Secret) -> Result<&'app Provider, Failure> {
    let issuer = id_token::said_issuer(token);
    let mut providers = app.providers.iter().filter(|provider| provider.is_openid());
    let found =
        providers.find(|provider| issuer.is_some() && provider.issuer() == issuer.as_deref());
    found.ok_or(Failure::UnknownProvider)
}
