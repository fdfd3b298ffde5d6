//! What the token and userinfo endpoints hand out.

use axum::http::header;
use serde_json::{Value, json};

use super::{At, subject};
use crate::access_token::{AccessToken, Binding};
use crate::claims::{Carrier, Occasion, about};
use crate::fault::{Document, DocumentDraft, JwtDraft, JwtKind, Object};
use crate::grant::Grant;
use crate::jose::{self, Signer};
use crate::parties::Client;
use crate::protocol::{
    AccessTokenClaims, Confirmation, IdTokenClaims, JoseHeader, TokenResponse, UserinfoClaims,
};

/// What an ID token is made from.
#[derive(Debug)]
pub(crate) struct Issuance<'a> {
    pub(crate) client: &'a Client,
    pub(crate) grant: &'a Grant,
    pub(crate) scopes: &'a [String],
    /// The nonce of the authorization request; none when a grant is refreshed (OIDC Core §12.2).
    pub(crate) nonce: Option<&'a str>,
    /// What is handed out beside it, for `at_hash`, `c_hash` and `s_hash`.
    pub(crate) access_token: Option<&'a str>,
    pub(crate) front: Option<FrontChannel<'a>>,
}

/// What an ID token of the authorization endpoint vouches for beside the access token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrontChannel<'a> {
    pub(crate) code: Option<&'a str>,
    pub(crate) state: Option<&'a str>,
}

/// The ID token (OIDC Core §2); none where nobody signed in.
pub(crate) fn id_token(at: At<'_>, signer: &Signer, issuance: &Issuance<'_>) -> Option<JwtDraft> {
    let user = issuance.grant.user.as_ref()?;
    let (client, grant) = (issuance.client, issuance.grant);
    let algorithm = signer.algorithm();
    let header = jose_header(signer, "JWT");
    let now = at.issuer.now();
    let asked: Vec<String> = grant.claims.id_token.keys().cloned().collect();
    let occasion = Occasion {
        sub: Some(&user.sub),
        client_id: &grant.client_id,
        scopes: issuance.scopes,
        login_hint: grant.login_hint.as_deref(),
        asked: &asked,
    };
    let wants_acr = asked.iter().any(|claim| claim == "acr");
    let logs_out =
        client.backchannel_logout_uri.is_some() || client.frontchannel_logout_uri.is_some();
    let half_hash = |value: &str| jose::half_hash(algorithm, value);
    let claims = IdTokenClaims {
        iss: at.urls.issuer.clone(),
        sub: subject::subject(at.issuer, client, &user.sub).into_owned(),
        aud: grant.client_id.clone(),
        exp: now.saturating_add(at.issuer.settings.id_token_lifetime.as_secs()),
        iat: now,
        auth_time: user.auth_time,
        nonce: issuance.nonce.map(str::to_owned),
        acr: wants_acr.then(|| user.acr.clone()),
        sid: logs_out.then(|| user.sid.clone()),
        at_hash: issuance.access_token.map(half_hash),
        c_hash: issuance.front.and_then(|it| it.code).map(half_hash),
        s_hash: issuance.front.and_then(|it| it.state).map(half_hash),
    };
    let about = about(at.issuer, Carrier::IdToken, &occasion);
    let claims = Object::with(&claims, about);
    Some(JwtDraft::new(JwtKind::IdToken, &header, claims))
}

/// An access token that is a JWT (RFC 9068 §2). Its `jti` is the sealed form of what it stands
/// for, so that the issuer itself needs no other.
pub(crate) fn access_token(
    at: At<'_>,
    signer: &Signer,
    client: &Client,
    grant: &Grant,
    token: &AccessToken,
    sealed: &str,
) -> JwtDraft {
    let header = jose_header(signer, "at+jwt");
    let user = grant.user.as_ref();
    let claims = AccessTokenClaims {
        iss: at.urls.issuer.clone(),
        sub: user.map_or_else(
            || grant.client_id.clone(),
            |user| subject::subject(at.issuer, client, &user.sub).into_owned(),
        ),
        aud: audience(at, token),
        exp: token.expires_at,
        iat: token.issued_at,
        jti: sealed.to_owned(),
        client_id: grant.client_id.clone(),
        scope: token.scopes.join(" "),
        auth_time: user.map(|user| user.auth_time),
        acr: (user.map(|user| user.acr.clone())).filter(|acr| !acr.is_empty()),
        cnf: confirmation(token),
        act: acting(at, client, token),
    };
    let about = about(at.issuer, Carrier::AccessToken, &occasion(token));
    let claims = Object::with(&claims, about);
    JwtDraft::new(JwtKind::AccessToken, &header, claims)
}

pub(crate) fn jose_header(signer: &Signer, typ: &'static str) -> JoseHeader {
    JoseHeader {
        alg: signer.algorithm().as_str(),
        typ,
        kid: signer.kid().map(str::to_owned),
    }
}

/// Whom an access token is meant for (RFC 9068 §3): the resources that were asked for, or else
/// the issuer.
pub(crate) fn audience(at: At<'_>, token: &AccessToken) -> Value {
    match &token.audience[..] {
        [] => json!(at.urls.issuer),
        [only] => json!(only),
        several => json!(several),
    }
}

/// Who acts for the user, each with the one before it inside (RFC 8693 §4.1).
pub(super) fn acting(at: At<'_>, client: &Client, token: &AccessToken) -> Option<Value> {
    let wrap = |before: Option<Value>, actor: &String| {
        let sub = match at.issuer.client(actor) {
            Some(_) => actor.into(),
            // Somebody whom the client may know by another name.
            None => subject::subject(at.issuer, client, actor),
        };
        Some(match before {
            Some(before) => json!({"sub": sub, "act": before}),
            None => json!({"sub": sub}),
        })
    };
    token.actors.iter().rev().fold(None, wrap)
}

/// Whom an access token is bound to (RFC 7800 §3.1).
pub(crate) fn confirmation(token: &AccessToken) -> Option<Confirmation> {
    let none = Confirmation {
        jkt: None,
        certificate: None,
    };
    match &token.bound_to {
        Binding::Bearer => None,
        Binding::DpopKey(thumbprint) => Some(Confirmation {
            jkt: Some(thumbprint.clone()),
            ..none
        }),
        Binding::Certificate(thumbprint) => Some(Confirmation {
            certificate: Some(thumbprint.clone()),
            ..none
        }),
    }
}

/// The token response (RFC 6749 §5.1).
pub(crate) fn token_response(response: &TokenResponse) -> DocumentDraft {
    DocumentDraft::new(Document::Token, response)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::PRAGMA, "no-cache")
}

/// The userinfo response (OIDC Core §5.3.2); `sub` is what the client gets.
pub(crate) fn userinfo(
    at: At<'_>,
    client: &Client,
    sub: &str,
    token: &AccessToken,
) -> DocumentDraft {
    let sub = subject::subject(at.issuer, client, sub);
    let is_signed = client.userinfo_algorithm.is_some();
    let claims = UserinfoClaims {
        sub: &sub,
        iss: is_signed.then_some(&at.urls.issuer),
        aud: is_signed.then_some(&client.id),
    };
    let about = about(at.issuer, Carrier::Userinfo, &occasion(token));
    DocumentDraft::new(Document::Userinfo, Object::with(&claims, about))
        .header(header::CACHE_CONTROL, "no-store")
}

pub(super) fn occasion(token: &AccessToken) -> Occasion<'_> {
    Occasion {
        sub: token.sub.as_deref(),
        client_id: &token.client_id,
        scopes: &token.scopes,
        login_hint: token.login_hint.as_deref(),
        asked: &token.asked,
    }
}
