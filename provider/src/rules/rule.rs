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
    /// The certificate is the one that the client registered (RFC 8705 §2).
    ClientCertificate,
    /// A client authenticates by a key or a certificate of its own (FAPI 2.0 §5.3.2.1).
    AsymmetricClientAuthentication,
    /// An assertion is said to be a JWT (RFC 7523 §2.2).
    AssertionType,
    /// The header of an assertion does not say that it is another kind of token (RFC 8725 §3.11).
    AssertionTyp,
    /// The client signed the assertion, with an algorithm that it may use (RFC 7523 §3).
    AssertionSignature,
    /// Issuer and subject of the assertion are the client (RFC 7523 §3).
    AssertionOfTheClient,
    /// The assertion is for this issuer (RFC 7523 §3).
    AssertionAudience,
    /// The assertion has not expired, and does so soon (RFC 7523 §3).
    FreshAssertion,
    /// The assertion was not used before (OIDC Core §9).
    UnusedAssertion,
    /// There is one `DPoP` header at most (RFC 9449 §4.3).
    SingleProof,
    /// A `DPoP` proof is signed with the key in its header (RFC 9449 §4.3).
    GenuineProof,
    /// A `DPoP` proof is for this method and URL (RFC 9449 §4.3).
    ProofOfThisRequest,
    /// A `DPoP` proof holds a nonce of the provider, where it asks for one (RFC 9449 §8).
    ProofNonce,
    /// A `DPoP` proof was made just now (RFC 9449 §4.3).
    FreshProof,
    /// A `DPoP` proof was not used before (RFC 9449 §11.1).
    UnusedProof,
    /// A `DPoP` proof is for the access token that it comes with (RFC 9449 §4.3).
    ProofOfThisToken,
    /// A client that registered bound access tokens asks for such (RFC 9449 §5.2, RFC 8705 §3.4).
    RegisteredBinding,
    /// Access tokens are bound to a key or a certificate (FAPI 2.0 §5.3.2.1).
    SenderConstrainedTokens,
    /// A code or refresh token that is bound to a key comes with a proof of it (RFC 9449 §5, §10).
    GrantOfThisKey,
    /// An access token is used by whom it was issued to (RFC 9449 §7.1, RFC 8705 §3).
    TokenOfThisHolder,
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
    /// A code verifier has the right length and letters (RFC 7636 §4.1).
    WellFormedVerifier,
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
    /// An ID token says who wants to sign out (RP-Initiated Logout 1.0 §2). Otherwise people are
    /// asked.
    HintedLogout,
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
            Self::ClientCertificate => "RFC 8705 §2",
            Self::AsymmetricClientAuthentication | Self::SenderConstrainedTokens => {
                "FAPI 2.0 Security Profile §5.3.2.1"
            }
            Self::AssertionType => "RFC 7523 §2.2",
            Self::AssertionTyp => "RFC 8725 §3.11",
            Self::AssertionSignature
            | Self::AssertionOfTheClient
            | Self::AssertionAudience
            | Self::FreshAssertion => "RFC 7523 §3",
            Self::UnusedAssertion => "OIDC Core §9",
            Self::SingleProof
            | Self::GenuineProof
            | Self::ProofOfThisRequest
            | Self::FreshProof
            | Self::ProofOfThisToken => "RFC 9449 §4.3",
            Self::ProofNonce => "RFC 9449 §8",
            Self::UnusedProof => "RFC 9449 §11.1",
            Self::RegisteredBinding => "RFC 9449 §5.2, RFC 8705 §3.4",
            Self::GrantOfThisKey => "RFC 9449 §5, §10",
            Self::TokenOfThisHolder => "RFC 9449 §7.1, RFC 8705 §3",
            Self::CodeOfThisClient | Self::SameRedirectUri => "RFC 6749 §4.1.3",
            Self::UnusedCode | Self::FreshCode => "RFC 6749 §4.1.2",
            Self::CodeVerifier => "RFC 7636 §4.5",
            Self::WellFormedVerifier => "RFC 7636 §4.1",
            Self::MatchingCodeVerifier => "RFC 7636 §4.6",
            Self::NoUncalledVerifier => "RFC 9700 §4.8.2",
            Self::RefreshTokenOfThisClient | Self::ScopeNotWidened => "RFC 6749 §6",
            Self::UnusedRefreshToken => "RFC 9700 §4.14.2",
            Self::AccessTokenNotInUrl => "RFC 9700 §4.3.2",
            Self::SingleTokenMethod => "RFC 6750 §2",
            Self::RegisteredPostLogoutUri | Self::HintedLogout => "RP-Initiated Logout 1.0 §2",
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
            | Self::ClientCertificate
            | Self::AssertionType
            | Self::AssertionTyp
            | Self::AssertionSignature
            | Self::AssertionOfTheClient
            | Self::AssertionAudience
            | Self::FreshAssertion
            | Self::UnusedAssertion
            | Self::RegisteredPostLogoutUri
            | Self::HintedLogout
            | Self::NonceForIdToken
            | Self::SignedRequestObject => profile >= Profile::Strict,
            Self::CodeChallenge | Self::NoTokenByBrowser => profile >= Profile::Oauth21,
            Self::HashedChallenge
            | Self::CodeAlone
            | Self::SecureRedirectUri
            | Self::PushedRequest
            | Self::AsymmetricClientAuthentication
            | Self::SenderConstrainedTokens => profile >= Profile::Fapi2,
            Self::SingleParameters
            | Self::WellFormedChallenge
            | Self::SupportedChallengeMethod
            | Self::RequestAsRegistered
            | Self::SingleAuthMethod
            | Self::SingleProof
            | Self::GenuineProof
            | Self::ProofOfThisRequest
            | Self::ProofNonce
            | Self::FreshProof
            | Self::UnusedProof
            | Self::ProofOfThisToken
            | Self::RegisteredBinding
            | Self::GrantOfThisKey
            | Self::TokenOfThisHolder
            | Self::CodeOfThisClient
            | Self::SameRedirectUri
            | Self::UnusedCode
            | Self::FreshCode
            | Self::CodeVerifier
            | Self::WellFormedVerifier
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
