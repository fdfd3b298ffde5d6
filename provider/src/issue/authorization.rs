//! What the authorization endpoint answers.

use serde_json::json;

use super::At;
use crate::fault::RedirectDraft;
use crate::protocol::ErrorCode;

/// The authorization response (RFC 6749 §4.1.2, RFC 9207 §2).
pub(crate) fn authorization_response(
    at: At<'_>,
    parameters: Vec<(String, String)>,
    state: Option<&str>,
) -> RedirectDraft {
    RedirectDraft {
        parameters: with_state_and_issuer(at, parameters, state),
    }
}

/// The error response of the authorization endpoint (RFC 6749 §4.1.2.1).
pub(crate) fn authorization_error(
    at: At<'_>,
    error: ErrorCode,
    reason: &str,
    state: Option<&str>,
) -> RedirectDraft {
    let error = json!(error).as_str().unwrap_or_default().to_owned();
    let parameters = vec![
        ("error".to_owned(), error),
        ("error_description".to_owned(), describable(reason)),
    ];
    RedirectDraft {
        parameters: with_state_and_issuer(at, parameters, state),
    }
}

fn with_state_and_issuer(
    at: At<'_>,
    mut parameters: Vec<(String, String)>,
    state: Option<&str>,
) -> Vec<(String, String)> {
    parameters.extend(state.map(|state| ("state".to_owned(), state.to_owned())));
    if at.issuer.settings.iss_parameter {
        parameters.push(("iss".to_owned(), at.urls.issuer.clone()));
    }
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
