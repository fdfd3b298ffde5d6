//! `/device` (RFC 8628 §3.3): people type the code that the device shows, and say yes or no.

use crate::device::{Verdict, say, waiting};
use crate::endpoint::login::{Form, is_subject};
use crate::endpoint::{Call, Reply};
use crate::grant::Device;
use crate::page;

/// How long the second page waits for its answer, in seconds.
const PAGE_LIFE: u64 = 10 * 60;

pub(in crate::endpoint) fn page(call: &Call<'_>) -> Reply {
    if !super::is_served(call) {
        let reason = "The device grant is not served here.";
        return Reply::problem(call, 404, "Not found", reason);
    }
    if call.request.header("sec-fetch-site") == Some("cross-site") && call.request.method == "POST"
    {
        let reason = "This form was sent from another site.";
        return Reply::problem(call, 403, "Not from here", reason);
    }
    let answer = Form(call.request.parameters());
    if let Some(handle) = answer.get("interaction") {
        return decide(call, &answer, handle);
    }
    match answer.get("user_code").map(str::trim) {
        None | Some("") => enter(call, "", None),
        Some(code) => match waiting(call.issuer, call.shelf(), code) {
            Ok(device) => ask(call, &device, None),
            Err(error) => enter(call, code, Some(&sentence(&error.to_string()))),
        },
    }
}

/// Asks for the code.
fn enter(call: &Call<'_>, code: &str, problem: Option<&str>) -> Reply {
    let status = if problem.is_some() { 400 } else { 200 };
    Reply::page(status, page::device_code(call.at(), code, problem))
}

/// Asks who is there, and whether the device is theirs.
fn ask(call: &Call<'_>, device: &Device, problem: Option<&str>) -> Reply {
    call.note_client(&device.client_id);
    let handle = call.issuer.randomness.token();
    (call.shelf()).put_device_page(&handle, &device.user_code, PAGE_LIFE);
    let html = page::device(call.at(), &handle, device, problem);
    Reply::page(if problem.is_some() { 400 } else { 200 }, html)
}

/// The handle of the page proves that the answer comes from it, once.
fn decide(call: &Call<'_>, answer: &Form, handle: &str) -> Reply {
    let Some(code) = call.shelf().take_device_page(handle) else {
        let reason = "This page was answered already, or waited too long. Type the code again.";
        return Reply::problem(call, 400, "This page is used up", reason);
    };
    let device = match waiting(call.issuer, call.shelf(), &code) {
        Ok(device) => device,
        Err(error) => return enter(call, "", Some(&sentence(&error.to_string()))),
    };
    call.note_client(&device.client_id);
    let typed = (answer.get("other").map(str::trim)).filter(|sub| !sub.is_empty());
    let sub = answer.get("sub").filter(|sub| !sub.is_empty()).or(typed);
    let verdict = match sub {
        _ if answer.get("deny").is_some() => Verdict::Deny,
        None => return ask(call, &device, Some("Choose somebody, or type a name.")),
        Some(sub) if !is_subject(sub) => {
            let problem = "A subject identifier has at most 255 letters, all of them ASCII.";
            return ask(call, &device, Some(problem));
        }
        Some(sub) => {
            call.note_user(sub);
            Verdict::Approve { sub, scopes: None }
        }
    };
    match say(call.issuer, call.shelf(), &code, verdict) {
        Ok(()) => {
            let approved = matches!(verdict, Verdict::Approve { .. });
            Reply::page(200, page::device_done(call.at(), approved))
        }
        Err(error) => enter(call, "", Some(&sentence(&error.to_string()))),
    }
}

/// An error as people read it.
fn sentence(error: &str) -> String {
    let mut letters = error.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    let rest = letters.filter(|letter| *letter != '`');
    first.into_iter().chain(rest).chain(['.']).collect()
}
