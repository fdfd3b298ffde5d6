//! Whom tokens are bound to, when they are issued and when they are used (RFC 9449 §5 to §7,
//! RFC 8705 §3).

use super::dpop::{self, ProofError};
use super::token::TokenError;
use super::{Call, certificate};
use crate::access_token::{AccessToken, Binding};
use crate::issue;
use crate::parties::Client;
use crate::protocol::ErrorCode;
use crate::rules::{self, Violation};
use crate::settings::Profile;

/// Whom the tokens of this token request are bound to.
pub(super) fn of_token_request(call: &Call<'_>, client: &Client) -> Result<Binding, TokenError> {
    let refused = |code: ErrorCode, reason: String| TokenError {
        code,
        reason,
        basic: false,
    };
    let key = dpop::proven_key(call, None)
        .map_err(|ProofError { code, reason }| refused(code, reason))?;
    let certificate = certificate::thumbprint(call);
    let demand = |rule| {
        call.demand(rule)
            .map_err(|violation| refused(ErrorCode::InvalidRequest, violation.to_string()))
    };
    let has_key = key.is_some() || !client.dpop_bound_access_tokens;
    demand(rules::registered_binding(&client.id, "a DPoP key", has_key))?;
    let has_certificate = certificate.is_some() || !client.certificate_bound_access_tokens;
    demand(rules::registered_binding(
        &client.id,
        "its certificate",
        has_certificate || key.is_some(),
    ))?;
    let by_certificate =
        client.certificate_bound_access_tokens || call.issuer.settings.profile == Profile::Fapi2;
    let binding = match (key, certificate) {
        (Some(key), _) => Binding::DpopKey(key),
        (None, Some(certificate)) if by_certificate => Binding::Certificate(certificate),
        (None, _) => Binding::Bearer,
    };
    demand(rules::sender_constrained(&binding))?;
    Ok(binding)
}

/// How an access token was sent (RFC 9110 §11.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// RFC 6750 §2, in any of its ways.
    Bearer,
    /// RFC 9449 §7.1.
    Dpop,
}

/// That an access token is used by whom it was issued to.
pub(super) fn check(
    call: &Call<'_>,
    token: &AccessToken,
    text: &str,
    scheme: Scheme,
) -> Result<(), ProofError> {
    let key = match scheme {
        Scheme::Bearer => None,
        Scheme::Dpop => dpop::proven_key(call, Some(text))?,
    };
    let shown = match (scheme, key, &token.bound_to) {
        (Scheme::Dpop, Some(key), _) => Binding::DpopKey(key),
        (Scheme::Dpop, None, Binding::Bearer | Binding::Certificate(_)) => {
            // The scheme alone is wrong for such a token.
            Binding::DpopKey(String::new())
        }
        (Scheme::Bearer, _, Binding::Certificate(_)) => {
            certificate::thumbprint(call).map_or(Binding::Bearer, Binding::Certificate)
        }
        (_, None, _) | (Scheme::Bearer, _, _) => Binding::Bearer,
    };
    let rule = rules::token_of_this_holder(&token.bound_to, &shown);
    call.demand(rule).map_err(|violation| ProofError {
        code: ErrorCode::InvalidToken,
        reason: violation.to_string(),
    })
}

/// That who asks for tokens holds the token that it brings along, so that nobody makes another of
/// one that it stole.
pub(super) fn of_brought_token(call: &Call<'_>, bound: &Binding) -> Result<(), Violation> {
    let shown = match bound {
        // What binds nobody is bound to whoever asks.
        Binding::Bearer => return Ok(()),
        Binding::DpopKey(_) => call.holder(),
        // It counts even where the client's own tokens are not bound to it.
        Binding::Certificate(_) => {
            certificate::thumbprint(call).map_or(Binding::Bearer, Binding::Certificate)
        }
    };
    call.demand(rules::token_of_this_holder(bound, &shown))
}

/// What a resource that takes proofs says of them (RFC 9449 §7.1).
pub(super) fn challenge(call: &Call<'_>, error: Option<&str>) -> String {
    let algorithms: Vec<&str> = (issue::proof_algorithms(call.issuer).into_iter())
        .map(crate::jose::SigningAlgorithm::as_str)
        .collect();
    let algorithms = algorithms.join(" ");
    match error {
        Some(error) => format!("DPoP realm=\"userinfo\", error=\"{error}\", algs=\"{algorithms}\""),
        None => format!("DPoP realm=\"userinfo\", algs=\"{algorithms}\""),
    }
}
