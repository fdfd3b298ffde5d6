//! `/authorize` (RFC 6749 §3.1, OIDC Core §3.1.2): who signs in, and what goes back to the client.

mod parse;
mod problem;
mod request;
mod respond;
mod session;
mod wishes;

use super::message::{Pairs, typed, with_parameters};
use super::{Call, Reply};
use crate::fault::AuthorizeDraft;
use crate::grant::{Interaction, Pending, Prompt, SignedIn, Stage};
use crate::page::{self, LoginPage, LoginProblem};
use crate::protocol::AuthorizationParameters;
use crate::settings::SignIn;
pub(super) use parse::{parse, push};
pub(super) use problem::Problem;
pub(super) use request::PUSHED;
pub(super) use respond::{Delivery, Outcome, approve, refuse};
pub(crate) use session::hinted_user;
pub(super) use session::{may_be, sign_in};

/// The cookie of a browser that is signed in.
pub(super) const SESSION_COOKIE: &str = "mock_provider_session";
/// How long a page waits for its answer, in seconds.
const INTERACTION_LIFE: u64 = 30 * 60;

pub(super) fn serve(call: &Call<'_>) -> Reply {
    let pairs = call.request.parameters();
    match forwarded(call, &pairs) {
        Some(location) => Reply::redirect(call, location),
        None => match parse(call, &pairs) {
            Ok(pending) => {
                call.note_flow(&pending.flow);
                go_on(call, pending)
            }
            Err(problem) => refuse(call, problem).into_reply(call),
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
fn go_on(call: &Call<'_>, pending: Pending) -> Reply {
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
        let signed_in = sign_in(call, &pending, sub);
        return approve(call, pending, signed_in, scopes).into_reply(call);
    }
    match &settings.sign_in {
        SignIn::Auto { sub } => {
            let signed_in = sign_in(call, &pending, sub);
            approve_all(call, pending, signed_in)
        }
        SignIn::Page => match session::remembered(call, &pending) {
            Ok(signed_in) if pending.prompt.contains(&Prompt::Consent) => {
                consent_page(call, pending, signed_in)
            }
            Ok(signed_in) => approve_all(call, pending, signed_in),
            Err((error, reason)) if pending.prompt.contains(&Prompt::None) => {
                refuse(call, Problem::redirect(&pending, error, reason)).into_reply(call)
            }
            Err(_) => login_page(call, pending, None),
        },
    }
}

/// Grants everything that was asked for.
pub(super) fn approve_all(call: &Call<'_>, pending: Pending, signed_in: SignedIn) -> Reply {
    let scopes = pending.scopes.clone();
    approve(call, pending, signed_in, scopes).into_reply(call)
}

/// Shows the login page; `problem` says what was wrong with the last answer.
pub(super) fn login_page(
    call: &Call<'_>,
    pending: Pending,
    problem: Option<LoginProblem>,
) -> Reply {
    let handle = call.issuer.randomness.token();
    let client = call.client(&pending.client_id);
    let html = page::login(&LoginPage {
        at: call.at(),
        handle: &handle,
        client: &client,
        pending: &pending,
        problem,
    });
    keep(call, &handle, pending, Stage::Login);
    Reply::page(if problem.is_some() { 400 } else { 200 }, html)
}

/// Shows the consent page.
pub(super) fn consent_page(call: &Call<'_>, pending: Pending, signed_in: SignedIn) -> Reply {
    let handle = call.issuer.randomness.token();
    let client = call.client(&pending.client_id);
    let html = page::consent(call.at(), &handle, &client, &pending, &signed_in);
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
    let path = match call.urls.front_path() {
        "" => "/",
        path => path,
    };
    let secure = if call.urls.front.starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    format!(
        "{SESSION_COOKIE}={value}; Path={path}; Max-Age={max_age}{secure}; HttpOnly; SameSite=Lax"
    )
}
