//! Honest artefacts, made from grants and settings. What happens to them on the way out is none
//! of this file's business.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::fault::{Document, DocumentDraft, IdTokenDraft, RedirectDraft};
use crate::grant::Grant;
use crate::issuer::IssuerState;
use crate::jose;
use crate::parties::{AuthMethod, User};
use crate::protocol::{
    ErrorCode, IdTokenClaims, JoseHeader, JwkSet, ProviderMetadata, TokenResponse,
};
use crate::settings::RefreshTokens;
use crate::store::Granted;

/// The discovery document (OIDC Discovery 1.0 §3, RFC 8414 §2).
pub(crate) fn metadata(issuer: &IssuerState) -> DocumentDraft {
    let settings = &issuer.settings;
    let url = |path: &str| format!("{}{path}", issuer.url);
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
        issuer: issuer.url.clone(),
        authorization_endpoint: url("/authorize"),
        token_endpoint: url("/token"),
        userinfo_endpoint: url("/userinfo"),
        jwks_uri: url("/jwks"),
        end_session_endpoint: url("/end_session"),
        scopes_supported: scopes.cloned().collect(),
        claims_supported: claims,
        response_types_supported: vec!["code"],
        response_modes_supported: vec!["query"],
        grant_types_supported: if offline {
            vec!["authorization_code", "refresh_token"]
        } else {
            vec!["authorization_code"]
        },
        subject_types_supported: vec!["public"],
        id_token_signing_alg_values_supported: (issuer.keys.algorithms().into_iter())
            .map(jose::SigningAlgorithm::as_str)
            .collect(),
        token_endpoint_auth_methods_supported: [
            AuthMethod::ClientSecretBasic,
            AuthMethod::ClientSecretPost,
            AuthMethod::None,
        ]
        .map(AuthMethod::as_str)
        .into(),
        code_challenge_methods_supported: (settings.accepted_challenge_methods().iter())
            .map(|method| method.as_str())
            .collect(),
        prompt_values_supported: vec!["none", "login", "consent", "select_account"],
        authorization_response_iss_parameter_supported: settings.iss_parameter,
        claims_parameter_supported: false,
        request_parameter_supported: false,
        request_uri_parameter_supported: false,
    };
    DocumentDraft::new(Document::Metadata, members(&metadata))
}

/// The published keys (RFC 7517 §5).
pub(crate) fn jwks(issuer: &IssuerState) -> DocumentDraft {
    let keys = issuer
        .keys
        .published()
        .into_iter()
        .map(|key| key.jwk())
        .collect();
    DocumentDraft::new(Document::Jwks, members(&JwkSet { keys }))
}

/// The authorization response (RFC 6749 §4.1.2, RFC 9207 §2).
pub(crate) fn authorization_response(
    issuer: &IssuerState,
    code: &str,
    state: Option<&str>,
) -> RedirectDraft {
    let parameters = vec![("code".to_owned(), code.to_owned())];
    RedirectDraft {
        parameters: with_state_and_issuer(issuer, parameters, state),
    }
}

/// The error response of the authorization endpoint (RFC 6749 §4.1.2.1).
pub(crate) fn authorization_error(
    issuer: &IssuerState,
    error: ErrorCode,
    reason: &str,
    state: Option<&str>,
) -> RedirectDraft {
    let error = json!(error).as_str().unwrap_or_default().to_owned();
    let parameters = vec![
        ("error".to_owned(), error),
        ("error_description".to_owned(), describable(reason)),
    ];
    RedirectDraft {
        parameters: with_state_and_issuer(issuer, parameters, state),
    }
}

/// What an ID token is made from.
#[derive(Debug)]
pub(crate) struct Issuance<'a> {
    pub(crate) grant: &'a Grant,
    pub(crate) scopes: &'a [String],
    /// The nonce of the authorization request; none when a grant is refreshed (OIDC Core §12.2).
    pub(crate) nonce: Option<&'a str>,
    pub(crate) access_token: &'a str,
}

/// The ID token (OIDC Core §2).
pub(crate) fn id_token(issuer: &IssuerState, issuance: &Issuance<'_>) -> IdTokenDraft {
    let key = issuer.keys.own();
    let header = JoseHeader {
        alg: key.algorithm.as_str(),
        typ: "JWT",
        kid: key.kid.clone(),
    };
    let now = issuer.now();
    let signed_in = &issuance.grant.signed_in;
    let claims = IdTokenClaims {
        iss: issuer.url.clone(),
        sub: signed_in.sub.clone(),
        aud: issuance.grant.client_id.clone(),
        exp: now.saturating_add(issuer.settings.id_token_lifetime.as_secs()),
        iat: now,
        auth_time: signed_in.auth_time,
        nonce: issuance.nonce.map(str::to_owned),
        at_hash: jose::half_hash(key.algorithm, issuance.access_token),
        about_the_user: released_claims(issuer, &signed_in.sub, issuance.scopes),
    };
    IdTokenDraft::new(members(&header), members(&claims))
}

/// The token response (RFC 6749 §5.1).
pub(crate) fn token_response(response: &TokenResponse) -> DocumentDraft {
    DocumentDraft::new(Document::Token, members(response))
        .header("cache-control", "no-store")
        .header("pragma", "no-cache")
}

/// The userinfo response (OIDC Core §5.3.2).
pub(crate) fn userinfo(issuer: &IssuerState, granted: &Granted) -> DocumentDraft {
    let sub = &granted.grant.signed_in.sub;
    let mut claims = Map::from_iter([("sub".to_owned(), json!(sub))]);
    claims.extend(released_claims(issuer, sub, &granted.scopes));
    DocumentDraft::new(Document::Userinfo, claims).header("cache-control", "no-store")
}

/// The user's claims that the scopes release, in the order of the user's claims. What the
/// protocol itself says about a user cannot be replaced.
fn released_claims(issuer: &IssuerState, sub: &str, scopes: &[String]) -> Map<String, Value> {
    const PROTOCOL: [&str; 8] = [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "nonce",
        "at_hash",
    ];
    let user = issuer.user(sub).unwrap_or_else(|| User::from_sub(sub));
    let released: Vec<&String> = scopes
        .iter()
        .filter_map(|scope| issuer.settings.scopes.get(scope))
        .flatten()
        .collect();
    user.claims
        .into_iter()
        .filter(|(name, _)| released.contains(&name) && !PROTOCOL.contains(&name.as_str()))
        .collect()
}

fn with_state_and_issuer(
    issuer: &IssuerState,
    mut parameters: Vec<(String, String)>,
    state: Option<&str>,
) -> Vec<(String, String)> {
    parameters.extend(state.map(|state| ("state".to_owned(), state.to_owned())));
    if issuer.settings.iss_parameter {
        parameters.push(("iss".to_owned(), issuer.url.clone()));
    }
    parameters
}

/// The letters that an `error_description` may have (RFC 6749 §4.1.2.1, §5.2).
pub(crate) fn describable(reason: &str) -> String {
    reason
        .replace('§', "section ")
        .chars()
        .map(|letter| match letter {
            '"' | '\\' => '\'',
            ' '..='~' => letter,
            _ => '?',
        })
        .collect()
}

fn members(document: &impl Serialize) -> Map<String, Value> {
    match json!(document) {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
