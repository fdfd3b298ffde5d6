//! `/device/authorize` (RFC 8628 §3.1): a device asks for a code that people type elsewhere.

mod page;

use axum::http::header;

use super::client_auth::authenticate;
use super::message::{typed, values};
use super::token::{TokenError, error, refuse, target, user_scopes};
use super::{Call, Reply};
use crate::device::user_code;
use crate::fault::{Document, DocumentDraft};
use crate::grant::Device;
use crate::issue;
use crate::names::GrantType;
use crate::protocol::{DeviceAuthorizationResponse, ErrorCode, TokenParameters};
use crate::rules;
pub(super) use page::page;

/// How often a user code is drawn, until there is one that no other device has.
const DRAWS: usize = 16;

pub(super) fn authorize(call: &Call<'_>) -> Reply {
    if !is_served(call) {
        let reason = "The device grant is not served here.";
        return Reply::problem(call, 404, "Not found", reason);
    }
    start(call).unwrap_or_else(refuse)
}

/// Whether there are devices at this issuer.
fn is_served(call: &Call<'_>) -> bool {
    issue::grants(call.issuer).any(|grant| grant == GrantType::DeviceCode)
}

fn start(call: &Call<'_>) -> Result<Reply, TokenError> {
    let pairs = (call.request.form())
        .map_err(|problem| error(ErrorCode::InvalidRequest, &problem.to_string()))?;
    let parameters: TokenParameters = typed(&pairs);
    call.demand(rules::single_parameters(&pairs))
        .map_err(|violation| error(ErrorCode::InvalidRequest, &violation.to_string()))?;
    let client = authenticate(call, &parameters)?;
    let may = |grants: &std::collections::BTreeSet<_>| grants.contains(&GrantType::DeviceCode);
    if !client.grant_types.as_ref().is_none_or(may) {
        let reason = "the client may not use the device grant";
        return Err(error(ErrorCode::UnauthorizedClient, reason));
    }
    let scopes = user_scopes(call, &client, parameters.scope.as_deref())?;
    let resources = target::audience(call, &[], &values(&pairs, "resource"))?;
    let settings = &call.issuer.settings.device;
    let randomness = &call.issuer.randomness;
    let device = Device {
        device_code: randomness.token(),
        user_code: String::new(),
        client_id: client.id.clone(),
        scopes,
        resources,
        expires_at: call.now.saturating_add(settings.lifetime.as_secs()),
        test: call.test(),
    };
    let mut draws = (0..DRAWS).map(|_| Device {
        user_code: user_code(randomness.bytes()),
        ..device.clone()
    });
    let device = draws.find(|device| call.shelf().put_device(device.clone()));
    let device = device.ok_or_else(|| {
        let reason = "there are too many devices";
        error(ErrorCode::TemporarilyUnavailable, reason)
    })?;
    let verification_uri = format!("{}/device", call.urls.front);
    let response = DeviceAuthorizationResponse {
        verification_uri_complete: format!("{verification_uri}?user_code={}", device.user_code),
        verification_uri,
        device_code: device.device_code,
        user_code: device.user_code,
        expires_in: settings.lifetime.as_secs(),
        interval: settings.interval.as_secs(),
    };
    let draft =
        DocumentDraft::new(Document::Device, &response).header(header::CACHE_CONTROL, "no-store");
    Ok(Reply::document(call.tamper(draft)))
}
