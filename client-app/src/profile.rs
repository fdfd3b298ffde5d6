//! `GET /profile`: asks the provider about the user on every view, and refreshes the access token
//! when it has run out.

use crate::{
    App, checks,
    clock::unix_now,
    failure::Failure,
    id_token,
    provider::Provider,
    session::{SignedIn, Visitor},
    userinfo::{Profile, Userinfo},
};
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use std::sync::Arc;

/// How long before its end an access token counts as expired, in seconds: it has to last for the
/// request that it is sent with.
const EXPIRY_MARGIN: f64 = 5.0;

/// The page with the user's claims.
pub(crate) async fn profile(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    OriginalUri(page): OriginalUri,
) -> Response {
    let signed_in = match visitor.signed_in().await {
        Ok(Some(signed_in)) => signed_in,
        Ok(None) => return app.pages.please_sign_in(&page),
        Err(error) => return app.pages.failure(&error.into()),
    };
    match current(&app, &visitor, signed_in).await {
        Ok((signed_in, profile, provider)) => app.pages.profile(&signed_in, &profile, provider),
        Err(failure) if ends_the_session(&failure) => match visitor.sign_out().await {
            Ok(()) => {
                tracing::info!(reason = %failure, "session ended");
                app.pages.please_sign_in_again()
            }
            Err(error) => app.pages.failure(&error.into()),
        },
        Err(failure) => app.pages.failure(&failure),
    }
}

/// The user as the provider knows them now, with a token that works now.
async fn current<'app>(
    app: &'app App,
    visitor: &Visitor,
    mut signed_in: SignedIn,
) -> Result<(SignedIn, Profile, &'app Provider), Failure> {
    let provider = app.provider(&signed_in.provider)?;
    let expired = has_expired(&signed_in, unix_now());
    if expired {
        signed_in = refresh(visitor, provider, signed_in).await?;
    }
    let userinfo = match provider.userinfo(&signed_in.access_token).await {
        Err(refusal) if refusal.denies_the_access_token() && !expired => {
            signed_in = refresh(visitor, provider, signed_in).await?;
            provider.userinfo(&signed_in.access_token).await?
        }
        outcome => outcome?,
    };
    checks::userinfo_is_about_the_same_user(&userinfo, &signed_in.subject)?;
    let Userinfo { profile, .. } = userinfo;
    let profile = profile.or(signed_in.profile.clone());
    Ok((signed_in, profile, provider))
}

/// One refresh. What it gave is saved before anything is done with it, since the provider may
/// already have forgotten the old refresh token.
async fn refresh(
    visitor: &Visitor,
    provider: &Provider,
    mut signed_in: SignedIn,
) -> Result<SignedIn, Failure> {
    let refresh_token = checks::refresh_token_is_present(&signed_in)?;
    let _turn = provider.turn(refresh_token).await;
    if let Some(latest) = visitor.signed_in_by_now().await?
        && !latest.access_token.is(signed_in.access_token.expose())
    {
        // Another tab of this browser was faster.
        return Ok(latest);
    }
    let tokens = provider.refresh(refresh_token).await?;
    checks::token_type_is_bearer(&tokens.token_type)?;
    if provider.is_openid()
        && let Some(id_token) = &tokens.id_token
    {
        id_token::of_refresh(provider, &tokens, id_token, &signed_in).await?;
        signed_in.id_token = Some(id_token.clone());
    }
    signed_in.access_token = tokens.access_token;
    signed_in.expires_at = tokens.expires_in.map(|lifetime| unix_now() + lifetime);
    // Without a new refresh token the old one stays good (RFC 6749 section 6).
    signed_in.refresh_token = tokens.refresh_token.or(signed_in.refresh_token);
    visitor.update(&signed_in).await?;
    tracing::info!(provider = provider.name(), "access token refreshed");
    Ok(signed_in)
}

fn has_expired(signed_in: &SignedIn, now: f64) -> bool {
    signed_in
        .expires_at
        .is_some_and(|at| now >= at - EXPIRY_MARGIN)
}

/// A session is over when its grant is, or when its provider has left the configuration.
fn ends_the_session(failure: &Failure) -> bool {
    match failure {
        Failure::Refused(refusal) => refusal.ends_the_grant(),
        Failure::UnknownProvider => true,
        Failure::Session(_) => false,
    }
}
