//! The pages for people with a device (RFC 8628 §3.3).

use minijinja::{Value, context};

use super::texts::ENGLISH;
use super::{person, render, scope_row};
use crate::grant::Device;
use crate::issue::At;

/// Which code does the device show?
pub(crate) fn device_code(at: At<'_>, code: &str, problem: Option<&str>) -> String {
    render(
        "device_code.html",
        at,
        context! { code => code, problem => problem },
    )
}

/// Is this your device, and who are you?
pub(crate) fn device(at: At<'_>, handle: &str, device: &Device, problem: Option<&str>) -> String {
    let users: Vec<Value> = (at.issuer.users().iter())
        .map(|user| person(user, false))
        .collect();
    let scopes: Vec<Value> = (device.scopes.iter())
        .map(|scope| scope_row(at.issuer, &ENGLISH, scope))
        .collect();
    render(
        "device.html",
        at,
        context! {
            handle => handle,
            client_id => device.client_id.as_str(),
            code => device.user_code.as_str(),
            users => users,
            scopes => scopes,
            problem => problem,
        },
    )
}

/// The device may go on, or it may not.
pub(crate) fn device_done(at: At<'_>, approved: bool) -> String {
    render("device_done.html", at, context! { approved => approved })
}
