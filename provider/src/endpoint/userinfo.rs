//! `/userinfo` (OIDC Core §5.3).

use std::borrow::Cow;

use axum::http::header;

use super::holder::{self, Scheme};
use super::message::{GARBLED, typed};
use super::mint::{self, honoured};
use super::{Call, Reply};
use crate::access_token::Binding;
use crate::issue;
use crate::protocol::ErrorCode;
use crate::rules::{self, Violation};

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Parameters {
    access_token: Option<String>,
}

/// An access token as it came in.
struct Sent<'a> {
    token: Cow<'a, str>,
    scheme: Scheme,
}

/// Why there is no answer.
struct Refusal {
    status: u16,
    code: ErrorCode,
    reason: String,
    /// How the token should have come in, or did.
    scheme: Scheme,
}

pub(super) fn serve(call: &Call<'_>) -> Reply {
    let invalid = |reason: String| {
        let refusal = Refusal {
            status: 400,
            code: ErrorCode::InvalidRequest,
            reason,
            scheme: Scheme::Bearer,
        };
        refuse(call, refusal)
    };
    if call.request.is_garbled() {
        return invalid(GARBLED.to_owned());
    }
    match sent_token(call) {
        Ok(Some(sent)) => answer(call, &sent).unwrap_or_else(|refusal| refuse(call, refusal)),
        Ok(None) => {
            // Without any token there is no error code in the challenge (RFC 6750 §3.1).
            let reason = "an access token is needed";
            Reply::error(401, ErrorCode::InvalidToken, reason)
                .header("www-authenticate", "Bearer realm=\"userinfo\"")
                .header("www-authenticate", holder::challenge(call, None))
        }
        Err(violation) => invalid(violation.to_string()),
    }
}

fn answer(call: &Call<'_>, sent: &Sent<'_>) -> Result<Reply, Refusal> {
    let refused = |scheme, code, reason| Refusal {
        status: 401,
        code,
        reason,
        scheme,
    };
    let known = honoured(call, &sent.token);
    let known = known.and_then(|token| Some((token.sub.clone()?, token)));
    let Some((sub, token)) = known else {
        let reason = "the access token is unknown, expired or revoked".to_owned();
        return Err(refused(sent.scheme, ErrorCode::InvalidToken, reason));
    };
    call.note_client(&token.client_id);
    call.note_user(&sub);
    holder::check(call, &token, &sent.token, sent.scheme).map_err(|error| {
        let scheme = match token.bound_to {
            Binding::DpopKey(_) => Scheme::Dpop,
            Binding::Bearer | Binding::Certificate(_) => Scheme::Bearer,
        };
        refused(scheme, error.code, error.reason)
    })?;
    let client = call.client(&token.client_id);
    let draft = issue::userinfo(call.at(), &client, &sub, &token);
    let draft = call.tamper(draft);
    Ok(Reply::document(mint::userinfo(call, &client, draft)))
}

/// The access token, from the header or the body of a form (RFC 6750 §2.1, §2.2; RFC 9449 §7.1);
/// from the URL only where that is observed.
fn sent_token<'a>(call: &Call<'a>) -> Result<Option<Sent<'a>>, Violation> {
    let header = call
        .request
        .header(header::AUTHORIZATION)
        .and_then(credentials);
    let in_url: Parameters = typed(&call.request.query());
    let in_body: Parameters = match call.request.method.as_str() {
        "POST" => typed(&call.request.parameters()),
        _ => Parameters::default(),
    };
    call.demand(rules::access_token_not_in_url(
        in_url.access_token.is_some(),
    ))?;
    let bearer = |token: String| Sent {
        token: token.into(),
        scheme: Scheme::Bearer,
    };
    let sent = [
        header,
        in_body.access_token.map(bearer),
        in_url.access_token.map(bearer),
    ];
    call.demand(rules::single_token_method(sent.iter().flatten().count()))?;
    Ok(sent.into_iter().flatten().next())
}

/// The token of a `Bearer` or `DPoP` header; the scheme's case does not matter (RFC 9110 §11.1).
fn credentials(header: &str) -> Option<Sent<'_>> {
    let (name, token) = header.split_once(' ')?;
    let known = [("bearer", Scheme::Bearer), ("dpop", Scheme::Dpop)];
    let is_named = |(known, _): &(&str, Scheme)| name.eq_ignore_ascii_case(known);
    let (_, scheme) = known.into_iter().find(is_named)?;
    let token = token.trim().into();
    Some(Sent { token, scheme })
}

/// RFC 6750 §3, RFC 9449 §7.1 and §9.
fn refuse(call: &Call<'_>, refusal: Refusal) -> Reply {
    let Refusal {
        status,
        code,
        reason,
        scheme,
    } = refusal;
    let name = serde_json::json!(code);
    let name = name.as_str().unwrap_or_default();
    let challenge = match scheme {
        Scheme::Bearer => format!("Bearer realm=\"userinfo\", error=\"{name}\""),
        Scheme::Dpop => holder::challenge(call, Some(name)),
    };
    Reply::error(status, code, &reason).header("www-authenticate", challenge)
}
