//! A client as the metadata of RFC 7591 §2 and its relatives.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::issuer::IssuerState;
use crate::names::{AuthMethod, GrantType, ResponseType, SubjectType};
use crate::parties::{CertificateName, Client, Encryption};

/// Everything that is registered for the client, but for its identifier and secret.
pub(super) fn metadata(issuer: &IssuerState, client: &Client) -> Map<String, Value> {
    let mut described = Described(Map::new());
    described.list("redirect_uris", &client.redirect_uris);
    described.list(
        "post_logout_redirect_uris",
        &client.post_logout_redirect_uris,
    );
    described.some("client_name", client.name.as_ref());
    described.some(
        "token_endpoint_auth_method",
        client.auth_methods.first().copied().map(AuthMethod::as_str),
    );
    let name = |it: crate::SigningAlgorithm| it.as_str();
    described.some(
        "token_endpoint_auth_signing_alg",
        client.assertion_algorithm.map(name),
    );
    let grants = client.grant_types.iter().flatten().copied();
    described.set(
        "grant_types",
        grants.map(GrantType::as_str).collect::<Vec<_>>(),
    );
    let types = client.response_types.iter().flatten().copied();
    described.set(
        "response_types",
        types.map(ResponseType::as_str).collect::<Vec<_>>(),
    );
    let scope = client.scopes.as_ref().map(|scopes| {
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        scopes.join(" ")
    });
    described.some("scope", scope);
    described.some("jwks", client.jwks.as_ref());
    described.some("jwks_uri", client.jwks_uri.as_ref());
    let id_token = client.id_token_algorithm.unwrap_or(issuer.keys.algorithm());
    described.set("id_token_signed_response_alg", id_token.as_str());
    described.encryption("id_token", client.id_token_encryption);
    described.some(
        "userinfo_signed_response_alg",
        client.userinfo_algorithm.map(name),
    );
    described.encryption("userinfo", client.userinfo_encryption);
    described.some(
        "authorization_signed_response_alg",
        client.authorization_algorithm.map(name),
    );
    described.some(
        "request_object_signing_alg",
        client.request_object_algorithm.map(name),
    );
    for (name, flag) in [
        (
            "require_signed_request_object",
            client.require_signed_request_object,
        ),
        (
            "require_pushed_authorization_requests",
            client.require_pushed_authorization_requests,
        ),
        ("dpop_bound_access_tokens", client.dpop_bound_access_tokens),
        (
            "tls_client_certificate_bound_access_tokens",
            client.certificate_bound_access_tokens,
        ),
        (
            "backchannel_logout_session_required",
            client.backchannel_logout_session_required,
        ),
        (
            "frontchannel_logout_session_required",
            client.frontchannel_logout_session_required,
        ),
    ] {
        described.some(name, flag.then_some(true));
    }
    if let Some(certificate) = &client.certificate {
        let (name, value) = match certificate {
            CertificateName::SubjectDn(dn) => ("tls_client_auth_subject_dn", dn),
            CertificateName::Dns(dns) => ("tls_client_auth_san_dns", dns),
            CertificateName::Uri(uri) => ("tls_client_auth_san_uri", uri),
            CertificateName::Ip(ip) => ("tls_client_auth_san_ip", ip),
            CertificateName::Email(email) => ("tls_client_auth_san_email", email),
        };
        described.set(name, value);
    }
    let subject_type = match client.subject_type {
        SubjectType::Public => "public",
        SubjectType::Pairwise => "pairwise",
    };
    described.set("subject_type", subject_type);
    described.some(
        "backchannel_logout_uri",
        client.backchannel_logout_uri.as_ref(),
    );
    described.some(
        "frontchannel_logout_uri",
        client.frontchannel_logout_uri.as_ref(),
    );
    described.some("default_max_age", client.default_max_age);
    described.0
}

struct Described(Map<String, Value>);

impl Described {
    fn set(&mut self, name: &str, value: impl Serialize) {
        self.0.insert(name.to_owned(), json!(value));
    }

    fn some(&mut self, name: &str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    fn list(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            self.set(name, values);
        }
    }

    fn encryption(&mut self, what: &str, encryption: Option<Encryption>) {
        if let Some(Encryption { algorithm, content }) = encryption {
            let name = |part: &str| format!("{what}_encrypted_response_{part}");
            self.set(&name("alg"), algorithm.as_str());
            self.set(&name("enc"), content.as_str());
        }
    }
}
