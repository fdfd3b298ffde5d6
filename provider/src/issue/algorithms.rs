//! Which algorithms and methods an issuer takes and uses, as its profile has it. What is advertised
//! and what is served both come from here.

use crate::issuer::IssuerState;
use crate::jose::SigningAlgorithm;
use crate::names::AuthMethod;
use crate::settings::Profile;

/// What FAPI 2.0 §5.4.1 lets in.
const FAPI: [SigningAlgorithm; 3] = [
    SigningAlgorithm::Ps256,
    SigningAlgorithm::Es256,
    SigningAlgorithm::EdDsa,
];

fn is_fapi(issuer: &IssuerState) -> bool {
    issuer.settings.profile == Profile::Fapi2
}

/// The methods by which clients authenticate, at every endpoint where they do.
pub(crate) fn auth_methods(issuer: &IssuerState) -> Vec<AuthMethod> {
    let served = |method: &AuthMethod| match method {
        AuthMethod::ClientSecretBasic
        | AuthMethod::ClientSecretPost
        | AuthMethod::ClientSecretJwt
        | AuthMethod::None => !is_fapi(issuer),
        AuthMethod::PrivateKeyJwt => true,
        AuthMethod::TlsClientAuth | AuthMethod::SelfSignedTlsClientAuth => issuer.speaks_tls,
    };
    AuthMethod::ALL.into_iter().filter(served).collect()
}

/// What assertions may be signed with, those that authenticate clients included.
pub(crate) fn assertion_algorithms(issuer: &IssuerState) -> Vec<SigningAlgorithm> {
    if is_fapi(issuer) {
        FAPI.into()
    } else {
        SigningAlgorithm::ALL.into()
    }
}

/// What `DPoP` proofs may be signed with (RFC 9449 §4.2).
pub(crate) fn proof_algorithms(issuer: &IssuerState) -> Vec<SigningAlgorithm> {
    if is_fapi(issuer) {
        FAPI.into()
    } else {
        SigningAlgorithm::ASYMMETRIC.into()
    }
}

/// What is signed for clients: ID tokens, userinfo responses, logout tokens.
pub(crate) fn own_algorithms(issuer: &IssuerState) -> Vec<SigningAlgorithm> {
    let keyed = [
        SigningAlgorithm::Hs256,
        SigningAlgorithm::Hs384,
        SigningAlgorithm::Hs512,
    ];
    let keyed = keyed.into_iter().filter(|_| !is_fapi(issuer));
    (issuer.keys.algorithms().into_iter())
        .chain(keyed)
        .collect()
}
