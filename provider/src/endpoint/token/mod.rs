//! `/token` (RFC 6749 §3.2): grants become tokens. One file for each grant.

mod client_credentials;
mod code;
mod device_code;
mod jwt_bearer;
mod password;
mod refresh;
pub(super) mod response;
pub(super) mod target;
mod token_exchange;

use std::sync::Arc;

use super::client_auth::authenticate;
use super::holder;
use super::message::{typed, values};
use super::{Call, Reply};
use crate::grant::{Grant, SignedIn};
use crate::issue;
use crate::names::GrantType;
use crate::parties::Client;
use crate::protocol::{ErrorCode, TokenParameters};
use crate::rules;
use axum::http::header;

/// Why a token request is refused.
#[derive(Debug)]
pub(super) struct TokenError {
    pub(super) code: ErrorCode,
    pub(super) reason: String,
    /// Whether the client used the `Authorization` header, which is answered with its like.
    pub(super) basic: bool,
}

pub(super) fn serve(call: &Call<'_>) -> Reply {
    exchange(call).unwrap_or_else(refuse)
}

/// The error response of the token endpoint and its like (RFC 6749 §5.2).
pub(super) fn refuse(error: TokenError) -> Reply {
    let TokenError {
        code,
        reason,
        basic,
    } = error;
    let status = if code == ErrorCode::InvalidClient {
        401
    } else {
        400
    };
    let reply = Reply::error(status, code, &reason).header("pragma", "no-cache");
    if basic && status == 401 {
        reply.header(
            "www-authenticate",
            "Basic realm=\"token\", charset=\"UTF-8\"",
        )
    } else {
        reply
    }
}

fn exchange(call: &Call<'_>) -> Result<Reply, TokenError> {
    let pairs = (call.request.form())
        .map_err(|problem| error(ErrorCode::InvalidRequest, &problem.to_string()))?;
    let parameters = TokenParameters {
        audience: values(&pairs, "audience"),
        resource: values(&pairs, "resource"),
        ..typed(&pairs)
    };
    call.notes
        .borrow_mut()
        .grant
        .clone_from(&parameters.grant_type);
    if let Some(id) = &parameters.client_id {
        call.note_client(id);
    }
    call.demand(rules::single_parameters(&pairs))
        .map_err(|violation| error(ErrorCode::InvalidRequest, &violation.to_string()))?;
    let client = client(call, &pairs, &parameters)?;
    let name = (parameters.grant_type.as_deref())
        .ok_or_else(|| error(ErrorCode::InvalidRequest, "no grant_type is sent"))?;
    let grant = served_grant(call, name)?;
    let may_use = (client.grant_types.as_ref()).is_none_or(|grants| grants.contains(&grant));
    if !may_use {
        let reason = format!("the client may not use the grant type `{name}`");
        return Err(error(ErrorCode::UnauthorizedClient, &reason));
    }
    let holder = holder::of_token_request(call, &client)?;
    // Nobody else sets it.
    let _ = call.holder.set(holder);
    match grant {
        GrantType::AuthorizationCode => code::redeem(call, &client, &parameters),
        GrantType::RefreshToken => refresh::refresh(call, &client, &parameters),
        GrantType::ClientCredentials => client_credentials::grant(call, &client, &parameters),
        GrantType::Password => password::grant(call, &client, &parameters),
        GrantType::DeviceCode => device_code::poll(call, &client, &parameters),
        GrantType::TokenExchange => token_exchange::exchange(call, &client, &parameters),
        GrantType::JwtBearer => jwt_bearer::grant(call, &client, &parameters),
        // `served_grant` does not let it through.
        GrantType::Implicit => Err(unsupported(name)),
    }
}

/// The client: as it authenticates, or else, without any credentials, whoever made the assertion
/// that is its grant (RFC 7521 §4.1).
fn client(
    call: &Call<'_>,
    pairs: &[(String, String)],
    parameters: &TokenParameters,
) -> Result<Arc<Client>, TokenError> {
    let credentials = ["client_id", "client_secret", "client_assertion"];
    let is_silent = call.request.header(header::AUTHORIZATION).is_none()
        && !(pairs.iter()).any(|(name, _)| credentials.contains(&name.as_str()));
    let grant = parameters.grant_type.as_deref().and_then(GrantType::parse);
    if is_silent && grant == Some(GrantType::JwtBearer) {
        jwt_bearer::claimed_client(call, parameters)
    } else {
        authenticate(call, parameters)
    }
}

/// The grant, if the issuer serves it here.
fn served_grant(call: &Call<'_>, name: &str) -> Result<GrantType, TokenError> {
    GrantType::parse(name)
        .filter(|grant| *grant != GrantType::Implicit)
        .filter(|grant| issue::grants(call.issuer).any(|served| served == *grant))
        .ok_or_else(|| unsupported(name))
}

fn unsupported(name: &str) -> TokenError {
    let reason = format!("the grant type `{name}` is not supported");
    error(ErrorCode::UnsupportedGrantType, &reason)
}

/// The scopes that a request without a user in it asks for: those that exist and the client may
/// have, in the order of the request (RFC 6749 §3.3).
fn grantable_scopes(
    call: &Call<'_>,
    client: &Client,
    asked: Option<&str>,
) -> Result<Vec<String>, TokenError> {
    let mut scopes = Vec::new();
    for scope in split_scope(asked.unwrap_or_default()) {
        let exists = call.issuer.settings.scopes.contains_key(&scope) || call.issuer.is_lax();
        let may = client.scopes.as_ref().is_none_or(|it| it.contains(&scope));
        if !exists || !may {
            let reason =
                format!("the scope `{scope}` does not exist, or the client may not have it");
            return Err(error(ErrorCode::InvalidScope, &reason));
        }
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

/// The scopes of a grant by a user: those that are asked for, or else `profile`, as at the
/// authorization endpoint.
pub(super) fn user_scopes(
    call: &Call<'_>,
    client: &Client,
    asked: Option<&str>,
) -> Result<Vec<String>, TokenError> {
    if asked.is_some() {
        return grantable_scopes(call, client, asked);
    }
    Ok(grantable_scopes(call, client, Some("profile")).unwrap_or_default())
}

/// A grant that somebody made without a redirect.
fn direct_grant(
    call: &Call<'_>,
    client: &Client,
    signed_in: SignedIn,
    (scopes, resources): (&[String], &[String]),
) -> Arc<Grant> {
    Arc::new(Grant {
        id: call.issuer.randomness.id(),
        client_id: client.id.clone(),
        user: Some(signed_in),
        scopes: scopes.to_vec(),
        resources: resources.to_vec(),
        test: call.test(),
        ..Grant::default()
    })
}

pub(super) fn split_scope(scope: &str) -> Vec<String> {
    scope
        .split(' ')
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect()
}

pub(super) fn error(code: ErrorCode, reason: &str) -> TokenError {
    TokenError {
        code,
        reason: reason.to_owned(),
        basic: false,
    }
}
