//! What an issuer says about itself: discovery document and published keys.

use super::At;
use super::algorithms::{assertion_algorithms, auth_methods, own_algorithms, proof_algorithms};
use crate::fault::{Document, DocumentDraft};
use crate::issuer::IssuerState;
use crate::jose::{ContentEncryption, KeyManagementAlgorithm, SigningAlgorithm};
use crate::names::{AuthMethod, GrantType, ResponseMode, ResponseType};
use crate::page;
use crate::protocol::{JwkSet, ProviderMetadata};
use crate::rules::Rule;
use crate::settings::{Profile, RefreshTokens, Registration};

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
        "acr",
        "at_hash",
        "c_hash",
        "s_hash",
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
    let key_management: Vec<_> = KeyManagementAlgorithm::ALL
        .map(KeyManagementAlgorithm::as_str)
        .into();
    let content_encryption: Vec<_> = ContentEncryption::ALL.map(ContentEncryption::as_str).into();
    let signing = names(&assertion_algorithms(at.issuer));
    let metadata = ProviderMetadata {
        issuer: at.urls.issuer.clone(),
        authorization_endpoint: front("/authorize"),
        token_endpoint: back("/token"),
        userinfo_endpoint: back("/userinfo"),
        jwks_uri: back("/jwks"),
        end_session_endpoint: front("/end_session"),
        introspection_endpoint: back("/introspect"),
        revocation_endpoint: back("/revoke"),
        device_authorization_endpoint: grants(at.issuer)
            .any(|grant| grant == GrantType::DeviceCode)
            .then(|| back("/device/authorize")),
        registration_endpoint: (settings.registration != Registration::Off)
            .then(|| back("/register")),
        scopes_supported: scopes.cloned().collect(),
        claims_supported: claims,
        pushed_authorization_request_endpoint: back("/par"),
        require_pushed_authorization_requests: settings.enforces(Rule::PushedRequest),
        response_types_supported: response_types(at.issuer, &REFUSING)
            .map(ResponseType::as_str)
            .collect(),
        response_modes_supported: ResponseMode::ALL.map(ResponseMode::as_str).into(),
        authorization_signing_alg_values_supported: names(&at.issuer.keys.algorithms()),
        request_object_signing_alg_values_supported: request_object_algorithms(at.issuer),
        require_signed_request_object: false,
        acr_values_supported: settings.acr_values.clone(),
        ui_locales_supported: page::LANGUAGES.into(),
        grant_types_supported: grants(at.issuer).map(GrantType::as_str).collect(),
        subject_types_supported: vec!["public", "pairwise"],
        id_token_signing_alg_values_supported: names(&own_algorithms(at.issuer)),
        id_token_encryption_alg_values_supported: key_management.clone(),
        id_token_encryption_enc_values_supported: content_encryption.clone(),
        userinfo_signing_alg_values_supported: names(&own_algorithms(at.issuer)),
        userinfo_encryption_alg_values_supported: key_management,
        userinfo_encryption_enc_values_supported: content_encryption,
        token_endpoint_auth_methods_supported: (auth_methods(at.issuer).into_iter())
            .map(AuthMethod::as_str)
            .collect(),
        token_endpoint_auth_signing_alg_values_supported: signing.clone(),
        introspection_endpoint_auth_methods_supported: (auth_methods(at.issuer).into_iter())
            .filter(|method| *method != AuthMethod::None || at.issuer.is_lax())
            .map(AuthMethod::as_str)
            .collect(),
        introspection_endpoint_auth_signing_alg_values_supported: signing.clone(),
        revocation_endpoint_auth_methods_supported: (auth_methods(at.issuer).into_iter())
            .map(AuthMethod::as_str)
            .collect(),
        revocation_endpoint_auth_signing_alg_values_supported: signing,
        dpop_signing_alg_values_supported: names(&proof_algorithms(at.issuer)),
        tls_client_certificate_bound_access_tokens: at.issuer.speaks_tls,
        code_challenge_methods_supported: (settings.accepted_challenge_methods().iter())
            .map(|method| method.as_str())
            .collect(),
        prompt_values_supported: vec!["none", "login", "consent", "select_account"],
        authorization_response_iss_parameter_supported: settings.iss_parameter,
        frontchannel_logout_supported: true,
        frontchannel_logout_session_supported: true,
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
        claims_parameter_supported: true,
        request_parameter_supported: true,
        request_uri_parameter_supported: false,
    };
    cached(at, DocumentDraft::new(Document::Metadata, &metadata))
}

fn names(algorithms: &[SigningAlgorithm]) -> Vec<&'static str> {
    algorithms.iter().map(|it| it.as_str()).collect()
}

/// Rules that leave some response types nothing.
const REFUSING: [Rule; 2] = [Rule::NoTokenByBrowser, Rule::CodeAlone];

/// The response types that the grants of the issuer allow for and that none of these rules, where
/// it is enforced, refuses; in the order in which they are advertised.
pub(crate) fn response_types<'a>(
    issuer: &'a IssuerState,
    rules: &'a [Rule],
) -> impl Iterator<Item = ResponseType> + 'a {
    let settings = &issuer.settings;
    let has = move |grant| settings.grants.contains(&grant);
    let refused = move |rule: Rule| rules.contains(&rule) && settings.enforces(rule);
    let served = move |it: &ResponseType| {
        let code = !it.has_code() || has(GrantType::AuthorizationCode);
        let implicit = !(it.has_token() || it.has_id_token()) || has(GrantType::Implicit);
        let token = it.has_token() && refused(Rule::NoTokenByBrowser);
        let alone = *it != ResponseType::Code && refused(Rule::CodeAlone);
        code && implicit && !token && !alone
    };
    ResponseType::ALL.into_iter().filter(served)
}

/// What request objects may be signed with (RFC 9101 §10.3): anything that can be verified.
fn request_object_algorithms(issuer: &IssuerState) -> Vec<&'static str> {
    let mut names = names(&SigningAlgorithm::ALL);
    if !issuer.settings.enforces(Rule::SignedRequestObject) {
        names.push("none");
    }
    names
}

/// The grants that are served, in the order in which they are advertised.
pub(crate) fn grants(issuer: &IssuerState) -> impl Iterator<Item = GrantType> + '_ {
    let served = |grant: &GrantType| match grant {
        GrantType::AuthorizationCode
        | GrantType::ClientCredentials
        | GrantType::DeviceCode
        | GrantType::TokenExchange
        | GrantType::JwtBearer => true,
        GrantType::Implicit => {
            response_types(issuer, &REFUSING).any(|it| it.has_token() || it.has_id_token())
        }
        GrantType::RefreshToken => issuer.settings.refresh_tokens != RefreshTokens::Never,
        GrantType::Password => issuer.settings.profile < Profile::Oauth21,
    };
    (GrantType::ALL.into_iter())
        .filter(|grant| issuer.settings.grants.contains(grant))
        .filter(served)
}

fn cached(at: At<'_>, mut draft: DocumentDraft) -> DocumentDraft {
    if let Some(cache_control) = &at.issuer.settings.cache_control {
        draft.set_header("cache-control", cache_control);
    }
    draft
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
    cached(at, DocumentDraft::new(Document::Jwks, &JwkSet { keys }))
}
