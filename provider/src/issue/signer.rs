//! What signs for a client.

use crate::issuer::IssuerState;
use crate::jose::{Secret, Signer, SigningAlgorithm};
use crate::parties::Client;

/// What signs for a client: as it registered, or else as the issuer has it. A symmetric algorithm
/// is keyed with the client secret (OIDC Core §10.1).
pub(crate) fn signer(
    issuer: &IssuerState,
    client: &Client,
    own: Option<SigningAlgorithm>,
) -> Signer {
    let keys = &issuer.keys;
    let registered = own.and_then(|algorithm| match &client.secret {
        Some(secret) if algorithm.is_symmetric() => {
            Secret::new(algorithm, secret.as_bytes()).map(Signer::Secret)
        }
        _ => keys.signing(algorithm).map(Signer::Key),
    });
    registered.unwrap_or_else(|| Signer::Key(keys.own()))
}
