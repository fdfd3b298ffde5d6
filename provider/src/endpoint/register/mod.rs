//! `/register` (RFC 7591): a client registers itself, and works at once.

mod algorithms;
mod describe;
mod members;
mod offer;
mod read;
mod sector;
mod uris;

use axum::http::header;
use serde_json::{Map, Value, json};

use super::{Call, Reply};
use crate::fault::{Document, DocumentDraft};
use crate::parties::Client;
use crate::protocol::ErrorCode;
use crate::rules;
use crate::settings::Registration;

/// How many clients an issuer has at most, before nobody can register one more.
const MOST_CLIENTS: usize = 10_000;

/// Why a client is not registered (RFC 7591 §3.2.2).
#[derive(Debug)]
struct Refusal {
    code: ErrorCode,
    reason: String,
}

/// What is wrong with a member of the metadata.
fn wrong(member: &str, problem: &str) -> Refusal {
    Refusal {
        code: ErrorCode::InvalidClientMetadata,
        reason: format!("`{member}` {problem}"),
    }
}

pub(super) fn serve(call: &Call<'_>) -> Reply {
    match &call.issuer.settings.registration {
        Registration::Off => {
            let reason = "Clients cannot be registered here.";
            return Reply::problem(call, 404, "Not found", reason);
        }
        Registration::Open => {}
        Registration::Token(expected) => {
            let shown = call.request.header("authorization").and_then(bearer);
            if !shown.is_some_and(|shown| rules::same_secret(expected, shown)) {
                return unauthorized(shown.is_some());
            }
        }
    }
    register(call).unwrap_or_else(|Refusal { code, reason }| {
        let status = match code {
            ErrorCode::TemporarilyUnavailable => 503,
            _ => 400,
        };
        Reply::error(status, code, &reason).header("pragma", "no-cache")
    })
}

fn register(call: &Call<'_>) -> Result<Reply, Refusal> {
    let metadata = metadata(call)?;
    let client = read::client(call, &metadata)?;
    call.note_client(&client.id);
    for algorithm in [
        client.id_token_algorithm,
        client.userinfo_algorithm,
        client.authorization_algorithm,
    ] {
        algorithm.map(|it| call.issuer.keys.ensure(it));
    }
    let members = response(call, &client, &metadata);
    if !call.issuer.register(client, MOST_CLIENTS) {
        return Err(Refusal {
            code: ErrorCode::TemporarilyUnavailable,
            reason: format!("there are {MOST_CLIENTS} clients already"),
        });
    }
    let mut draft = DocumentDraft::new(Document::Registration, members)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::PRAGMA, "no-cache");
    draft.status = 201;
    Ok(Reply::document(call.tamper(draft)))
}

/// The client information response (RFC 7591 §3.2.1): what was registered, defaults included.
fn response(call: &Call<'_>, client: &Client, metadata: &Map<String, Value>) -> Map<String, Value> {
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    set("client_id", json!(client.id));
    set("client_id_issued_at", json!(call.now));
    if let Some(secret) = &client.secret {
        set("client_secret", json!(secret));
        // It does not expire.
        set("client_secret_expires_at", json!(0));
    }
    members.extend(describe::metadata(call.issuer, client));
    members.extend(read::informational(metadata));
    if let Some(uri) = metadata.get(sector::MEMBER).filter(|uri| uri.is_string()) {
        members.insert(sector::MEMBER.to_owned(), uri.clone());
    }
    members
}

/// The client metadata of the request.
fn metadata(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    let refuse = |reason: &str| Refusal {
        code: ErrorCode::InvalidClientMetadata,
        reason: reason.to_owned(),
    };
    let content_type = call.request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(refuse("the body is not application/json"));
    }
    if call.request.body_is_garbled {
        // RFC 8259 §8.1.
        return Err(refuse("the body is not UTF-8"));
    }
    match serde_json::from_str(&call.request.body) {
        Ok(Value::Object(metadata)) => Ok(metadata),
        Ok(_) | Err(_) => Err(refuse("the body is no JSON object")),
    }
}

/// The token of a `Bearer` header; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// RFC 6750 §3. Without any token there is no error code in the challenge.
fn unauthorized(has_token: bool) -> Reply {
    let (reason, challenge) = if has_token {
        let challenge = "Bearer realm=\"register\", error=\"invalid_token\"";
        ("the initial access token is wrong", challenge)
    } else {
        let challenge = "Bearer realm=\"register\"";
        ("an initial access token is needed", challenge)
    };
    Reply::error(401, ErrorCode::InvalidToken, reason).header("www-authenticate", challenge)
}
