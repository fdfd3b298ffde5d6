//! The authorization response, and how it gets back to the client.

use url::Url;

use super::problem::{Problem, Way};
use super::session;
use crate::access_token::Binding;
use crate::endpoint::message::{Pairs, with_fragment, with_parameters};
use crate::endpoint::mint::Mint;
use crate::endpoint::{Call, Reply};
use crate::fault::{Moment, RedirectDraft};
use crate::grant::{Grant, Pending, Prompt, SignedIn};
use crate::issue::{self, FrontChannel, Recipient};
use crate::journal::IssuedKind;
use crate::names::{ResponseMode, ResponseType};
use crate::page;
use crate::protocol::ErrorCode;

/// For how many seconds a pushed request that was answered is remembered.
const PUSHED_MEMORY: u64 = 24 * 60 * 60;

/// What comes of an authorization request in the end.
pub(in crate::endpoint) enum Outcome {
    /// A page for the person; the client learns nothing.
    Page { title: &'static str, reason: String },
    /// The browser goes back to the client, with a good or a bad response.
    Back(Delivery),
}

/// How the browser takes a response to the client.
pub(in crate::endpoint) enum Delivery {
    /// To this URL.
    Redirect(String),
    /// By a form that it posts (OAuth 2.0 Form Post Response Mode §2).
    Form { action: String, fields: Pairs },
    /// By a message to the client's page that opened this one, or has it in a frame
    /// (draft-sakimura-oauth-wmrm-01 §2).
    Message { origin: String, fields: Pairs },
}

impl Outcome {
    pub(in crate::endpoint) fn into_reply(self, call: &Call<'_>) -> Reply {
        match self {
            Self::Page { title, reason } => Reply::problem(call, 400, title, &reason),
            Self::Back(Delivery::Redirect(location)) => Reply::redirect(call, location),
            Self::Back(Delivery::Form { action, fields }) => {
                Reply::form_post(page::form_post(call.at(), &action, &fields))
            }
            Self::Back(Delivery::Message { origin, fields }) => {
                let html = page::web_message(call.at(), &origin, &fields);
                Reply::web_message(html, &origin)
            }
        }
    }
}

/// Sends the browser back with what was asked for (RFC 6749 §4.1.2, OIDC Core §3.2.2.5, §3.3.2.5).
pub(in crate::endpoint) fn approve(
    call: &Call<'_>,
    pending: Pending,
    signed_in: SignedIn,
    scopes: Vec<String>,
) -> Outcome {
    call.note_user(&signed_in.sub);
    let refused = |error, reason: &str| refuse(call, Problem::redirect(&pending, error, reason));
    if !session::may_be(call, &pending, &signed_in.sub) {
        let reason = "somebody else is asked for than who signed in";
        return refused(ErrorCode::LoginRequired, reason);
    }
    let lacks_openid =
        pending.response_type.has_id_token() && !scopes.iter().any(|scope| scope == "openid");
    if scopes.is_empty() || lacks_openid {
        // Where nobody may be asked, nobody has said no.
        let error = if pending.prompt.contains(&Prompt::None) {
            ErrorCode::ConsentRequired
        } else {
            ErrorCode::AccessDenied
        };
        return refused(error, "no scope was granted that the response needs");
    }
    if let Some(request_uri) = &pending.request_uri
        && !call.shelf().use_pushed(request_uri, PUSHED_MEMORY)
    {
        return Outcome::Page {
            title: "Answered already",
            reason: "The application got the answer to this request before. Go back to it and sign in again.".to_owned(),
        };
    }
    let way = Way::of(&pending);
    let response_type = pending.response_type;
    let grant = Grant::new(pending, signed_in, scopes);
    let parameters = hand_out(call, response_type, grant, way.state.as_deref());
    let draft = issue::authorization_response(call.at(), parameters, way.recipient());
    send_back(call, &way, draft)
}

/// What the response type asks for, made from a grant.
fn hand_out(
    call: &Call<'_>,
    response_type: ResponseType,
    grant: Grant,
    state: Option<&str>,
) -> Pairs {
    let code = (response_type.has_code()).then(|| call.issuer.randomness.token());
    let mut parameters: Vec<(&str, String)> = Vec::new();
    if response_type.has_token() || response_type.has_id_token() {
        let client = call.client(&grant.client_id);
        let mint = Mint {
            call,
            client: &client,
            grant: &grant,
            scopes: &grant.scopes,
            audience: &grant.resources,
            bound_to: Binding::Bearer,
        };
        let access_token = response_type.has_token().then(|| mint.access_token());
        let front = FrontChannel {
            code: code.as_deref(),
            state,
        };
        let nonce = grant.nonce.as_deref();
        let id_token = if response_type.has_id_token() {
            mint.id_token(nonce, access_token.as_deref(), Some(front))
        } else {
            None
        };
        if let Some(access_token) = access_token {
            parameters.extend([
                ("access_token", access_token),
                ("token_type", "Bearer".to_owned()),
                ("expires_in", mint.access_token_lifetime().to_string()),
                ("scope", grant.scopes.join(" ")),
            ]);
        }
        parameters.extend(id_token.map(|id_token| ("id_token", id_token)));
    }
    if let Some(code) = code {
        let seconds = call.issuer.settings.code_lifetime.as_secs();
        (call.shelf()).put_code(&code, grant, seconds);
        parameters.insert(0, ("code", code));
    }
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    parameters.into_iter().map(owned).collect()
}

/// Tells the client where that is safe, and the person otherwise (RFC 6749 §4.1.2.1).
pub(in crate::endpoint) fn refuse(call: &Call<'_>, problem: Problem) -> Outcome {
    match problem {
        Problem::Page { title, reason } => Outcome::Page { title, reason },
        Problem::Redirect(problem) => {
            let way = &problem.way;
            if let Some(request_uri) = &way.request_uri {
                call.shelf().use_pushed(request_uri, PUSHED_MEMORY);
            }
            let draft = issue::authorization_error(
                call.at(),
                problem.error,
                &problem.reason,
                way.recipient(),
            );
            send_back(call, way, draft)
        }
    }
}

impl Way {
    fn recipient(&self) -> Recipient<'_> {
        Recipient {
            client_id: &self.client_id,
            state: self.state.as_deref(),
            signed: self.mode.is_signed(),
        }
    }
}

fn send_back(call: &Call<'_>, way: &Way, draft: RedirectDraft) -> Outcome {
    let moment = Moment {
        redirect_uri: Some(&way.redirect_uri),
        ..call.moment()
    };
    let draft = call.issuer.faults.tamper(&moment, draft);
    for (name, kind) in [
        ("code", IssuedKind::Code),
        ("access_token", IssuedKind::AccessToken),
        ("id_token", IssuedKind::IdToken),
    ] {
        if let Some(value) = draft.get(name) {
            call.note_issued(kind, value);
        }
    }
    let parameters = if way.mode.is_signed() {
        let client = call.client(&way.client_id);
        let signer = issue::signer(call.issuer, &client, client.authorization_algorithm);
        let response = issue::signed_response(&signer, draft.parameters);
        vec![("response".to_owned(), response)]
    } else {
        draft.parameters
    };
    let uri = way.redirect_uri.as_str();
    Outcome::Back(match way.mode {
        ResponseMode::Query | ResponseMode::QueryJwt | ResponseMode::Jwt => {
            Delivery::Redirect(with_parameters(uri, &parameters))
        }
        ResponseMode::Fragment | ResponseMode::FragmentJwt => {
            Delivery::Redirect(with_fragment(uri, &parameters))
        }
        ResponseMode::FormPost | ResponseMode::FormPostJwt => Delivery::Form {
            action: uri.to_owned(),
            fields: parameters,
        },
        ResponseMode::WebMessage => Delivery::Message {
            origin: origin(uri),
            fields: parameters,
        },
    })
}

/// Whose pages may read the message.
fn origin(redirect_uri: &str) -> String {
    Url::parse(redirect_uri).map_or_else(
        |_| "null".to_owned(),
        |uri| uri.origin().ascii_serialization(),
    )
}
