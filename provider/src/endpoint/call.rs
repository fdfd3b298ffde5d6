//! One request to one issuer: what endpoints ask of it, and note about it.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use axum::http::Method;

use super::{Request, Route, route_path};
use crate::access_token::Binding;
use crate::fault::{Draft, Moment};
use crate::grant::{Grant, SignedIn};
use crate::issue::At;
use crate::issuer::IssuerState;
use crate::journal::{Issued, IssuedKind, Notes};
use crate::logout::Push;
use crate::parties::Client;
use crate::rules::Violation;
use crate::store::{Dealings, Shelf, StoreDown};
use crate::urls::Urls;

/// One request to one issuer, and what is noted about it on the way.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) issuer: &'a IssuerState,
    pub(crate) request: &'a Request,
    /// Under which URLs this request sees the issuer.
    pub(super) urls: Cow<'a, Urls>,
    /// The URL of the endpoint, without a query; made when it is asked for.
    pub(super) url: OnceCell<String>,
    pub(super) route: Route,
    /// The issuer's time, in Unix seconds.
    pub(super) now: u64,
    pub(super) notes: RefCell<Notes>,
    pub(super) dealings: Dealings,
    /// Set when what the client registered makes an answer impossible.
    pub(super) unable: RefCell<Option<String>>,
    /// Whom the tokens of this request are bound to; nobody until that is found out.
    pub(super) holder: OnceCell<Binding>,
    /// Logout tokens that are to be sent once the request is answered.
    pub(super) pushes: RefCell<Vec<Push>>,
}

impl<'a> Call<'a> {
    pub(super) fn new(issuer: &'a IssuerState, route: Route, request: &'a Request) -> Self {
        let dealings = Dealings::default();
        let caught_up = issuer.catch_up();
        if route.needs_store() && request.method != Method::OPTIONS {
            dealings.reached(caught_up);
        }
        let forwarded =
            (issuer.addresses).forwarded_urls(|name| request.header(name), || issuer.own_path());
        let urls = forwarded.map_or(Cow::Borrowed(&issuer.urls), Cow::Owned);
        Self {
            issuer,
            request,
            urls,
            url: OnceCell::new(),
            route,
            now: issuer.now(),
            notes: RefCell::default(),
            dealings,
            unable: RefCell::default(),
            holder: OnceCell::new(),
            pushes: RefCell::default(),
        }
    }

    /// The URL of the endpoint, without a query.
    pub(super) fn url(&self) -> &str {
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
    pub(super) fn is_forwarded(&self) -> bool {
        matches!(self.urls, Cow::Owned(_))
    }

    /// The draft as it leaves.
    pub(super) fn tamper<D: Draft>(&self, draft: D) -> D {
        if self.issuer.faults.is_idle() {
            return draft;
        }
        self.issuer.faults.tamper(&self.moment(), draft)
    }

    /// The issuer, as this request sees it.
    pub(super) fn at(&self) -> At<'_> {
        At {
            issuer: self.issuer,
            urls: &self.urls,
        }
    }

    /// A client; one that nobody registered is a public one, which only a lax or observing issuer
    /// serves.
    pub(super) fn client(&self, id: &str) -> Arc<Client> {
        (self.issuer.client(id)).unwrap_or_else(|| Arc::new(Client::public(id)))
    }

    /// What the issuer handed out.
    pub(super) fn shelf(&self) -> Shelf<'_> {
        Shelf::new(&*self.issuer.store, self.now, &self.dealings)
    }

    /// What the store gave, if it could be reached.
    pub(super) fn reached<T>(&self, kept: Result<T, StoreDown>) -> Option<T> {
        self.dealings.reached(kept)
    }

    /// Whom the tokens of this request are bound to.
    pub(super) fn holder(&self) -> Binding {
        self.holder.get().cloned().unwrap_or_default()
    }

    /// Somebody signs in now.
    pub(super) fn sign_in(&self, sub: &str) -> SignedIn {
        self.issuer.sign_in(sub)
    }

    /// The circumstances as they are known now.
    pub(super) fn moment(&self) -> Moment<'_> {
        Moment {
            issuer_name: &self.issuer.name,
            issuer_url: &self.urls.issuer,
            url: self.url(),
            redirect_uri: None,
            now: self.now,
            keys: &self.issuer.keys,
            notes: &self.notes,
            dealings: Some(&self.dealings),
        }
    }

    /// Notes a broken rule, and passes it on if it refuses the request.
    pub(super) fn demand(&self, rule: Result<(), Violation>) -> Result<(), Violation> {
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

    pub(super) fn note_client(&self, id: &str) {
        self.notes.borrow_mut().client_id = Some(id.to_owned());
    }

    pub(super) fn note_user(&self, sub: &str) {
        self.notes.borrow_mut().user = Some(sub.to_owned());
    }

    /// What the request is part of. The first to say so is right: the test of a header or cookie
    /// stands.
    pub(super) fn note_test(&self, test: Option<&str>) {
        let mut notes = self.notes.borrow_mut();
        if notes.test.is_none() {
            notes.test = test.map(str::to_owned);
        }
    }

    pub(super) fn note_flow(&self, flow: &str) {
        self.notes.borrow_mut().flow = Some(flow.to_owned());
    }

    /// The grant that the request uses, or leads to.
    pub(super) fn note_grant(&self, grant: &Grant) {
        self.note_flow(&grant.id);
        self.note_test(grant.test.as_deref());
        if let Some(sub) = grant.sub() {
            self.note_user(sub);
        }
    }

    /// The parallel test that the request belongs to, as far as it is known.
    pub(super) fn test(&self) -> Option<String> {
        self.notes.borrow().test.clone()
    }

    pub(super) fn note_issued(&self, kind: IssuedKind, value: impl Into<String>) {
        let value = value.into();
        self.notes.borrow_mut().issued.push(Issued { kind, value });
    }
}
