//! `/userinfo` (OIDC Core §5.3).

use super::message::typed;
use super::{Call, Reply};
use crate::issue;
use crate::protocol::ErrorCode;
use crate::rules;

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Parameters {
    access_token: Option<String>,
}

pub(super) fn serve(call: &Call<'_>) -> Reply {
    let sent: Parameters = typed(&[call.request.query(), call.request.parameters()].concat());
    if let Err(violation) = call.demand(rules::bearer_header(sent.access_token.is_some())) {
        return refuse(
            400,
            Some((ErrorCode::InvalidRequest, violation.to_string())),
        );
    }
    let header = call.request.header("authorization").and_then(bearer);
    let Some(token) = header.map(str::to_owned).or(sent.access_token) else {
        return refuse(401, None);
    };
    let Some(granted) = call.issuer.store.access_token(&token, call.issuer.now()) else {
        let reason = "the access token is unknown, expired or revoked".to_owned();
        return refuse(401, Some((ErrorCode::InvalidToken, reason)));
    };
    call.note_client(&granted.grant.client_id);
    call.note_user(&granted.grant.signed_in.sub);
    let draft = issue::userinfo(call.issuer, &granted);
    Reply::document(call.issuer.faults.tamper(&call.moment(), draft))
}

/// The token of a `Bearer` header; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// RFC 6750 §3. Without any token there is no error code.
fn refuse(status: u16, error: Option<(ErrorCode, String)>) -> Reply {
    let Some((code, reason)) = error else {
        let reason = "an access token is needed";
        return Reply::error(status, ErrorCode::InvalidToken, reason)
            .header("www-authenticate", "Bearer realm=\"userinfo\"");
    };
    let name = match code {
        ErrorCode::InvalidRequest => "invalid_request",
        _ => "invalid_token",
    };
    let challenge = format!("Bearer realm=\"userinfo\", error=\"{name}\"");
    Reply::error(status, code, &reason).header("www-authenticate", challenge)
}
