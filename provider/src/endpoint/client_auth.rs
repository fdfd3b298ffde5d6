//! Who the client of a request is (RFC 6749 §2.3): by secret, by assertion, by certificate, or by
//! its word.

mod assertion;

use std::sync::Arc;

use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::message::is_text;
use super::token::TokenError;
use super::{Call, certificate};
use crate::names::AuthMethod;
use crate::parties::Client;
use crate::protocol::{ErrorCode, TokenParameters};
use crate::rules::{self, Credentials, Violation};
use assertion::Assertion;

/// How a client presented itself.
enum Shown<'a> {
    /// A secret, or nothing but a client identifier.
    Credentials(Credentials),
    /// RFC 7521 §4.2.
    Assertion(Assertion<'a>),
}

impl Shown<'_> {
    fn client_id(&self) -> &str {
        match self {
            Self::Credentials(shown) => &shown.client_id,
            Self::Assertion(shown) => shown.client_id(),
        }
    }
}

/// The client, as far as the issuer's rules want it proven.
pub(super) fn authenticate(
    call: &Call<'_>,
    parameters: &TokenParameters,
) -> Result<Arc<Client>, TokenError> {
    let header = call.request.header(header::AUTHORIZATION);
    let basic = header.is_some();
    let refused = |reason: String| TokenError {
        code: ErrorCode::InvalidClient,
        reason,
        basic,
    };
    let in_body = [&parameters.client_secret, &parameters.client_assertion];
    let methods = usize::from(basic) + in_body.into_iter().flatten().count();
    call.demand(rules::single_auth_method(methods))
        .map_err(|violation| TokenError {
            code: ErrorCode::InvalidRequest,
            reason: violation.to_string(),
            basic: false,
        })?;
    let shown = shown(header, parameters).map_err(refused)?;
    let client_id = shown.client_id();
    call.note_client(client_id);
    if (parameters.client_id.as_ref()).is_some_and(|id| id != client_id) {
        let reason = "the request names two clients".to_owned();
        return Err(refused(reason));
    }
    let registered = call.issuer.client(client_id);
    let refuse = |violation: Violation| refused(violation.to_string());
    call.demand(rules::known_client(client_id, registered.as_deref()))
        .map_err(refuse)?;
    let Some(client) = registered else {
        // Only a lax or observing issuer comes here.
        return Ok(Arc::new(Client::public(client_id)));
    };
    let method = match &shown {
        Shown::Credentials(shown) => check_credentials(call, &client, shown),
        Shown::Assertion(assertion) => assertion.check(call, &client),
    };
    let method = method.map_err(refuse)?;
    call.demand(rules::asymmetric_client_authentication(method))
        .map_err(refuse)?;
    Ok(client)
}

fn shown<'a>(header: Option<&str>, parameters: &'a TokenParameters) -> Result<Shown<'a>, String> {
    if let Some(header) = header {
        return decode_basic(header)
            .map(Shown::Credentials)
            .ok_or_else(|| "the Authorization header is no HTTP Basic one".to_owned());
    }
    if let Some(token) = &parameters.client_assertion {
        let kind = parameters.client_assertion_type.as_deref();
        let claimed = parameters.client_id.as_deref();
        return Assertion::read(token, kind, claimed).map(Shown::Assertion);
    }
    from_body(parameters)
        .map(Shown::Credentials)
        .ok_or_else(|| "no client_id is sent".to_owned())
}

/// A secret, a certificate, or neither; what the client counts as authenticated by.
fn check_credentials(
    call: &Call<'_>,
    client: &Client,
    shown: &Credentials,
) -> Result<AuthMethod, Violation> {
    let by_certificate = [
        AuthMethod::TlsClientAuth,
        AuthMethod::SelfSignedTlsClientAuth,
    ]
    .into_iter()
    .filter(|method| client.auth_methods.contains(method));
    if shown.secret.is_none()
        && let Some(method) = by_certificate.clone().next()
    {
        let mut methods = by_certificate;
        let fitting = methods.find(|method| certificate::is_of(call, client, *method));
        call.demand(rules::client_certificate(client, fitting.is_some()))?;
        return Ok(fitting.unwrap_or(method));
    }
    call.demand(rules::client_secret(client, shown))?;
    Ok(shown.method)
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
    let secret = decode_form(secret)?;
    Some(Credentials {
        client_id: decode_form(id)?,
        method: AuthMethod::ClientSecretBasic,
        // An empty secret is none (RFC 6749 §2.3.1).
        secret: (!secret.is_empty()).then_some(secret),
    })
}

/// One value; none where it is not UTF-8 (RFC 6749 Appendix B).
fn decode_form(text: &str) -> Option<String> {
    if !is_text(text) {
        return None;
    }
    // With a name before it, the whole text is one value, whatever it holds.
    let pair = format!("v={}", text.replace('&', "%26"));
    let (_, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
    Some(value.into_owned())
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
        assert_eq!(shown("app:%ff"), None);
        assert_eq!(shown("no colon"), None);
        assert_eq!(decode_basic("Basic ???"), None);
        assert_eq!(decode_basic("Bearer abc"), None);
        assert_eq!(decode_basic(""), None);
    }
}
