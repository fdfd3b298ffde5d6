//! One file per URL: extract, rules, issue, tamper, respond. Endpoints name no fault.

mod authorize;
mod call;
mod certificate;
mod client_auth;
mod client_keys;
mod cors;
mod device;
mod discovery;
mod dpop;
mod end_session;
mod headless;
mod holder;
mod index;
mod introspect;
mod login;
mod message;
mod mint;
mod on_demand;
mod once;
mod par;
mod parallel;
mod register;
mod revoke;
mod route;
mod token;
mod userinfo;

pub(crate) use authorize::hinted_user;
pub(crate) use call::Call;
pub(crate) use cors::for_scripts;
pub(crate) use headless::headless_login;
pub(crate) use message::{Reply, Request};
pub(crate) use on_demand::tokens_on_demand;
pub(crate) use route::{Route, is_reserved, route};

use crate::fault::{TransportAct, TransportDraft};
use crate::issuer::IssuerState;
use crate::journal::Notes;
use crate::logout::Push;
use crate::protocol::ErrorCode;
use crate::store::StoreDown;

/// What comes of a request.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) notes: Notes,
    /// What is to happen to the reply below HTTP.
    pub(crate) act: Option<TransportAct>,
    /// Logout tokens that are to be sent now.
    pub(crate) pushes: Vec<Push>,
}

/// The answer to a request that no issuer serves.
pub(crate) fn no_issuer(name: &str, route: Route) -> Reply {
    let reply = Reply::text(404, format!("There is no issuer `{name}` here."));
    for_scripts(reply, route)
}

/// Answers a request to an issuer.
pub(crate) fn respond(issuer: &IssuerState, route: Route, request: &Request) -> Answer {
    let call = Call::new(issuer, route, request);
    let methods = route.methods();
    let refused = call.enter_test(route);
    let reply = match request.method.as_str() {
        method if method != "OPTIONS" && refused.is_some() => {
            refused.unwrap_or_else(parallel::no_test)
        }
        _ if route == Route::Unknown => {
            let reason = format!("There is nothing at {}.", request.path());
            Reply::problem(&call, 404, "Not found", &reason)
        }
        method if !methods.contains(&method) => {
            let allowed = methods.join(", ");
            Reply::text(405, format!("This URL takes {allowed}.")).header("allow", allowed)
        }
        "OPTIONS" => cors::preflight(request, methods),
        _ => {
            let reply = serve(&call, route);
            if call.lacks_test(route) {
                parallel::no_test()
            } else {
                reply
            }
        }
    };
    let reply = match call.unable.borrow_mut().take() {
        Some(reason) => Reply::error(400, ErrorCode::InvalidClientMetadata, &reason),
        None => reply,
    };
    let reply = match dpop::nonce(&call).filter(|_| route.takes_proofs()) {
        Some(nonce) => reply.header("dpop-nonce", nonce),
        None => reply,
    };
    let draft = TransportDraft {
        endpoint: route.endpoint(),
        act: None,
    };
    // A browser that asks whether a script may ask (Fetch, CORS protocol) asks for nothing yet.
    let act = match request.method.as_str() {
        "OPTIONS" => None,
        _ => call.tamper(draft).act,
    };
    let Some(down) = call.dealings.settle(&*issuer.store) else {
        return Answer {
            reply: cors::for_scripts_of_clients(reply, issuer, route, request),
            notes: call.notes.into_inner(),
            act,
            pushes: call.pushes.into_inner(),
        };
    };
    Answer {
        reply: cors::for_scripts_of_clients(unavailable(&down), issuer, route, request),
        notes: Notes {
            issued: Vec::new(),
            faults: Vec::new(),
            ..call.notes.into_inner()
        },
        act: None,
        pushes: Vec::new(),
    }
}

/// For how many seconds a client should wait while the store cannot be reached.
const RETRY_AFTER: &str = "1";

/// Without its store an issuer knows nothing, so it claims nothing (RFC 9110 §15.6.4).
fn unavailable(down: &StoreDown) -> Reply {
    tracing::error!(%down, "a request was turned away");
    let reason = "the provider's store cannot be reached";
    Reply::error(503, ErrorCode::TemporarilyUnavailable, reason).header("retry-after", RETRY_AFTER)
}

/// The path of a request below the issuer's own, which its URLs have already.
fn route_path<'a>(issuer: &IssuerState, request: &'a Request) -> &'a str {
    let path = request.path();
    path.strip_prefix(issuer.path.as_str()).unwrap_or(path)
}

fn serve(call: &Call<'_>, route: Route) -> Reply {
    match route {
        Route::Login | Route::DevicePage | Route::EndSession if call.request.is_garbled() => {
            Reply::problem(call, 400, "Unreadable request", message::GARBLED)
        }
        Route::HeadlessLogin if call.request.is_garbled() => {
            Reply::error(400, ErrorCode::InvalidRequest, message::GARBLED)
        }
        Route::Index | Route::Unknown => index::serve(call),
        Route::Metadata => discovery::metadata(call),
        Route::Jwks => discovery::jwks(call),
        Route::Authorize => authorize::serve(call),
        Route::Login => login::serve(call),
        Route::HeadlessLogin => headless::serve(call),
        Route::Par => par::serve(call),
        Route::Token => token::serve(call),
        Route::Userinfo => userinfo::serve(call),
        Route::EndSession => end_session::serve(call),
        Route::Introspect => introspect::serve(call),
        Route::Revoke => revoke::serve(call),
        Route::DeviceAuthorization => device::authorize(call),
        Route::DevicePage => device::page(call),
        Route::Register => register::serve(call),
    }
}
