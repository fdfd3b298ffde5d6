//! How an issuer is set up beside the usual: what its documents leave unsaid or add, and odd
//! credentials.

use oauth_gauntlet_provider::{DocumentFault, Fault, Issuer, JwksFault, SigningAlgorithm};

use super::instance::{InstanceError, random};
use crate::scenario::Settings;

/// Identifier and secret of the client. The odd ones have letters that RFC 6749 Appendix B has
/// encoded.
pub(super) fn credentials(settings: &Settings, tag: &str) -> (String, String) {
    let secret = random(24);
    if settings.odd_credentials {
        return (format!("rp {tag}:+%41&"), format!("se cret:{secret}+%41&="));
    }
    (format!("rp-{tag}"), format!("secret-{secret}"))
}

/// Has the issuer say less than it could, or more than is usual. This is how it is, and no fault of
/// a scenario: nobody waits for it to fire.
pub(super) fn arm(issuer: &Issuer, settings: &Settings) -> Result<(), InstanceError> {
    let bare: &[&str] = if settings.bare_keys {
        &["alg", "use"]
    } else {
        &[]
    };
    let keys = (settings.bare_keys || settings.certificates).then(|| Fault {
        jwks: Some(JwksFault {
            remove_members: bare.iter().map(|&name| name.to_owned()).collect(),
            certificates: settings.certificates,
            ..JwksFault::default()
        }),
        ..Fault::default()
    });
    let mut unsaid = Vec::new();
    if settings.bare_metadata {
        unsaid.push("id_token_signing_alg_values_supported".to_owned());
    }
    if settings.pkce_ignored {
        // Who is told of PKCE may rely on it alone (RFC 9700 §2.1), and would have been lied to.
        unsaid.push("code_challenge_methods_supported".to_owned());
    }
    let metadata = (!unsaid.is_empty()).then(|| Fault {
        metadata: Some(DocumentFault {
            remove: unsaid,
            ..DocumentFault::default()
        }),
        ..Fault::default()
    });
    if settings.rare_algorithm && !issuer.publish_key(SigningAlgorithm::Es256k) {
        return Err(InstanceError::new(
            "the issuer's keys do not sign with ES256K".to_owned(),
        ));
    }
    for fault in keys.into_iter().chain(metadata) {
        let armed = issuer.arm(fault);
        armed.map_err(|error| InstanceError::new(error.to_string()))?;
    }
    Ok(())
}
