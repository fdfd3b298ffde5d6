//! `/end_session` (OpenID Connect RP-Initiated Logout 1.0).

use super::authorize::{SESSION_COOKIE, session_cookie};
use super::message::{typed, with_parameters};
use super::{Call, Reply};
use crate::jose;
use crate::page;
use crate::rules;

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Parameters {
    id_token_hint: Option<String>,
    client_id: Option<String>,
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
}

pub(super) fn serve(call: &Call<'_>) -> Reply {
    let pairs = call.request.parameters();
    let parameters: Parameters = typed(&pairs);
    let location = call
        .demand(rules::single_parameters(&pairs))
        .map_err(|violation| violation.to_string())
        .and_then(|()| destination(call, &parameters));
    for handle in call.request.cookies(SESSION_COOKIE) {
        call.shelf().end_session(handle);
    }
    let reply = match location {
        Ok(Some(location)) => Reply::redirect(call, location),
        Ok(None) => Reply::page(200, page::signed_out(call.at())),
        Err(reason) => Reply::problem(call, 400, "Signed out, and no way back", &reason),
    };
    reply.header("set-cookie", session_cookie(call, "", 0))
}

/// Where the browser goes afterwards; an error where the request wants what it may not have.
fn destination(call: &Call<'_>, parameters: &Parameters) -> Result<Option<String>, String> {
    let mut client_id = parameters.client_id.clone();
    if let Some(hint) = &parameters.id_token_hint {
        let claims = jose::own_claims(&call.issuer.keys, hint)
            .ok_or("The id_token_hint is no ID token of this issuer.")?;
        let audience = claims.get("aud").and_then(serde_json::Value::as_str);
        if client_id.is_some() && client_id.as_deref() != audience {
            return Err("The id_token_hint was issued to another client.".to_owned());
        }
        client_id = audience.map(str::to_owned);
        if let Some(sub) = claims.get("sub").and_then(serde_json::Value::as_str) {
            call.note_user(sub);
        }
    }
    if let Some(id) = &client_id {
        call.note_client(id);
    }
    let Some(uri) = &parameters.post_logout_redirect_uri else {
        return Ok(None);
    };
    let client = client_id.and_then(|id| call.issuer.client(&id));
    let rule = rules::registered_post_logout_uri(client.as_deref(), uri);
    let registered = rule.is_ok();
    call.demand(rule)
        .map_err(|violation| violation.to_string())?;
    let parsed = url::Url::parse(uri)
        .ok()
        .filter(|_| uri.bytes().all(|it| it.is_ascii_graphic()));
    let usable =
        parsed.is_some_and(|parsed| registered || matches!(parsed.scheme(), "http" | "https"));
    if !usable {
        return Err(format!("`{uri}` is no URI that a browser can be sent to."));
    }
    let state: Vec<_> = (parameters.state.iter())
        .map(|state| ("state".to_owned(), state.clone()))
        .collect();
    Ok(Some(with_parameters(uri, &state)))
}
