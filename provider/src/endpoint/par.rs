//! `/par` (RFC 9126): an authorization request that does not go by way of the browser.

use axum::http::header;
use serde_json::{Map, json};

use super::authorize::{PUSHED, Problem, push};
use super::client_auth::authenticate;
use super::message::{Pairs, typed};
use super::token::{TokenError, refuse};
use super::{Call, Reply, dpop};
use crate::fault::{Document, DocumentDraft};
use crate::protocol::{ErrorCode, TokenParameters};
use crate::rules;

/// Parameters that say who the client is, and nothing about the request.
const AUTHENTICATION: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

pub(super) fn serve(call: &Call<'_>) -> Reply {
    match pushed(call) {
        Ok(draft) => Reply::document(call.tamper(draft)),
        Err(error) => refuse(error),
    }
}

fn pushed(call: &Call<'_>) -> Result<DocumentDraft, TokenError> {
    let invalid = |reason: &str| TokenError {
        code: ErrorCode::InvalidRequest,
        reason: reason.to_owned(),
        basic: false,
    };
    let mut pairs = (call.request.form()).map_err(|problem| invalid(&problem.to_string()))?;
    let parameters: TokenParameters = typed(&pairs);
    if let Some(id) = &parameters.client_id {
        call.note_client(id);
    }
    call.demand(rules::single_parameters(&pairs))
        .map_err(|violation| invalid(&violation.to_string()))?;
    let client = authenticate(call, &parameters)?;
    if pairs.iter().any(|(name, _)| name == "request_uri") {
        // RFC 9126 §2.1.
        return Err(invalid("a pushed request has no request_uri"));
    }
    pairs.retain(|(name, _)| !AUTHENTICATION.contains(&name.as_str()) && name != "client_id");
    pairs.push(("client_id".to_owned(), client.id.clone()));
    let key = dpop::proven_key(call, None).map_err(|error| TokenError {
        code: error.code,
        ..invalid(&error.reason)
    })?;
    let mut kept = push(call, &client, &pairs).map_err(|problem| match problem {
        Problem::Page { reason, .. } => invalid(&reason),
        Problem::Redirect(problem) => TokenError {
            code: problem.error,
            ..invalid(&problem.reason)
        },
    })?;
    if let Some(key) = key {
        // The proof binds the code as `dpop_jkt` does (RFC 9449 §10.1).
        if kept
            .iter()
            .any(|(name, jkt)| name == "dpop_jkt" && *jkt != key)
        {
            return Err(TokenError {
                code: ErrorCode::InvalidDpopProof,
                ..invalid("the DPoP proof is one of another key than dpop_jkt")
            });
        }
        kept.retain(|(name, _)| name != "dpop_jkt");
        kept.push(("dpop_jkt".to_owned(), key));
    }
    Ok(keep(call, kept))
}

/// RFC 9126 §2.2.
fn keep(call: &Call<'_>, pairs: Pairs) -> DocumentDraft {
    let request_uri = format!("{PUSHED}{}", call.issuer.randomness.token());
    let seconds = call.issuer.settings.pushed_request_lifetime.as_secs();
    call.shelf().put_pushed(&request_uri, pairs, seconds);
    let members = Map::from_iter([
        ("request_uri".to_owned(), json!(request_uri)),
        ("expires_in".to_owned(), json!(seconds)),
    ]);
    let mut draft = DocumentDraft::new(Document::Par, members);
    draft.status = 201;
    draft.header(header::CACHE_CONTROL, "no-cache, no-store")
}
