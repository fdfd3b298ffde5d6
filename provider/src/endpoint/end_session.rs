//! `/end_session` (OpenID Connect RP-Initiated Logout 1.0): ends the session of the browser, and
//! tells every client that took part in it (Front-Channel Logout 1.0, Back-Channel Logout 1.0).

use super::authorize::{SESSION_COOKIE, session_cookie};
use super::message::{Pairs, typed, with_parameters};
use super::{Call, Reply, mint};
use crate::grant::{Member, SignedIn};
use crate::issue;
use crate::logout;
use crate::page;
use crate::rules;

/// How long the question whether to sign out waits for its answer, in seconds.
const QUESTION_LIFE: u64 = 30 * 60;

/// The parameters of RP-Initiated Logout 1.0 §2. `logout_hint` and `ui_locales` change nothing.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Parameters {
    id_token_hint: Option<String>,
    client_id: Option<String>,
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
    /// The answer to our own question.
    confirmation: Option<String>,
}

/// What an ID token of ours says about who signs out.
#[derive(Default)]
struct Hint {
    client_id: Option<String>,
    /// As the issuer knows them.
    sub: Option<String>,
    sid: Option<String>,
}

pub(super) fn serve(call: &Call<'_>) -> Reply {
    let sent = call.request.parameters();
    let parameters: Parameters = typed(&sent);
    let Some(handle) = &parameters.confirmation else {
        return sign_out(call, &sent, &parameters, Asked::No);
    };
    if let Some(kept) = call.shelf().take_parameters(handle) {
        return sign_out(call, &kept, &typed(&kept), Asked::Yes);
    }
    let reason = "This page was answered already, or waited too long.";
    Reply::problem(call, 400, "This page is used up", reason)
}

/// Whether somebody said that they want to sign out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Yes,
    No,
}

fn sign_out(call: &Call<'_>, pairs: &Pairs, parameters: &Parameters, asked: Asked) -> Reply {
    let handles: Vec<&str> = call.request.cookies(SESSION_COOKIE).collect();
    let sessions: Vec<SignedIn> = (handles.iter())
        .filter_map(|handle| call.shelf().session(handle))
        .collect();
    let hint = read_hint(call, parameters.id_token_hint.as_deref());
    let hinted_sub = hint.as_ref().ok().and_then(|hint| hint.sub.as_deref());
    let meant = (sessions.iter()).all(|session| hinted_sub == Some(&session.sub));
    if asked == Asked::No && call.demand(rules::hinted_logout(meant)).is_err() {
        let handle = call.issuer.randomness.token();
        (call.shelf()).put_parameters(&handle, pairs.clone(), QUESTION_LIFE);
        return Reply::page(200, page::confirm_logout(call.at(), &handle));
    }
    let sid = hint.as_ref().ok().and_then(|hint| hint.sid.clone());
    let location = call
        .demand(rules::single_parameters(pairs))
        .map_err(|violation| violation.to_string())
        .and_then(|()| destination(call, parameters, hint?));
    for handle in handles {
        call.shelf().end_session(handle);
    }
    let mut sids: Vec<String> = sessions.into_iter().map(|session| session.sid).collect();
    sids.extend(sid);
    let members: Vec<Member> = (sids.iter())
        .flat_map(|sid| call.shelf().end_members(sid))
        .collect();
    let pushes = logout::prepare_all(call.issuer, &call.urls, &members);
    call.pushes.borrow_mut().extend(pushes);
    let frames = frames(call, &members);
    let reply = match location {
        Err(reason) => Reply::problem(call, 400, "Signed out, and no way back", &reason),
        Ok(location) if !frames.is_empty() => {
            let html = page::logging_out(call.at(), &frames, location.as_deref());
            Reply::page_with_frames(html, &frames)
        }
        Ok(Some(location)) => Reply::redirect(call, location),
        Ok(None) => Reply::page(200, page::signed_out(call.at())),
    };
    reply.header("set-cookie", session_cookie(call, "", 0))
}

/// What has to be loaded so that clients sign out in this browser (Front-Channel Logout 1.0 §2).
fn frames(call: &Call<'_>, members: &[Member]) -> Vec<String> {
    let frame = |member: &Member| {
        let client = call.issuer.client(&member.client_id)?;
        let uri = client.frontchannel_logout_uri.as_ref()?;
        let parsed = url::Url::parse(uri).ok()?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return None;
        }
        let pairs = if client.frontchannel_logout_session_required {
            vec![
                ("iss".to_owned(), call.urls.issuer.clone()),
                ("sid".to_owned(), member.sid.clone()),
            ]
        } else {
            Vec::new()
        };
        Some(with_parameters(parsed.as_str(), &pairs))
    };
    members.iter().filter_map(frame).collect()
}

/// What the hint says, however old it is (RP-Initiated Logout 1.0 §2).
fn read_hint(call: &Call<'_>, token: Option<&str>) -> Result<Hint, String> {
    let Some(token) = token else {
        return Ok(Hint::default());
    };
    let claims = mint::own_id_token(call, token)
        .ok_or("The id_token_hint is no ID token of this issuer.")?;
    let text = |claim: &str| claims.get(claim)?.as_str().map(str::to_owned);
    let client_id = text("aud");
    let client = client_id.as_deref().map(|id| call.client(id));
    let sub = text("sub").zip(client);
    Ok(Hint {
        client_id,
        sub: sub.and_then(|(sub, client)| issue::own_sub(call.issuer, &client, &sub)),
        sid: text("sid"),
    })
}

/// Where the browser goes afterwards; an error where the request wants what it may not have.
fn destination(
    call: &Call<'_>,
    parameters: &Parameters,
    hint: Hint,
) -> Result<Option<String>, String> {
    let mut client_id = parameters.client_id.clone();
    if parameters.id_token_hint.is_some() {
        if client_id.is_some() && client_id != hint.client_id {
            return Err("The id_token_hint was issued to another client.".to_owned());
        }
        client_id = hint.client_id;
        hint.sub.iter().for_each(|sub| call.note_user(sub));
    }
    if let Some(id) = &client_id {
        call.note_client(id);
    }
    let Some(uri) = &parameters.post_logout_redirect_uri else {
        return Ok(None);
    };
    let client = client_id.and_then(|id| call.issuer.client(&id));
    let rule = rules::registered_post_logout_uri(client.as_deref(), uri);
    let registered = rule.is_ok();
    call.demand(rule)
        .map_err(|violation| violation.to_string())?;
    let parsed = url::Url::parse(uri)
        .ok()
        .filter(|_| uri.bytes().all(|it| it.is_ascii_graphic()));
    let usable =
        parsed.is_some_and(|parsed| registered || matches!(parsed.scheme(), "http" | "https"));
    if !usable {
        return Err(format!("`{uri}` is no URI that a browser can be sent to."));
    }
    let state: Vec<_> = (parameters.state.iter())
        .map(|state| ("state".to_owned(), state.clone()))
        .collect();
    Ok(Some(with_parameters(uri, &state)))
}
