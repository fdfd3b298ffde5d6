//! What a client certificate says, as far as client authentication by certificate (RFC 8705) asks.

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

use crate::parties::CertificateName;

/// The SHA-256 thumbprint of a DER certificate, as `x5t#S256` has it (RFC 8705 §3.1).
pub(crate) fn thumbprint(der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, der))
}

/// The names in a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    /// The subject as RFC 4514 writes it, the most specific part first.
    pub(crate) subject: String,
    pub(crate) dns_names: Vec<String>,
    pub(crate) uris: Vec<String>,
    pub(crate) ip_addresses: Vec<IpAddr>,
    pub(crate) emails: Vec<String>,
    /// The public key, as `SubjectPublicKeyInfo` in DER.
    pub(crate) public_key: Vec<u8>,
}

/// Why the names of a certificate cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the client certificate is malformed: {0}")]
pub(crate) struct CertificateError(String);

impl ClientCertificate {
    /// Reads the names from DER.
    pub(crate) fn read(der: &[u8]) -> Result<Self, CertificateError> {
        let malformed = |error: x509_cert::der::Error| CertificateError(error.to_string());
        let certificate = Certificate::from_der(der).map_err(malformed)?;
        let certificate = certificate.tbs_certificate();
        let mut names = Self {
            subject: certificate.subject().to_string(),
            dns_names: Vec::new(),
            uris: Vec::new(),
            ip_addresses: Vec::new(),
            emails: Vec::new(),
            public_key: (certificate.subject_public_key_info().to_der()).map_err(malformed)?,
        };
        let alternative = certificate
            .get_extension::<SubjectAltName>()
            .map_err(malformed)?;
        for name in alternative.into_iter().flat_map(|(_, names)| names.0) {
            match name {
                GeneralName::DnsName(name) => names.dns_names.push(name.to_string()),
                GeneralName::UniformResourceIdentifier(uri) => names.uris.push(uri.to_string()),
                GeneralName::Rfc822Name(email) => names.emails.push(email.to_string()),
                GeneralName::IpAddress(octets) => {
                    names.ip_addresses.extend(ip_address(octets.as_bytes()));
                }
                // RFC 8705 §2.1.2 compares none of these.
                GeneralName::OtherName(_)
                | GeneralName::DirectoryName(_)
                | GeneralName::EdiPartyName(_)
                | GeneralName::RegisteredId(_) => {}
            }
        }
        Ok(names)
    }

    /// Whether it has the name that a client registered (RFC 8705 §2.1.2).
    pub(crate) fn has(&self, name: &CertificateName) -> bool {
        match name {
            CertificateName::SubjectDn(subject) => self.subject_is(subject),
            CertificateName::Dns(name) => self
                .dns_names
                .iter()
                .any(|it| it.eq_ignore_ascii_case(name)),
            CertificateName::Uri(uri) => self.uris.contains(uri),
            CertificateName::Ip(address) => {
                (address.parse()).is_ok_and(|address| self.ip_addresses.contains(&address))
            }
            CertificateName::Email(email) => self.emails.contains(email),
        }
    }

    /// Whether the subject is `expected`, an RFC 4514 string (`tls_client_auth_subject_dn`).
    ///
    /// Case does not count, nor do spaces around separators: people write both as they like.
    pub(crate) fn subject_is(&self, expected: &str) -> bool {
        let parts = split_unescaped(expected, ',').map(|part| {
            let pairs = split_unescaped(part, '+').map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                format!("{}={}", canonical(name.trim()), value.trim_start())
            });
            pairs.collect::<Vec<_>>().join("+")
        });
        let expected: Result<Name, _> = parts.collect::<Vec<_>>().join(",").parse();
        expected.is_ok_and(|it| it.to_string().to_lowercase() == self.subject.to_lowercase())
    }
}

/// The name of an attribute as the parser knows it.
fn canonical(name: &str) -> &str {
    // RFC 4514 §3, and two that are in use as well.
    const NAMES: [&str; 11] = [
        "CN",
        "L",
        "ST",
        "O",
        "OU",
        "C",
        "STREET",
        "DC",
        "UID",
        "emailAddress",
        "serialNumber",
    ];
    let known = NAMES.iter().find(|known| known.eq_ignore_ascii_case(name));
    known.copied().unwrap_or(name)
}

fn split_unescaped(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |letter| {
        let splits = letter == separator && !escaped;
        escaped = letter == '\\' && !escaped;
        splits
    })
    .map(str::trim)
}

fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair, SanType};

    use super::*;

    fn der(params: &CertificateParams) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn named(pairs: &[(DnType, &str)]) -> ClientCertificate {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in pairs {
            params.distinguished_name.push(kind.clone(), *value);
        }
        ClientCertificate::read(&der(&params)).unwrap()
    }

    #[test]
    fn a_subject_is_written_as_rfc_4514_has_it() {
        let certificate = named(&[
            (DnType::CountryName, "DE"),
            (DnType::OrganizationName, "Example, Inc."),
            (DnType::CommonName, "Bücher + #1"),
        ]);
        assert_eq!(
            certificate.subject,
            r"CN=Bücher \+ #1,O=Example\, Inc.,C=DE"
        );
        let empty = named(&[]);
        assert_eq!(empty.subject, "");
        assert!(!empty.subject_is("CN=x"));
    }

    #[test]
    fn a_subject_is_compared_without_regard_to_case_and_spaces() {
        let certificate = named(&[
            (DnType::OrganizationName, "Example, Inc."),
            (DnType::OrganizationalUnitName, "Shop"),
            (DnType::CommonName, "app"),
        ]);
        for same in [
            r"CN=app,OU=Shop,O=Example\, Inc.",
            r"CN=app, OU=Shop, O=Example\2C Inc.",
            r"cn = App , ou=shop,o=example\, inc.",
            r"2.5.4.3=app,OU=Shop,O=Example\, Inc.",
        ] {
            assert!(certificate.subject_is(same), "{same}");
        }
        for other in [
            "",
            "CN=app",
            "app",
            r"O=Example\, Inc.,OU=Shop,CN=app",
            r"CN=app+OU=Shop,O=Example\, Inc.",
            r"CN=app,OU=Shop,O=Example, Inc.",
            r"CN=app,OU=Shop,O=Example\, Inc.,C=DE",
            "CN=app\\",
        ] {
            assert!(!certificate.subject_is(other), "{other}");
        }
    }

    #[test]
    fn alternative_names_are_sorted_by_kind() {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![
            SanType::DnsName("app.test".try_into().unwrap()),
            SanType::URI("spiffe://test/app".try_into().unwrap()),
            SanType::IpAddress([10, 0, 0, 1].into()),
            SanType::IpAddress([0xfd00, 0, 0, 0, 0, 0, 0, 1].into()),
            SanType::Rfc822Name("app@app.test".try_into().unwrap()),
        ];
        let names = ClientCertificate::read(&der(&params)).unwrap();
        assert_eq!(names.dns_names, ["app.test"]);
        assert_eq!(names.uris, ["spiffe://test/app"]);
        assert_eq!(names.emails, ["app@app.test"]);
        let addresses: [IpAddr; 2] = ["10.0.0.1", "fd00::1"].map(|it| it.parse().unwrap());
        assert_eq!(names.ip_addresses, addresses);
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        assert!(ClientCertificate::read(b"").is_err());
        let mut cut = der(&CertificateParams::default());
        cut.pop();
        assert!(ClientCertificate::read(&cut).is_err());
        let mut odd = CertificateParams::default();
        let broken = CustomExtension::from_oid_content(&[2, 5, 29, 17], vec![1, 2, 3]);
        odd.custom_extensions = vec![broken];
        assert!(ClientCertificate::read(&der(&odd)).is_err());
    }

    #[test]
    fn the_thumbprint_is_the_digest_of_the_whole() {
        // `printf abc | openssl dgst -sha256 -binary | base64`, in base64url.
        assert_eq!(
            thumbprint(b"abc"),
            "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"
        );
    }
}
