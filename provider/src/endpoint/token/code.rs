//! The authorization code grant.

use super::response::{Response, revoke, with_refresh_token};
use super::target::audience;
use super::{TokenError, error};
use crate::endpoint::{Call, Reply};
use crate::parties::Client;
use crate::protocol::{ErrorCode, TokenParameters};
use crate::rules;

/// RFC 6749 §4.1.3, RFC 7636 §4.6.
pub(super) fn redeem(
    call: &Call<'_>,
    client: &Client,
    parameters: &TokenParameters,
) -> Result<Reply, TokenError> {
    let code = (parameters.code.as_deref())
        .ok_or_else(|| error(ErrorCode::InvalidRequest, "no code is sent"))?;
    let issued = (call.shelf().code(code))
        .ok_or_else(|| error(ErrorCode::InvalidGrant, "the code is unknown"))?;
    let grant = issued.grant;
    call.note_grant(&grant);
    let demand = |rule| {
        call.demand(rule)
            .map_err(|violation| error(ErrorCode::InvalidGrant, &violation.to_string()))
    };
    demand(rules::code_of_this_client(&grant, &client.id))?;
    let unused =
        |unused: bool| demand(rules::unused_code(unused)).inspect_err(|_| revoke(call, &grant));
    unused(!issued.used)?;
    demand(rules::fresh_code(issued.expires_at, call.now))?;
    demand(rules::same_redirect_uri(
        &grant,
        parameters.redirect_uri.as_deref(),
    ))?;
    let (challenge, verifier) = (
        grant.challenge.as_ref(),
        parameters.code_verifier.as_deref(),
    );
    demand(rules::code_verifier(challenge, verifier))?;
    // Without a challenge, a verifier is not read.
    demand(rules::well_formed_verifier(challenge.and(verifier)))?;
    demand(rules::matching_code_verifier(challenge, verifier))?;
    demand(rules::grant_of_this_key(&grant, &call.holder()))?;
    // A provider without PKCE ignores its parameters.
    if !call.issuer.settings.accepted_challenge_methods().is_empty() {
        demand(rules::no_uncalled_verifier(challenge, verifier))?;
    }
    let audience = audience(call, &grant.resources, &parameters.resource)?;
    // Of two requests that come this far at once, one is late.
    if !issued.used {
        unused(call.shelf().take_code(code))?;
    }
    let scopes = grant.scopes.clone();
    let nonce = grant.nonce.clone();
    let with_refresh_token = with_refresh_token(call, client, &scopes);
    let response = Response {
        call,
        client,
        grant,
        scopes,
        audience,
        nonce,
        with_refresh_token,
    };
    Ok(response.render())
}
