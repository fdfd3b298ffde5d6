//! `/authorize` (RFC 6749 §3.1, OIDC Core §3.1.2): who signs in, and what goes back to the client.

mod parse;

use super::message::{Pairs, typed, with_parameters};
use super::{Call, Reply};
use crate::fault::{AuthorizeDraft, Moment, RedirectDraft};
use crate::grant::{Grant, Interaction, Pending, Prompt, SignedIn, Stage};
use crate::issue;
use crate::journal::IssuedKind;
use crate::page::{self, LoginPage};
use crate::protocol::{AuthorizationParameters, ErrorCode};
use crate::settings::SignIn;
pub(super) use parse::{Problem, parse};

/// The cookie of a browser that is signed in.
pub(super) const SESSION_COOKIE: &str = "mock_provider_session";
/// How long a page waits for its answer, in seconds.
const INTERACTION_LIFE: u64 = 30 * 60;

pub(super) fn serve(call: &Call<'_>) -> Reply {
    let pairs = call.request.parameters();
    match forwarded(call, &pairs) {
        Some(location) => Reply::redirect(call, location),
        None => match parse(call, &pairs) {
            Ok(pending) => sign_in(call, pending),
            Err(problem) => refuse(call, problem),
        },
    }
}

/// Where the browser is sent on to, if it is not served here.
fn forwarded(call: &Call<'_>, pairs: &Pairs) -> Option<String> {
    let parameters: AuthorizationParameters = typed(pairs);
    if let Some(id) = &parameters.client_id {
        call.note_client(id);
    }
    let draft = AuthorizeDraft {
        parameters: pairs.clone(),
        forward_to: None,
    };
    let draft = call.tamper(draft);
    Some(with_parameters(&draft.forward_to?, &draft.parameters))
}

/// Finds out who signs in: by header, always the same user, by cookie, or on a page.
fn sign_in(call: &Call<'_>, pending: Pending) -> Reply {
    let settings = &call.issuer.settings;
    if settings.user_header
        && let Some(sub) = call.request.header("gauntlet-user")
    {
        if call.issuer.user(sub).is_none() {
            let reason = format!("The header `gauntlet-user` names `{sub}`, whom nobody knows.");
            return Reply::problem(call, 400, "Unknown user", &reason);
        }
        let withheld = call.request.header("gauntlet-withhold").unwrap_or_default();
        let withheld: Vec<&str> = withheld.split_whitespace().collect();
        let mut scopes = pending.scopes.clone();
        scopes.retain(|scope| !withheld.contains(&scope.as_str()));
        return approve(call, pending, call.sign_in(sub), scopes);
    }
    match &settings.sign_in {
        SignIn::Auto { sub } => {
            let scopes = pending.scopes.clone();
            approve(call, pending, call.sign_in(sub), scopes)
        }
        SignIn::Page => match remembered(call, &pending) {
            Some(signed_in) => consent_or_approve(call, pending, signed_in),
            None if pending.prompt.contains(&Prompt::None) => {
                let reason = "nobody is signed in who could go on without a page".to_owned();
                refuse(
                    call,
                    Problem::redirect(&pending, ErrorCode::LoginRequired, reason),
                )
            }
            None => login_page(call, pending, None),
        },
    }
}

/// The sign-in of this browser, if the request lets it count.
fn remembered(call: &Call<'_>, pending: &Pending) -> Option<SignedIn> {
    let signed_in =
        (call.request.cookies(SESSION_COOKIE)).find_map(|handle| call.shelf().session(handle))?;
    let age = call.now.saturating_sub(signed_in.auth_time);
    let too_old = pending.max_age.is_some_and(|max_age| age > max_age);
    let wanted = pending
        .login_hint
        .as_deref()
        .filter(|hint| call.issuer.user(hint).is_some());
    let another = wanted.is_some_and(|hint| hint != signed_in.sub);
    let asked_again =
        pending.prompt.contains(&Prompt::Login) || pending.prompt.contains(&Prompt::SelectAccount);
    (!too_old && !another && !asked_again).then_some(signed_in)
}

/// What follows a sign-in that was not made just now on a page.
fn consent_or_approve(call: &Call<'_>, pending: Pending, signed_in: SignedIn) -> Reply {
    if pending.prompt.contains(&Prompt::Consent) {
        consent_page(call, pending, signed_in)
    } else {
        let scopes = pending.scopes.clone();
        approve(call, pending, signed_in, scopes)
    }
}

/// Shows the login page; `problem` says what was wrong with the last answer.
pub(super) fn login_page(call: &Call<'_>, pending: Pending, problem: Option<&str>) -> Reply {
    let handle = call.issuer.randomness.token();
    let html = page::login(&LoginPage {
        issuer: call.issuer,
        handle: &handle,
        pending: &pending,
        problem,
    });
    keep(call, &handle, pending, Stage::Login);
    Reply::page(if problem.is_some() { 400 } else { 200 }, html)
}

/// Shows the consent page.
pub(super) fn consent_page(call: &Call<'_>, pending: Pending, signed_in: SignedIn) -> Reply {
    let handle = call.issuer.randomness.token();
    let html = page::consent(call.issuer, &handle, &pending, &signed_in);
    keep(call, &handle, pending, Stage::Consent(signed_in));
    Reply::page(200, html)
}

fn keep(call: &Call<'_>, handle: &str, pending: Pending, stage: Stage) {
    let interaction = Interaction { pending, stage };
    (call.shelf()).put_interaction(handle, interaction, INTERACTION_LIFE);
}

/// Remembers the browser's sign-in: the cookie to set.
pub(super) fn remember(call: &Call<'_>, signed_in: &SignedIn) -> String {
    let handle = call.issuer.randomness.token();
    let seconds = call.issuer.settings.session_lifetime.as_secs();
    (call.shelf()).put_session(&handle, signed_in.clone(), seconds);
    session_cookie(call, &handle, seconds)
}

/// `Lax` lets the cookie come along when the client sends the browser here.
pub(super) fn session_cookie(call: &Call<'_>, value: &str, max_age: u64) -> String {
    let path = match call.issuer.path.as_str() {
        "" => "/",
        path => path,
    };
    format!("{SESSION_COOKIE}={value}; Path={path}; Max-Age={max_age}; HttpOnly; SameSite=Lax")
}

/// Sends the browser back with a code (RFC 6749 §4.1.2).
pub(super) fn approve(
    call: &Call<'_>,
    pending: Pending,
    signed_in: SignedIn,
    scopes: Vec<String>,
) -> Reply {
    call.note_user(&signed_in.sub);
    if scopes.is_empty() {
        let reason = "no scope was granted".to_owned();
        return refuse(
            call,
            Problem::redirect(&pending, ErrorCode::AccessDenied, reason),
        );
    }
    let (redirect_uri, state) = (pending.redirect_uri.clone(), pending.state.clone());
    let grant = Grant::new(call.issuer.randomness.id(), pending, signed_in, scopes);
    let code = call.issuer.randomness.token();
    (call.shelf()).put_code(&code, grant, call.issuer.settings.code_lifetime.as_secs());
    let parameters = vec![("code".to_owned(), code)];
    let draft = issue::authorization_response(call.at(), parameters, state.as_deref());
    send_back(call, &redirect_uri, draft)
}

/// Tells the client where that is safe, and the person otherwise (RFC 6749 §4.1.2.1).
pub(super) fn refuse(call: &Call<'_>, problem: Problem) -> Reply {
    match problem {
        Problem::Page { title, reason } => Reply::problem(call, 400, title, &reason),
        Problem::Redirect(problem) => {
            let draft = issue::authorization_error(
                call.at(),
                problem.error,
                &problem.reason,
                problem.state.as_deref(),
            );
            send_back(call, &problem.redirect_uri, draft)
        }
    }
}

fn send_back(call: &Call<'_>, redirect_uri: &str, draft: RedirectDraft) -> Reply {
    let moment = Moment {
        redirect_uri: Some(redirect_uri),
        ..call.moment()
    };
    let draft = call.issuer.faults.tamper(&moment, draft);
    if let Some(code) = draft.get("code") {
        call.note_issued(IssuedKind::Code, code);
    }
    Reply::redirect(call, with_parameters(redirect_uri, &draft.parameters))
}
