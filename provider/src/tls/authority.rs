//! The CA of one run, and the certificate that it signs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::TlsError;
use crate::clock::Clock;

/// What one run serves with, and what its clients have to trust.
#[derive(Debug)]
pub(super) struct RunLocal {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) ca_pem: String,
}

const DAY: Duration = Duration::from_hours(24);
/// Apple's systems take no server certificate that is valid for longer.
const LIFETIME: Duration = Duration::from_hours(24 * 397);

/// Makes a CA and one certificate for the usual names of this machine and `names`. The CA's key
/// ends with this call, so that the CA vouches for nothing else, ever.
pub(super) fn make(names: &[String]) -> Result<RunLocal, TlsError> {
    let failed = |error: rcgen::Error| TlsError::Make(error.into());
    let ca_key = KeyPair::generate().map_err(failed)?;
    let mut ca = within_validity();
    ca.distinguished_name = common_name("OAuth Gauntlet CA of one run");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_certificate = ca.self_signed(&ca_key).map_err(failed)?;

    let key = KeyPair::generate().map_err(failed)?;
    let mut leaf = within_validity();
    leaf.distinguished_name = common_name("localhost");
    leaf.subject_alt_names = usual_names()
        .map(Ok)
        .chain(names.iter().map(|name| alternative_name(name)))
        .collect::<Result<_, _>>()?;
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let issuer = Issuer::new(ca, ca_key);
    let certificate = leaf.signed_by(&key, &issuer).map_err(failed)?;
    Ok(RunLocal {
        chain: vec![certificate.into()],
        key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        ca_pem: ca_certificate.pem(),
    })
}

/// From yesterday on, for machines whose clocks differ a little. The issuer's clock does not
/// matter: those who check certificates go by their own.
fn within_validity() -> CertificateParams {
    let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(Clock::system().now());
    let mut params = CertificateParams::default();
    params.not_before = now - DAY;
    params.not_after = params.not_before + LIFETIME;
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn usual_names() -> impl Iterator<Item = SanType> {
    const SOUND: &str = "a host name is ASCII";
    let hosts = ["localhost", "host.docker.internal"];
    let hosts = hosts.map(|host| SanType::DnsName(host.try_into().expect(SOUND)));
    let addresses = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    hosts.into_iter().chain(addresses.map(SanType::IpAddress))
}

fn alternative_name(name: &str) -> Result<SanType, TlsError> {
    let wrong = || TlsError::Name(name.to_owned());
    if let Ok(address) = name.parse() {
        return Ok(SanType::IpAddress(address));
    }
    // A wildcard stands for one label (RFC 9525 §6.3).
    let host = name.strip_prefix("*.").unwrap_or(name);
    rustls::pki_types::DnsName::try_from(host).map_err(|_| wrong())?;
    Ok(SanType::DnsName(name.try_into().map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::ClientCertificate;

    #[test]
    fn the_certificate_is_for_the_names_of_this_machine_and_those_given() {
        let made = make(&["idp.test".to_owned(), "10.0.0.1".to_owned()]).unwrap();
        let names = ClientCertificate::read(&made.chain[0]).unwrap();
        let hosts = ["localhost", "host.docker.internal", "idp.test"];
        assert_eq!(names.dns_names, hosts);
        let addresses = ["127.0.0.1", "::1", "10.0.0.1"];
        let addresses = addresses.map(|it| it.parse::<IpAddr>().unwrap());
        assert_eq!(names.ip_addresses, addresses);
        assert!(made.ca_pem.starts_with("-----BEGIN CERTIFICATE-----"));
    }

    #[test]
    fn names_are_hosts_wildcards_and_addresses_and_nothing_else() {
        for name in [
            "idp.test",
            "*.test",
            "10.0.0.1",
            "fd00::1",
            "xn--bcher-kva.test",
        ] {
            assert!(alternative_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "a b",
            "https://idp.test",
            "idp.test:8443",
            "bücher.test",
            "*",
        ] {
            assert!(
                matches!(alternative_name(name), Err(TlsError::Name(wrong)) if wrong == name),
                "{name}"
            );
        }
    }
}
