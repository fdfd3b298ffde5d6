//! Token exchange (RFC 8693): tokens of this issuer become others, for another audience or another
//! actor.

mod presented;

use std::sync::Arc;

use super::response::{hand_out, refreshable, token_type, with_refresh_token};
use super::target::resource_is_known;
use super::{TokenError, error, grantable_scopes, split_scope};
use crate::endpoint::mint::Mint;
use crate::endpoint::{Call, Reply, holder};
use crate::grant::Grant;
use crate::journal::IssuedKind;
use crate::names::AccessTokenFormat;
use crate::parties::Client;
use crate::protocol::{ErrorCode, TokenParameters, TokenResponse};
use crate::rules;
use presented::{Presented, TokenType};

/// RFC 8693 §2. The new token lives apart from the one that it was exchanged for, and is bound to
/// whoever asks for it.
pub(super) fn exchange(
    call: &Call<'_>,
    client: &Client,
    parameters: &TokenParameters,
) -> Result<Reply, TokenError> {
    let requested = match parameters.requested_token_type.as_deref() {
        None => TokenType::AccessToken,
        Some(uri) => known_type("requested_token_type", uri)?,
    };
    let subject = presented(
        (call, client),
        "subject_token",
        parameters.subject_token.as_deref(),
        parameters.subject_token_type.as_deref(),
    )?;
    let subject = subject.ok_or_else(|| invalid("no subject_token is sent"))?;
    if client.is_public() && subject.client_id != client.id && !call.issuer.is_lax() {
        let reason = "a public client may exchange its own tokens alone";
        return Err(error(ErrorCode::UnauthorizedClient, reason));
    }
    let actor = presented(
        (call, client),
        "actor_token",
        parameters.actor_token.as_deref(),
        parameters.actor_token_type.as_deref(),
    )?;
    (subject.user.iter()).for_each(|user| call.note_user(&user.sub));
    let audience = audience(call, parameters)?;
    let scopes = scopes(call, client, &subject, parameters.scope.as_deref())?;
    let actor = actor.map(|actor| actor.subject().to_owned());
    let grant = Grant {
        id: call.issuer.randomness.id(),
        client_id: client.id.clone(),
        scopes: scopes.clone(),
        resources: audience.clone(),
        actors: actor.into_iter().chain(subject.actors).collect(),
        user: subject.user,
        test: call.test(),
        ..Grant::default()
    };
    call.note_grant(&grant);
    let exchange = Exchange {
        call,
        client,
        grant: Arc::new(grant),
        scopes,
        audience,
    };
    match requested {
        TokenType::AccessToken => Ok(exchange.access_token(requested, client)),
        TokenType::Jwt => {
            let client = Client {
                access_token_format: Some(AccessTokenFormat::Jwt),
                ..client.clone()
            };
            Ok(exchange.access_token(requested, &client))
        }
        TokenType::IdToken => exchange.id_token(),
        TokenType::RefreshToken => exchange.refresh_token(),
    }
}

/// RFC 8693 §2.2.2: whatever is wrong with a token makes the request invalid.
fn invalid(reason: &str) -> TokenError {
    error(ErrorCode::InvalidRequest, reason)
}

fn known_type(parameter: &str, uri: &str) -> Result<TokenType, TokenError> {
    TokenType::parse(uri)
        .ok_or_else(|| invalid(&format!("the {parameter} `{uri}` is not supported")))
}

/// A token and its type come together or not at all (RFC 8693 §2.1).
fn presented(
    (call, client): (&Call<'_>, &Client),
    parameter: &str,
    token: Option<&str>,
    kind: Option<&str>,
) -> Result<Option<Presented>, TokenError> {
    match (token, kind) {
        (None, None) => Ok(None),
        (Some(token), Some(uri)) => {
            let kind = known_type(&format!("{parameter}_type"), uri)?;
            let presented = Presented::read(call, client, token, kind).ok_or_else(|| {
                let reason = format!(
                    "the {parameter} is none of this issuer's of that type, or is expired or revoked"
                );
                invalid(&reason)
            })?;
            holder::of_brought_token(call, &presented.bound_to)
                .map_err(|violation| invalid(&format!("the {parameter}: {violation}")))?;
            Ok(Some(presented))
        }
        (Some(_), None) | (None, Some(_)) => {
            let reason = format!("{parameter} and {parameter}_type have to be sent together");
            Err(invalid(&reason))
        }
    }
}

/// For whom the new token is: resources by their URI, others by name (RFC 8693 §2.1).
fn audience(call: &Call<'_>, parameters: &TokenParameters) -> Result<Vec<String>, TokenError> {
    let mut audience: Vec<String> = Vec::new();
    for resource in &parameters.resource {
        resource_is_known(call, resource)?;
        audience.push(resource.clone());
    }
    for name in &parameters.audience {
        let listed = &call.issuer.settings.resources;
        let is_known = listed.as_ref().is_none_or(|it| it.contains(name));
        if !is_known && call.issuer.client(name).is_none() {
            let reason = format!("the audience `{name}` is unknown");
            return Err(error(ErrorCode::InvalidTarget, &reason));
        }
        audience.push(name.clone());
    }
    let mut seen = std::collections::BTreeSet::new();
    audience.retain(|it| seen.insert(it.clone()));
    Ok(audience)
}

/// No more than the subject token allows; what allows nothing by itself can become whatever the
/// client may have.
fn scopes(
    call: &Call<'_>,
    client: &Client,
    subject: &Presented,
    asked: Option<&str>,
) -> Result<Vec<String>, TokenError> {
    let Some(granted) = &subject.scopes else {
        return grantable_scopes(call, client, asked);
    };
    let may = |scope: &String| client.scopes.as_ref().is_none_or(|it| it.contains(scope));
    let asked = asked.map_or_else(|| granted.clone(), split_scope);
    call.demand(rules::scope_not_widened(granted, &asked))
        .map_err(|violation| error(ErrorCode::InvalidScope, &violation.to_string()))?;
    Ok((asked.into_iter())
        .filter(|scope| granted.contains(scope) && may(scope))
        .collect())
}

/// What is about to be handed out.
struct Exchange<'a> {
    call: &'a Call<'a>,
    client: &'a Client,
    grant: Arc<Grant>,
    scopes: Vec<String>,
    audience: Vec<String>,
}

impl Exchange<'_> {
    fn mint<'a>(&'a self, client: &'a Client) -> Mint<'a> {
        Mint {
            call: self.call,
            client,
            grant: &self.grant,
            scopes: &self.scopes,
            audience: &self.audience,
            bound_to: self.call.holder(),
        }
    }

    fn access_token(&self, issued: TokenType, client: &Client) -> Reply {
        let mint = self.mint(client);
        let response = TokenResponse {
            token_type: token_type(&mint.bound_to),
            expires_in: mint.access_token_lifetime(),
            ..self.response(issued, mint.access_token())
        };
        hand_out(&mint, response, IssuedKind::AccessToken)
    }

    fn id_token(&self) -> Result<Reply, TokenError> {
        if let Some(other) = self.audience.iter().find(|it| **it != self.client.id) {
            let reason = format!("an ID token is for the client itself, not for `{other}`");
            return Err(error(ErrorCode::InvalidTarget, &reason));
        }
        let mint = self.mint(self.client);
        let token = (mint.id_token(None, None, None))
            .ok_or_else(|| invalid("there is no user whom an ID token could be about"))?;
        let response = TokenResponse {
            expires_in: self.call.issuer.settings.id_token_lifetime.as_secs(),
            ..self.response(TokenType::IdToken, token)
        };
        Ok(hand_out(&mint, response, IssuedKind::IdToken))
    }

    fn refresh_token(&self) -> Result<Reply, TokenError> {
        let wanted = ["offline_access".to_owned()];
        if !with_refresh_token(self.call, self.client, &wanted) {
            let reason = "the client gets no refresh tokens here";
            return Err(invalid(reason));
        }
        let issuer = self.call.issuer;
        let seconds = issuer.settings.refresh_token_lifetime.as_secs();
        let token = issuer.randomness.token();
        let grant = refreshable(self.call, self.client, &self.grant);
        (self.call.shelf()).put_refresh_token(&token, grant, seconds);
        let response = TokenResponse {
            expires_in: seconds,
            ..self.response(TokenType::RefreshToken, token)
        };
        let mint = self.mint(self.client);
        Ok(hand_out(&mint, response, IssuedKind::RefreshToken))
    }

    /// The token stands in `access_token`, whatever it is (RFC 8693 §2.2.1).
    fn response(&self, issued: TokenType, token: String) -> TokenResponse {
        TokenResponse {
            access_token: token,
            token_type: "N_A",
            expires_in: 0,
            refresh_token: None,
            scope: self.scopes.join(" "),
            id_token: None,
            issued_token_type: Some(issued.as_str()),
        }
    }
}
