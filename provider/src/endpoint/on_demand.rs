//! Tokens on demand: what the token endpoint would answer, without the flow before it.

use std::sync::Arc;

use axum::http::Method;

use super::token::response::{Response, with_refresh_token};
use super::token::split_scope;
use super::{Call, Reply, Request, Route};
use crate::grant::Grant;
use crate::issuer::{Issuer, TokensError, TokensFor};

/// The token response, through the faults, as if the user had just signed in to the client. It is
/// no exchange: no client asked.
///
/// # Errors
/// If there is no such client, user or scope.
pub(crate) fn tokens_on_demand(issuer: &Issuer, wanted: TokensFor) -> Result<Reply, TokensError> {
    let state = issuer.state();
    if state.client(&wanted.client_id).is_none() && !state.is_lax() {
        return Err(TokensError::UnknownClient {
            client_id: wanted.client_id,
        });
    }
    if state.user(&wanted.sub).is_none() {
        return Err(TokensError::UnknownUser { sub: wanted.sub });
    }
    let request = Request {
        method: Method::POST,
        target: format!("{}/token", issuer.state().path),
        ..Request::default()
    };
    let call = Call::new(issuer.state(), Route::Token, &request);
    call.note_client(&wanted.client_id);
    call.note_test(wanted.test.as_deref());
    call.notes.borrow_mut().grant = Some("authorization_code".to_owned());
    let client = call.client(&wanted.client_id);
    let scopes = split_scope(&wanted.scope);
    let exists = |scope: &String| call.issuer.settings.scopes.contains_key(scope);
    if let Some(unknown) = scopes
        .iter()
        .find(|scope| !exists(scope) && !call.issuer.is_lax())
    {
        return Err(TokensError::UnknownScope {
            scope: unknown.clone(),
        });
    }
    let with_refresh_token = with_refresh_token(&call, &client, &scopes);
    let grant = Arc::new(Grant {
        id: call.issuer.randomness.id(),
        client_id: client.id.clone(),
        user: Some(call.sign_in(&wanted.sub)),
        scopes: scopes.clone(),
        nonce: wanted.nonce.clone(),
        test: wanted.test,
        ..Grant::default()
    });
    let response = Response {
        call: &call,
        client: &client,
        grant,
        scopes,
        audience: Vec::new(),
        nonce: wanted.nonce,
        with_refresh_token,
    };
    let reply = response.render();
    match call.dealings.settle(&*call.issuer.store) {
        Some(down) => Ok(super::unavailable(&down)),
        None => Ok(reply),
    }
}
