//! Every reason to turn a response of a provider away, and what is said about it.
//!
//! `Display` is for the log and never holds a value that could be a secret; `explanation` is for
//! the person in front of the browser. Only `checks.rs` makes a refusal.

use crate::back_channel::{BackChannelError, Endpoint};
use axum::http::StatusCode;

/// Why a sign-in or a refresh was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the page to end on is not one of ours")]
    ReturnPageIsNotOurs,
    #[error("the authorization response has the parameter `{name}` more than once")]
    ParameterIsRepeated { name: &'static str },
    #[error("the `state` belongs to no login that this browser has begun")]
    StateIsNotOurs,
    #[error("the authorization response is not from the issuer that was asked")]
    IssuerIsNotTheOneWeAsked,
    #[error("the provider reported the error {:?}", shortened(.code, 40))]
    ProviderReportedAnError {
        code: String,
        description: Option<String>,
    },
    #[error("the authorization response has no code")]
    CodeIsMissing,
    #[error("the provider's metadata is that of another issuer")]
    MetadataIsOfAnotherIssuer,
    #[error("the provider could not be reached for {endpoint}: {error}")]
    ProviderWasNotReached {
        endpoint: Endpoint,
        error: BackChannelError,
    },
    #[error("the provider answered {endpoint} with status {status} {}", said(.error.as_deref()))]
    ReplyIsNoSuccess {
        endpoint: Endpoint,
        status: u16,
        error: Option<String>,
    },
    #[error("{what} is malformed")]
    Malformed { what: &'static str },
    #[error("the token type is not `Bearer`")]
    TokenTypeIsNotBearer,
    #[error("the token response has no ID token")]
    IdTokenIsMissing,
    #[error("the ID token has a critical extension")]
    ExtensionIsCritical,
    #[error("the ID token's signature algorithm is not an allowed one")]
    AlgorithmIsNotAllowed,
    #[error("the provider has published no key that fits the ID token")]
    KeyIsUnknown,
    #[error("the ID token's signature is invalid")]
    SignatureIsInvalid,
    #[error("the ID token was issued by another issuer")]
    TokenIssuerIsNotOurs,
    #[error("the ID token was issued to another client")]
    AudienceIsNotUs,
    #[error("the ID token has further audiences and no authorized party")]
    AudienceIsAmbiguous,
    #[error("the ID token's authorized party is another client")]
    AuthorizedPartyIsNotUs,
    #[error("the ID token has expired")]
    TokenIsExpired,
    #[error("the ID token is not valid yet")]
    TokenIsNotValidYet,
    #[error("the ID token's time of issue is implausible")]
    IssuedAtIsImplausible,
    #[error("the ID token's nonce is not that of this login")]
    NonceIsNotOurs,
    #[error("the access token is not the one that the ID token was issued with")]
    AccessTokenIsNotTheOneHashed,
    #[error("userinfo is about another user than the ID token")]
    UserinfoIsAboutSomeoneElse,
    #[error("the refreshed ID token is about another user")]
    RefreshedTokenIsAboutSomeoneElse,
    #[error("there is no refresh token")]
    RefreshTokenIsMissing,
    #[error("the logout token says that it is something else")]
    LogoutTypeIsAnother,
    #[error("the logout token names neither a user nor a session")]
    LogoutNamesNobody,
    #[error("the logout token is about something else")]
    LogoutIsNotTheEvent,
    #[error("the logout token has a nonce")]
    LogoutHasANonce,
}

impl Refusal {
    /// Whether a resource was denied to the access token (RFC 6750 section 3.1).
    pub(crate) fn denies_the_access_token(&self) -> bool {
        matches!(
            self,
            Self::ReplyIsNoSuccess {
                endpoint: Endpoint::Userinfo,
                status: 401,
                ..
            }
        )
    }

    /// Whether the user's grant has come to its end, so that only a new sign-in helps
    /// (`invalid_grant`, RFC 6749 section 5.2).
    pub(crate) fn ends_the_grant(&self) -> bool {
        match self {
            Self::RefreshTokenIsMissing => true,
            Self::ReplyIsNoSuccess {
                endpoint: Endpoint::Token,
                error: Some(error),
                ..
            } => error == "invalid_grant",
            _ => self.denies_the_access_token(),
        }
    }

    /// The status of the page that reports the refusal.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::ProviderReportedAnError { code, .. } if code == "access_denied" => {
                StatusCode::FORBIDDEN
            }
            Self::ProviderWasNotReached { .. }
            | Self::Malformed { .. }
            | Self::MetadataIsOfAnotherIssuer => StatusCode::BAD_GATEWAY,
            Self::ReplyIsNoSuccess { .. } if !self.ends_the_grant() => StatusCode::BAD_GATEWAY,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// What happened, in plain words.
    pub(crate) fn explanation(&self) -> &'static str {
        match self {
            Self::ReturnPageIsNotOurs => {
                "This link would lead somewhere else after the sign-in, so it was not followed. \
                 If somebody sent it to you, do not use it again."
            }
            Self::StateIsNotOurs => {
                "This sign-in was not begun in this browser, took longer than ten minutes, or has \
                 been used already. If you followed a link from somebody else, do not use it again."
            }
            Self::ProviderReportedAnError { code, .. } => reported(code),
            Self::ProviderWasNotReached { .. } => {
                "The sign-in service did not answer as it should. It may be down for a moment."
            }
            Self::ReplyIsNoSuccess { .. } if self.ends_the_grant() => {
                "The sign-in service did not accept this sign-in. It may have been used already, \
                 or it took too long."
            }
            Self::ReplyIsNoSuccess { .. } => "The sign-in service reported a problem of its own.",
            Self::ParameterIsRepeated { .. }
            | Self::CodeIsMissing
            | Self::Malformed { .. }
            | Self::TokenTypeIsNotBearer
            | Self::IdTokenIsMissing => {
                "The answer of the sign-in service is incomplete or cannot be understood."
            }
            Self::TokenIsExpired | Self::TokenIsNotValidYet | Self::IssuedAtIsImplausible => {
                "The proof of who you are is too old, or from the future. If this happens again, \
                 the clock of this server or of the sign-in service is wrong."
            }
            Self::IssuerIsNotTheOneWeAsked
            | Self::MetadataIsOfAnotherIssuer
            | Self::ExtensionIsCritical
            | Self::AlgorithmIsNotAllowed
            | Self::KeyIsUnknown
            | Self::SignatureIsInvalid
            | Self::TokenIssuerIsNotOurs
            | Self::AudienceIsNotUs
            | Self::AudienceIsAmbiguous
            | Self::AuthorizedPartyIsNotUs
            | Self::NonceIsNotOurs
            | Self::AccessTokenIsNotTheOneHashed
            | Self::UserinfoIsAboutSomeoneElse
            | Self::RefreshedTokenIsAboutSomeoneElse
            | Self::LogoutTypeIsAnother
            | Self::LogoutNamesNobody
            | Self::LogoutIsNotTheEvent
            | Self::LogoutHasANonce => {
                "The answer of the sign-in service could not be trusted, so nobody was signed in \
                 with it."
            }
            Self::RefreshTokenIsMissing => "Your access has run out.",
        }
    }

    /// What the provider itself said, shortened; untrusted, so it may only be shown escaped.
    pub(crate) fn quotation(&self) -> Option<String> {
        match self {
            Self::ProviderReportedAnError { description, .. } => description
                .as_ref()
                .map(|description| shortened(description, 200)),
            _ => None,
        }
    }
}

/// The error codes of RFC 6749 section 4.1.2.1 and OpenID Connect Core section 3.1.2.6.
fn reported(code: &str) -> &'static str {
    match code {
        "access_denied" => "The sign-in was cancelled: access was not granted.",
        "login_required" | "interaction_required" | "account_selection_required" => {
            "The sign-in service wants you to sign in there first."
        }
        "consent_required" => "The sign-in service needs your consent first.",
        "temporarily_unavailable" => {
            "The sign-in service is overloaded or under maintenance. Try again in a while."
        }
        "server_error" => "The sign-in service reported a problem of its own.",
        "invalid_scope" => "The sign-in service does not offer what this app asks for.",
        "invalid_request" | "unauthorized_client" | "unsupported_response_type" => {
            "The sign-in service did not accept the request of this app. Its operator has to look \
             at how it is registered there."
        }
        _ => "The sign-in service reported an error.",
    }
}

fn said(error: Option<&str>) -> String {
    error.map_or_else(String::new, |error| {
        format!("and {:?}", shortened(error, 40))
    })
}

fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äöü…");
    }
}
