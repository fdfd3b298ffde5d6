//! The JWT bearer grant (RFC 7523 §2.1): a client vouches for a user, with its signature.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::response::Response;
use super::target::audience;
use super::{TokenError, direct_grant, error, user_scopes};
use crate::endpoint::{Call, Reply, client_keys, once};
use crate::issue;
use crate::jose::SigningAlgorithm;
use crate::jose::verify::{self, Jws};
use crate::parties::Client;
use crate::protocol::{ErrorCode, TokenParameters};

/// How far ahead an assertion may expire, in seconds: so long its `jti` has to be remembered.
const LONGEST_LIFE: u64 = 24 * 3_600;
/// By how much clocks may differ, in seconds.
const SKEW: u64 = 60;

/// The client that the assertion says it is from, before anything of it is believed.
pub(super) fn claimed_client(
    call: &Call<'_>,
    parameters: &TokenParameters,
) -> Result<Arc<Client>, TokenError> {
    let assertion = Jws::parse(assertion(parameters)?).map_err(|it| refused(&it.to_string()))?;
    let issuer = text(assertion.unverified_claims(), "iss")?;
    call.note_client(issuer);
    let client = call.issuer.client(issuer);
    client.ok_or_else(|| refused(&format!("its `iss` is `{issuer}`, which is no client here")))
}

/// The assertion is from the client itself, about a user that both know (RFC 7523 §3). There is
/// no refresh token: the client can sign another assertion (RFC 7521 §4.1).
pub(super) fn grant(
    call: &Call<'_>,
    client: &Client,
    parameters: &TokenParameters,
) -> Result<Reply, TokenError> {
    let claims =
        verified(call, client, assertion(parameters)?).map_err(|reason| refused(&reason))?;
    let issuer = text(&claims, "iss")?;
    if issuer != client.id {
        let reason = format!("its `iss` is `{issuer}`, and the client is `{}`", client.id);
        return Err(refused(&reason));
    }
    is_for_us(call, &claims)?;
    let life = remaining_life(call.now, &claims)?;
    let sub = text(&claims, "sub")?;
    let user = (call.issuer.user(sub)).ok_or_else(|| refused(&format!("nobody is `{sub}`")))?;
    call.note_user(&user.sub);
    let scopes = user_scopes(call, client, parameters.scope.as_deref())?;
    let audience = audience(call, &[], &parameters.resource)?;
    // Last, so that a request that is refused for something else can be mended and sent again.
    if let Some(jti) = claims.get("jti") {
        let jti = (jti.as_str()).ok_or_else(|| refused("its `jti` is no string"))?;
        if !once::first_sight(call, &["jwt-bearer", &client.id, jti], life) {
            return Err(refused("it was used before"));
        }
    }
    let response = Response {
        call,
        client,
        grant: direct_grant(call, client, call.sign_in(&user.sub), (&scopes, &audience)),
        scopes,
        audience,
        nonce: None,
        with_refresh_token: false,
    };
    Ok(response.render())
}

fn assertion(parameters: &TokenParameters) -> Result<&str, TokenError> {
    let assertion = parameters.assertion.as_deref();
    assertion.ok_or_else(|| error(ErrorCode::InvalidRequest, "no assertion is sent"))
}

/// RFC 7523 §3.1.
fn refused(reason: &str) -> TokenError {
    error(ErrorCode::InvalidGrant, &format!("the assertion: {reason}"))
}

fn verified(
    call: &Call<'_>,
    client: &Client,
    assertion: &str,
) -> Result<Map<String, Value>, String> {
    let jws = Jws::parse(assertion).map_err(|error| error.to_string())?;
    let is_keyed = jws.algorithm().is_some_and(SigningAlgorithm::is_symmetric);
    let allowed = issue::assertion_algorithms(call.issuer);
    let verified = if is_keyed {
        let secret = (client.secret.as_ref()).ok_or("the client has no secret")?;
        verify::verify_with_secret(assertion, secret.as_bytes(), &allowed)
            .map_err(|error| error.to_string())
    } else {
        client_keys::verify(call, client, assertion, &allowed).map_err(|error| error.to_string())
    };
    Ok(verified?.claims)
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a str, TokenError> {
    let value = claims.get(name).and_then(Value::as_str);
    value.ok_or_else(|| refused(&format!("its `{name}` is missing or no string")))
}

/// The audience is this issuer, or its token endpoint (RFC 7523 §3, item 3).
fn is_for_us(call: &Call<'_>, claims: &Map<String, Value>) -> Result<(), TokenError> {
    let urls = &call.urls;
    let [back, front] = [&urls.back, &urls.front].map(|side| format!("{side}/token"));
    let is_us = |aud: &Value| {
        aud.as_str()
            .is_some_and(|aud| aud == urls.issuer || aud == back || aud == front)
    };
    let ours = match claims.get("aud") {
        Some(Value::Array(several)) => several.iter().any(is_us),
        Some(one) => is_us(one),
        None => false,
    };
    if ours {
        return Ok(());
    }
    let reason = format!("its `aud` is neither `{}` nor `{back}`", urls.issuer);
    Err(refused(&reason))
}

/// For how many seconds it is still good (RFC 7523 §3, items 4 to 6).
fn remaining_life(now: u64, claims: &Map<String, Value>) -> Result<u64, TokenError> {
    let not_yet = |name: &str| {
        let time = claims.get(name).and_then(seconds);
        time.is_some_and(|time| time > now.saturating_add(SKEW))
    };
    let expires_at = claims.get("exp").and_then(seconds);
    let expires_at = expires_at.ok_or_else(|| refused("its `exp` is missing or no time"))?;
    match expires_at.checked_sub(now) {
        None | Some(0) => Err(refused("it has expired")),
        Some(life) if life > LONGEST_LIFE => Err(refused("it expires in more than a day")),
        Some(_) if not_yet("nbf") || not_yet("iat") => Err(refused("it is from the future")),
        Some(life) => Ok(life),
    }
}

/// A numeric date may have a fraction (RFC 7519 §2).
fn seconds(date: &Value) -> Option<u64> {
    date.as_u64().or_else(|| {
        let date = date.as_f64().filter(|date| (0.0..1e15).contains(date))?;
        format!("{:.0}", date.floor()).parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_numeric_date_is_seconds_with_or_without_a_fraction() {
        assert_eq!(seconds(&json!(12)), Some(12));
        assert_eq!(seconds(&json!(12.9)), Some(12));
        for wrong in [
            json!(-1),
            json!(-0.5),
            json!("12"),
            json!(null),
            json!(1e300),
        ] {
            assert_eq!(seconds(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_assertion_lives_for_a_day_at_most() {
        let life = |claims: Value| {
            let claims = claims.as_object().unwrap().clone();
            remaining_life(1_000, &claims).map_err(|error| error.reason)
        };
        assert_eq!(life(json!({"exp": 1_060})), Ok(60));
        assert_eq!(
            life(json!({"exp": 1_060, "nbf": 1_060, "iat": 1_060})),
            Ok(60)
        );
        for wrong in [
            json!({}),
            json!({"exp": 1_000}),
            json!({"exp": 999}),
            json!({"exp": 1_000 + LONGEST_LIFE + 1}),
            json!({"exp": 2_000, "nbf": 1_061}),
            json!({"exp": 2_000, "iat": 1_061}),
        ] {
            assert!(life(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
