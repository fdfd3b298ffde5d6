//! Clients that authenticate by a certificate, and tokens that are bound to one (RFC 8705).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::{
    AccessTokenFormat, AuthMethod, CertificateName, Client, IssuerSettings, MockProvider, Profile,
    Rule, Tls,
};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, SanType};
use reqwest::{Certificate, Identity, Response};
use serde_json::{Value, json};

use crate::signed::claims;
use crate::support::{CALLBACK, error_of, settings};

/// A certificate of a client, and the public half of its key.
struct Own {
    pem: String,
    der: Vec<u8>,
    jwks: Value,
}

impl Own {
    fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "app");
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Shop");
        params.subject_alt_names = vec![
            SanType::DnsName("app.test".try_into().unwrap()),
            SanType::URI("spiffe://test/app".try_into().unwrap()),
            SanType::IpAddress([10, 0, 0, 1].into()),
            SanType::Rfc822Name("app@app.test".try_into().unwrap()),
        ];
        let certificate = params.self_signed(&key).unwrap();
        let (x, y) = key.public_key_raw()[1..].split_at(32);
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)});
        Self {
            pem: certificate.pem() + &key.serialize_pem(),
            der: certificate.der().to_vec(),
            jwks: json!({"keys": [jwk]}),
        }
    }

    fn thumbprint(&self) -> String {
        use aws_lc_rs::digest::{SHA256, digest};
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.der))
    }
}

async fn provider(client: Client, profile: Profile) -> MockProvider {
    let settings = IssuerSettings {
        clients: vec![client],
        profile,
        access_token_format: AccessTokenFormat::Jwt,
        ..settings()
    };
    let builder = MockProvider::builder().settings(settings);
    builder.tls(Tls::run_local()).start().await.unwrap()
}

/// A client that trusts the provider, with a certificate of its own or without.
fn http(provider: &MockProvider, own: Option<&Own>) -> reqwest::Client {
    let ca = Certificate::from_pem(provider.ca_pem().unwrap().as_bytes()).unwrap();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([ca]);
    let builder = builder.redirect(reqwest::redirect::Policy::none());
    match own {
        Some(own) => builder.identity(Identity::from_pem(own.pem.as_bytes()).unwrap()),
        None => builder,
    }
    .build()
    .unwrap()
}

/// Asks for tokens of the client's own.
async fn ask(provider: &MockProvider, own: Option<&Own>) -> Response {
    let form = [("grant_type", "client_credentials"), ("client_id", "app")];
    let request = http(provider, own).post(format!("{}/token", provider.base_url()));
    request.form(&form).send().await.unwrap()
}

fn named(name: CertificateName) -> Client {
    Client {
        certificate: Some(name),
        ..Client::public("app").auth_methods([AuthMethod::TlsClientAuth])
    }
}

fn broken(provider: &MockProvider) -> Vec<Rule> {
    let exchanges = provider.issuer().journal().exchanges();
    let violations = &exchanges.last().unwrap().notes.violations;
    violations.iter().map(|it| it.rule).collect()
}

#[tokio::test]
async fn a_client_is_known_by_the_name_in_its_certificate() {
    let own = Own::new();
    for (name, is_its) in [
        (
            CertificateName::SubjectDn("CN=app, O=Shop".to_owned()),
            false,
        ),
        (CertificateName::SubjectDn("O=Shop,CN=app".to_owned()), true),
        (CertificateName::Dns("app.test".to_owned()), true),
        (CertificateName::Dns("other.test".to_owned()), false),
        (CertificateName::Uri("spiffe://test/app".to_owned()), true),
        (CertificateName::Ip("10.0.0.1".to_owned()), true),
        (CertificateName::Ip("10.0.0.2".to_owned()), false),
        (CertificateName::Email("app@app.test".to_owned()), true),
    ] {
        let provider = provider(named(name.clone()), Profile::Strict).await;
        let response = ask(&provider, Some(&own)).await;
        assert_eq!(response.status() == 200, is_its, "{name:?}");
        if !is_its {
            assert_eq!(error_of(response).await, (401, "invalid_client".to_owned()));
            assert_eq!(broken(&provider), [Rule::ClientCertificate]);
        }
        let without = ask(&provider, None).await;
        assert_eq!(error_of(without).await, (401, "invalid_client".to_owned()));
    }
}

#[tokio::test]
async fn a_client_is_known_by_the_key_in_its_certificate() {
    let (own, other) = (Own::new(), Own::new());
    let client = Client::with_keys("app", own.jwks.clone())
        .auth_methods([AuthMethod::SelfSignedTlsClientAuth]);
    let provider = provider(client, Profile::Strict).await;
    assert_eq!(ask(&provider, Some(&own)).await.status(), 200);
    for wrong in [Some(&other), None] {
        let response = ask(&provider, wrong).await;
        assert_eq!(error_of(response).await, (401, "invalid_client".to_owned()));
        assert_eq!(broken(&provider), [Rule::ClientCertificate]);
    }
}

#[tokio::test]
async fn access_tokens_are_bound_to_the_certificate_and_used_with_it() {
    let (own, other) = (Own::new(), Own::new());
    let client = Client {
        certificate_bound_access_tokens: true,
        ..Client::public("app").redirect_uri(CALLBACK)
    };
    let provider = provider(client, Profile::Strict).await;
    let base = provider.base_url();
    let mut request = url::Url::parse(&format!("{base}/authorize")).unwrap();
    (request.query_pairs_mut())
        .append_pair("response_type", "code")
        .append_pair("client_id", "app")
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("scope", "openid");
    let code = || {
        let callback = provider.issuer().login(request.as_str(), "alice").unwrap();
        let (_, query) = callback.split_once("?code=").unwrap();
        query.split('&').next().unwrap().to_owned()
    };
    let redeem = async |own: Option<&Own>| {
        let code = code();
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
        ];
        let request = http(&provider, own).post(format!("{base}/token"));
        request.form(&form).send().await.unwrap()
    };
    let response = redeem(None).await;
    assert_eq!(
        error_of(response).await,
        (400, "invalid_request".to_owned())
    );
    assert_eq!(broken(&provider), [Rule::RegisteredBinding]);
    let tokens: Value = redeem(Some(&own)).await.json().await.unwrap();
    assert_eq!(tokens["token_type"], "Bearer");
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(claims(token)["cnf"], json!({"x5t#S256": own.thumbprint()}));
    let userinfo = async |own: Option<&Own>| {
        let request = http(&provider, own).get(format!("{base}/userinfo"));
        request.bearer_auth(token).send().await.unwrap()
    };
    assert_eq!(userinfo(Some(&own)).await.status(), 200);
    for wrong in [Some(&other), None] {
        let response = userinfo(wrong).await;
        assert_eq!(error_of(response).await, (401, "invalid_token".to_owned()));
        assert_eq!(broken(&provider), [Rule::TokenOfThisHolder]);
    }
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_is_exchanged_and_introspected_with_it() {
    let (own, other) = (Own::new(), Own::new());
    let client = Client {
        certificate_bound_access_tokens: true,
        ..Client::with_keys(
            "app",
            json!({"keys": [own.jwks["keys"][0], other.jwks["keys"][0]]}),
        )
        .auth_methods([AuthMethod::SelfSignedTlsClientAuth])
    };
    let provider = provider(client, Profile::Strict).await;
    let tokens: Value = ask(&provider, Some(&own)).await.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let access = "urn:ietf:params:oauth:token-type:access_token";
    let form = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("client_id", "app"),
        ("subject_token", token),
        ("subject_token_type", access),
    ];
    let post = async |own: &Own, path: &str, form: &[(&str, &str)]| {
        let request = http(&provider, Some(own)).post(format!("{}{path}", provider.base_url()));
        request.form(form).send().await.unwrap()
    };
    // The client has two certificates, and the token is bound to one of them.
    let response = post(&other, "/token", &form).await;
    assert_eq!(
        error_of(response).await,
        (400, "invalid_request".to_owned())
    );
    assert_eq!(broken(&provider), [Rule::TokenOfThisHolder]);
    let got: Value = post(&own, "/token", &form).await.json().await.unwrap();
    assert_eq!(got["token_type"], "Bearer");
    let new = got["access_token"].as_str().unwrap();
    let question = [("client_id", "app"), ("token", new)];
    let response = post(&other, "/introspect", &question).await;
    let said: Value = response.json().await.unwrap();
    assert_eq!(said["active"], true);
    assert_eq!(said["token_type"], "Bearer");
    assert_eq!(said["cnf"], json!({"x5t#S256": own.thumbprint()}));
}

#[tokio::test]
async fn fapi_takes_a_certificate_and_binds_tokens_to_it() {
    let own = Own::new();
    let client = named(CertificateName::Dns("app.test".to_owned()));
    let provider = provider(client, Profile::Fapi2).await;
    let tokens: Value = ask(&provider, Some(&own)).await.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(claims(token)["cnf"], json!({"x5t#S256": own.thumbprint()}));
}

#[tokio::test]
async fn certificates_are_advertised_where_there_is_tls() {
    let provider = provider(Client::public("app"), Profile::Strict).await;
    let url = format!("{}/.well-known/openid-configuration", provider.base_url());
    let metadata = http(&provider, None).get(url).send().await.unwrap();
    let metadata: Value = metadata.json().await.unwrap();
    let methods = metadata["token_endpoint_auth_methods_supported"]
        .as_array()
        .unwrap();
    for method in ["tls_client_auth", "self_signed_tls_client_auth"] {
        assert!(methods.contains(&json!(method)), "{method}");
    }
    assert_eq!(metadata["tls_client_certificate_bound_access_tokens"], true);
}
