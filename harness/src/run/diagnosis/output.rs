//! What programs say when they do not like their provider.

use super::{Case, Change};
use crate::target::Reach;

/// Words of TLS libraries that do not trust a certificate.
const UNTRUSTED: &[&str] = &[
    "certificate verify failed",
    "certificate_verify_failed",
    "self-signed certificate",
    "self signed certificate",
    "unable to verify the first certificate",
    "unable to get local issuer certificate",
    "certificate signed by unknown authority",
    "unknownissuer",
    "unknown issuer",
    "invalid peer certificate",
    "pkix path building failed",
    "unable to find valid certification path",
    "ssl certificate problem",
    "depth_zero_self_signed_cert",
];

/// Words of libraries that want https.
const HTTPS_ONLY: &[&str] = &[
    "only requests to https are allowed",
    "must use https",
    "must utilize https",
    "must be https",
    "must be an https",
    "https is required",
    "requires https",
    "insecure_transport",
    "insecuretransporterror",
    "is not secure",
    "scheme must be https",
    "expected https",
];

/// Words of connections that nobody took.
const REFUSED: &[&str] = &[
    "connection refused",
    "econnrefused",
    "connection error",
    "failed to establish a new connection",
    "name or service not known",
    "getaddrinfo",
    "no such host",
];

/// Words of names that nobody knows.
const UNKNOWN_NAME: &[&str] = &[
    "name or service not known",
    "nodename nor servname",
    "temporary failure in name resolution",
    "failed to lookup address",
    "could not resolve",
    "name resolution",
    "getaddrinfo",
    "no such host",
    "unknownhost",
    "enotfound",
];

impl Case<'_> {
    /// What the client's own words give away about its way to the issuer.
    pub(super) fn given_away(&self) -> Option<(String, Change)> {
        let words = self.words_of_the_client();
        let says = |list: &[&str]| list.iter().any(|it| words.contains(it));
        let tls = self.record.places.honest.starts_with("https:");
        if says(UNTRUSTED) {
            let advice = "the CA is handed over in SSL_CERT_FILE, REQUESTS_CA_BUNDLE, \
                          NODE_EXTRA_CA_CERTS and the like; for a library that reads none of \
                          these, {ca_file} is its path: hand that over in [start.env]";
            let title = "the client does not trust the provider's certificate".to_owned();
            return Some((title, self.at(&["provider", "tls"], "", advice)));
        }
        if says(HTTPS_ONLY) && !tls {
            let advice = "write [provider] with tls = true: the issuer is then an https URL, with \
                          a CA of this run that the app is told to trust";
            let title = "the client wants an https issuer, and this one is http".to_owned();
            return Some((title, self.at(&["provider", "tls"], "", advice)));
        }
        if says(&["insecure_transport", "insecuretransporterror"]) {
            let advice = "oauthlib wants the app's own address to be https as well: write \
                          OAUTHLIB_INSECURE_TRANSPORT = \"1\" into [start.env]";
            let title = "the client refuses its own address, since that is http".to_owned();
            return Some((title, self.at(&["start", "env"], "", advice)));
        }
        if let Some(host) = &self.target.provider.issuer_host
            && says(UNKNOWN_NAME)
            && words.contains(&host.to_lowercase())
            && !self.issuer_contacted()
        {
            let title = format!("the client does not know the host `{host}` of its issuer");
            let advice = "write a name that is known where the client runs, or leave issuer-host \
                          out: the issuer is then at 127.0.0.1";
            return Some((title, self.at(&["provider", "issuer-host"], "", advice)));
        }
        if says(REFUSED) && !self.issuer_contacted() {
            let title = "the client could not connect to its issuer, and never reached this one";
            return Some((title.to_owned(), self.issuer_elsewhere()));
        }
        None
    }

    /// What to change where the client looks for its issuer in the wrong place.
    pub(super) fn issuer_elsewhere(&self) -> Change {
        let issuer = &self.record.places.honest;
        match &self.target.reach {
            Reach::Attached(_) => self.at(
                &["attach", "issuer-port"],
                "the issuer is here",
                format!(
                    "configure the app with the issuer {issuer}, or write the port that it expects"
                ),
            ),
            Reach::Command { start, .. } if is_container(&start.command) => self.at(
                &["start", "command"],
                "a container has a localhost of its own",
                "write [provider] with issuer-host = \"host.docker.internal\" and listen = \
                 \"0.0.0.0\", and give the container that name (--add-host \
                 host.docker.internal:host-gateway)",
            ),
            _ => self.handed(
                "issuer",
                "write {issuer} under the name that the client reads, such as OIDC_ISSUER = \
                 \"{issuer}\" in [start.env]",
            ),
        }
    }
}

fn is_container(command: &str) -> bool {
    ["docker", "podman", "nerdctl"]
        .iter()
        .any(|word| command.split([' ', '/']).any(|it| it == *word))
}
