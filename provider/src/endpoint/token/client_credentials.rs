//! The client credentials grant (RFC 6749 §4.4).

use std::sync::Arc;

use super::response::Response;
use super::target::audience;
use super::{TokenError, error, grantable_scopes};
use crate::endpoint::{Call, Reply};
use crate::grant::Grant;
use crate::parties::Client;
use crate::protocol::{ErrorCode, TokenParameters};

/// A client that acts for itself. There is no user in it, so no ID token and no refresh token
/// either (RFC 6749 §4.4.3).
pub(super) fn grant(
    call: &Call<'_>,
    client: &Client,
    parameters: &TokenParameters,
) -> Result<Reply, TokenError> {
    if client.is_public() && !call.issuer.is_lax() {
        let reason = "a public client has no credentials to act for itself with";
        return Err(error(ErrorCode::UnauthorizedClient, reason));
    }
    let scopes = grantable_scopes(call, client, parameters.scope.as_deref())?;
    let audience = audience(call, &[], &parameters.resource)?;
    let grant = Arc::new(Grant {
        id: call.issuer.randomness.id(),
        client_id: client.id.clone(),
        scopes: scopes.clone(),
        resources: audience.clone(),
        test: call.test(),
        ..Grant::default()
    });
    let response = Response {
        call,
        client,
        grant,
        scopes,
        audience,
        nonce: None,
        with_refresh_token: false,
    };
    Ok(response.render())
}
