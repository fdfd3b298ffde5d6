//! `/token` (RFC 6749 §3.2): codes and refresh tokens become tokens.

use std::sync::Arc;

use serde_json::Value;

use super::client_auth::authenticate;
use super::message::typed;
use super::{Call, Reply};
use crate::fault::AccessTokenDraft;
use crate::grant::Grant;
use crate::issue::{self, Issuance};
use crate::jose;
use crate::journal::IssuedKind;
use crate::parties::Client;
use crate::protocol::{ErrorCode, TokenParameters, TokenResponse};
use crate::rules;
use crate::settings::RefreshTokens;
use crate::store::{Granted, Life};

/// Why a token request is refused.
#[derive(Debug)]
pub(super) struct TokenError {
    pub(super) code: ErrorCode,
    pub(super) reason: String,
    /// Whether the client used the `Authorization` header, which is answered with its like.
    pub(super) basic: bool,
}

pub(super) fn serve(call: &Call<'_>) -> Reply {
    match exchange(call) {
        Ok(reply) => reply,
        Err(TokenError {
            code,
            reason,
            basic,
        }) => {
            let status = if code == ErrorCode::InvalidClient {
                401
            } else {
                400
            };
            let reply = Reply::error(status, code, &reason).header("pragma", "no-cache");
            if basic && status == 401 {
                reply.header(
                    "www-authenticate",
                    "Basic realm=\"token\", charset=\"UTF-8\"",
                )
            } else {
                reply
            }
        }
    }
}

fn exchange(call: &Call<'_>) -> Result<Reply, TokenError> {
    let pairs = call.request.form().ok_or_else(|| {
        let reason = "the body is not application/x-www-form-urlencoded";
        error(ErrorCode::InvalidRequest, reason)
    })?;
    let parameters: TokenParameters = typed(&pairs);
    call.notes
        .borrow_mut()
        .grant
        .clone_from(&parameters.grant_type);
    if let Some(id) = &parameters.client_id {
        call.note_client(id);
    }
    call.demand(rules::single_parameters(&pairs))
        .map_err(|violation| error(ErrorCode::InvalidRequest, &violation.to_string()))?;
    let client = authenticate(call, &parameters)?;
    match parameters.grant_type.as_deref() {
        Some("authorization_code") => redeem_code(call, &client, &parameters),
        Some("refresh_token") => refresh(call, &client, &parameters),
        Some(other) => Err(error(
            ErrorCode::UnsupportedGrantType,
            &format!("the grant type `{other}` is not supported"),
        )),
        None => Err(error(ErrorCode::InvalidRequest, "no grant_type is sent")),
    }
}

/// RFC 6749 §4.1.3, RFC 7636 §4.6.
fn redeem_code(
    call: &Call<'_>,
    client: &Client,
    parameters: &TokenParameters,
) -> Result<Reply, TokenError> {
    let code = (parameters.code.as_deref())
        .ok_or_else(|| error(ErrorCode::InvalidRequest, "no code is sent"))?;
    let issued = (call.issuer.store.code(code))
        .ok_or_else(|| error(ErrorCode::InvalidGrant, "the code is unknown"))?;
    let grant = issued.grant;
    call.note_user(&grant.signed_in.sub);
    let demand = |rule| {
        call.demand(rule)
            .map_err(|violation| error(ErrorCode::InvalidGrant, &violation.to_string()))
    };
    demand(rules::code_of_this_client(&grant, &client.id))?;
    let unused = |unused: bool| demand(rules::unused_code(unused)).inspect_err(|_| grant.revoke());
    unused(!issued.used)?;
    demand(rules::fresh_code(issued.expires_at, call.issuer.now()))?;
    demand(rules::same_redirect_uri(
        &grant,
        parameters.redirect_uri.as_deref(),
    ))?;
    let (challenge, verifier) = (
        grant.challenge.as_ref(),
        parameters.code_verifier.as_deref(),
    );
    demand(rules::code_verifier(challenge, verifier))?;
    demand(rules::matching_code_verifier(challenge, verifier))?;
    // A provider without PKCE ignores its parameters.
    if !call.issuer.settings.accepted_challenge_methods().is_empty() {
        demand(rules::no_uncalled_verifier(challenge, verifier))?;
    }
    // Of two requests that come this far at once, one is late.
    if !issued.used {
        unused(call.issuer.store.take_code(code))?;
    }
    let scopes = grant.scopes.clone();
    let nonce = grant.nonce.clone();
    let with_refresh_token = match call.issuer.settings.refresh_tokens {
        RefreshTokens::Never => false,
        RefreshTokens::OfflineAccess => scopes.iter().any(|scope| scope == "offline_access"),
        RefreshTokens::Always => true,
    };
    let tokens = Tokens {
        grant,
        scopes,
        nonce,
        with_refresh_token,
    };
    Ok(tokens.issue(call))
}

/// RFC 6749 §6, OIDC Core §12, RFC 9700 §4.14.2.
fn refresh(
    call: &Call<'_>,
    client: &Client,
    parameters: &TokenParameters,
) -> Result<Reply, TokenError> {
    let token = (parameters.refresh_token.as_deref())
        .ok_or_else(|| error(ErrorCode::InvalidRequest, "no refresh_token is sent"))?;
    let gone = || {
        let reason = "the refresh token is unknown, expired or revoked";
        error(ErrorCode::InvalidGrant, reason)
    };
    let issued = call.issuer.store.refresh_token(token).ok_or_else(gone)?;
    let grant = issued.grant;
    call.note_user(&grant.signed_in.sub);
    let demand = |rule, code| {
        call.demand(rule)
            .map_err(|violation| error(code, &violation.to_string()))
    };
    demand(
        rules::refresh_token_of_this_client(&grant, &client.id),
        ErrorCode::InvalidGrant,
    )?;
    let unused = |unused: bool| {
        demand(rules::unused_refresh_token(unused), ErrorCode::InvalidGrant)
            .inspect_err(|_| grant.revoke())
    };
    unused(!issued.used)?;
    if grant.is_revoked() || issued.expires_at <= call.issuer.now() {
        return Err(gone());
    }
    let asked = parameters.scope.as_deref().map(split_scope);
    let scopes = asked.unwrap_or_else(|| grant.scopes.clone());
    demand(
        rules::scope_not_widened(&grant.scopes, &scopes),
        ErrorCode::InvalidScope,
    )?;
    let scopes = scopes
        .into_iter()
        .filter(|scope| grant.scopes.contains(scope))
        .collect();
    if !issued.used {
        unused(call.issuer.store.take_refresh_token(token))?;
    }
    let tokens = Tokens {
        grant,
        scopes,
        nonce: None,
        with_refresh_token: true,
    };
    Ok(tokens.issue(call))
}

/// What is about to be handed out.
struct Tokens {
    grant: Arc<Grant>,
    scopes: Vec<String>,
    nonce: Option<String>,
    with_refresh_token: bool,
}

impl Tokens {
    fn issue(self, call: &Call<'_>) -> Reply {
        let issuer = call.issuer;
        let (settings, now) = (&issuer.settings, issuer.now());
        let until = |lifetime: std::time::Duration| Life {
            now,
            until: now.saturating_add(lifetime.as_secs()),
        };
        let access_token = issuer.randomness.token();
        let worth = AccessTokenDraft { honoured: true };
        if issuer.faults.tamper(&self.moment(call), worth).honoured {
            let granted = Granted {
                grant: Arc::clone(&self.grant),
                scopes: self.scopes.clone(),
            };
            let life = until(settings.access_token_lifetime);
            issuer
                .store
                .put_access_token(access_token.clone(), granted, life);
        }
        let refresh_token = self.with_refresh_token.then(|| {
            let token = issuer.randomness.token();
            let life = until(settings.refresh_token_lifetime);
            (issuer.store).put_refresh_token(token.clone(), Arc::clone(&self.grant), life);
            token
        });
        let id_token = self.scopes.iter().any(|scope| scope == "openid").then(|| {
            let issuance = Issuance {
                grant: &self.grant,
                scopes: &self.scopes,
                nonce: self.nonce.as_deref(),
                access_token: &access_token,
            };
            let draft = issue::id_token(issuer, &issuance);
            jose::sign(
                &issuer.keys,
                issuer.faults.tamper(&self.moment(call), draft),
            )
        });
        let draft = issue::token_response(&TokenResponse {
            access_token,
            token_type: "Bearer",
            expires_in: settings.access_token_lifetime.as_secs(),
            refresh_token,
            scope: self.scopes.join(" "),
            id_token,
        });
        let draft = issuer.faults.tamper(&self.moment(call), draft);
        for (name, kind) in [
            ("access_token", IssuedKind::AccessToken),
            ("refresh_token", IssuedKind::RefreshToken),
            ("id_token", IssuedKind::IdToken),
        ] {
            if let Some(value) = draft.members.get(name).and_then(Value::as_str) {
                call.note_issued(kind, value);
            }
        }
        Reply::document(draft)
    }

    fn moment<'a>(&'a self, call: &'a Call<'_>) -> crate::fault::Moment<'a> {
        crate::fault::Moment {
            redirect_uri: Some(&self.grant.redirect_uri),
            ..call.moment()
        }
    }
}

fn split_scope(scope: &str) -> Vec<String> {
    scope
        .split(' ')
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect()
}

fn error(code: ErrorCode, reason: &str) -> TokenError {
    TokenError {
        code,
        reason: reason.to_owned(),
        basic: false,
    }
}
