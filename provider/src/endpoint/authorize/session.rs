//! Who signs in: whether a browser's sign-in is good enough for a request, and what a new one has.

use serde_json::{Value, json};

use super::SESSION_COOKIE;
use super::problem::Told;
use crate::claims::ClaimsRequest;
use crate::endpoint::Call;
use crate::grant::{Pending, Prompt, SignedIn};
use crate::issue;
use crate::issuer::IssuerState;
use crate::protocol::ErrorCode;

/// Somebody signs in now, in the way that the request prefers (OIDC Core §3.1.2.1, §5.5.1.1).
pub(in crate::endpoint) fn sign_in(call: &Call<'_>, pending: &Pending, sub: &str) -> SignedIn {
    let signed_in = call.sign_in(sub);
    match reachable_acr(call.issuer, &pending.claims) {
        Some(acr) => SignedIn { acr, ..signed_in },
        None => signed_in,
    }
}

/// The authentication context classes that a request names, the preferred one first.
pub(super) fn wanted_acrs(claims: &ClaimsRequest) -> Vec<String> {
    let wanted = claims.wanted("acr").into_iter();
    let values = wanted.flat_map(|demand| &demand.values);
    values.filter_map(|value| text(value)).collect()
}

/// The first of them that a sign-in can have here.
pub(super) fn reachable_acr(issuer: &IssuerState, claims: &ClaimsRequest) -> Option<String> {
    let known = &issuer.settings.acr_values;
    (wanted_acrs(claims).into_iter()).find(|acr| known.contains(acr))
}

/// Whether the request is answered with an error where the context class is not as it says
/// (OIDC Core §5.5.1.1).
pub(super) fn acr_is_essential(claims: &ClaimsRequest) -> bool {
    claims.wanted("acr").is_some_and(|demand| demand.essential)
}

/// Whether the request can be answered for this user: it may name somebody with `id_token_hint`
/// (OIDC Core §3.1.2.1) and with the claim `sub` (OIDC Core §5.5.1).
pub(in crate::endpoint) fn may_be(call: &Call<'_>, pending: &Pending, sub: &str) -> bool {
    let hinted = pending.hinted_sub.as_ref().is_none_or(|it| it == sub);
    let wanted = pending.claims.wanted("sub").is_none_or(|demand| {
        let client = call.client(&pending.client_id);
        let own = json!(issue::subject(call.issuer, &client, sub)).to_string();
        demand.values.contains(&own)
    });
    hinted && wanted
}

/// The user whom a `login_hint` means: by `sub`, e-mail address or user name.
pub(crate) fn hinted_user(issuer: &IssuerState, hint: &str) -> Option<String> {
    let users = issuer.users();
    let named = users.iter().find(|user| user.sub == hint);
    let described = || {
        users.iter().find(|user| {
            let is = |claim: &str| user.claims.get(claim).is_some_and(|it| it == hint);
            is("email") || is("preferred_username")
        })
    };
    named.or_else(described).map(|user| user.sub.clone())
}

/// The sign-in of this browser, if the request lets it count; otherwise what a client is told
/// that wants no page (OIDC Core §3.1.2.6).
pub(super) fn remembered(call: &Call<'_>, pending: &Pending) -> Told<SignedIn> {
    let refuse = |error, reason: &str| Err((error, reason.to_owned()));
    let signed_in =
        (call.request.cookies(SESSION_COOKIE)).find_map(|handle| call.shelf().session(handle));
    let Some(signed_in) = signed_in else {
        let reason = "nobody is signed in who could go on without a page";
        return refuse(ErrorCode::LoginRequired, reason);
    };
    let age = call.now.saturating_sub(signed_in.auth_time);
    // To ask for an age of 0 is to ask for a new sign-in (OIDC Core §3.1.2.1).
    let too_old = (pending.max_age).is_some_and(|max_age| max_age == 0 || age > max_age);
    let asked_again =
        pending.prompt.contains(&Prompt::Login) || pending.prompt.contains(&Prompt::SelectAccount);
    if too_old || asked_again {
        let reason = "the sign-in is too long ago";
        return refuse(ErrorCode::LoginRequired, reason);
    }
    if !may_be(call, pending, &signed_in.sub) {
        let reason = "somebody else is signed in than who is asked for";
        return refuse(ErrorCode::LoginRequired, reason);
    }
    let hint = pending.login_hint.as_deref();
    let another = hint.and_then(|hint| hinted_user(call.issuer, hint));
    if another.is_some_and(|sub| sub != signed_in.sub) {
        let reason = "somebody else is signed in than whom login_hint names";
        return refuse(ErrorCode::AccountSelectionRequired, reason);
    }
    let wanted = wanted_acrs(&pending.claims);
    let could_be_better = reachable_acr(call.issuer, &pending.claims).is_some();
    let silent = pending.prompt.contains(&Prompt::None);
    let must_be_better = could_be_better && (!silent || acr_is_essential(&pending.claims));
    if must_be_better && !wanted.contains(&signed_in.acr) {
        let reason = "the sign-in is of another authentication context class";
        return refuse(ErrorCode::InteractionRequired, reason);
    }
    Ok(signed_in)
}

/// The string of a JSON text.
fn text(json: &str) -> Option<String> {
    match serde_json::from_str(json) {
        Ok(Value::String(text)) => Some(text),
        _ => None,
    }
}
