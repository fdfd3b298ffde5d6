//! A trust store for Java, which reads no PEM: in the format that Java calls JKS. It is of the
//! few that can be told in a page, and every Java reads it.

use std::path::Path;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::{TlsError, server};
use crate::clock::Clock;

/// The password of Java trust stores. It guards nothing secret, but Java wants one.
pub(super) const STORE_PASSWORD: &str = "changeit";

const MAGIC: u32 = 0xFEED_FEED;
const VERSION: u32 = 2;
/// The tag of an entry that is a certificate to trust.
const TRUSTED: u32 = 2;
/// What the format mixes into its checksum.
const WHITENER: &[u8] = b"Mighty Aphrodite";

/// The CA certificates in a PEM text as a trust store that Java reads; [`java_options`] names it.
///
/// # Errors
/// If there is no certificate in the text.
///
/// ```
/// use oauth_gauntlet_provider::{MockProvider, Tls, java_options, java_trust_store};
/// # use std::path::Path;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = MockProvider::builder().tls(Tls::run_local()).start().await?;
/// let store = java_trust_store(provider.ca_pem().unwrap_or_default())?;
/// assert_eq!(store[..4], [0xfe, 0xed, 0xfe, 0xed]);
/// assert!(java_options(Path::new("/tmp/ca.jks")).contains("trustStore=/tmp/ca.jks"));
/// # Ok(())
/// # }
/// ```
pub fn java_trust_store(ca_pem: &str) -> Result<Vec<u8>, TlsError> {
    let certificates = server::certificates(ca_pem).ok_or(TlsError::NoCertificate)?;
    let made_at = Clock::system().now().saturating_mul(1000);
    let mut store = Vec::new();
    number(&mut store, MAGIC);
    number(&mut store, VERSION);
    number(&mut store, length(certificates.len()));
    for (index, certificate) in certificates.iter().enumerate() {
        number(&mut store, TRUSTED);
        text(&mut store, &format!("oauth-gauntlet-{index}"));
        store.extend_from_slice(&made_at.to_be_bytes());
        text(&mut store, "X.509");
        number(&mut store, length(certificate.len()));
        store.extend_from_slice(certificate);
    }
    let mut checked: Vec<u8> = STORE_PASSWORD
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    checked.extend_from_slice(WHITENER);
    checked.extend_from_slice(&store);
    store.extend_from_slice(digest(&SHA1_FOR_LEGACY_USE_ONLY, &checked).as_ref());
    Ok(store)
}

/// The value of `JAVA_TOOL_OPTIONS` with which Java programs trust what [`java_trust_store`] made,
/// and nothing else.
pub fn java_options(store: &Path) -> String {
    let store = store.display().to_string();
    // Java splits its options at spaces, but not within quotes.
    let quotes = if store.contains(char::is_whitespace) {
        "\""
    } else {
        ""
    };
    format!(
        "-Djavax.net.ssl.trustStore={quotes}{store}{quotes} -Djavax.net.ssl.trustStorePassword={STORE_PASSWORD}"
    )
}

fn number(store: &mut Vec<u8>, number: u32) {
    store.extend_from_slice(&number.to_be_bytes());
}

/// Its own texts are short ASCII, which Java's way of writing texts leaves as it is.
fn text(store: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    store.extend_from_slice(&length.to_be_bytes());
    store.extend_from_slice(text.as_bytes());
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::authority;

    #[test]
    fn a_store_holds_each_certificate_and_ends_with_a_checksum() {
        let made = authority::make(&[]).unwrap();
        let store = java_trust_store(&made.ca_pem).unwrap();
        assert_eq!(store[4..12], [0, 0, 0, 2, 0, 0, 0, 1]);
        let der = server::certificates(&made.ca_pem).unwrap().remove(0);
        assert!(store[..store.len() - 20].ends_with(&der));
    }

    #[test]
    fn a_text_without_a_certificate_makes_no_store() {
        assert!(matches!(
            java_trust_store("nothing"),
            Err(TlsError::NoCertificate)
        ));
    }
}
