//! `/userinfo` (OIDC Core §5.3).

use super::message::typed;
use super::mint::honoured;
use super::{Call, Reply};
use crate::issue;
use crate::protocol::ErrorCode;
use crate::rules::{self, Violation};

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Parameters {
    access_token: Option<String>,
}

pub(super) fn serve(call: &Call<'_>) -> Reply {
    let token = match sent_token(call) {
        Ok(Some(token)) => token,
        Ok(None) => return refuse(401, None),
        Err(violation) => {
            let error = (ErrorCode::InvalidRequest, violation.to_string());
            return refuse(400, Some(error));
        }
    };
    let known = honoured(call, &token);
    let Some((token, sub)) = known.and_then(|token| Some((token.clone(), token.sub?))) else {
        let reason = "the access token is unknown, expired or revoked".to_owned();
        return refuse(401, Some((ErrorCode::InvalidToken, reason)));
    };
    call.note_client(&token.client_id);
    call.note_user(&sub);
    let client = call.client(&token.client_id);
    let draft = issue::userinfo(call.at(), &client, &sub, &token);
    Reply::document(call.tamper(draft))
}

/// The access token, from the header or the body of a form (RFC 6750 §2.1, §2.2); from the URL
/// only where that is observed.
fn sent_token(call: &Call<'_>) -> Result<Option<String>, Violation> {
    let header = call.request.header("authorization").and_then(bearer);
    let in_url: Parameters = typed(&call.request.query());
    let in_body: Parameters = match call.request.method.as_str() {
        "POST" => typed(&call.request.parameters()),
        _ => Parameters::default(),
    };
    call.demand(rules::access_token_not_in_url(
        in_url.access_token.is_some(),
    ))?;
    let header = header.map(str::to_owned);
    let sent = [header, in_body.access_token, in_url.access_token];
    call.demand(rules::single_token_method(sent.iter().flatten().count()))?;
    Ok(sent.into_iter().flatten().next())
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
