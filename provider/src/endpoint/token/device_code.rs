//! The device grant (RFC 8628 §3.4): a device asks until somebody has decided.

use std::sync::Arc;

use super::response::{Response, with_refresh_token};
use super::target::audience;
use super::{TokenError, direct_grant, error};
use crate::device::{Verdict, say};
use crate::endpoint::{Call, Reply};
use crate::grant::{Decision, Device, Grant, Polls};
use crate::parties::Client;
use crate::protocol::{ErrorCode, TokenParameters};

/// By how many seconds a device that is told so has to slow down (RFC 8628 §3.5).
const SLOWER: u64 = 5;

pub(super) fn poll(
    call: &Call<'_>,
    client: &Client,
    parameters: &TokenParameters,
) -> Result<Reply, TokenError> {
    let code = (parameters.device_code.as_deref())
        .ok_or_else(|| error(ErrorCode::InvalidRequest, "no device_code is sent"))?;
    let gone = || {
        let reason = "the device code is unknown, or was used before";
        error(ErrorCode::InvalidGrant, reason)
    };
    let device = call.shelf().device(code).ok_or_else(gone)?;
    call.note_test(device.test.as_deref());
    if device.client_id != client.id {
        let reason = "the device code was issued to another client";
        return Err(error(ErrorCode::InvalidGrant, reason));
    }
    if call.now >= device.expires_at {
        return Err(error(
            ErrorCode::ExpiredToken,
            "the device code has expired",
        ));
    }
    may_know(call, &device)?;
    let (signed_in, scopes) = match decision(call, &device) {
        None => return Err(pending()),
        Some(Decision::Denied) => {
            let reason = "the user said no";
            return Err(error(ErrorCode::AccessDenied, reason));
        }
        Some(Decision::Approved(signed_in, scopes)) => (signed_in, scopes),
    };
    call.note_user(&signed_in.sub);
    let audience = audience(call, &device.resources, &parameters.resource)?;
    // Of several that come this far at once, one gets it.
    let device = call.shelf().take_device(code).ok_or_else(gone)?;
    let grant = direct_grant(call, client, signed_in, (&scopes, &device.resources));
    let response = Response {
        call,
        client,
        grant: Arc::new(Grant {
            test: device.test,
            ..Arc::unwrap_or_clone(grant)
        }),
        with_refresh_token: with_refresh_token(call, client, &scopes),
        scopes,
        audience,
        nonce: None,
    };
    Ok(response.render())
}

/// Counts the poll; an error where it is too soon, or not yet time to say what was decided.
fn may_know(call: &Call<'_>, device: &Device) -> Result<(), TokenError> {
    let settings = &call.issuer.settings.device;
    let before = call.shelf().polls(device).unwrap_or(Polls {
        count: 0,
        last: None,
        interval: settings.interval.as_secs(),
    });
    let since = before.last.map(|last| call.now.saturating_sub(last));
    let too_soon = since.is_some_and(|since| since < before.interval);
    let slow_down = too_soon || before.count < settings.slow_downs;
    let slower = if slow_down { SLOWER } else { 0 };
    let polls = Polls {
        count: before.count.saturating_add(u32::from(!too_soon)),
        last: Some(call.now),
        interval: before.interval.saturating_add(slower),
    };
    call.shelf().put_polls(device, polls);
    if slow_down {
        let reason = format!("ask every {} seconds at most", polls.interval);
        return Err(error(ErrorCode::SlowDown, &reason));
    }
    let hidden = settings.slow_downs.saturating_add(settings.pending_polls);
    if before.count < hidden {
        return Err(pending());
    }
    Ok(())
}

/// What was decided; where nobody has to be asked, it is now.
fn decision(call: &Call<'_>, device: &Device) -> Option<Decision> {
    let decided = || call.shelf().decision(device);
    let Some(sub) = &call.issuer.settings.device.auto else {
        return decided();
    };
    if let Some(decision) = decided() {
        return Some(decision);
    }
    let verdict = Verdict::Approve { sub, scopes: None };
    // An error means that somebody was faster, which is as good.
    let _ = say(call.issuer, call.shelf(), &device.user_code, verdict);
    decided()
}

fn pending() -> TokenError {
    let reason = "nobody has decided yet";
    error(ErrorCode::AuthorizationPending, reason)
}
