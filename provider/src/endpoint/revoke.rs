//! `/revoke` (RFC 7009): a token is good for nothing from now on.

use super::introspect::question;
use super::token::response;
use super::token::{TokenError, error, refuse};
use super::{Call, Reply, mint};
use crate::protocol::ErrorCode;

pub(super) fn serve(call: &Call<'_>) -> Reply {
    revoke(call).unwrap_or_else(refuse)
}

/// An access token ends alone, a refresh token with everything of its grant (RFC 7009 §2.1). What
/// nobody knows is as revoked as it can be (§2.2).
fn revoke(call: &Call<'_>) -> Result<Reply, TokenError> {
    let (client, token) = question(call)?;
    let own = |issued_to: &str| {
        if issued_to == client.id {
            return Ok(());
        }
        let reason = "the token was issued to another client (RFC 7009 section 2.1)";
        Err(error(ErrorCode::InvalidGrant, reason))
    };
    if let Some(known) = mint::read(call, &token) {
        own(&known.client_id)?;
        known.sub.iter().for_each(|sub| call.note_user(sub));
        let left = known.expires_at.saturating_sub(call.now);
        call.shelf().revoke(&known.id, left);
    } else if let Some(known) = call.shelf().refresh_token(&token) {
        own(&known.grant.client_id)?;
        call.note_grant(&known.grant);
        response::revoke(call, &known.grant);
        call.shelf().drop_refresh_token(&token);
    }
    Ok(Reply::empty(200).header("cache-control", "no-store"))
}
