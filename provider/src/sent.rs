//! What a client sent, read from an exchange: parameters wherever they travelled, and how it
//! presented itself.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::journal::{Endpoint, Exchange, RecordedRequest};
use crate::names::AuthMethod;

/// Parameters by name; of several with one name, the first.
pub(crate) type Sent = BTreeMap<String, String>;

/// The parameters of the query.
pub(crate) fn query(request: &RecordedRequest) -> Sent {
    let (_, query) = request.target.split_once('?').unwrap_or_default();
    decode(query)
}

/// The parameters of the body, if it is a form.
pub(crate) fn form(request: &RecordedRequest) -> Sent {
    let is_form = request.headers.iter().any(|(name, value)| {
        name == "content-type" && value.starts_with("application/x-www-form-urlencoded")
    });
    if is_form {
        decode(&request.body)
    } else {
        Sent::new()
    }
}

/// The path of a request.
pub(crate) fn path(request: &RecordedRequest) -> &str {
    request.target.split('?').next().unwrap_or_default()
}

/// What an authorization request says, if the exchange is one in which a client can say it: sent
/// through the browser, or pushed (RFC 9126). A request object's claims count (RFC 9101).
pub(crate) fn authorization_request(exchange: &Exchange) -> Option<Sent> {
    let request = &exchange.request;
    let mut sent = match exchange.endpoint {
        Endpoint::Authorize if path(request).ends_with("/authorize") => {
            let mut sent = query(request);
            sent.extend(form(request));
            sent
        }
        Endpoint::Par => form(request),
        _ => return None,
    };
    if exchange.endpoint == Endpoint::Authorize && is_pushed(&sent) {
        // What it stands for was said when it was pushed.
        return None;
    }
    for (name, value) in sent.get("request").map(|it| claims(it)).unwrap_or_default() {
        if let Value::String(value) = value {
            sent.insert(name, value);
        }
    }
    Some(sent)
}

fn is_pushed(sent: &Sent) -> bool {
    sent.get("request_uri")
        .is_some_and(|uri| uri.starts_with("urn:ietf:params:oauth:request_uri:"))
}

/// How the client of a token request presented itself, as far as the request itself shows it.
pub(crate) fn auth_method(request: &RecordedRequest) -> AuthMethod {
    let sent = form(request);
    let basic = (request.headers.iter()).any(|(name, value)| {
        name == "authorization" && value.to_ascii_lowercase().starts_with("basic ")
    });
    match sent.get("client_assertion") {
        _ if basic => AuthMethod::ClientSecretBasic,
        Some(assertion) if is_symmetric(assertion) => AuthMethod::ClientSecretJwt,
        Some(_) => AuthMethod::PrivateKeyJwt,
        None if sent.contains_key("client_secret") => AuthMethod::ClientSecretPost,
        None => AuthMethod::None,
    }
}

fn is_symmetric(jwt: &str) -> bool {
    let header = part(jwt, 0);
    let algorithm = header.get("alg").and_then(Value::as_str);
    algorithm.is_some_and(|it| it.starts_with("HS"))
}

/// The claims of a JWT, whoever signed it.
pub(crate) fn claims(jwt: &str) -> Map<String, Value> {
    part(jwt, 1)
}

/// The JOSE header of a JWT, whoever signed it.
pub(crate) fn header(jwt: &str) -> Map<String, Value> {
    part(jwt, 0)
}

fn part(jwt: &str, place: usize) -> Map<String, Value> {
    let part = jwt.split('.').nth(place).unwrap_or_default();
    let decoded = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    serde_json::from_slice(&decoded).unwrap_or_default()
}

fn decode(text: &str) -> Sent {
    let mut sent = Sent::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        sent.entry(name.into_owned())
            .or_insert_with(|| value.into_owned());
    }
    sent
}
