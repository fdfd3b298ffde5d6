//! `/logout`: here first, then at the provider, where it offers that.

use crate::{
    App,
    failure::Failure,
    session::{SignedIn, Visitor},
};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use std::sync::Arc;
use url::Url;

/// `GET /logout` only asks: a link or an image on another page must not sign anybody out.
pub(crate) async fn ask(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    match visitor.signed_in().await {
        Ok(signed_in) => app.pages.sign_out(signed_in.is_some()),
        Err(error) => app.pages.failure(&error.into()),
    }
}

/// `POST /logout` does it. A form on another site brings no cookie along (`SameSite=Lax`), so it
/// signs nobody out.
pub(crate) async fn sign_out(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let signed_in = match visitor.signed_in().await {
        Ok(signed_in) => signed_in,
        Err(error) => return app.pages.failure(&error.into()),
    };
    if let Err(error) = visitor.sign_out().await {
        return app.pages.failure(&error.into());
    }
    let Some(signed_in) = signed_in else {
        return Redirect::to("/").into_response();
    };
    tracing::info!(provider = signed_in.provider, "signed out");
    // Here the user is signed out already; a provider that is down changes nothing about it.
    match at_the_provider(&app, &signed_in).await {
        Ok(Some(url)) => Redirect::to(url.as_str()).into_response(),
        Ok(None) | Err(_) => Redirect::to("/").into_response(),
    }
}

/// Where the user can sign out at the provider too (RP-Initiated Logout section 2).
async fn at_the_provider(app: &App, signed_in: &SignedIn) -> Result<Option<Url>, Failure> {
    let provider = app.provider(&signed_in.provider)?;
    let endpoints = provider.endpoints().await?;
    let Some(end_session) = &endpoints.end_session else {
        return Ok(None);
    };
    let mut url = end_session.as_url().clone();
    let mut query = url.query_pairs_mut();
    if let Some(id_token) = &signed_in.id_token {
        query.append_pair("id_token_hint", id_token.expose());
    }
    query
        .append_pair("client_id", provider.client_id())
        .append_pair("post_logout_redirect_uri", &format!("{}/", app.base_url));
    drop(query);
    Ok(Some(url))
}
