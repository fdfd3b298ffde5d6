//! Who the client of a token request is (RFC 6749 §2.3).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Call;
use super::token::TokenError;
use crate::names::AuthMethod;
use crate::parties::Client;
use crate::protocol::{ErrorCode, TokenParameters};
use crate::rules::{self, Credentials};

/// The client, as far as the issuer's rules want it proven.
pub(super) fn authenticate(
    call: &Call<'_>,
    parameters: &TokenParameters,
) -> Result<Arc<Client>, TokenError> {
    let header = call.request.header("authorization");
    let basic = header.is_some();
    let refused = |reason: String| TokenError {
        code: ErrorCode::InvalidClient,
        reason,
        basic,
    };
    call.demand(rules::single_auth_method(
        basic,
        parameters.client_secret.is_some(),
    ))
    .map_err(|violation| TokenError {
        code: ErrorCode::InvalidRequest,
        reason: violation.to_string(),
        basic: false,
    })?;
    let shown = match header {
        Some(header) => decode_basic(header)
            .ok_or_else(|| refused("the Authorization header is no HTTP Basic one".to_owned()))?,
        None => from_body(parameters).ok_or_else(|| refused("no client_id is sent".to_owned()))?,
    };
    call.note_client(&shown.client_id);
    if parameters
        .client_id
        .as_ref()
        .is_some_and(|id| *id != shown.client_id)
    {
        return Err(refused("header and body name two clients".to_owned()));
    }
    let registered = call.issuer.client(&shown.client_id);
    call.demand(rules::known_client(&shown.client_id, registered.as_deref()))
        .map_err(|violation| refused(violation.to_string()))?;
    let Some(client) = registered else {
        // Only a lax or observing issuer comes here.
        return Ok(Arc::new(Client::public(shown.client_id)));
    };
    call.demand(rules::client_authentication(&client, &shown))
        .map_err(|violation| refused(violation.to_string()))?;
    Ok(client)
}

fn from_body(parameters: &TokenParameters) -> Option<Credentials> {
    let secret = parameters.client_secret.clone();
    Some(Credentials {
        client_id: parameters.client_id.clone()?,
        method: match secret {
            Some(_) => AuthMethod::ClientSecretPost,
            None => AuthMethod::None,
        },
        secret,
    })
}

/// Both parts are form-encoded before they are joined (RFC 6749 §2.3.1).
fn decode_basic(header: &str) -> Option<Credentials> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let secret = decode_form(secret);
    Some(Credentials {
        client_id: decode_form(id),
        method: AuthMethod::ClientSecretBasic,
        // An empty secret is none (RFC 6749 §2.3.1).
        secret: (!secret.is_empty()).then_some(secret),
    })
}

fn decode_form(text: &str) -> String {
    // With a name before it, the whole text is one value, whatever it holds.
    let escaped = text.replace('&', "%26");
    form_urlencoded::parse(format!("v={escaped}").as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_of_the_basic_header_are_form_decoded() {
        let shown = |text: &str| decode_basic(&format!("Basic {}", STANDARD.encode(text)));
        let credentials = shown("my+app:p%3Aa%25s%26s%3D").unwrap();
        assert_eq!(credentials.client_id, "my app");
        assert_eq!(credentials.secret.as_deref(), Some("p:a%s&s="));
        assert_eq!(shown("app:a&b=c").unwrap().secret.as_deref(), Some("a&b=c"));
        assert_eq!(shown("app:").unwrap().secret, None);
        assert_eq!(shown("no colon"), None);
        assert_eq!(decode_basic("Basic ???"), None);
        assert_eq!(decode_basic("Bearer abc"), None);
        assert_eq!(decode_basic(""), None);
    }
}
