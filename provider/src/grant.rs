//! What becomes of an authorization request: an interaction while people are asked, a grant once
//! they agreed, and the values that stand for it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::settings::ChallengeMethod;

/// An authorization request that passed every rule, on its way to a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    /// Whether the request itself named the redirect URI (RFC 6749 §4.1.3).
    pub(crate) redirect_uri_was_sent: bool,
    /// The scopes that can be granted, in the order of the request.
    pub(crate) scopes: Vec<String>,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) prompt: BTreeSet<Prompt>,
    pub(crate) login_hint: Option<String>,
    /// Seconds since the last sign-in that are still good enough (OIDC Core §3.1.2.1).
    pub(crate) max_age: Option<u64>,
}

/// A code challenge (RFC 7636 §4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) value: String,
    pub(crate) method: ChallengeMethod,
}

/// What the client wants people to be asked (OIDC Core §3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedIn {
    pub(crate) sub: String,
    /// Unix seconds.
    pub(crate) auth_time: u64,
}

/// A page that waits for its answer.
#[derive(Debug, Clone)]
pub(crate) struct Interaction {
    pub(crate) pending: Pending,
    pub(crate) stage: Stage,
}

/// What an [`Interaction`] asks for.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    /// Who are you?
    Login,
    /// What may the client see?
    Consent(SignedIn),
}

/// What somebody granted to a client. Everything that was handed out for it points here.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) redirect_uri_was_sent: bool,
    pub(crate) signed_in: SignedIn,
    pub(crate) scopes: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<Challenge>,
    revoked: AtomicBool,
}

impl Grant {
    /// Somebody agreed to these scopes.
    pub(crate) fn new(pending: Pending, signed_in: SignedIn, scopes: Vec<String>) -> Self {
        Self {
            client_id: pending.client_id,
            redirect_uri: pending.redirect_uri,
            redirect_uri_was_sent: pending.redirect_uri_was_sent,
            signed_in,
            scopes,
            nonce: pending.nonce,
            challenge: pending.challenge,
            revoked: AtomicBool::new(false),
        }
    }

    /// Ends everything that was handed out for the grant.
    pub(crate) fn revoke(&self) {
        self.revoked.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::SeqCst)
    }
}
