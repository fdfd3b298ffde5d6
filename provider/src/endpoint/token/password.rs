//! The password grant (RFC 6749 §4.3), which OAuth 2.1 leaves out and applications of old still
//! use.

use super::response::{Response, with_refresh_token};
use super::target::audience;
use super::{TokenError, direct_grant, error, user_scopes};
use crate::endpoint::{Call, Reply, hinted_user};
use crate::parties::Client;
use crate::protocol::{ErrorCode, TokenParameters};

/// The user is named by `sub`, e-mail address or user name. Users have no passwords here, so any
/// is right.
pub(super) fn grant(
    call: &Call<'_>,
    client: &Client,
    parameters: &TokenParameters,
) -> Result<Reply, TokenError> {
    let (Some(name), Some(_)) = (&parameters.username, &parameters.password) else {
        let reason = "username and password have to be sent";
        return Err(error(ErrorCode::InvalidRequest, reason));
    };
    let sub = hinted_user(call.issuer, name).ok_or_else(|| {
        let reason = format!("nobody is called `{name}`");
        error(ErrorCode::InvalidGrant, &reason)
    })?;
    call.note_user(&sub);
    let scopes = user_scopes(call, client, parameters.scope.as_deref())?;
    let audience = audience(call, &[], &parameters.resource)?;
    let signed_in = call.sign_in(&sub);
    let response = Response {
        call,
        client,
        grant: direct_grant(call, client, signed_in, (&scopes, &audience)),
        with_refresh_token: with_refresh_token(call, client, &scopes),
        scopes,
        audience,
        nonce: None,
    };
    Ok(response.render())
}
