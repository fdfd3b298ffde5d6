//! Every security check of the client, in the order of the specifications.
//!
//! One function asserts one fact, is named as that fact, and says where it comes from. No other
//! file makes a [`Refusal`]. Nothing here can be switched off: what we asked for, or what the
//! provider advertised, has to be there.

use crate::{
    back_channel::{BackChannelError, Endpoint, Reply},
    callback_parameters::CallbackParameters,
    config::Algorithm,
    id_token::{Header, IdTokenClaims, LogoutClaims, UnverifiedIdToken},
    refusal::Refusal,
    secret::Secret,
    session::{PendingLogin, SignedIn},
    userinfo::Userinfo,
};
use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use url::Url;

/// How far the provider's clock may be off, in seconds.
const CLOCK_SKEW: f64 = 60.0;

/// How long ago an ID token may have been issued, in seconds. It comes straight from the token
/// endpoint, so its age is that of one request.
const OLDEST_ISSUE: f64 = 600.0;

// --- The link that begins a login ---------------------------------------------------------------

/// The page to end on is one of ours (RFC 9700 section 4.11.1). It is read as browsers read it, for
/// whom `//host`, `/\host` and a control character in between are other hosts, and given back with
/// our origin before it.
pub(crate) fn return_page_is_ours(base_url: &str, asked: &str) -> Result<String, Refusal> {
    let ours = Url::parse(base_url).ok();
    let page = ours.as_ref().and_then(|ours| ours.join(asked).ok());
    match (ours, page) {
        (Some(ours), Some(page)) if page.origin() == ours.origin() => Ok(page.into()),
        _ => Err(Refusal::ReturnPageIsNotOurs),
    }
}

// --- The authorization response -----------------------------------------------------------------

/// No parameter that we read is there twice, so that nobody else can have read the other one
/// (RFC 6749 section 3.1).
pub(crate) fn parameters_appear_once(parameters: &CallbackParameters) -> Result<(), Refusal> {
    match parameters.repeated() {
        Some(name) => Err(Refusal::ParameterIsRepeated { name }),
        None => Ok(()),
    }
}

/// The response answers a login that this very browser has begun (RFC 6749 section 10.12,
/// RFC 9700 section 4.7).
pub(crate) fn state_is_ours(
    pending: Vec<PendingLogin>,
    returned: Option<&str>,
) -> Result<PendingLogin, Refusal> {
    pending
        .into_iter()
        .find(|login| login.state.is(returned.unwrap_or_default()))
        .ok_or(Refusal::StateIsNotOurs)
}

/// The response comes from the provider that the user was sent to, not from another one that
/// mixes itself in (RFC 9207 section 2.4).
///
/// Where we know no issuer identifier there is nothing to compare with.
pub(crate) fn issuer_is_the_one_we_asked(
    returned: Option<&str>,
    asked: Option<&str>,
    always_sent: bool,
) -> Result<(), Refusal> {
    match (returned, asked) {
        (_, None) => Ok(()),
        (None, Some(_)) if !always_sent => Ok(()),
        (Some(returned), Some(asked)) if returned == asked => Ok(()),
        (_, Some(_)) => Err(Refusal::IssuerIsNotTheOneWeAsked),
    }
}

/// The response is no error response (RFC 6749 section 4.1.2.1).
pub(crate) fn provider_reported_no_error(parameters: &CallbackParameters) -> Result<(), Refusal> {
    match parameters.get("error") {
        None => Ok(()),
        Some(code) => Err(Refusal::ProviderReportedAnError {
            code: code.to_owned(),
            description: parameters.get("error_description").map(str::to_owned),
        }),
    }
}

/// There is a code to exchange (RFC 6749 section 4.1.2).
pub(crate) fn code_is_present(parameters: &CallbackParameters) -> Result<Secret, Refusal> {
    parameters
        .get("code")
        .map(Secret::new)
        .ok_or(Refusal::CodeIsMissing)
}

// --- The back channel ---------------------------------------------------------------------------

/// The provider answered in time, completely, and within bounds.
pub(crate) fn provider_was_reached(
    endpoint: Endpoint,
    outcome: Result<Reply, BackChannelError>,
) -> Result<Reply, Refusal> {
    outcome.map_err(|error| Refusal::ProviderWasNotReached { endpoint, error })
}

/// The provider did what it was asked; whatever the body of another reply holds is not for us
/// (RFC 6749 sections 5.1 and 5.2, OpenID Connect Core section 5.3.3, Discovery section 4.2).
pub(crate) fn reply_is_a_success(endpoint: Endpoint, reply: &Reply) -> Result<(), Refusal> {
    if reply.status == 200 {
        return Ok(());
    }
    Err(Refusal::ReplyIsNoSuccess {
        endpoint,
        status: reply.status,
        error: reply.oauth_error(),
    })
}

/// A message has the form and the required members that its specification gives it.
pub(crate) fn is_well_formed<T, E>(what: &'static str, parsed: Result<T, E>) -> Result<T, Refusal> {
    parsed.map_err(|_| Refusal::Malformed { what })
}

/// The metadata is that of the issuer it was asked for (OpenID Connect Discovery section 4.3).
pub(crate) fn metadata_is_of_our_issuer(found: &str, ours: &str) -> Result<(), Refusal> {
    if found != ours {
        return Err(Refusal::MetadataIsOfAnotherIssuer);
    }
    Ok(())
}

// --- The token response -------------------------------------------------------------------------

/// The access token is to be used as we use it (RFC 6749 section 7.1, OpenID Connect Core section
/// 3.1.3.3).
pub(crate) fn token_type_is_bearer(token_type: &str) -> Result<(), Refusal> {
    if !token_type.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::TokenTypeIsNotBearer);
    }
    Ok(())
}

/// We asked for an ID token, so there is one (OpenID Connect Core section 3.1.3.3).
pub(crate) fn id_token_is_present(id_token: Option<&Secret>) -> Result<(), Refusal> {
    if id_token.is_none() {
        return Err(Refusal::IdTokenIsMissing);
    }
    Ok(())
}

// --- The ID token: OpenID Connect Core section 3.1.3.7 and what it builds on ----------------------

/// The token demands nothing that we do not understand (RFC 7515 section 4.1.11). We understand
/// no extension.
pub(crate) fn no_critical_extension(header: &Header) -> Result<(), Refusal> {
    if header.crit.is_some() {
        return Err(Refusal::ExtensionIsCritical);
    }
    Ok(())
}

/// The algorithm is one that was agreed on beforehand; the token alone does not decide
/// (step 7, RFC 8725 section 3.1).
pub(crate) fn algorithm_is_allowed(header: &Header, allowed: &[Algorithm]) -> Result<(), Refusal> {
    if !allowed.iter().any(|known| known.name() == header.alg) {
        return Err(Refusal::AlgorithmIsNotAllowed);
    }
    Ok(())
}

/// The provider has published the key, for signatures, and for this algorithm
/// (section 10.1, RFC 7517 section 4). A token without `kid` is fine where only one key fits.
pub(crate) fn key_is_known<'a>(keys: &'a [Jwk], header: &Header) -> Result<&'a Jwk, Refusal> {
    let mut fitting = keys.iter().filter(|key| fits(key, header));
    let found = match &header.kid {
        Some(kid) => fitting.find(|key| key.common.key_id.as_ref() == Some(kid)),
        None => fitting.next().filter(|_| fitting.next().is_none()),
    };
    found.ok_or(Refusal::KeyIsUnknown)
}

fn fits(key: &Jwk, header: &Header) -> bool {
    let Some(algorithm) = header.algorithm() else {
        return false;
    };
    let (same_algorithm, same_type) = match (algorithm, &key.algorithm) {
        (Algorithm::Rs256, kty) => (
            KeyAlgorithm::RS256,
            matches!(kty, AlgorithmParameters::RSA(_)),
        ),
        (Algorithm::Ps256, kty) => (
            KeyAlgorithm::PS256,
            matches!(kty, AlgorithmParameters::RSA(_)),
        ),
        (Algorithm::Es256, kty) => (
            KeyAlgorithm::ES256,
            matches!(kty, AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256),
        ),
        (Algorithm::EdDsa, kty) => (
            KeyAlgorithm::EdDSA,
            matches!(kty, AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519),
        ),
    };
    let for_signatures = matches!(
        key.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    let for_operation = (key.common.key_operations.as_ref())
        .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    let for_algorithm = key
        .common
        .key_algorithm
        .is_none_or(|alg| alg == same_algorithm);
    same_type && for_signatures && for_operation && for_algorithm
}

/// The token was signed with that key (step 6). TLS could take the place of this check in the
/// code flow; we do not rely on it.
pub(crate) fn signature_is_valid(token: &UnverifiedIdToken, key: &Jwk) -> Result<(), Refusal> {
    let algorithm = token.header().algorithm().map(|algorithm| match algorithm {
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Ps256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
    });
    let valid = algorithm
        .zip(DecodingKey::from_jwk(key).ok())
        .and_then(|(algorithm, key)| {
            let message = token.signing_input().as_bytes();
            jsonwebtoken::crypto::verify(token.signature(), message, &key, algorithm).ok()
        });
    if valid != Some(true) {
        return Err(Refusal::SignatureIsInvalid);
    }
    Ok(())
}

/// Our provider issued the token (step 2).
pub(crate) fn token_issuer_is_ours(claims: &IdTokenClaims, issuer: &str) -> Result<(), Refusal> {
    if claims.iss != issuer {
        return Err(Refusal::TokenIssuerIsNotOurs);
    }
    Ok(())
}

/// The token was issued to us (step 3).
pub(crate) fn audience_is_us(claims: &IdTokenClaims, client_id: &str) -> Result<(), Refusal> {
    if !claims.aud.iter().any(|audience| audience == client_id) {
        return Err(Refusal::AudienceIsNotUs);
    }
    Ok(())
}

/// Where several are meant, the token says which of them it was issued to (steps 3 and 4; stricter
/// than errata set 2, which leaves it to us which further audiences we trust).
pub(crate) fn no_other_audience_without_azp(claims: &IdTokenClaims) -> Result<(), Refusal> {
    if claims.aud.len() > 1 && claims.azp.is_none() {
        return Err(Refusal::AudienceIsAmbiguous);
    }
    Ok(())
}

/// Where the token names an authorized party, it is us (step 5).
pub(crate) fn authorized_party_is_us(
    claims: &IdTokenClaims,
    client_id: &str,
) -> Result<(), Refusal> {
    if claims.azp.as_ref().is_some_and(|azp| azp != client_id) {
        return Err(Refusal::AuthorizedPartyIsNotUs);
    }
    Ok(())
}

/// The token is still valid (step 9).
pub(crate) fn token_is_not_expired(claims: &IdTokenClaims, now: f64) -> Result<(), Refusal> {
    if now >= claims.exp + CLOCK_SKEW {
        return Err(Refusal::TokenIsExpired);
    }
    Ok(())
}

/// The token is valid already, where it says from when on (RFC 7519 section 4.1.5).
pub(crate) fn token_is_valid_already(claims: &IdTokenClaims, now: f64) -> Result<(), Refusal> {
    if claims.nbf.is_some_and(|nbf| now < nbf - CLOCK_SKEW) {
        return Err(Refusal::TokenIsNotValidYet);
    }
    Ok(())
}

/// The token was issued just now (step 10).
pub(crate) fn issued_at_is_plausible(claims: &IdTokenClaims, now: f64) -> Result<(), Refusal> {
    let plausible = now - OLDEST_ISSUE..=now + CLOCK_SKEW;
    if !plausible.contains(&claims.iat) {
        return Err(Refusal::IssuedAtIsImplausible);
    }
    Ok(())
}

/// The token answers the very request that we sent (step 11).
pub(crate) fn nonce_is_ours(claims: &IdTokenClaims, nonce: &Secret) -> Result<(), Refusal> {
    if !nonce.is(claims.nonce.as_deref().unwrap_or_default()) {
        return Err(Refusal::NonceIsNotOurs);
    }
    Ok(())
}

/// The access token is the one that the ID token was issued with, where it says so
/// (section 3.1.3.8).
pub(crate) fn access_token_hash_matches(
    claims: &IdTokenClaims,
    header: &Header,
    access_token: &Secret,
) -> Result<(), Refusal> {
    let hash = match header.algorithm() {
        Some(Algorithm::EdDsa) => &digest::SHA512,
        Some(Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256) | None => &digest::SHA256,
    };
    let digest = digest::digest(hash, access_token.expose().as_bytes());
    let left_half = &digest.as_ref()[..digest.as_ref().len() / 2];
    let expected = URL_SAFE_NO_PAD.encode(left_half);
    if claims
        .at_hash
        .as_ref()
        .is_some_and(|found| *found != expected)
    {
        return Err(Refusal::AccessTokenIsNotTheOneHashed);
    }
    Ok(())
}

// --- Userinfo and refresh -----------------------------------------------------------------------

/// Userinfo is about the user whom we know from the ID token (OpenID Connect Core section 5.3.2).
pub(crate) fn userinfo_is_about_the_same_user(
    userinfo: &Userinfo,
    subject: &str,
) -> Result<(), Refusal> {
    if userinfo.subject != subject {
        return Err(Refusal::UserinfoIsAboutSomeoneElse);
    }
    Ok(())
}

/// There is something to refresh with (RFC 6749 section 6).
pub(crate) fn refresh_token_is_present(signed_in: &SignedIn) -> Result<&Secret, Refusal> {
    signed_in
        .refresh_token
        .as_ref()
        .ok_or(Refusal::RefreshTokenIsMissing)
}

/// A refreshed ID token need not repeat the nonce; where it does, it is the one of the sign-in
/// (OpenID Connect Core section 12.2).
pub(crate) fn refreshed_nonce_is_ours(
    claims: &IdTokenClaims,
    signed_in: &SignedIn,
) -> Result<(), Refusal> {
    match (&claims.nonce, &signed_in.nonce) {
        (Some(_), Some(nonce)) => nonce_is_ours(claims, nonce),
        _ => Ok(()),
    }
}

/// A refreshed ID token is about the user who signed in (OpenID Connect Core section 12.2). That
/// its issuer is the same follows from [`token_issuer_is_ours`], since a session stays with its
/// provider.
pub(crate) fn refreshed_token_is_about_the_same_user(
    claims: &IdTokenClaims,
    signed_in: &SignedIn,
) -> Result<(), Refusal> {
    if claims.sub != signed_in.subject {
        return Err(Refusal::RefreshedTokenIsAboutSomeoneElse);
    }
    Ok(())
}

// --- Back-channel logout ------------------------------------------------------------------------

/// The token is not meant for something else, as an access token is (Back-Channel Logout section
/// 2.4; RFC 8725 section 3.11). Providers that are older than the type send `JWT`, or none.
pub(crate) fn logout_type_is_ours(header: &Header) -> Result<(), Refusal> {
    let known = ["logout+jwt", "application/logout+jwt", "JWT"];
    let is_ours = |typ: &str| known.iter().any(|known| known.eq_ignore_ascii_case(typ));
    if !header.typ.as_deref().is_none_or(is_ours) {
        return Err(Refusal::LogoutTypeIsAnother);
    }
    Ok(())
}

/// The logout token says whose sessions end (Back-Channel Logout section 2.6, step 5).
pub(crate) fn logout_names_somebody(claims: &LogoutClaims) -> Result<(), Refusal> {
    if claims.sub.is_none() && claims.sid.is_none() {
        return Err(Refusal::LogoutNamesNobody);
    }
    Ok(())
}

/// The token is about a logout: other tokens of the provider are signed by the same key (step 6).
pub(crate) fn logout_is_the_event(claims: &LogoutClaims) -> Result<(), Refusal> {
    const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
    match claims.events.get(EVENT) {
        Some(serde_json::Value::Object(_)) => Ok(()),
        _ => Err(Refusal::LogoutIsNotTheEvent),
    }
}

/// The token is no ID token in disguise (step 7).
pub(crate) fn logout_has_no_nonce(claims: &LogoutClaims) -> Result<(), Refusal> {
    if claims.has_nonce {
        return Err(Refusal::LogoutHasANonce);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
