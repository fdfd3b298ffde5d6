//! One logical provider: its identifier, keys, clients, users, grants, clock, faults and journal.

mod callback;
mod keys;
mod on_demand;
mod people;
mod sessions;
mod setup;
mod shared;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

pub use callback::{Callback, Login};
pub use on_demand::{SignError, TokensError, TokensFor};
use shared::Shared;
pub(crate) use shared::reached;

use crate::access_token::Sealer;
use crate::clock::{Clock, ClockState, Randomness};
use crate::endpoint;
use crate::fault::{ArmedFault, Fault, FaultError, Faults};
use crate::filter::Filter;
use crate::flow::{self, Flow};
use crate::grant::SignedIn;
use crate::issue::Prepared;
use crate::jose::KeyRing;
use crate::journal::{Endpoint, Journal};
use crate::outbound::Outbound;
use crate::parallel::Tests;
use crate::parties::{Client, User};
use crate::published_keys::PublishedKeys;
use crate::settings::{IssuerSettings, Profile};
use crate::snapshot::Snapshot;
use crate::start_error::StartError;
use crate::store::{GENERATION, Kept, Kind, Store, Stores};
use crate::urls::{Addresses, Urls};
use crate::verify::{self, Expectation, Verification};

/// An issuer of a running [`crate::MockProvider`]. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Issuer(Arc<IssuerState>);

#[derive(Debug)]
pub(crate) struct IssuerState {
    pub(crate) name: Arc<str>,
    /// What stands before the issuer's own paths; empty for a default issuer without base path.
    pub(crate) path: String,
    /// Under which URLs it is reached, unless a request says otherwise.
    pub(crate) urls: Urls,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) tests: Arc<Tests>,
    /// Whether the provider itself speaks TLS, so that clients can show certificates.
    pub(crate) speaks_tls: bool,
    pub(crate) outbound: Outbound,
    pub(crate) published_keys: PublishedKeys,
    /// Whether a client publishes its keys, so that requests may have to wait for them.
    fetches_keys: AtomicBool,
    pub(crate) settings: IssuerSettings,
    clients: RwLock<Vec<Arc<Client>>>,
    users: RwLock<Vec<User>>,
    pub(crate) keys: KeyRing,
    pub(crate) metadata: Prepared,
    pub(crate) jwks: Prepared,
    pub(crate) store: Box<dyn Store>,
    /// What replicas share beside what is in the store, if there can be any.
    shared: Option<Shared>,
    sealer: OnceLock<Arc<Sealer>>,
    pub(crate) randomness: Randomness,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    /// What it was like at first, beside its settings.
    pub(crate) first: First,
    /// Snapshots that were taken through the control API, by number.
    pub(crate) snapshots: Mutex<BTreeMap<u64, Snapshot>>,
}

/// What an issuer was like when it was created.
#[derive(Debug)]
pub(crate) struct First {
    pub(crate) clock: ClockState,
    pub(crate) faults: Mutex<Vec<Fault>>,
}

/// What all issuers of a provider share.
#[derive(Debug)]
pub(crate) struct House {
    /// Where the provider listens, as a URL without a slash at the end.
    pub(crate) base_url: String,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) tests: Arc<Tests>,
    pub(crate) outbound: Outbound,
    pub(crate) stores: Stores,
}

/// Why a headless login gave no callback URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The URL is not one of this issuer's authorization endpoint.
    #[error("`{url}` is no authorization request to {endpoint}")]
    NotAnAuthorizationRequest {
        /// What was given, without its query.
        url: String,
        /// The authorization endpoint.
        endpoint: String,
    },
    /// Nobody has this `sub`.
    #[error("there is no user `{sub}`; the users are {known}")]
    UnknownUser {
        /// What was given.
        sub: String,
        /// The users that there are.
        known: String,
    },
    /// The provider keeps what it hands out in another process, which did not answer.
    #[error("{reason}")]
    Store {
        /// What is known of the failure.
        reason: String,
    },
    /// The request was refused on a page, so there is no callback.
    #[error("the authorization request was refused: {reason}")]
    Refused {
        /// What the page says.
        reason: String,
    },
}

impl Issuer {
    /// The issuer identifier, to the letter: `http://127.0.0.1:PORT` or `http://127.0.0.1:PORT/NAME`,
    /// unless the provider was told that it is reached under another address.
    pub fn url(&self) -> &str {
        &self.0.urls.issuer
    }

    /// The name; empty for the default issuer.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Every URL of the authorization endpoint, that of the metadata first.
    pub fn authorization_endpoints(&self) -> Vec<String> {
        let further = self.0.addresses.paths.of(Endpoint::Authorize);
        std::iter::once("/authorize")
            .chain(further)
            .map(|path| format!("{}{path}", self.0.urls.front))
            .collect()
    }

    /// Arms a fault. Faults apply in the order in which they were armed.
    ///
    /// # Errors
    /// If the fault makes no sense, as [`Fault::check`] says, or if the store that replicas share does not
    /// answer.
    pub fn arm(&self, fault: Fault) -> Result<ArmedFault, FaultError> {
        self.0.faults.arm(fault)
    }

    /// Arms what the issuer is set up with.
    pub(crate) fn arm_first(&self, faults: Vec<Fault>) -> Result<(), StartError> {
        for fault in &faults {
            let summary = fault.summary();
            // Replicas arm them together, once they can.
            let armed = match &self.0.shared {
                None => self.arm(fault.clone()).map(drop),
                Some(_) => fault.check().map(drop),
            };
            armed.map_err(|source| StartError::Fault { summary, source })?;
        }
        *(self.0.first.faults.lock()).unwrap_or_else(PoisonError::into_inner) = faults;
        self.0.set_up_again();
        Ok(())
    }

    /// The faults that are armed, in the order in which they apply.
    pub fn faults(&self) -> Vec<ArmedFault> {
        reached(self.0.catch_up());
        self.0.faults.list()
    }

    /// Ends every fault.
    pub fn disarm_all(&self) {
        reached(self.0.faults.disarm_all());
    }

    /// Every exchange that the issuer had.
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// The exchanges that belong together, in the order in which they began: what each
    /// authorization request, and each request without a user, led to.
    pub fn flows(&self) -> Vec<Flow> {
        flow::flows(&self.0.journal.exchanges())
    }

    /// Whether the client did what is expected, as far as the journal shows.
    ///
    /// ```
    /// use oauth_gauntlet_provider::{Expectation, Filter, MockProvider};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = MockProvider::builder().start().await?;
    /// let pkce = provider.issuer().verify(&Expectation::Pkce, &Filter::default());
    /// assert_eq!(pkce.holds, None, "{}", pkce.explanation);
    /// # Ok(())
    /// # }
    /// ```
    pub fn verify(&self, expectation: &Expectation, filter: &Filter) -> Verification {
        verify::verify(expectation, filter, &self.0.journal.exchanges())
    }

    /// The time as the issuer sees it.
    pub fn clock(&self) -> &Clock {
        reached(self.0.catch_up());
        &self.0.settings.clock
    }

    /// No access token that was issued so far is honoured from now on, as if all had expired.
    /// Refresh tokens live on.
    pub fn expire_access_tokens(&self) {
        reached(self.0.store.clear(Kind::Generation));
        reached(self.0.store.advance_counter(GENERATION));
    }

    /// No refresh token that was issued so far is honoured from now on.
    pub fn revoke_refresh_tokens(&self) {
        reached(self.0.store.clear(Kind::RefreshToken));
    }

    /// Signs a user in without a browser: takes the URL that the client would send the browser
    /// to, and returns the URL that the browser would come back to. The exchange is in the journal.
    ///
    /// A request that the provider refuses by way of the client comes back as a callback URL with
    /// an `error`. With the response mode `form_post`, the URL is the one that the browser would
    /// post a form to; [`Issuer::callback`] has its fields.
    ///
    /// # Errors
    /// If the URL is not one of this issuer's authorization endpoint, nobody has this `sub`, or
    /// the request is refused on a page.
    ///
    /// ```
    /// use oauth_gauntlet_provider::{Client, Login, MockProvider};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let app = Client::public("my-app").redirect_uri("http://localhost:3000/callback");
    /// let provider = MockProvider::builder().client(app).start().await?;
    /// let issuer = provider.issuer();
    /// let request = format!(
    ///     "{}/authorize?response_type=code&client_id=my-app&scope=profile%20email&state=s",
    ///     issuer.url()
    /// );
    ///
    /// let callback = issuer.login(&request, "bob")?;
    /// assert!(callback.starts_with("http://localhost:3000/callback?code="));
    /// // Alice does not let the app know her e-mail address.
    /// issuer.login(&request, Login::new("alice").scope("profile"))?;
    ///
    /// let posted = issuer.callback(&format!("{request}&response_mode=form_post"), "bob")?;
    /// let fields = posted.form.ok_or("a form")?;
    /// assert!(fields.contains(&("state".to_owned(), "s".to_owned())));
    /// # Ok(())
    /// # }
    /// ```
    pub fn login<'a>(
        &self,
        authorization_request_url: &str,
        user: impl Into<Login<'a>>,
    ) -> Result<String, LoginError> {
        Ok(self.callback(authorization_request_url, user)?.url)
    }

    /// The same for any response mode, `form_post` included.
    ///
    /// # Errors
    /// As with [`Issuer::login`].
    pub fn callback<'a>(
        &self,
        authorization_request_url: &str,
        user: impl Into<Login<'a>>,
    ) -> Result<Callback, LoginError> {
        endpoint::headless_login(self, authorization_request_url, user.into())
    }

    pub(crate) fn state(&self) -> &IssuerState {
        &self.0
    }
}

impl IssuerState {
    pub(crate) fn now(&self) -> u64 {
        self.settings.clock.now()
    }

    /// Whether a request may have to wait for somebody else, and so must not be answered on the
    /// event loop.
    pub(crate) fn may_wait(&self) -> bool {
        self.store.may_wait() || self.fetches_keys.load(Ordering::SeqCst)
    }

    pub(crate) fn is_lax(&self) -> bool {
        self.settings.profile == Profile::Lax
    }

    pub(crate) fn client(&self, id: &str) -> Option<Arc<Client>> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.iter().find(|client| client.id == id).cloned()
    }

    /// Whether a client has a redirect URI of this origin.
    pub(crate) fn has_client_at(&self, origin: &str) -> bool {
        let at = |uri: &String| {
            let rest = uri.strip_prefix(origin);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        };
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients
            .iter()
            .any(|client| client.redirect_uris.iter().any(at))
    }

    /// The issuer's path below the provider's base path; empty for the default issuer.
    pub(crate) fn own_path(&self) -> &str {
        (self.path.strip_prefix(self.addresses.base_path.as_str())).unwrap_or(&self.path)
    }

    fn clients_mut(&self) -> std::sync::RwLockWriteGuard<'_, Vec<Arc<Client>>> {
        self.clients.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn users(&self) -> Vec<User> {
        self.users
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Looks at a user, where there is one with this `sub`.
    pub(crate) fn with_user<T>(&self, sub: &str, look: impl FnOnce(Option<&User>) -> T) -> T {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        look(users.iter().find(|user| user.sub == sub))
    }

    /// Somebody signs in now.
    pub(crate) fn sign_in(&self, sub: &str) -> SignedIn {
        SignedIn {
            sub: sub.to_owned(),
            auth_time: self.now(),
            sid: self.randomness.id(),
            acr: (self.settings.acr_values.first()).map_or_else(String::new, Clone::clone),
        }
    }

    pub(crate) fn user(&self, sub: &str) -> Option<User> {
        self.with_user(sub, |user| Some(user?.clone()))
    }

    /// What access tokens are sealed with; the same for all replicas of the issuer.
    pub(crate) fn sealer(&self) -> Kept<Arc<Sealer>> {
        if let Some(sealer) = self.sealer.get() {
            return Ok(Arc::clone(sealer));
        }
        let key = self.store.shared_secret(self.randomness.key())?;
        let sealer = Arc::new(Sealer::new(&key));
        if self.store.may_wait() {
            // It is another one once the store has forgotten everything.
            return Ok(sealer);
        }
        Ok(Arc::clone(self.sealer.get_or_init(|| sealer)))
    }
}
