//! The token response (RFC 6749 §5.1), whatever the grant.

use std::sync::Arc;

use serde_json::Value;

use crate::access_token::Binding;
use crate::endpoint::mint::Mint;
use crate::endpoint::{Call, Reply};
use crate::grant::Grant;
use crate::issue;
use crate::journal::IssuedKind;
use crate::names::GrantType;
use crate::parties::Client;
use crate::protocol::TokenResponse;
use crate::settings::RefreshTokens;

/// What is about to be handed out.
#[derive(Debug)]
pub(in crate::endpoint) struct Response<'a> {
    pub(in crate::endpoint) call: &'a Call<'a>,
    pub(in crate::endpoint) client: &'a Client,
    pub(in crate::endpoint) grant: Arc<Grant>,
    pub(in crate::endpoint) scopes: Vec<String>,
    /// The resources that the access token is for.
    pub(in crate::endpoint) audience: Vec<String>,
    /// The nonce for the ID token.
    pub(in crate::endpoint) nonce: Option<String>,
    pub(in crate::endpoint) with_refresh_token: bool,
}

impl Response<'_> {
    pub(in crate::endpoint) fn render(self) -> Reply {
        let (call, issuer) = (self.call, self.call.issuer);
        call.note_grant(&self.grant);
        let mint = Mint {
            call,
            client: self.client,
            grant: &self.grant,
            scopes: &self.scopes,
            audience: &self.audience,
            bound_to: call.holder(),
        };
        let access_token = mint.access_token();
        let refresh_token = self.with_refresh_token.then(|| {
            let token = issuer.randomness.token();
            let seconds = issuer.settings.refresh_token_lifetime.as_secs();
            (call.shelf()).put_refresh_token(
                &token,
                refreshable(call, self.client, &self.grant),
                seconds,
            );
            token
        });
        let id_token = if self.scopes.iter().any(|scope| scope == "openid") {
            mint.id_token(self.nonce.as_deref(), Some(&access_token), None)
        } else {
            None
        };
        let response = TokenResponse {
            access_token,
            token_type: token_type(&mint.bound_to),
            expires_in: mint.access_token_lifetime(),
            refresh_token,
            scope: self.scopes.join(" "),
            id_token,
            issued_token_type: None,
        };
        hand_out(&mint, response, IssuedKind::AccessToken)
    }
}

/// How an access token is sent (RFC 6749 §7.1, RFC 9449 §5).
pub(super) fn token_type(bound_to: &Binding) -> &'static str {
    match bound_to {
        Binding::DpopKey(_) => "DPoP",
        Binding::Bearer | Binding::Certificate(_) => "Bearer",
    }
}

/// The grant as refresh tokens stand for it: those of a public client are bound to its key
/// (RFC 9449 §5).
pub(super) fn refreshable(call: &Call<'_>, client: &Client, grant: &Arc<Grant>) -> Arc<Grant> {
    match call.holder() {
        Binding::DpopKey(key) if client.is_public() => Arc::new(Grant {
            dpop_jkt: Some(key),
            ..Grant::clone(grant)
        }),
        _ => Arc::clone(grant),
    }
}

/// The token response as it goes out; `kind` is what stands in its `access_token`.
pub(super) fn hand_out(mint: &Mint<'_>, response: TokenResponse, kind: IssuedKind) -> Reply {
    let call = mint.call;
    let draft = issue::token_response(&response);
    let draft = mint.tamper(draft);
    for (name, kind, honest) in [
        ("access_token", kind, Some(response.access_token)),
        (
            "refresh_token",
            IssuedKind::RefreshToken,
            response.refresh_token,
        ),
        ("id_token", IssuedKind::IdToken, response.id_token),
    ] {
        let value = match draft.members.opened() {
            Some(changed) => changed.get(name).and_then(Value::as_str).map(str::to_owned),
            None => honest,
        };
        if let Some(value) = value {
            call.note_issued(kind, value);
        }
    }
    Reply::document(draft)
}

/// Whether a grant comes with a refresh token: as the issuer is set up, and only to a client that
/// may use it.
pub(in crate::endpoint) fn with_refresh_token(
    call: &Call<'_>,
    client: &Client,
    scopes: &[String],
) -> bool {
    let refresh = GrantType::RefreshToken;
    let wanted = match call.issuer.settings.refresh_tokens {
        RefreshTokens::Never => false,
        RefreshTokens::OfflineAccess => scopes.iter().any(|scope| scope == "offline_access"),
        RefreshTokens::Always => true,
    };
    wanted
        && call.issuer.settings.grants.contains(&refresh)
        && (client.grant_types.as_ref()).is_none_or(|grants| grants.contains(&refresh))
}

/// Ends a grant with everything that was handed out for it.
pub(in crate::endpoint) fn revoke(call: &Call<'_>, grant: &Grant) {
    let settings = &call.issuer.settings;
    let clients = call.client(&grant.client_id).access_token_lifetime;
    let longest = (settings.refresh_token_lifetime)
        .max(settings.access_token_lifetime)
        .max(clients.unwrap_or_default());
    call.shelf().revoke(&grant.id, longest.as_secs());
}
