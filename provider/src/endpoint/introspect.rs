//! `/introspect` (RFC 7662): what a token is good for now.

use std::sync::Arc;

use super::client_auth::authenticate;
use super::message::typed;
use super::mint::{honoured, jti};
use super::token::{TokenError, error, refuse};
use super::{Call, Reply};
use crate::issue::{self, Introspected};
use crate::parties::Client;
use crate::protocol::{ErrorCode, TokenInQuestion, TokenParameters};
use crate::rules;

pub(super) fn serve(call: &Call<'_>) -> Reply {
    introspect(call).unwrap_or_else(refuse)
}

fn introspect(call: &Call<'_>) -> Result<Reply, TokenError> {
    let (asking, token) = question(call)?;
    if asking.is_public() && !call.issuer.is_lax() {
        // RFC 7662 §2.1: whoever could ask without being known could scan for tokens.
        let reason = "a public client may not ask about tokens";
        return Err(error(ErrorCode::InvalidClient, reason));
    }
    let draft = if let Some(known) = honoured(call, &token) {
        known.sub.iter().for_each(|sub| call.note_user(sub));
        let client = call.client(&known.client_id);
        let introspected = Introspected::AccessToken {
            client: &client,
            token: &known,
            jti: jti(call, &token).unwrap_or_else(|| known.id.clone()),
        };
        issue::introspection(call.at(), Some(introspected))
    } else {
        // A refresh token is nobody's business but its client's.
        let known = (call.shelf().refresh_token(&token))
            .filter(|it| !it.used && call.now < it.expires_at)
            .filter(|it| it.grant.client_id == asking.id)
            .filter(|it| !call.shelf().is_revoked(&it.grant.id));
        if let Some(known) = &known {
            call.note_grant(&known.grant);
        }
        let introspected = known.as_ref().map(|known| Introspected::RefreshToken {
            client: &asking,
            grant: &known.grant,
            expires_at: known.expires_at,
        });
        issue::introspection(call.at(), introspected)
    };
    Ok(Reply::document(call.tamper(draft)))
}

/// Who asks, and about which token: the same for introspection and revocation.
pub(super) fn question(call: &Call<'_>) -> Result<(Arc<Client>, String), TokenError> {
    let pairs = (call.request.form())
        .map_err(|problem| error(ErrorCode::InvalidRequest, &problem.to_string()))?;
    let credentials: TokenParameters = typed(&pairs);
    call.demand(rules::single_parameters(&pairs))
        .map_err(|violation| error(ErrorCode::InvalidRequest, &violation.to_string()))?;
    let client = authenticate(call, &credentials)?;
    let TokenInQuestion { token } = typed(&pairs);
    let token = token.ok_or_else(|| error(ErrorCode::InvalidRequest, "no token is sent"))?;
    Ok((client, token))
}
