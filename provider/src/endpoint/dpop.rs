//! `DPoP` proofs (RFC 9449): that whoever sends a request holds a key.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Call, once, route_path};
use crate::issue;
use crate::jose::verify;
use crate::protocol::ErrorCode;
use crate::rules::{self, PROOF_WINDOW, Violation};

/// How long a nonce is given out, in seconds. It is accepted for as long again (RFC 9449 §8).
const NONCE_LIFE: u64 = 60;

/// Why a proof is refused.
#[derive(Debug)]
pub(super) struct ProofError {
    pub(super) code: ErrorCode,
    pub(super) reason: String,
}

impl ProofError {
    fn invalid(violation: &Violation) -> Self {
        Self {
            code: ErrorCode::InvalidDpopProof,
            reason: violation.to_string(),
        }
    }
}

/// The thumbprint of the key that the request proves; none where it does not try. `access_token` is
/// what the proof has to go with, where the request uses one (RFC 9449 §4.3).
pub(super) fn proven_key(
    call: &Call<'_>,
    access_token: Option<&str>,
) -> Result<Option<String>, ProofError> {
    let mut proofs = (call.request.headers.get_all("dpop").iter())
        .map(|proof| proof.to_str().unwrap_or_default());
    let Some(proof) = proofs.next() else {
        return Ok(None);
    };
    let demand = |rule| {
        call.demand(rule)
            .map_err(|violation| ProofError::invalid(&violation))
    };
    demand(rules::single_proof(1 + proofs.count()))?;
    let algorithms = issue::proof_algorithms(call.issuer);
    let verified = verify::verify_with_embedded_key(proof, &algorithms);
    let (proof, key) = match verified {
        Ok(verified) => verified,
        Err(error) => {
            demand(rules::genuine_proof(Some(error.to_string())))?;
            return Ok(None);
        }
    };
    let claims = &proof.claims;
    demand(rules::proof_typ(&proof.header))?;
    let method = call.request.method.as_str();
    demand(rules::proof_of_this_request(claims, method, &urls(call)))?;
    let nonces = accepted_nonces(call);
    call.demand(rules::proof_nonce(claims, &nonces))
        .map_err(|violation| ProofError {
            code: ErrorCode::UseDpopNonce,
            reason: violation.to_string(),
        })?;
    demand(rules::fresh_proof(claims, call.now))?;
    let jti = claims.get("jti").and_then(Value::as_str);
    let is_new = jti.is_some_and(|jti| {
        // A proof may lie ahead by the whole window, and then lives twice as long.
        once::first_sight(call, &["dpop", call.url(), jti], 2 * PROOF_WINDOW + 1)
    });
    demand(rules::unused_proof(claims, is_new))?;
    if let Some(token) = access_token {
        demand(rules::proof_of_this_token(claims, token))?;
    }
    Ok(Some(key.thumbprint()))
}

/// The endpoint under the addresses of both sides, since a client may know either.
fn urls(call: &Call<'_>) -> BTreeSet<String> {
    let path = route_path(call.issuer, call.request);
    let sides = [&call.urls.back, &call.urls.front];
    (sides.into_iter())
        .map(|side| format!("{side}{path}"))
        .chain([call.url().to_owned()])
        .collect()
}

/// The nonce that proofs have to hold from now on; none where they need none.
pub(super) fn nonce(call: &Call<'_>) -> Option<String> {
    accepted_nonces(call).into_iter().next()
}

/// The nonce of now, then the one before it. They follow from the time, so that no replica has to
/// remember any.
fn accepted_nonces(call: &Call<'_>) -> Vec<String> {
    if !call.issuer.settings.dpop_nonces {
        return Vec::new();
    }
    let Some(sealer) = call.reached(call.issuer.sealer()) else {
        return Vec::new();
    };
    let slot = call.now / NONCE_LIFE;
    [slot, slot.saturating_sub(1)]
        .map(|slot| sealer.stamp("dpop-nonce", slot))
        .into()
}
