//! Client metadata (RFC 7591 §2, OIDC Dynamic Client Registration 1.0 §2) as a client.
//!
//! What is offered is what discovery advertises: a value that is not in it is refused, so that no
//! client waits for what never comes. Members that nobody knows are left out, as RFC 7591 §2 has it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Map, Value};
use url::Url;

use super::algorithms::{Algorithms, assertion_algorithm};
use super::members::Members;
use super::offer::Offer;
use super::uris::{redirect_uris, uris, web_uri};
use super::{Refusal, sector, wrong};
use crate::endpoint::Call;
use crate::issue;
use crate::jose::jwk::ClientKeys;
use crate::names::{AuthMethod, GrantType, ResponseType, SubjectType};
use crate::parties::{CertificateName, Client};
use crate::protocol::ErrorCode;
use crate::settings::Registration;

/// A new client, as far as everything that it wants is offered.
pub(super) fn client(call: &Call<'_>, metadata: &Map<String, Value>) -> Result<Client, Refusal> {
    let members = Members(metadata);
    if members.has("software_statement") {
        return Err(Refusal {
            code: ErrorCode::UnapprovedSoftwareStatement,
            reason: "software statements are not taken: send the metadata itself".to_owned(),
        });
    }
    let offer = Offer(issue::metadata(call.at()).members.members().into_owned());
    let method = auth_method(members, &offer)?;
    let (grant_types, response_types) = flows(members, &offer)?;
    let redirect_uris = redirect_uris(members, &response_types)?;
    let has_secret = matches!(
        method,
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost | AuthMethod::ClientSecretJwt
    );
    let algorithms = Algorithms {
        call,
        members,
        offer: &offer,
        has_secret,
    };
    let client = Client {
        id: call.issuer.randomness.id(),
        secret: has_secret.then(|| call.issuer.randomness.token()),
        name: members.text("client_name")?.map(str::to_owned),
        redirect_uris,
        post_logout_redirect_uris: uris(members, "post_logout_redirect_uris")?,
        auth_methods: BTreeSet::from([method]),
        assertion_algorithm: assertion_algorithm((members, &offer), method)?,
        grant_types: Some(grant_types),
        response_types: Some(response_types),
        scopes: scopes(call, members, &offer)?,
        jwks: jwks(members)?,
        jwks_uri: web_uri(members, "jwks_uri")?,
        id_token_algorithm: algorithms
            .signing("id_token_signed_response_alg", "id_token_signing")?,
        id_token_encryption: algorithms.encryption("id_token")?,
        userinfo_algorithm: algorithms
            .signing("userinfo_signed_response_alg", "userinfo_signing")?,
        userinfo_encryption: algorithms.encryption("userinfo")?,
        authorization_algorithm: algorithms
            .signing("authorization_signed_response_alg", "authorization_signing")?,
        request_object_algorithm: algorithms
            .signing("request_object_signing_alg", "request_object_signing")?,
        require_signed_request_object: feature(
            (members, &offer),
            "require_signed_request_object",
            "request_parameter_supported",
        )?,
        require_pushed_authorization_requests: feature(
            (members, &offer),
            "require_pushed_authorization_requests",
            "pushed_authorization_request_endpoint",
        )?,
        dpop_bound_access_tokens: feature(
            (members, &offer),
            "dpop_bound_access_tokens",
            "dpop_signing_alg_values_supported",
        )?,
        certificate_bound_access_tokens: feature(
            (members, &offer),
            "tls_client_certificate_bound_access_tokens",
            "tls_client_certificate_bound_access_tokens",
        )?,
        certificate: certificate(members, method)?,
        subject_type: subject_type(members, &offer)?,
        backchannel_logout_uri: logout_uri((members, &offer), "backchannel")?,
        backchannel_logout_session_required: members.flag("backchannel_logout_session_required")?,
        frontchannel_logout_uri: logout_uri((members, &offer), "frontchannel")?,
        frontchannel_logout_session_required: members
            .flag("frontchannel_logout_session_required")?,
        default_max_age: members.seconds("default_max_age")?,
        registered_from: registered_from(call),
        ..Client::default()
    };
    consistent(members, &client, method)?;
    // Last, so that nobody is asked for what is refused anyway.
    let sector_identifier = sector::identifier(call, members, &client)?;
    Ok(Client {
        sector_identifier,
        ..client
    })
}

/// Where the client is, if nobody knows who it is.
fn registered_from(call: &Call<'_>) -> Option<IpAddr> {
    match call.issuer.settings.registration {
        Registration::Token(_) => None,
        Registration::Open | Registration::Off => {
            let peer = call.request.peer.map(|peer| peer.ip());
            // Nowhere is no machine that could be called.
            Some(peer.unwrap_or(Ipv4Addr::UNSPECIFIED.into()))
        }
    }
}

/// What goes well alone and not together.
fn consistent(members: Members<'_>, client: &Client, method: AuthMethod) -> Result<(), Refusal> {
    let has_keys = client.jwks.is_some() || client.jwks_uri.is_some();
    if client.jwks.is_some() && client.jwks_uri.is_some() {
        return Err(wrong("jwks", "and `jwks_uri` are not sent together"));
    }
    let signs = matches!(
        method,
        AuthMethod::PrivateKeyJwt | AuthMethod::SelfSignedTlsClientAuth
    );
    if signs && !has_keys {
        let problem = format!("or `jwks_uri` is needed for {}", method.as_str());
        return Err(wrong("jwks", &problem));
    }
    let is_encrypted = client.id_token_encryption.is_some() || client.userinfo_encryption.is_some();
    if is_encrypted && !has_keys {
        return Err(wrong("jwks", "or `jwks_uri` is needed for encryption"));
    }
    let hosts: BTreeSet<Option<String>> = (client.redirect_uris.iter())
        .map(|uri| Url::parse(uri).ok()?.host_str().map(str::to_owned))
        .collect();
    let has_sector = members.has(sector::MEMBER);
    if client.subject_type == SubjectType::Pairwise && hosts.len() > 1 && !has_sector {
        // OIDC Core §8.1.
        let problem = "is `pairwise`, so all redirect URIs have to have one host, or a `sector_identifier_uri` list them";
        return Err(wrong("subject_type", problem));
    }
    Ok(())
}

fn auth_method(members: Members<'_>, offer: &Offer) -> Result<AuthMethod, Refusal> {
    const MEMBER: &str = "token_endpoint_auth_method";
    const LIST: &str = "token_endpoint_auth_methods_supported";
    let offered = |method: &AuthMethod| offer.lists(LIST, method.as_str());
    match members.text(MEMBER)? {
        Some(name) => {
            offer.demand(MEMBER, LIST, name)?;
            let known = AuthMethod::ALL.into_iter().find(|it| it.as_str() == name);
            known.ok_or_else(|| wrong(MEMBER, "is unknown"))
        }
        // The default of RFC 7591 §2, where it is offered, since it stands first.
        None => {
            (AuthMethod::ALL.into_iter().find(offered)).ok_or_else(|| wrong(MEMBER, "is needed"))
        }
    }
}

/// Grants and response types belong together (RFC 7591 §2.1).
fn flows(
    members: Members<'_>,
    offer: &Offer,
) -> Result<(BTreeSet<GrantType>, BTreeSet<ResponseType>), Refusal> {
    let mut grants = BTreeSet::new();
    for name in members.texts("grant_types")?.unwrap_or_default() {
        offer.demand("grant_types", "grant_types_supported", name)?;
        grants.extend(GrantType::parse(name));
    }
    let mut types = BTreeSet::new();
    for name in members.texts("response_types")?.unwrap_or_default() {
        let known = ResponseType::parse(name);
        let canonical = match known {
            Some(known) => known.as_str(),
            None => name,
        };
        offer.demand("response_types", "response_types_supported", canonical)?;
        types.extend(known);
    }
    if !members.has("response_types")
        && (!members.has("grant_types") || grants.contains(&GrantType::AuthorizationCode))
    {
        types.insert(ResponseType::Code);
    }
    for response_type in &types {
        let by_code = (response_type.has_code()).then_some(GrantType::AuthorizationCode);
        let direct = response_type.has_token() || response_type.has_id_token();
        let needed = by_code
            .into_iter()
            .chain(direct.then_some(GrantType::Implicit));
        for grant in needed {
            if !members.has("grant_types") {
                grants.insert(grant);
            } else if !grants.contains(&grant) {
                let name = response_type.as_str();
                let problem = format!("lacks `{}`, which `{name}` needs", grant.as_str());
                return Err(wrong("grant_types", &problem));
            }
        }
    }
    Ok((grants, types))
}

/// To a lax issuer every scope exists, as it does in requests.
fn scopes(
    call: &Call<'_>,
    members: Members<'_>,
    offer: &Offer,
) -> Result<Option<BTreeSet<String>>, Refusal> {
    let Some(scope) = members.text("scope")? else {
        return Ok(None);
    };
    let mut scopes = BTreeSet::new();
    for name in scope.split(' ').filter(|name| !name.is_empty()) {
        if !call.issuer.is_lax() {
            offer.demand("scope", "scopes_supported", name)?;
        }
        scopes.insert(name.to_owned());
    }
    Ok(Some(scopes))
}

fn jwks(members: Members<'_>) -> Result<Option<Value>, Refusal> {
    let Some(jwks) = members.value("jwks") else {
        return Ok(None);
    };
    let keys = ClientKeys::parse(jwks).map_err(|error| wrong("jwks", &format!(": {error}")))?;
    if keys.is_empty() {
        return Err(wrong("jwks", "has no key that is supported"));
    }
    Ok(Some(jwks.clone()))
}

/// A wish that can be granted only where discovery has the other member.
fn feature(
    (members, offer): (Members<'_>, &Offer),
    member: &str,
    advertised: &str,
) -> Result<bool, Refusal> {
    let wished = members.flag(member)?;
    if wished && !offer.has(advertised) {
        return Err(wrong(member, "is not supported"));
    }
    Ok(wished)
}

fn logout_uri(
    (members, offer): (Members<'_>, &Offer),
    channel: &str,
) -> Result<Option<String>, Refusal> {
    let member = format!("{channel}_logout_uri");
    let uri = web_uri(members, &member)?;
    if uri.is_some() && !offer.has(&format!("{channel}_logout_supported")) {
        return Err(wrong(&member, "is not supported"));
    }
    Ok(uri)
}

fn subject_type(members: Members<'_>, offer: &Offer) -> Result<SubjectType, Refusal> {
    let Some(name) = members.text("subject_type")? else {
        return Ok(SubjectType::Public);
    };
    offer.demand("subject_type", "subject_types_supported", name)?;
    match name {
        "pairwise" => Ok(SubjectType::Pairwise),
        _ => Ok(SubjectType::Public),
    }
}

/// RFC 8705 §2.1.2: exactly one of them.
fn certificate(
    members: Members<'_>,
    method: AuthMethod,
) -> Result<Option<CertificateName>, Refusal> {
    type Named = (&'static str, fn(String) -> CertificateName);
    const NAMES: [Named; 5] = [
        ("tls_client_auth_subject_dn", CertificateName::SubjectDn),
        ("tls_client_auth_san_dns", CertificateName::Dns),
        ("tls_client_auth_san_uri", CertificateName::Uri),
        ("tls_client_auth_san_ip", CertificateName::Ip),
        ("tls_client_auth_san_email", CertificateName::Email),
    ];
    let mut certificate = None;
    for (name, make) in NAMES {
        let Some(text) = members.text(name)? else {
            continue;
        };
        if certificate.is_some() {
            return Err(wrong(
                name,
                "is the second of its kind, and one is the most",
            ));
        }
        certificate = Some(make(text.to_owned()));
    }
    match (method == AuthMethod::TlsClientAuth, &certificate) {
        (true, None) => {
            let problem = "or one of its kind is needed for tls_client_auth";
            Err(wrong("tls_client_auth_subject_dn", problem))
        }
        (false, Some(_)) => {
            let problem = "has to be tls_client_auth for the name of a certificate";
            Err(wrong("token_endpoint_auth_method", problem))
        }
        (true, Some(_)) | (false, None) => Ok(certificate),
    }
}

/// Members that say something about the client to people alone. They are given back as they came.
pub(super) fn informational(metadata: &Map<String, Value>) -> Map<String, Value> {
    const KNOWN: [&str; 7] = [
        "client_uri",
        "logo_uri",
        "tos_uri",
        "policy_uri",
        "contacts",
        "software_id",
        "software_version",
    ];
    let known = |name: &str| KNOWN.contains(&name) || name.starts_with("client_name#");
    (metadata.iter())
        .filter(|(name, value)| known(name) && (value.is_string() || value.is_array()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
