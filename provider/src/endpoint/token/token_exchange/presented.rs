//! The tokens that a token exchange brings along: what they say, and whether it counts.

use serde_json::Value;

use crate::access_token::Binding;
use crate::endpoint::{Call, mint};
use crate::grant::SignedIn;
use crate::issue;
use crate::jose::jws::own_token;
use crate::parties::Client;

/// The types of tokens that are understood (RFC 8693 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenType {
    AccessToken,
    RefreshToken,
    IdToken,
    Jwt,
}

impl TokenType {
    const ALL: [Self; 4] = [
        Self::AccessToken,
        Self::RefreshToken,
        Self::IdToken,
        Self::Jwt,
    ];

    pub(super) fn parse(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == uri)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::RefreshToken => "urn:ietf:params:oauth:token-type:refresh_token",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }
}

/// A token of this issuer that counts.
#[derive(Debug)]
pub(super) struct Presented {
    /// The client that it was issued to.
    pub(super) client_id: String,
    /// Whom it is about; none where a client acts for itself.
    pub(super) user: Option<SignedIn>,
    /// What it allows; none for a token that allows nothing by itself.
    pub(super) scopes: Option<Vec<String>>,
    pub(super) actors: Vec<String>,
    /// Who may use it.
    pub(super) bound_to: Binding,
}

impl Presented {
    /// The `sub` of whom it is about.
    pub(super) fn subject(&self) -> &str {
        (self.user.as_ref()).map_or(&self.client_id, |user| &user.sub)
    }

    /// The token, if it is of the type and counts now.
    pub(super) fn read(
        call: &Call<'_>,
        client: &Client,
        token: &str,
        kind: TokenType,
    ) -> Option<Self> {
        match kind {
            TokenType::AccessToken => access_token(call, token),
            TokenType::RefreshToken => refresh_token(call, client, token),
            TokenType::IdToken => id_token(call, token),
            TokenType::Jwt if !token.contains('.') => None,
            TokenType::Jwt => access_token(call, token).or_else(|| id_token(call, token)),
        }
    }
}

fn access_token(call: &Call<'_>, token: &str) -> Option<Presented> {
    let known = mint::honoured(call, token)?;
    let auth_time = known.auth_time.unwrap_or(known.issued_at);
    let user = known.sub.map(|sub| SignedIn {
        auth_time,
        ..unknown_session(call, sub)
    });
    Some(Presented {
        client_id: known.client_id,
        user,
        scopes: Some(known.scopes),
        actors: known.actors,
        bound_to: known.bound_to,
    })
}

/// A refresh token is for its own client alone.
fn refresh_token(call: &Call<'_>, client: &Client, token: &str) -> Option<Presented> {
    let shelf = call.shelf();
    let known = shelf.refresh_token(token)?;
    let grant = &known.grant;
    let counts = !known.used
        && call.now < known.expires_at
        && grant.client_id == client.id
        && !shelf.is_revoked(&grant.id);
    // Those of a public client alone are bound to its key (RFC 9449 §5).
    let bound_to = (grant.dpop_jkt.clone()).filter(|_| client.is_public());
    let bound_to = bound_to.map(Binding::DpopKey);
    counts.then(|| Presented {
        client_id: grant.client_id.clone(),
        user: grant.user.clone(),
        scopes: Some(grant.scopes.clone()),
        actors: grant.actors.clone(),
        bound_to: bound_to.unwrap_or_default(),
    })
}

fn id_token(call: &Call<'_>, token: &str) -> Option<Presented> {
    let token = own_token(&call.issuer.keys, token)?;
    let text = |name: &str| token.claims.get(name).and_then(Value::as_str);
    let number = |name: &str| token.claims.get(name).and_then(Value::as_u64);
    // Whatever else the issuer signs is of another type, or says less.
    let is_id_token = token.header.get("typ").is_none_or(|typ| typ == "JWT");
    let counts = is_id_token && text("iss") == Some(&call.urls.issuer) && call.now < number("exp")?;
    let client_id = text("aud").filter(|_| counts)?.to_owned();
    let sub = issue::own_sub(call.issuer, &call.client(&client_id), text("sub")?)?;
    Some(Presented {
        client_id,
        user: Some(SignedIn {
            auth_time: number("auth_time")?,
            ..unknown_session(call, sub)
        }),
        scopes: None,
        actors: Vec::new(),
        bound_to: Binding::Bearer,
    })
}

/// The token does not tell in which session the user signed in, and how.
fn unknown_session(call: &Call<'_>, sub: String) -> SignedIn {
    SignedIn {
        sub,
        auth_time: 0,
        sid: call.issuer.randomness.id(),
        acr: String::new(),
    }
}
