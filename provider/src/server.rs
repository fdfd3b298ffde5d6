//! The running provider: its threads and its issuers.

mod naming;

use std::collections::HashMap;
#[cfg(feature = "tls")]
use std::io;
#[cfg(feature = "tls")]
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::builder::MockProviderBuilder;
use crate::clock;
use crate::control::ControlKey;
use crate::issuer::{House, Issuer};
use crate::listen::{self, Listening};
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::parallel::{TestKeyError, Tests};
use crate::settings::{IssuerSettings, KeySource};
use crate::start_error::StartError;
use crate::store::StoreDown;
pub use naming::CreateIssuerError;
use naming::Named;
pub(crate) use naming::check_name;

/// A running mock provider. It stops when it is dropped.
///
/// It has threads and a runtime of its own: it works under any runtime or none, and goes on
/// answering while a test blocks its thread.
///
/// ```
/// use std::time::Duration;
/// use oauth_gauntlet_provider::{Fault, IssuerSettings, MockProvider, SigningAlgorithm};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = MockProvider::builder().algorithm(SigningAlgorithm::Es256).start().await?;
/// assert_eq!(provider.issuer().url(), provider.base_url());
///
/// // One more issuer costs microseconds, and shares nothing with the first.
/// let shop = provider.create_issuer("shop", IssuerSettings::default())?;
/// assert_eq!(shop.url(), format!("{}/shop", provider.base_url()));
/// provider.create_issuer_for(Duration::from_mins(5), "short", IssuerSettings::default())?;
/// assert_eq!(provider.issuers().len(), 3);
///
/// // Tests in parallel on one issuer: faults and exchanges of one are not those of another.
/// provider.begin_test("test-1")?;
/// let fault = r#"{"token": {"error": "invalid_grant"}, "when": {"test": "test-1"}}"#;
/// provider.issuer().arm(serde_json::from_str::<Fault>(fault)?)?;
/// provider.end_test("test-1");
/// assert!(provider.issuer().faults().is_empty());
///
/// provider.shut_down().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MockProvider {
    host: Arc<Host>,
    stop: watch::Sender<bool>,
    server: Option<JoinHandle<()>>,
    runtime: Option<Runtime>,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) house: House,
    /// The CA that was made for this run, as PEM.
    pub(crate) ca_pem: Option<String>,
    default: Issuer,
    named: RwLock<HashMap<String, Named>>,
    on_demand: Option<OnDemand>,
    /// What the control API asks of those who use it; without one, only this machine may.
    pub(crate) control_key: Option<ControlKey>,
    pub(crate) metrics: Metrics,
    /// Becomes true when the provider stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

#[derive(Debug)]
struct OnDemand {
    limit: usize,
    settings: IssuerSettings,
}

/// How long the making of keys keeps out of the way of the first answers, which need none. Who
/// asks for a key earlier has it made at once.
const FIRST_ANSWERS: Duration = Duration::from_millis(50);

impl MockProvider {
    /// Begins to set a provider up.
    pub fn builder() -> MockProviderBuilder {
        MockProviderBuilder::new()
    }

    /// The default issuer, at the root of the provider.
    pub fn issuer(&self) -> &Issuer {
        &self.host.default
    }

    /// Where the provider is reached: `http://127.0.0.1:PORT`, or `https://…` where it was set up
    /// so, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.host.house.base_url
    }

    /// The certificate of the CA that was made for this run, as PEM: what clients have to trust.
    /// `None` with plain HTTP, and with a certificate of your own.
    #[cfg(feature = "tls")]
    pub fn ca_pem(&self) -> Option<&str> {
        self.host.ca_pem.as_deref()
    }

    /// Writes [`Self::ca_pem`] to a file; [`crate::trust_variables`] says how programs come to use
    /// it.
    ///
    /// # Errors
    /// If there is no such CA ([`std::io::ErrorKind::NotFound`]), or the file cannot be written.
    #[cfg(feature = "tls")]
    pub fn write_ca_pem(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "no CA was made for this run");
        std::fs::write(path, self.ca_pem().ok_or_else(missing)?)
    }

    /// Creates one more issuer, at `{base_url}/{name}`. It costs microseconds.
    ///
    /// # Errors
    /// If the name is taken, reserved, or not made of 1 to 64 of the letters `a-z`, `0-9`, `-`; or
    /// if the provider is a replica, and the keys that all have in common cannot be read.
    pub fn create_issuer(
        &self,
        name: &str,
        settings: IssuerSettings,
    ) -> Result<Issuer, CreateIssuerError> {
        self.host.create(name, settings, None)
    }

    /// Creates one more issuer that is gone after `life`, in real time, whatever its clock says.
    ///
    /// # Errors
    /// As [`Self::create_issuer`] has it.
    pub fn create_issuer_for(
        &self,
        life: Duration,
        name: &str,
        settings: IssuerSettings,
    ) -> Result<Issuer, CreateIssuerError> {
        self.host.create(name, settings, Some(life))
    }

    /// A named issuer, if there is one.
    pub fn named_issuer(&self, name: &str) -> Option<Issuer> {
        self.host.issuer(name, false).filter(|_| !name.is_empty())
    }

    /// Every issuer: the default one first, then the others by name.
    pub fn issuers(&self) -> Vec<Issuer> {
        let all = self.host.issuers().into_iter();
        all.map(|(issuer, _)| issuer).collect()
    }

    /// Removes a named issuer; its handles live on, its URL does not. False if there was none.
    pub fn remove_issuer(&self, name: &str) -> bool {
        self.host.remove(name)
    }

    /// Registers the key of a parallel test, and returns it. Requests that carry it in the header
    /// `gauntlet-test` or the cookie `gauntlet_test` belong to the test, and so does what becomes
    /// of them: [`crate::Notes::test`] says so, and faults with [`crate::When::test`] apply to
    /// them alone. A request with a key that is not registered is refused.
    ///
    /// # Errors
    /// If another test has the key, or it is not made of 1 to 64 letters, digits, `-`, `.`, `_`.
    pub fn begin_test(&self, key: &str) -> Result<(), TestKeyError> {
        self.host.house.tests.register(key)
    }

    /// Ends a parallel test and its faults. False if there was no such test.
    pub fn end_test(&self, key: &str) -> bool {
        self.host.end_test(key)
    }

    /// How many connections have ended without a request: those of port probes, and of clients that
    /// were shown a certificate that they do not trust (RFC 9110 §4.3.4).
    pub fn mute_connections(&self) -> u64 {
        self.host.metrics.mute_connections()
    }

    /// Stops in good order: nothing new is taken in, and what is in flight is finished, for at most
    /// as long as [`MockProviderBuilder::grace`] says.
    pub async fn shut_down(mut self) {
        self.stop.send_replace(true);
        if let Some(server) = self.server.take() {
            // An error would mean that the server has ended already.
            let _ = server.await;
        }
    }

    pub(crate) fn start(mut builder: MockProviderBuilder) -> Result<Self, StartError> {
        if builder.settings.algorithm.is_symmetric() {
            return Err(StartError::KeyedAlgorithm(builder.settings.algorithm));
        }
        let listening = Listening::start(&mut builder)?;
        #[cfg(feature = "tls")]
        let outbound = Outbound::trusting(listening.ca_pem.iter().chain(&builder.trusted))?;
        #[cfg(not(feature = "tls"))]
        let outbound = Outbound::default();
        let stores = builder.stores()?;
        let issuer = (builder.addresses.urls(&listening.base_url, "")).issuer;
        let keys = std::mem::take(&mut builder.settings.keys);
        let unread = |StoreDown(reason)| StartError::SharedKeys { reason };
        builder.settings.keys = stores.keys(&issuer, keys).map_err(unread)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(builder.worker_threads)
            .thread_name("mock-provider")
            .enable_all()
            .build()
            .map_err(StartError::Runtime)?;
        let outbound = outbound.on(runtime.handle());
        let house = House {
            base_url: listening.base_url,
            addresses: Arc::new(std::mem::take(&mut builder.addresses)),
            tests: Arc::new(Tests::new(builder.require_test_key)),
            outbound,
            stores,
        };
        let default = Issuer::new("", &house, builder.settings.clone());
        if let Err(error) = default.arm_first(builder.faults) {
            // A runtime must not be waited for within another.
            runtime.shutdown_background();
            return Err(error);
        }
        let generates_keys = matches!(builder.settings.keys, KeySource::Generated);
        let (stop, stopping) = watch::channel(false);
        let host = Arc::new(Host {
            house,
            ca_pem: listening.ca_pem,
            default,
            named: RwLock::default(),
            on_demand: builder.on_demand.map(|limit| OnDemand {
                limit,
                settings: builder.settings,
            }),
            control_key: builder.control_key,
            metrics: Metrics::new(),
            stopping,
        });
        let entered = runtime.enter();
        let listener =
            tokio::net::TcpListener::from_std(listening.socket).map_err(StartError::Runtime)?;
        let server = runtime.spawn(listen::run(listener, listening.terms, Arc::clone(&host)));
        if generates_keys {
            let issuer = host.default.clone();
            runtime.spawn(async move {
                tokio::time::sleep(FIRST_ANSWERS).await;
                // An error would mean that key generation panicked; whoever needs a key retries.
                let _ = tokio::task::spawn_blocking(move || issuer.state().keys.prepare()).await;
            });
        }
        drop(entered);
        Ok(Self {
            host,
            stop,
            server: Some(server),
            runtime: Some(runtime),
        })
    }
}

impl Drop for MockProvider {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            // Waiting is not allowed here: the handle may be dropped within another runtime.
            runtime.shutdown_background();
        }
    }
}

impl Host {
    /// The issuer of a request; created if the provider does that and `may_create`.
    pub(crate) fn issuer(&self, name: &str, may_create: bool) -> Option<Issuer> {
        if name.is_empty() {
            return Some(self.default.clone());
        }
        let existing = self.named.read().unwrap_or_else(PoisonError::into_inner);
        match existing.get(name) {
            Some(named) if !named.is_due() => return Some(named.issuer.clone()),
            Some(_) | None => drop(existing),
        }
        let on_demand = self.on_demand.as_ref().filter(|_| may_create)?;
        check_name(name).ok()?;
        let mut all = self.named.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, named| !named.is_due());
        if all.len() >= on_demand.limit && !all.contains_key(name) {
            tracing::warn!(
                name,
                limit = on_demand.limit,
                "too many issuers: not created"
            );
            return None;
        }
        let created = || Named {
            issuer: Issuer::new(name, &self.house, on_demand.settings.on_its_own()),
            due: None,
        };
        let named = all.entry(name.to_owned()).or_insert_with(created);
        Some(named.issuer.clone())
    }

    /// Creates an issuer, for ever or for so long.
    pub(crate) fn create(
        &self,
        name: &str,
        mut settings: IssuerSettings,
        life: Option<Duration>,
    ) -> Result<Issuer, CreateIssuerError> {
        check_name(name)?;
        if settings.algorithm.is_symmetric() {
            return Err(CreateIssuerError::KeyedAlgorithm(settings.algorithm));
        }
        let unread = |StoreDown(reason)| CreateIssuerError::SharedKeys { reason };
        let common = &self.default.state().urls.issuer;
        let keys = std::mem::take(&mut settings.keys);
        settings.keys = self.house.stores.keys(common, keys).map_err(unread)?;
        let now = clock::instant();
        let issuer = Issuer::new(name, &self.house, settings);
        let mut all = self.named.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, named| !named.is_due());
        if all.contains_key(name) {
            return Err(CreateIssuerError::Taken(name.to_owned()));
        }
        let named = Named {
            issuer: issuer.clone(),
            // A life without an end that can be written down is one for ever.
            due: life.and_then(|life| now.checked_add(life)),
        };
        all.insert(name.to_owned(), named);
        Ok(issuer)
    }

    /// Removes a named issuer: false if there was none.
    pub(crate) fn remove(&self, name: &str) -> bool {
        let mut all = self.named.write().unwrap_or_else(PoisonError::into_inner);
        all.remove(name).is_some_and(|named| !named.is_due())
    }

    /// Under which URLs the provider is reached.
    pub(crate) fn own_urls(&self) -> Vec<String> {
        let addresses = &self.house.addresses;
        let given = addresses.public.iter().chain(&addresses.internal);
        given.chain([&self.house.base_url]).cloned().collect()
    }

    /// How a new issuer is set up where nothing else is said: as the default one was.
    pub(crate) fn usual_settings(&self) -> IssuerSettings {
        self.default.state().settings.on_its_own()
    }

    /// Every issuer, the default one first, each with how long it will be there still.
    pub(crate) fn issuers(&self) -> Vec<(Issuer, Option<Duration>)> {
        let now = clock::instant();
        let all = self.named.read().unwrap_or_else(PoisonError::into_inner);
        let mut named: Vec<_> = (all.values())
            .filter(|named| !named.is_due())
            .map(|named| {
                let left = named.due.map(|due| due.duration_since(now));
                (named.issuer.clone(), left)
            })
            .collect();
        named.sort_by(|(one, _), (two, _)| one.name().cmp(two.name()));
        named.insert(0, (self.default.clone(), None));
        named
    }

    /// Ends a parallel test, and the faults that were armed for it. False if there was none.
    pub(crate) fn end_test(&self, key: &str) -> bool {
        let ended = self.house.tests.end(key);
        if ended {
            for (issuer, _) in self.issuers() {
                for fault in issuer.faults() {
                    if fault.fault().when.test.as_deref() == Some(key) {
                        fault.disarm();
                    }
                }
            }
        }
        ended
    }
}
