//! One file per URL: extract, rules, issue, tamper, respond. Endpoints name no fault.

mod authorize;
mod client_auth;
mod discovery;
mod end_session;
mod headless;
mod index;
mod introspect;
mod login;
mod message;
mod mint;
mod revoke;
mod token;
mod userinfo;

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

pub(crate) use headless::headless_login;
pub(crate) use message::{Reply, Request};

use crate::fault::{Draft, Moment, TransportAct, TransportDraft};
use crate::grant::SignedIn;
use crate::issue::At;
use crate::issuer::IssuerState;
use crate::journal::{Endpoint, Issued, IssuedKind, Notes};
use crate::parties::Client;
use crate::protocol::ErrorCode;
use crate::rules::Violation;
use crate::settings::Enforcement;
use crate::store::{Shelf, StoreDown};
use crate::urls::Urls;

/// What a path under an issuer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Index,
    Metadata,
    Jwks,
    Authorize,
    Login,
    HeadlessLogin,
    Token,
    Userinfo,
    EndSession,
    Introspect,
    Revoke,
    Unknown,
}

/// What comes of a request.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) notes: Notes,
    /// What is to happen to the reply below HTTP.
    pub(crate) act: Option<TransportAct>,
}

/// First segments that belong to the default issuer, now or some day.
const RESERVED: [&str; 17] = [
    "admin",
    "api",
    "assets",
    "authorize",
    "callback",
    "control",
    "device",
    "headless-login",
    "health",
    "introspect",
    "jwks",
    "login",
    "par",
    "register",
    "revoke",
    "token",
    "userinfo",
];

/// Whether an issuer may not have this name.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// The issuer's name and what is asked of it.
pub(crate) fn route(path: &str) -> (&str, Route) {
    const INSERTED: &str = "/.well-known/oauth-authorization-server/";
    if let Some(name) = path.strip_prefix(INSERTED) {
        // RFC 8414 §3.1 puts the well-known part before the path of the issuer.
        return (name, Route::Metadata);
    }
    let rest = path.strip_prefix('/').unwrap_or(path);
    let first = rest.split('/').next().unwrap_or_default();
    let own = first.is_empty()
        || first.starts_with('.')
        || is_reserved(first)
        || matches!(first, "end_session" | "favicon.ico" | "robots.txt");
    if own {
        return ("", route_within(path));
    }
    (first, route_within(&rest[first.len()..]))
}

fn route_within(path: &str) -> Route {
    match path {
        "" | "/" => Route::Index,
        "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server" => {
            Route::Metadata
        }
        "/jwks" => Route::Jwks,
        "/authorize" => Route::Authorize,
        "/login" => Route::Login,
        "/headless-login" => Route::HeadlessLogin,
        "/token" => Route::Token,
        "/userinfo" => Route::Userinfo,
        "/end_session" => Route::EndSession,
        "/introspect" => Route::Introspect,
        "/revoke" => Route::Revoke,
        _ => Route::Unknown,
    }
}

impl Route {
    pub(crate) fn endpoint(self) -> Endpoint {
        match self {
            Self::Metadata => Endpoint::Metadata,
            Self::Jwks => Endpoint::Jwks,
            Self::Authorize | Self::Login => Endpoint::Authorize,
            Self::Token => Endpoint::Token,
            Self::Userinfo => Endpoint::Userinfo,
            Self::EndSession => Endpoint::EndSession,
            Self::Introspect => Endpoint::Introspection,
            Self::Revoke => Endpoint::Revocation,
            Self::Index | Self::HeadlessLogin | Self::Unknown => Endpoint::Other,
        }
    }

    fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Metadata | Self::Jwks => &["GET", "HEAD", "OPTIONS"],
            Self::Index => &["GET", "HEAD"],
            Self::Authorize | Self::EndSession => &["GET", "HEAD", "POST"],
            Self::Login | Self::HeadlessLogin => &["POST"],
            Self::Token | Self::Introspect | Self::Revoke => &["POST", "OPTIONS"],
            Self::Userinfo => &["GET", "HEAD", "POST", "OPTIONS"],
            Self::Unknown => &[],
        }
    }

    /// Whether browsers visit it, in contrast to what clients call.
    fn is_for_browsers(self) -> bool {
        matches!(
            self,
            Self::Index | Self::Authorize | Self::Login | Self::EndSession
        )
    }

    /// Whether scripts of other origins may call it (Fetch, CORS protocol). Those that browsers
    /// navigate to are not among them.
    fn is_open_to_scripts(self) -> bool {
        self.methods().contains(&"OPTIONS")
    }
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
    reply
        .header("access-control-allow-origin", "*")
        .header("access-control-expose-headers", "www-authenticate")
}

/// Scripts may send whatever headers they ask for; without a wish, those that clients need.
fn preflight(request: &Request, methods: &[&str]) -> Reply {
    let asked = request.header("access-control-request-headers");
    let allowed = asked.unwrap_or("authorization, content-type");
    Reply::empty(204)
        .header("access-control-allow-methods", methods.join(", "))
        .header("access-control-allow-headers", allowed)
        .header("access-control-max-age", "600")
}

/// Answers a request to an issuer.
pub(crate) fn respond(issuer: &IssuerState, route: Route, request: &Request) -> Answer {
    let call = Call::new(issuer, route, request);
    let methods = route.methods();
    let reply = match request.method.as_str() {
        _ if route == Route::Unknown => {
            let reason = format!("There is nothing at {}.", request.path());
            Reply::problem(&call, 404, "Not found", &reason)
        }
        method if !methods.contains(&method) => {
            let allowed = methods.join(", ");
            Reply::text(405, format!("This URL takes {allowed}.")).header("allow", allowed)
        }
        "OPTIONS" => preflight(request, methods),
        _ => serve(&call, route),
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
        Route::Token => token::serve(call),
        Route::Userinfo => userinfo::serve(call),
        Route::EndSession => end_session::serve(call),
        Route::Introspect => introspect::serve(call),
        Route::Revoke => revoke::serve(call),
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
        SignedIn {
            sub: sub.to_owned(),
            auth_time: self.now,
            sid: self.issuer.randomness.id(),
            acr: (self.issuer.settings.acr_values.first()).map_or_else(String::new, Clone::clone),
        }
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
        let settings = &self.issuer.settings;
        if !violation.rule.exists_in(settings.profile) {
            return Ok(());
        }
        self.notes.borrow_mut().violations.push(violation.clone());
        let observed = settings.enforcement == Enforcement::Observe
            || settings.observed.contains(&violation.rule);
        if observed { Ok(()) } else { Err(violation) }
    }

    fn note_client(&self, id: &str) {
        self.notes.borrow_mut().client_id = Some(id.to_owned());
    }

    fn note_user(&self, sub: &str) {
        self.notes.borrow_mut().user = Some(sub.to_owned());
    }

    fn note_issued(&self, kind: IssuedKind, value: &str) {
        self.notes.borrow_mut().issued.push(Issued {
            kind,
            value: value.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_issuer_and_endpoint() {
        let found = [
            ("/", ("", Route::Index)),
            ("/token", ("", Route::Token)),
            ("/end_session", ("", Route::EndSession)),
            ("/.well-known/openid-configuration", ("", Route::Metadata)),
            (
                "/.well-known/oauth-authorization-server",
                ("", Route::Metadata),
            ),
            (
                "/.well-known/oauth-authorization-server/shop",
                ("shop", Route::Metadata),
            ),
            ("/.well-known/anything", ("", Route::Unknown)),
            ("/favicon.ico", ("", Route::Unknown)),
            ("/token/x", ("", Route::Unknown)),
            ("/shop", ("shop", Route::Index)),
            ("/shop/", ("shop", Route::Index)),
            ("/shop/token", ("shop", Route::Token)),
            (
                "/shop/.well-known/openid-configuration",
                ("shop", Route::Metadata),
            ),
            (
                "/shop/.well-known/oauth-authorization-server",
                ("shop", Route::Metadata),
            ),
            ("/shop//token", ("shop", Route::Unknown)),
            ("//token", ("", Route::Unknown)),
            ("*", ("*", Route::Index)),
        ];
        for (path, expected) in found {
            assert_eq!(route(path), expected, "{path}");
        }
    }
}
