//! The certificate that came with a request: whose it is (RFC 8705 §2), and what tokens are bound
//! to (RFC 8705 §3).

use super::Call;
use crate::names::AuthMethod;
use crate::parties::Client;

/// The thumbprint of the certificate that the request came with.
#[cfg(feature = "tls")]
pub(super) fn thumbprint(call: &Call<'_>) -> Option<String> {
    let der = call.request.certificate.as_deref()?;
    Some(crate::tls::thumbprint(der))
}

/// Without TLS there are no certificates.
#[cfg(not(feature = "tls"))]
pub(super) fn thumbprint(_: &Call<'_>) -> Option<String> {
    None
}

/// Whether the request came with the certificate that the client registered for the method.
#[cfg(feature = "tls")]
pub(super) fn is_of(call: &Call<'_>, client: &Client, method: AuthMethod) -> bool {
    use crate::tls::ClientCertificate;

    let Some(der) = call.request.certificate.as_deref() else {
        return false;
    };
    let Ok(shown) = ClientCertificate::read(der) else {
        return false;
    };
    match method {
        AuthMethod::TlsClientAuth => {
            (client.certificate.as_ref()).is_some_and(|name| shown.has(name))
        }
        AuthMethod::SelfSignedTlsClientAuth => super::client_keys::client_keys(call, client)
            .is_ok_and(|keys| keys.iter().any(|key| key.public.der() == shown.public_key)),
        AuthMethod::ClientSecretBasic
        | AuthMethod::ClientSecretPost
        | AuthMethod::ClientSecretJwt
        | AuthMethod::PrivateKeyJwt
        | AuthMethod::None => false,
    }
}

/// Without TLS there are no certificates.
#[cfg(not(feature = "tls"))]
pub(super) fn is_of(_: &Call<'_>, _: &Client, _: AuthMethod) -> bool {
    false
}
