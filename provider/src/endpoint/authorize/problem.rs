//! Why an authorization request is refused, who is told, and how.

use crate::grant::Pending;
use crate::names::{ResponseMode, ResponseType};
use crate::protocol::{AuthorizationParameters, ErrorCode};
use crate::rules::Violation;

/// Why an authorization request is refused, and who is told.
#[derive(Debug)]
pub(in crate::endpoint) enum Problem {
    /// The person in front of the browser, since the redirect URI cannot be trusted.
    Page { title: &'static str, reason: String },
    /// The client.
    Redirect(Box<RedirectProblem>),
}

#[derive(Debug)]
pub(in crate::endpoint) struct RedirectProblem {
    pub(in crate::endpoint) way: Way,
    pub(in crate::endpoint) error: ErrorCode,
    pub(in crate::endpoint) reason: String,
}

impl Problem {
    pub(super) fn page(title: &'static str, reason: impl Into<String>) -> Self {
        Self::Page {
            title,
            reason: reason.into(),
        }
    }

    pub(in crate::endpoint) fn redirect(
        pending: &Pending,
        error: ErrorCode,
        reason: impl Into<String>,
    ) -> Self {
        Self::told(Way::of(pending), (error, reason.into()))
    }

    pub(super) fn told(way: Way, (error, reason): (ErrorCode, String)) -> Self {
        Self::Redirect(Box::new(RedirectProblem { way, error, reason }))
    }
}

/// What the client is told, once the redirect URI is known to be good.
pub(super) type Told<T> = Result<T, (ErrorCode, String)>;

pub(super) fn told<T>(error: ErrorCode, reason: impl Into<String>) -> Told<T> {
    Err((error, reason.into()))
}

pub(super) fn invalid_request(violation: &Violation) -> (ErrorCode, String) {
    (ErrorCode::InvalidRequest, violation.to_string())
}

/// How a response gets back to the client, whether it is good or bad.
#[derive(Debug, Clone)]
pub(in crate::endpoint) struct Way {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) mode: ResponseMode,
    /// Under which the request was pushed.
    pub(super) request_uri: Option<String>,
}

impl Way {
    pub(super) fn of(pending: &Pending) -> Self {
        Self {
            client_id: pending.client_id.clone(),
            redirect_uri: pending.redirect_uri.clone(),
            state: pending.state.clone(),
            mode: pending.response_mode,
            request_uri: pending.request_uri.clone(),
        }
    }

    /// The way that the parameters ask for, as far as they can have it.
    pub(super) fn asked(
        client_id: &str,
        redirect_uri: String,
        parameters: &AuthorizationParameters,
    ) -> Self {
        let response_type = parameters.response_type.as_deref();
        let response_type = response_type.and_then(ResponseType::parse);
        let response_type = response_type.unwrap_or(ResponseType::Code);
        let asked = (parameters.response_mode.as_deref()).and_then(ResponseMode::parse);
        let mode = match asked {
            Some(mode) if mode != ResponseMode::Jwt && response_type.allows(mode) => mode,
            other => response_type.default_mode(other.is_some_and(ResponseMode::is_signed)),
        };
        Self {
            client_id: client_id.to_owned(),
            redirect_uri,
            state: parameters.state.clone(),
            mode,
            request_uri: None,
        }
    }
}
