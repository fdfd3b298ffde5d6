//! What an issuer says about itself: discovery document and published keys.

use super::{At, members};
use crate::fault::{Document, DocumentDraft};
use crate::issuer::IssuerState;
use crate::jose::SigningAlgorithm;
use crate::names::{AuthMethod, GrantType};
use crate::protocol::{JwkSet, ProviderMetadata};
use crate::settings::RefreshTokens;

/// The discovery document (OIDC Discovery 1.0 §3, RFC 8414 §2).
pub(crate) fn metadata(at: At<'_>) -> DocumentDraft {
    let settings = &at.issuer.settings;
    let front = |path: &str| format!("{}{path}", at.urls.front);
    let back = |path: &str| format!("{}{path}", at.urls.back);
    let mut claims: Vec<String> = [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "nonce",
        "at_hash",
    ]
    .map(str::to_owned)
    .into();
    for claim in settings.scopes.values().flatten() {
        if !claims.contains(claim) {
            claims.push(claim.clone());
        }
    }
    let offline = settings.refresh_tokens != RefreshTokens::Never;
    let scopes = settings
        .scopes
        .keys()
        .filter(|scope| offline || *scope != "offline_access");
    let metadata = ProviderMetadata {
        issuer: at.urls.issuer.clone(),
        authorization_endpoint: front("/authorize"),
        token_endpoint: back("/token"),
        userinfo_endpoint: back("/userinfo"),
        jwks_uri: back("/jwks"),
        end_session_endpoint: front("/end_session"),
        introspection_endpoint: back("/introspect"),
        revocation_endpoint: back("/revoke"),
        scopes_supported: scopes.cloned().collect(),
        claims_supported: claims,
        response_types_supported: vec!["code"],
        response_modes_supported: vec!["query"],
        grant_types_supported: grants(at.issuer).map(GrantType::as_str).collect(),
        subject_types_supported: vec!["public"],
        id_token_signing_alg_values_supported: (at.issuer.keys.algorithms().into_iter())
            .map(SigningAlgorithm::as_str)
            .collect(),
        token_endpoint_auth_methods_supported: auth_methods().map(AuthMethod::as_str).collect(),
        introspection_endpoint_auth_methods_supported: auth_methods()
            .filter(|method| *method != AuthMethod::None || at.issuer.is_lax())
            .map(AuthMethod::as_str)
            .collect(),
        revocation_endpoint_auth_methods_supported: auth_methods()
            .map(AuthMethod::as_str)
            .collect(),
        code_challenge_methods_supported: (settings.accepted_challenge_methods().iter())
            .map(|method| method.as_str())
            .collect(),
        prompt_values_supported: vec!["none", "login", "consent", "select_account"],
        authorization_response_iss_parameter_supported: settings.iss_parameter,
        claims_parameter_supported: false,
        request_parameter_supported: false,
        request_uri_parameter_supported: false,
    };
    cached(
        at,
        DocumentDraft::new(Document::Metadata, members(&metadata)),
    )
}

/// How clients may prove who they are.
fn auth_methods() -> impl Iterator<Item = AuthMethod> {
    let served = [
        AuthMethod::ClientSecretBasic,
        AuthMethod::ClientSecretPost,
        AuthMethod::None,
    ];
    served.into_iter()
}

/// The grants that are served, in the order in which they are advertised.
pub(crate) fn grants(issuer: &IssuerState) -> impl Iterator<Item = GrantType> + '_ {
    let served = |grant: &GrantType| match grant {
        GrantType::AuthorizationCode | GrantType::ClientCredentials => true,
        GrantType::RefreshToken => issuer.settings.refresh_tokens != RefreshTokens::Never,
        GrantType::Implicit
        | GrantType::Password
        | GrantType::DeviceCode
        | GrantType::TokenExchange
        | GrantType::JwtBearer => false,
    };
    (GrantType::ALL.into_iter())
        .filter(|grant| issuer.settings.grants.contains(grant))
        .filter(served)
}

fn cached(at: At<'_>, draft: DocumentDraft) -> DocumentDraft {
    match &at.issuer.settings.cache_control {
        Some(cache_control) => draft.header("cache-control", cache_control),
        None => draft,
    }
}

/// The published keys (RFC 7517 §5).
pub(crate) fn jwks(at: At<'_>) -> DocumentDraft {
    let keys = at
        .issuer
        .keys
        .published()
        .into_iter()
        .map(|key| key.jwk())
        .collect();
    cached(
        at,
        DocumentDraft::new(Document::Jwks, members(&JwkSet { keys })),
    )
}
