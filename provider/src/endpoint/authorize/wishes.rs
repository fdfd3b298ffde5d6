//! What a request wishes of the sign-in and of the tokens (OIDC Core §3.1.2.1, §5.5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::problem::{Told, told};
use super::session;
use crate::claims::{ClaimsRequest, Demand};
use crate::endpoint::{Call, mint};
use crate::issue;
use crate::protocol::ErrorCode;

/// How many words of a list count.
const MAX_WORDS: usize = 32;

/// A list that is separated by spaces.
pub(super) fn words(text: Option<&str>) -> Vec<String> {
    let words = text.unwrap_or_default().split_whitespace();
    words.take(MAX_WORDS).map(str::to_owned).collect()
}

/// Seconds.
pub(super) fn max_age(text: Option<&str>) -> Told<Option<u64>> {
    match text.map(str::parse) {
        None => Ok(None),
        Some(Ok(seconds)) => Ok(Some(seconds)),
        Some(Err(_)) => told(ErrorCode::InvalidRequest, "max_age is no number of seconds"),
    }
}

/// The parameter `claims`. What `acr_values` says is a wish for the claim `acr` (OIDC Core
/// §5.5.1.1), unless there is one already.
pub(super) fn claims(
    call: &Call<'_>,
    text: Option<&str>,
    acr_values: &[String],
) -> Told<ClaimsRequest> {
    let mut claims = match text {
        Some(text) => {
            ClaimsRequest::parse(text).map_err(|reason| (ErrorCode::InvalidRequest, reason))?
        }
        None => ClaimsRequest::default(),
    };
    if !acr_values.is_empty() {
        let wish = || Demand {
            essential: false,
            values: (acr_values.iter())
                .map(|value| json!(value).to_string())
                .collect(),
        };
        (claims.id_token)
            .entry("acr".to_owned())
            .or_insert_with(wish);
    }
    if session::acr_is_essential(&claims) && session::reachable_acr(call.issuer, &claims).is_none()
    {
        let wanted = session::wanted_acrs(&claims).join("`, `");
        let reason = format!("no sign-in here is of the authentication context class `{wanted}`");
        return told(ErrorCode::UnmetAuthenticationRequirements, reason);
    }
    Ok(claims)
}

/// Whom an `id_token_hint` names, as the issuer knows them. It may have expired.
pub(super) fn hinted_sub(call: &Call<'_>, hint: Option<&str>) -> Told<Option<String>> {
    let Some(hint) = hint else { return Ok(None) };
    let issuer = json!(call.at().urls.issuer);
    let ours = mint::own_id_token(call, hint).filter(|it| it.get("iss") == Some(&issuer));
    let sub = ours.and_then(|claims| {
        let client = call.client(audience(&claims)?);
        issue::own_sub(call.issuer, &client, claims.get("sub")?.as_str()?)
    });
    match sub {
        Some(sub) => Ok(Some(sub)),
        None => told(
            ErrorCode::InvalidRequest,
            "the id_token_hint is no ID token of this issuer, or its user is gone",
        ),
    }
}

fn audience(claims: &Map<String, Value>) -> Option<&str> {
    match claims.get("aud")? {
        Value::String(only) => Some(only),
        Value::Array(several) => several.first()?.as_str(),
        _ => None,
    }
}

/// The thumbprint of a key: a SHA-256 hash in base64url (RFC 9449 §10).
pub(super) fn thumbprint(text: Option<String>) -> Told<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    let is_hash = URL_SAFE_NO_PAD.decode(&text).is_ok_and(|it| it.len() == 32);
    if is_hash {
        Ok(Some(text))
    } else {
        let reason = "dpop_jkt is no SHA-256 hash in base64url";
        told(ErrorCode::InvalidRequest, reason)
    }
}
