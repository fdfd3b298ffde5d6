//! What the authorization endpoint answers.

use serde_json::{Map, Value, json};

use super::At;
use crate::fault::{Object, RedirectDraft};
use crate::jose::Signer;
use crate::jose::jws::compact;
use crate::protocol::ErrorCode;

/// For how many seconds a response that is a JWT is good (JARM §2.1).
const SIGNED_LIFE: u64 = 10 * 60;

/// Whom a response is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipient<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) state: Option<&'a str>,
    /// Whether the response is going to be a JWT.
    pub(crate) signed: bool,
}

/// The authorization response (RFC 6749 §4.1.2, §4.2.2, RFC 9207 §2, JARM §2.1).
pub(crate) fn authorization_response(
    at: At<'_>,
    parameters: Vec<(String, String)>,
    recipient: Recipient<'_>,
) -> RedirectDraft {
    RedirectDraft {
        parameters: addressed(at, parameters, recipient),
    }
}

/// The parameters of a response as a JWT (JARM §2.1). Those that are claims of a JWT are there
/// already.
pub(crate) fn signed_response(signer: &Signer, parameters: Vec<(String, String)>) -> String {
    let mut header = Map::from_iter([("alg".to_owned(), json!(signer.algorithm().as_str()))]);
    header.extend(signer.kid().map(|kid| ("kid".to_owned(), json!(kid))));
    let claims = parameters.into_iter().map(|(name, value)| {
        let time = (name == "exp").then(|| value.parse::<u64>().ok()).flatten();
        let value = time.map_or_else(|| Value::String(value), |time| json!(time));
        (name, value)
    });
    let claims: Map<String, Value> = claims.collect();
    let (header, claims) = (Object::from(header), Object::from(claims));
    compact(&header.text(), &claims.text(), |message| {
        signer.sign(message)
    })
}

/// The error response of the authorization endpoint (RFC 6749 §4.1.2.1).
pub(crate) fn authorization_error(
    at: At<'_>,
    error: ErrorCode,
    reason: &str,
    recipient: Recipient<'_>,
) -> RedirectDraft {
    let error = json!(error).as_str().unwrap_or_default().to_owned();
    let parameters = vec![
        ("error".to_owned(), error),
        ("error_description".to_owned(), describable(reason)),
    ];
    RedirectDraft {
        parameters: addressed(at, parameters, recipient),
    }
}

/// With what every response has, so that it can be tampered with like the rest.
fn addressed(
    at: At<'_>,
    mut parameters: Vec<(String, String)>,
    recipient: Recipient<'_>,
) -> Vec<(String, String)> {
    let state = recipient.state.map(|state| ("state", state.to_owned()));
    let iss = (at.issuer.settings.iss_parameter || recipient.signed)
        .then(|| ("iss", at.urls.issuer.clone()));
    let expires_at = at.issuer.now().saturating_add(SIGNED_LIFE);
    let of_a_jwt = recipient.signed.then(|| {
        [
            ("aud", recipient.client_id.to_owned()),
            ("exp", expires_at.to_string()),
        ]
    });
    let added = state.into_iter().chain(iss);
    let added = added.chain(of_a_jwt.into_iter().flatten());
    parameters.extend(added.map(|(name, value)| (name.to_owned(), value)));
    parameters
}

/// The letters that an `error_description` may have (RFC 6749 §4.1.2.1, §5.2).
pub(crate) fn describable(reason: &str) -> String {
    reason
        .replace('§', "section ")
        .chars()
        .map(|letter| match letter {
            '"' | '\\' => '\'',
            ' '..='~' => letter,
            _ => '?',
        })
        .collect()
}
