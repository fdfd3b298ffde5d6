//! One file per URL: extract, rules, issue, tamper, respond. Endpoints name no fault.

mod authorize;
mod client_auth;
mod device;
mod discovery;
mod end_session;
mod headless;
mod index;
mod introspect;
mod login;
mod message;
mod mint;
mod on_demand;
mod par;
mod parallel;
mod register;
mod revoke;
mod route;
mod token;
mod userinfo;

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

pub(crate) use authorize::hinted_user;
pub(crate) use headless::{Login, headless_login};
pub(crate) use message::{Reply, Request};
pub(crate) use on_demand::{OnDemand, tokens_on_demand};
pub(crate) use route::{Route, is_reserved, route};

use crate::fault::{Draft, Moment, TransportAct, TransportDraft};
use crate::grant::{Grant, SignedIn};
use crate::issue::At;
use crate::issuer::IssuerState;
use crate::journal::{Issued, IssuedKind, Notes};
use crate::parties::Client;
use crate::protocol::ErrorCode;
use crate::rules::Violation;
use crate::store::{Shelf, StoreDown};
use crate::urls::Urls;

/// What comes of a request.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) notes: Notes,
    /// What is to happen to the reply below HTTP.
    pub(crate) act: Option<TransportAct>,
}

/// The answer to a request that no issuer serves.
pub(crate) fn no_issuer(name: &str, route: Route) -> Reply {
    let reply = Reply::text(404, format!("There is no issuer `{name}` here."));
    for_scripts(reply, route)
}

/// Lets scripts of other origins read the reply, if they may call what it comes from. What refuses
/// them has to be readable as well.
pub(crate) fn for_scripts(reply: Reply, route: Route) -> Reply {
    if !route.is_open_to_scripts() {
        return reply;
    }
    reply.header("access-control-allow-origin", "*").header(
        "access-control-expose-headers",
        "www-authenticate, dpop-nonce, retry-after",
    )
}

/// Scripts may send whatever headers they ask for; without a wish, those that clients need.
fn preflight(request: &Request, methods: &[&str]) -> Reply {
    let asked = request.header("access-control-request-headers");
    let allowed = asked.unwrap_or("authorization, content-type, dpop");
    Reply::empty(204)
        .header("access-control-allow-methods", methods.join(", "))
        .header("access-control-allow-headers", allowed)
        .header("access-control-max-age", "600")
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
        "OPTIONS" => preflight(request, methods),
        _ => {
            let reply = serve(&call, route);
            if call.lacks_test(route) {
                parallel::no_test()
            } else {
                reply
            }
        }
    };
    let down = call.down.borrow_mut().take();
    let reply = down.map_or(reply, |down| unavailable(&down));
    let reply = for_scripts(reply, route);
    let draft = TransportDraft {
        endpoint: route.endpoint(),
        act: None,
    };
    let act = call.tamper(draft).act;
    Answer {
        reply,
        notes: call.notes.into_inner(),
        act,
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

/// One request to one issuer, and what is noted about it on the way.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) issuer: &'a IssuerState,
    pub(crate) request: &'a Request,
    /// Under which URLs this request sees the issuer.
    urls: Cow<'a, Urls>,
    /// The URL of the endpoint, without a query; made when it is asked for.
    url: OnceCell<String>,
    route: Route,
    /// The issuer's time, in Unix seconds.
    now: u64,
    notes: RefCell<Notes>,
    /// Set when the store could not be reached.
    down: RefCell<Option<StoreDown>>,
}

impl<'a> Call<'a> {
    fn new(issuer: &'a IssuerState, route: Route, request: &'a Request) -> Self {
        let forwarded = issuer
            .addresses
            .forwarded_urls(|name| request.header(name), issuer.own_path());
        let urls = forwarded.map_or(Cow::Borrowed(&issuer.urls), Cow::Owned);
        Self {
            issuer,
            request,
            urls,
            url: OnceCell::new(),
            route,
            now: issuer.now(),
            notes: RefCell::default(),
            down: RefCell::default(),
        }
    }

    /// The URL of the endpoint, without a query.
    fn url(&self) -> &str {
        self.url.get_or_init(|| {
            let side = if self.route.is_for_browsers() {
                &self.urls.front
            } else {
                &self.urls.back
            };
            match self.route {
                Route::Unknown => self.urls.issuer.clone(),
                _ => format!("{side}{}", route_path(self.issuer, self.request)),
            }
        })
    }

    /// Whether a proxy says under which URLs the issuer is reached.
    fn is_forwarded(&self) -> bool {
        matches!(self.urls, Cow::Owned(_))
    }

    /// The draft as it leaves.
    fn tamper<D: Draft>(&self, draft: D) -> D {
        if self.issuer.faults.is_idle() {
            return draft;
        }
        self.issuer.faults.tamper(&self.moment(), draft)
    }

    /// The issuer, as this request sees it.
    fn at(&self) -> At<'_> {
        At {
            issuer: self.issuer,
            urls: &self.urls,
        }
    }

    /// A client; one that nobody registered is a public one, which only a lax or observing issuer
    /// serves.
    fn client(&self, id: &str) -> Arc<Client> {
        (self.issuer.client(id)).unwrap_or_else(|| Arc::new(Client::public(id)))
    }

    /// What the issuer handed out.
    fn shelf(&self) -> Shelf<'_> {
        Shelf::new(&*self.issuer.store, self.now, &self.down)
    }

    /// What the store gave, if it could be reached.
    fn reached<T>(&self, kept: Result<T, StoreDown>) -> Option<T> {
        kept.map_err(|down| self.down.borrow_mut().replace(down))
            .ok()
    }

    /// Somebody signs in now.
    fn sign_in(&self, sub: &str) -> SignedIn {
        self.issuer.sign_in(sub)
    }

    /// The circumstances as they are known now.
    fn moment(&self) -> Moment<'_> {
        Moment {
            issuer_name: &self.issuer.name,
            issuer_url: &self.urls.issuer,
            url: self.url(),
            redirect_uri: None,
            now: self.now,
            notes: &self.notes,
        }
    }

    /// Notes a broken rule, and passes it on if it refuses the request.
    fn demand(&self, rule: Result<(), Violation>) -> Result<(), Violation> {
        let Err(violation) = rule else { return Ok(()) };
        let (rule, settings) = (violation.rule, &self.issuer.settings);
        if !rule.exists_in(settings.profile) {
            let stricter = (rule.first_profile(), violation);
            self.notes.borrow_mut().stricter.push(stricter);
            return Ok(());
        }
        self.notes.borrow_mut().violations.push(violation.clone());
        if settings.enforces(rule) {
            Err(violation)
        } else {
            Ok(())
        }
    }

    fn note_client(&self, id: &str) {
        self.notes.borrow_mut().client_id = Some(id.to_owned());
    }

    fn note_user(&self, sub: &str) {
        self.notes.borrow_mut().user = Some(sub.to_owned());
    }

    /// What the request is part of. The first to say so is right: the test of a header or cookie
    /// stands.
    fn note_test(&self, test: Option<&str>) {
        let mut notes = self.notes.borrow_mut();
        if notes.test.is_none() {
            notes.test = test.map(str::to_owned);
        }
    }

    fn note_flow(&self, flow: &str) {
        self.notes.borrow_mut().flow = Some(flow.to_owned());
    }

    /// The grant that the request uses, or leads to.
    fn note_grant(&self, grant: &Grant) {
        self.note_flow(&grant.id);
        self.note_test(grant.test.as_deref());
        if let Some(sub) = grant.sub() {
            self.note_user(sub);
        }
    }

    /// The parallel test that the request belongs to, as far as it is known.
    fn test(&self) -> Option<String> {
        self.notes.borrow().test.clone()
    }

    fn note_issued(&self, kind: IssuedKind, value: &str) {
        self.notes.borrow_mut().issued.push(Issued {
            kind,
            value: value.to_owned(),
        });
    }
}
