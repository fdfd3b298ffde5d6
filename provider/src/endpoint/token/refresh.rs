//! The refresh token grant.

use super::response::{Response, revoke};
use super::target::audience;
use super::{TokenError, error, split_scope};
use crate::endpoint::{Call, Reply};
use crate::parties::Client;
use crate::protocol::{ErrorCode, TokenParameters};
use crate::rules;
use crate::settings::Profile;

/// RFC 6749 §6, OIDC Core §12, RFC 9700 §4.14.2.
pub(super) fn refresh(
    call: &Call<'_>,
    client: &Client,
    parameters: &TokenParameters,
) -> Result<Reply, TokenError> {
    let token = (parameters.refresh_token.as_deref())
        .ok_or_else(|| error(ErrorCode::InvalidRequest, "no refresh_token is sent"))?;
    let gone = || {
        let reason = "the refresh token is unknown, expired or revoked";
        error(ErrorCode::InvalidGrant, reason)
    };
    let issued = call.shelf().refresh_token(token).ok_or_else(gone)?;
    let grant = issued.grant;
    call.note_grant(&grant);
    let demand = |rule, code| {
        call.demand(rule)
            .map_err(|violation| error(code, &violation.to_string()))
    };
    demand(
        rules::refresh_token_of_this_client(&grant, &client.id),
        ErrorCode::InvalidGrant,
    )?;
    if client.is_public() {
        demand(
            rules::grant_of_this_key(&grant, &call.holder()),
            ErrorCode::InvalidGrant,
        )?;
    }
    let unused = |unused: bool| {
        demand(rules::unused_refresh_token(unused), ErrorCode::InvalidGrant)
            .inspect_err(|_| revoke(call, &grant))
    };
    unused(!issued.used)?;
    if call.shelf().is_revoked(&grant.id) || issued.expires_at <= call.now {
        return Err(gone());
    }
    let asked = parameters.scope.as_deref().map(split_scope);
    let scopes = asked.unwrap_or_else(|| grant.scopes.clone());
    demand(
        rules::scope_not_widened(&grant.scopes, &scopes),
        ErrorCode::InvalidScope,
    )?;
    let scopes = scopes
        .into_iter()
        .filter(|scope| grant.scopes.contains(scope))
        .collect();
    let audience = audience(call, &grant.resources, &parameters.resource)?;
    // Where they do not rotate, the client keeps the one that it has: RFC 6749 §6 lets it use it
    // again, and clients take a response without one so. A public client's are used once
    // (OAuth 2.1 §4.3.1).
    let rotates = call.issuer.settings.rotate_refresh_tokens
        || client.is_public() && call.issuer.settings.profile >= Profile::Oauth21;
    if rotates && !issued.used {
        unused(call.shelf().take_refresh_token(token))?;
    }
    let response = Response {
        call,
        client,
        grant,
        scopes,
        audience,
        nonce: None,
        with_refresh_token: rotates,
    };
    Ok(response.render())
}
