//! `/login`: the answers to the login and consent pages.

use super::authorize::{
    Problem, approve, approve_all, consent_page, login_page, may_be, refuse, remember,
};
use super::message::Pairs;
use super::{Call, Reply, authorize};
use crate::grant::{Interaction, Pending, Prompt, Stage};
use crate::page::LoginProblem;
use crate::protocol::ErrorCode;

pub(super) fn serve(call: &Call<'_>) -> Reply {
    if call.request.header("sec-fetch-site") == Some("cross-site") {
        let reason = "This form was sent from another site.";
        return Reply::problem(call, 403, "Not from here", reason);
    }
    let answer = Form(call.request.form().unwrap_or_default());
    let handle = answer.get("interaction").unwrap_or_default();
    let Some(interaction) = call.shelf().take_interaction(handle) else {
        let reason = "This page was answered already, or waited too long. Go back to the application and sign in again.";
        return Reply::problem(call, 400, "This page is used up", reason);
    };
    let Interaction { pending, stage } = interaction;
    call.note_client(&pending.client_id);
    call.note_flow(&pending.flow);
    call.note_test(pending.test.as_deref());
    if answer.get("deny").is_some() {
        let problem = Problem::redirect(&pending, ErrorCode::AccessDenied, "the user said no");
        return refuse(call, problem).into_reply(call);
    }
    match stage {
        Stage::Login => sign_in(call, pending, &answer),
        Stage::Consent(signed_in) => {
            let mut scopes = pending.scopes.clone();
            scopes.retain(|scope| answer.has("scope", scope));
            approve(call, pending, signed_in, scopes).into_reply(call)
        }
    }
}

fn sign_in(call: &Call<'_>, pending: Pending, answer: &Form) -> Reply {
    let typed = answer
        .get("other")
        .map(str::trim)
        .filter(|sub| !sub.is_empty());
    let Some(sub) = answer.get("sub").filter(|sub| !sub.is_empty()).or(typed) else {
        return login_page(call, pending, Some(LoginProblem::Nobody));
    };
    if !is_subject(sub) {
        return login_page(call, pending, Some(LoginProblem::NoSubject));
    }
    if !may_be(call, &pending, sub) {
        return login_page(call, pending, Some(LoginProblem::SomebodyElse));
    }
    let signed_in = authorize::sign_in(call, &pending, sub);
    call.note_user(sub);
    let cookie = remember(call, &signed_in);
    let reply = if pending.prompt.contains(&Prompt::Consent) || answer.get("choose").is_some() {
        consent_page(call, pending, signed_in)
    } else {
        approve_all(call, pending, signed_in)
    };
    reply.header("set-cookie", cookie)
}

/// OIDC Core §2: at most 255 ASCII characters. Control characters help nobody.
pub(super) fn is_subject(sub: &str) -> bool {
    sub.len() <= 255
        && sub
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

pub(super) struct Form(pub(super) Pairs);

impl Form {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(existing, _)| existing == name)?;
        Some(&pair.1)
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.0
            .iter()
            .any(|(existing, it)| existing == name && it == value)
    }
}
