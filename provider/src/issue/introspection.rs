//! What introspection says (RFC 7662 §2.2).

use axum::http::header;
use serde_json::{Map, Value};

use super::tokens::{acting, occasion};
use super::{At, audience, confirmation, members, subject};
use crate::access_token::{AccessToken, Binding};
use crate::claims::{Carrier, about};
use crate::fault::{Document, DocumentDraft};
use crate::grant::Grant;
use crate::issuer::IssuerState;
use crate::parties::Client;
use crate::protocol::IntrospectionResponse;

/// A token that is asked about and honoured, with the client that it was issued to.
#[derive(Debug)]
pub(crate) enum Introspected<'a> {
    AccessToken {
        client: &'a Client,
        token: &'a AccessToken,
        jti: String,
    },
    RefreshToken {
        client: &'a Client,
        grant: &'a Grant,
        /// Unix seconds.
        expires_at: u64,
    },
}

/// The introspection response. Of a token that is not honoured it says nothing else.
pub(crate) fn introspection(at: At<'_>, token: Option<Introspected<'_>>) -> DocumentDraft {
    let members = match token {
        None => Map::from_iter([("active".to_owned(), Value::Bool(false))]),
        Some(Introspected::AccessToken { client, token, jti }) => {
            let mut said = members(&of_access_token(at, client, token, jti));
            said.extend(about(at.issuer, Carrier::AccessToken, &occasion(token)));
            said
        }
        Some(Introspected::RefreshToken {
            client,
            grant,
            expires_at,
        }) => members(&of_refresh_token(at, client, grant, expires_at)),
    };
    DocumentDraft::new(Document::Introspection, members).header(header::CACHE_CONTROL, "no-store")
}

fn of_access_token(
    at: At<'_>,
    client: &Client,
    token: &AccessToken,
    jti: String,
) -> IntrospectionResponse {
    let sub = token.sub.as_deref();
    IntrospectionResponse {
        active: true,
        scope: token.scopes.join(" "),
        client_id: token.client_id.clone(),
        username: sub.map(|sub| username(at.issuer, sub)),
        token_type: Some(match token.bound_to {
            Binding::DpopKey(_) => "DPoP",
            Binding::Bearer | Binding::Certificate(_) => "Bearer",
        }),
        exp: token.expires_at,
        iat: Some(token.issued_at),
        sub: whose(at.issuer, client, sub),
        aud: Some(audience(at, token)),
        iss: at.urls.issuer.clone(),
        jti: Some(jti),
        auth_time: token.auth_time,
        cnf: confirmation(token),
        act: acting(at, client, token),
    }
}

fn of_refresh_token(
    at: At<'_>,
    client: &Client,
    grant: &Grant,
    expires_at: u64,
) -> IntrospectionResponse {
    IntrospectionResponse {
        active: true,
        scope: grant.scopes.join(" "),
        client_id: grant.client_id.clone(),
        username: grant.sub().map(|sub| username(at.issuer, sub)),
        token_type: None,
        exp: expires_at,
        iat: None,
        sub: whose(at.issuer, client, grant.sub()),
        aud: None,
        iss: at.urls.issuer.clone(),
        jti: None,
        auth_time: grant.user.as_ref().map(|user| user.auth_time),
        cnf: None,
        act: None,
    }
}

/// What people call the user.
fn username(issuer: &IssuerState, sub: &str) -> String {
    let name = issuer.with_user(sub, |user| {
        let name = user?.claims.get("preferred_username")?.as_str()?;
        Some(name.to_owned())
    });
    name.unwrap_or_else(|| sub.to_owned())
}

/// The `sub`, as the client knows the user; a client that acts for itself is its own.
fn whose(issuer: &IssuerState, client: &Client, sub: Option<&str>) -> String {
    match sub {
        Some(sub) => subject::subject(issuer, client, sub).into_owned(),
        None => client.id.clone(),
    }
}
