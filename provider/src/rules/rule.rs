//! The rules by name: which clause each comes from, and which profiles have it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::settings::Profile;

/// A demand on a request, named as what the request has to be or have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// No parameter is sent twice (RFC 6749 §3.1, §3.2), but for those that may be (RFC 8707 §2).
    SingleParameters,
    /// The client identifier is registered (RFC 6749 §2.2).
    KnownClient,
    /// The redirect URI is registered for the client, to the letter (RFC 9700 §2.1).
    RegisteredRedirectUri,
    /// A code challenge has the right length and letters (RFC 7636 §4.2).
    WellFormedChallenge,
    /// The code challenge method is one that the provider advertises (RFC 7636 §4.4.1).
    SupportedChallengeMethod,
    /// A request for a code has a code challenge (RFC 9700 §2.1.1).
    CodeChallenge,
    /// The code challenge method is `S256` (FAPI 2.0 Security Profile §5.3.2.2).
    HashedChallenge,
    /// There is a nonce where the authorization endpoint issues an ID token (OIDC Core §3.2.2.1).
    NonceForIdToken,
    /// No access token is issued by way of the browser (RFC 9700 §2.1.2).
    NoTokenByBrowser,
    /// The response type is `code` (FAPI 2.0 Security Profile §5.3.2.2).
    CodeAlone,
    /// The redirect URI is not `http`, unless it leads to the same machine (FAPI 2.0 Security
    /// Profile §5.3.2.2).
    SecureRedirectUri,
    /// The authorization request was pushed (FAPI 2.0 Security Profile §5.3.2.2).
    PushedRequest,
    /// The authorization request is pushed, or signed, where the client is registered to do so
    /// (RFC 9126 §6, RFC 9101 §10.5).
    RequestAsRegistered,
    /// A request object is signed with a key of the client (RFC 9101 §4).
    SignedRequestObject,
    /// The client proves who it is (RFC 6749 §3.2.1).
    ClientAuthentication,
    /// The client uses one authentication method, not two (RFC 6749 §2.3).
    SingleAuthMethod,
    /// The code was issued to this client (RFC 6749 §4.1.3).
    CodeOfThisClient,
    /// The redirect URI is the one of the authorization request (RFC 6749 §4.1.3).
    SameRedirectUri,
    /// The code was not used before (RFC 6749 §4.1.2).
    UnusedCode,
    /// The code has not expired (RFC 6749 §4.1.2).
    FreshCode,
    /// A code verifier is sent where there was a code challenge (RFC 7636 §4.5).
    CodeVerifier,
    /// The code verifier fits the code challenge (RFC 7636 §4.6).
    MatchingCodeVerifier,
    /// No code verifier is sent where there was no code challenge (RFC 9700 §4.8.2).
    NoUncalledVerifier,
    /// The refresh token was issued to this client (RFC 6749 §6).
    RefreshTokenOfThisClient,
    /// The refresh token was not used before (RFC 9700 §4.14.2).
    UnusedRefreshToken,
    /// A refresh asks for no more than was granted (RFC 6749 §6).
    ScopeNotWidened,
    /// The access token does not travel in the URL (RFC 9700 §4.3.2).
    AccessTokenNotInUrl,
    /// The access token travels in one way, not in two (RFC 6750 §2).
    SingleTokenMethod,
    /// The place to go to after logout is registered (RP-Initiated Logout 1.0 §2).
    RegisteredPostLogoutUri,
}

impl Rule {
    /// The clause that demands it.
    pub fn clause(self) -> &'static str {
        match self {
            Self::SingleParameters => "RFC 6749 §3.1",
            Self::KnownClient => "RFC 6749 §2.2",
            Self::RegisteredRedirectUri => "RFC 9700 §2.1",
            Self::WellFormedChallenge => "RFC 7636 §4.2",
            Self::SupportedChallengeMethod => "RFC 7636 §4.4.1",
            Self::CodeChallenge => "RFC 9700 §2.1.1",
            Self::NoTokenByBrowser => "RFC 9700 §2.1.2",
            Self::NonceForIdToken => "OIDC Core §3.2.2.1",
            Self::HashedChallenge
            | Self::CodeAlone
            | Self::SecureRedirectUri
            | Self::PushedRequest => "FAPI 2.0 Security Profile §5.3.2.2",
            Self::RequestAsRegistered => "RFC 9126 §6, RFC 9101 §10.5",
            Self::SignedRequestObject => "RFC 9101 §4",
            Self::ClientAuthentication => "RFC 6749 §3.2.1",
            Self::SingleAuthMethod => "RFC 6749 §2.3",
            Self::CodeOfThisClient | Self::SameRedirectUri => "RFC 6749 §4.1.3",
            Self::UnusedCode | Self::FreshCode => "RFC 6749 §4.1.2",
            Self::CodeVerifier => "RFC 7636 §4.5",
            Self::MatchingCodeVerifier => "RFC 7636 §4.6",
            Self::NoUncalledVerifier => "RFC 9700 §4.8.2",
            Self::RefreshTokenOfThisClient | Self::ScopeNotWidened => "RFC 6749 §6",
            Self::UnusedRefreshToken => "RFC 9700 §4.14.2",
            Self::AccessTokenNotInUrl => "RFC 9700 §4.3.2",
            Self::SingleTokenMethod => "RFC 6750 §2",
            Self::RegisteredPostLogoutUri => "RP-Initiated Logout 1.0 §2",
        }
    }

    /// The name, as in scenario and configuration files.
    pub(crate) fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Whether the profile has the rule.
    pub(crate) fn exists_in(self, profile: Profile) -> bool {
        match self {
            Self::KnownClient
            | Self::RegisteredRedirectUri
            | Self::ClientAuthentication
            | Self::RegisteredPostLogoutUri
            | Self::NonceForIdToken
            | Self::SignedRequestObject => profile >= Profile::Strict,
            Self::CodeChallenge | Self::NoTokenByBrowser => profile >= Profile::Oauth21,
            Self::HashedChallenge
            | Self::CodeAlone
            | Self::SecureRedirectUri
            | Self::PushedRequest => profile >= Profile::Fapi2,
            Self::SingleParameters
            | Self::WellFormedChallenge
            | Self::SupportedChallengeMethod
            | Self::RequestAsRegistered
            | Self::SingleAuthMethod
            | Self::CodeOfThisClient
            | Self::SameRedirectUri
            | Self::UnusedCode
            | Self::FreshCode
            | Self::CodeVerifier
            | Self::MatchingCodeVerifier
            | Self::NoUncalledVerifier
            | Self::RefreshTokenOfThisClient
            | Self::UnusedRefreshToken
            | Self::ScopeNotWidened
            | Self::AccessTokenNotInUrl
            | Self::SingleTokenMethod => true,
        }
    }

    /// The laxest profile that has the rule.
    pub(crate) fn first_profile(self) -> Profile {
        let mut profiles = Profile::ALL.into_iter();
        (profiles.find(|profile| self.exists_in(*profile))).unwrap_or(Profile::Fapi2)
    }
}

/// A rule that a request broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// What was wrong with this request. It names no secret.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.rule.clause())
    }
}
