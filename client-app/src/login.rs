//! The story of a sign-in, from top to bottom. What must hold is asked of `checks.rs`, in order.

use crate::{
    App,
    callback_parameters::{CallbackParameters, LoginParameters},
    checks,
    clock::unix_now,
    failure::Failure,
    id_token,
    provider::Provider,
    secret::Secret,
    session::{PendingLogin, SignedIn, Visitor},
};
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use std::sync::Arc;
use url::Url;

/// `GET /login`: sends the browser to the provider.
pub(crate) async fn login(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = LoginParameters::of_query(query.as_deref());
    let provider = match app.chosen_provider(asked.provider.as_deref()) {
        Ok(Some(provider)) => provider,
        Ok(None) => {
            let return_to = asked.return_to.as_deref();
            return app.pages.choose(&app.providers, return_to);
        }
        Err(failure) => return app.pages.failure(&failure),
    };
    match begin(&app, &visitor, provider, asked.return_to.as_deref()).await {
        Ok(url) => Redirect::to(url.as_str()).into_response(),
        Err(failure) => app.pages.failure(&failure),
    }
}

/// `GET /callback`: the redirect URI, where the provider sends the browser back to.
pub(crate) async fn callback(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Response {
    let parameters = CallbackParameters::of_query(query.as_deref());
    match finish(&app, &visitor, &parameters).await {
        // A clean address: the code is neither in the history nor in a `Referer`.
        Ok(page) => Redirect::to(&page).into_response(),
        Err(failure) => app.pages.failure(&failure),
    }
}

/// `HEAD /callback`: somebody looks at the link without following it, and uses nothing up.
pub(crate) async fn glance() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// First half: remember what the answer must fit, then ask.
async fn begin(
    app: &App,
    visitor: &Visitor,
    provider: &Provider,
    return_to: Option<&str>,
) -> Result<Url, Failure> {
    let return_to = match return_to {
        Some(asked) => checks::return_page_is_ours(&app.base_url, asked)?,
        None => "/profile".to_owned(),
    };
    let login = PendingLogin::begin(provider.name(), provider.is_openid(), return_to);
    let url = provider.authorization_request(&login).await?;
    visitor.remember(login).await?;
    Ok(url)
}

/// Second half: from the authorization response to a signed-in user, and the page to show.
async fn finish(
    app: &App,
    visitor: &Visitor,
    parameters: &CallbackParameters,
) -> Result<String, Failure> {
    checks::parameters_appear_once(parameters)?;
    let login = checks::state_is_ours(visitor.pending_logins().await?, parameters.get("state"))?;
    visitor.forget(&login).await?;
    let provider = app.provider(&login.provider)?;

    let endpoints = provider.endpoints().await?;
    checks::issuer_is_the_one_we_asked(
        parameters.get("iss"),
        provider.issuer(),
        endpoints.sends_issuer,
    )?;
    checks::provider_reported_no_error(parameters)?;
    let code = checks::code_is_present(parameters)?;

    let signed_in = redeem(provider, &code, &login).await?;
    visitor.sign_in(&signed_in).await?;
    tracing::info!(provider = provider.name(), "signed in");
    Ok(login.return_to)
}

/// Turns the code into a user: tokens, then the ID token, then userinfo.
async fn redeem(
    provider: &Provider,
    code: &Secret,
    login: &PendingLogin,
) -> Result<SignedIn, Failure> {
    let tokens = provider.exchange(code, login).await?;
    checks::token_type_is_bearer(&tokens.token_type)?;

    let mut known = None;
    if let Some(nonce) = &login.nonce {
        checks::id_token_is_present(tokens.id_token.as_ref())?;
        if let Some(id_token) = &tokens.id_token {
            known = Some(id_token::of_sign_in(provider, &tokens, id_token, nonce).await?);
        }
    }

    let userinfo = provider.userinfo(&tokens.access_token).await?;
    let mut session_id = None;
    let mut subject = userinfo.subject.clone();
    let mut profile = userinfo.profile.clone();
    if let Some(claims) = known {
        checks::userinfo_is_about_the_same_user(&userinfo, &claims.sub)?;
        subject = claims.sub;
        session_id = claims.sid;
        profile = profile.or(claims.profile);
    }

    Ok(SignedIn {
        provider: provider.name().to_owned(),
        subject,
        profile,
        nonce: login.nonce.clone(),
        session_id,
        // Only an ID token that was looked at is kept.
        id_token: tokens.id_token.filter(|_| login.nonce.is_some()),
        access_token: tokens.access_token,
        expires_at: tokens.expires_in.map(|lifetime| unix_now() + lifetime),
        refresh_token: tokens.refresh_token,
    })
}
