//! What becomes of an authorization request: an interaction while people are asked, a grant once
//! they agreed, and the values that stand for it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::claims::ClaimsRequest;
use crate::names::{ChallengeMethod, ResponseMode, ResponseType};

/// An authorization request that passed every rule, on its way to a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// The flow that begins with it, and the name of the grant that it may lead to.
    pub(crate) flow: String,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    /// Whether the request itself named the redirect URI (RFC 6749 §4.1.3).
    pub(crate) redirect_uri_was_sent: bool,
    pub(crate) response_type: ResponseType,
    /// How the response travels; what the request left open is settled.
    pub(crate) response_mode: ResponseMode,
    /// The scopes that can be granted, in the order of the request.
    pub(crate) scopes: Vec<String>,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) prompt: BTreeSet<Prompt>,
    pub(crate) login_hint: Option<String>,
    /// Seconds since the last sign-in that are still good enough (OIDC Core §3.1.2.1).
    pub(crate) max_age: Option<u64>,
    /// Claims that are asked for by name (OIDC Core §5.5).
    pub(crate) claims: ClaimsRequest,
    /// Authentication context classes, the preferred one first (OIDC Core §3.1.2.1).
    pub(crate) acr_values: Vec<String>,
    /// Languages for the pages, the preferred one first (OIDC Core §3.1.2.1).
    pub(crate) ui_locales: Vec<String>,
    /// Whom the `id_token_hint` names (OIDC Core §3.1.2.1).
    pub(crate) hinted_sub: Option<String>,
    /// Resource indicators (RFC 8707 §2).
    pub(crate) resources: Vec<String>,
    /// The thumbprint of the key that the code is bound to (RFC 9449 §10).
    pub(crate) dpop_jkt: Option<String>,
    /// Under which it was pushed (RFC 9126 §2.2).
    pub(crate) request_uri: Option<String>,
    /// The parallel test that the request belongs to.
    pub(crate) test: Option<String>,
}

/// A code challenge (RFC 7636 §4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Challenge {
    pub(crate) value: String,
    pub(crate) method: ChallengeMethod,
}

/// What the client wants people to be asked (OIDC Core §3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Prompt {
    /// Nothing: there must be no page.
    None,
    /// Who they are, even if they are signed in.
    Login,
    /// What they want to share.
    Consent,
    /// Which of their accounts they want to use.
    SelectAccount,
}

/// Somebody who signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SignedIn {
    pub(crate) sub: String,
    /// Unix seconds.
    pub(crate) auth_time: u64,
    /// The session (Front-Channel Logout 1.0 §3).
    pub(crate) sid: String,
    /// The authentication context class (OIDC Core §2).
    pub(crate) acr: String,
}

/// A client that somebody signed in to in a session, and that wants to know when it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) sid: String,
    pub(crate) client_id: String,
    /// As the issuer knows them.
    pub(crate) sub: String,
}

/// A page that waits for its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Interaction {
    pub(crate) pending: Pending,
    pub(crate) stage: Stage,
}

/// What an [`Interaction`] asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Who are you?
    Login,
    /// What may the client see?
    Consent(SignedIn),
}

/// What was granted to a client, by somebody or, as with client credentials, by nobody but the
/// issuer. Everything that is handed out for it names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// By which it can be revoked.
    pub(crate) id: String,
    pub(crate) client_id: String,
    /// Empty where there was no redirect.
    pub(crate) redirect_uri: String,
    pub(crate) redirect_uri_was_sent: bool,
    /// Who granted it.
    pub(crate) user: Option<SignedIn>,
    pub(crate) scopes: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) claims: ClaimsRequest,
    pub(crate) login_hint: Option<String>,
    pub(crate) resources: Vec<String>,
    /// The thumbprint of the key that its code, and a public client's refresh tokens, are bound
    /// to (RFC 9449 §5, §10).
    pub(crate) dpop_jkt: Option<String>,
    /// Who acts for the user: the present actor, then those before it (RFC 8693 §4.1).
    pub(crate) actors: Vec<String>,
    /// The parallel test that it belongs to.
    pub(crate) test: Option<String>,
}

impl Grant {
    /// Somebody agreed to these scopes.
    pub(crate) fn new(pending: Pending, signed_in: SignedIn, scopes: Vec<String>) -> Self {
        Self {
            id: pending.flow,
            client_id: pending.client_id,
            redirect_uri: pending.redirect_uri,
            redirect_uri_was_sent: pending.redirect_uri_was_sent,
            user: Some(signed_in),
            scopes,
            nonce: pending.nonce,
            challenge: pending.challenge,
            claims: pending.claims,
            login_hint: pending.login_hint,
            resources: pending.resources,
            dpop_jkt: pending.dpop_jkt,
            actors: Vec::new(),
            test: pending.test,
        }
    }

    /// The `sub` of who granted it, as the issuer knows it.
    pub(crate) fn sub(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.sub.as_str())
    }
}

/// What a device waits for (RFC 8628).
#[expect(clippy::struct_field_names, reason = "the specification calls it so")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Device {
    pub(crate) device_code: String,
    pub(crate) user_code: String,
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) resources: Vec<String>,
    /// Unix seconds.
    pub(crate) expires_at: u64,
    /// The parallel test that it belongs to.
    pub(crate) test: Option<String>,
}

/// How a device asked so far. It is kept apart from the [`Decision`], so that neither who asks nor
/// who decides can undo what the other did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Polls {
    /// How often, leaving out when it was too soon.
    pub(crate) count: u32,
    /// When it asked last, in Unix seconds.
    pub(crate) last: Option<u64>,
    /// Seconds that have to lie between two polls.
    pub(crate) interval: u64,
}

/// What people said to a device. It is said once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Decision {
    /// No.
    Denied,
    /// Yes, to these scopes.
    Approved(SignedIn, Vec<String>),
}
