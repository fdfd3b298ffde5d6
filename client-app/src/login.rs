//! The story of a sign-in, from top to bottom. What must hold is asked of `checks.rs`, in order.

use crate::{
    App,
    callback_parameters::CallbackParameters,
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
    let provider = match app.chosen_provider(query.as_deref()) {
        Ok(Some(provider)) => provider,
        Ok(None) => return app.pages.choose(&app.providers),
        Err(failure) => return app.pages.failure(&failure),
    };
    match begin(&visitor, provider).await {
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
        Ok(()) => Redirect::to("/profile").into_response(),
        Err(failure) => app.pages.failure(&failure),
    }
}

/// First half: remember what the answer must fit, then ask.
async fn begin(visitor: &Visitor, provider: &Provider) -> Result<Url, Failure> {
    let login = PendingLogin::begin(provider.name(), provider.is_openid());
    let url = provider.authorization_request(&login).await?;
    visitor.remember(login).await?;
    Ok(url)
}

/// Second half: from the authorization response to a signed-in user.
async fn finish(
    app: &App,
    visitor: &Visitor,
    parameters: &CallbackParameters,
) -> Result<(), Failure> {
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
    Ok(())
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
    let mut subject = userinfo.subject.clone();
    let mut profile = userinfo.profile.clone();
    if let Some(claims) = known {
        checks::userinfo_is_about_the_same_user(&userinfo, &claims.sub)?;
        subject = claims.sub;
        profile = profile.or(claims.profile);
    }

    Ok(SignedIn {
        provider: provider.name().to_owned(),
        subject,
        profile,
        nonce: login.nonce.clone(),
        // Only an ID token that was looked at is kept.
        id_token: tokens.id_token.filter(|_| login.nonce.is_some()),
        access_token: tokens.access_token,
        expires_at: tokens.expires_in.map(|lifetime| unix_now() + lifetime),
        refresh_token: tokens.refresh_token,
    })
}
