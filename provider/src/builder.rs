//! How a provider is put together before it starts.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::time::Duration;

use crate::claims::ClaimRule;
use crate::clock::Clock;
use crate::control::ControlKey;
use crate::fault::Fault;
use crate::listen::Limits;
use crate::parties::{Client, User};
use crate::rules::Rule;
use crate::server::MockProvider;
use crate::settings::{Enforcement, IssuerSettings, KeySource, Profile, SignIn, SigningAlgorithm};
use crate::start_error::StartError;
use crate::store::Stores;
#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::urls::Addresses;

/// Sets up a [`MockProvider`]. Without any call it listens on a free port of 127.0.0.1, is strict,
/// and knows the users alice, bob and carol.
///
/// ```
/// use oauth_gauntlet_provider::{
///     Addresses, Client, ClaimRule, Clock, Fault, MockProvider, Profile, User,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fault: Fault = serde_json::from_str(r#"{"userinfo": {"reply": {"status": 500}}}"#)?;
/// let provider = MockProvider::builder()
///     .client(Client::public("app").redirect_uri("http://localhost:3000/callback"))
///     .user(User::from_sub("dora"))
///     .scope("orders", ["customer_number"])
///     .claim_rule(ClaimRule {
///         user: Some("dora".to_owned()),
///         everywhere: serde_json::from_str(r#"{"customer_number": 7}"#)?,
///         ..ClaimRule::default()
///     })
///     .profile(Profile::Oauth21)
///     .clock(Clock::fixed(1_800_000_000))
///     .seed(1)
///     .addresses(Addresses {
///         base_path: "/auth".to_owned(),
///         ..Addresses::default()
///     })
///     .fault(fault)
///     .start()
///     .await?;
/// assert_eq!(provider.issuer().url(), format!("{}/auth", provider.base_url()));
/// assert_eq!(provider.issuer().users().len(), 4);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing happens before `start`"]
pub struct MockProviderBuilder {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) listener: Option<TcpListener>,
    pub(crate) worker_threads: usize,
    pub(crate) limits: Limits,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
    #[cfg(feature = "tls")]
    pub(crate) trusted: Vec<String>,
    pub(crate) addresses: Addresses,
    pub(crate) settings: IssuerSettings,
    pub(crate) faults: Vec<Fault>,
    pub(crate) on_demand: Option<usize>,
    pub(crate) control_key: Option<ControlKey>,
    pub(crate) require_test_key: bool,
    #[cfg(feature = "redis")]
    pub(crate) redis: Option<String>,
}

impl MockProviderBuilder {
    pub(crate) fn new() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            listener: None,
            worker_threads: 1,
            limits: Limits::default(),
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            trusted: Vec::new(),
            addresses: Addresses::default(),
            settings: IssuerSettings::default(),
            faults: Vec::new(),
            on_demand: None,
            control_key: None,
            require_test_key: false,
            #[cfg(feature = "redis")]
            redis: None,
        }
    }

    /// The port to listen on; 0, the default, lets the system choose.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The address to listen on. Default: 127.0.0.1. Anything but loopback lets others in.
    pub fn address(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// A socket that listens already, in place of address and port.
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Under which addresses the provider is reached, where that is not the one that it listens on.
    pub fn addresses(mut self, addresses: Addresses) -> Self {
        self.addresses = addresses;
        self
    }

    /// How many threads serve requests. Default: 1.
    pub fn worker_threads(mut self, threads: usize) -> Self {
        self.worker_threads = threads.max(1);
        self
    }

    /// Serves HTTPS with this certificate, and nothing over plain HTTP. Default: plain HTTP.
    ///
    /// ```
    /// use oauth_gauntlet_provider::{MockProvider, Tls};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = MockProvider::builder().tls(Tls::run_local()).start().await?;
    /// assert!(provider.base_url().starts_with("https://127.0.0.1:"));
    /// // What the client under test has to trust:
    /// let ca = provider.ca_pem().ok_or("a CA was made for this run")?;
    /// assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Trusts the CA certificates in a PEM text when the provider calls a client over HTTPS, beside
    /// the CA of this run. No other CA is trusted.
    #[cfg(feature = "tls")]
    pub fn trust(mut self, ca_pem: impl Into<String>) -> Self {
        self.trusted.push(ca_pem.into());
        self
    }

    /// How many connections are served at the same time; more wait until one ends. At least 1,
    /// default 16,384.
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.limits.connections = connections.max(1);
        self
    }

    /// How long a connection may stay without a whole request head: idle, or sending slowly.
    /// Default: 60 seconds.
    pub fn idle_time(mut self, time: Duration) -> Self {
        self.limits.head = time;
        self
    }

    /// How long [`MockProvider::shut_down`] lets requests in flight finish. Default: 2 seconds.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.limits.grace = grace;
        self
    }

    /// The settings of the default issuer. The calls below edit them.
    pub fn settings(mut self, settings: IssuerSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Registers a client.
    pub fn client(mut self, client: Client) -> Self {
        self.settings.clients.push(client);
        self
    }

    /// Adds somebody who can sign in, in place of one with the same `sub`.
    pub fn user(mut self, user: User) -> Self {
        self.settings
            .users
            .retain(|existing| existing.sub != user.sub);
        self.settings.users.push(user);
        self
    }

    /// Adds a scope, or replaces the claims of one.
    pub fn scope<C: Into<String>>(
        mut self,
        name: impl Into<String>,
        claims: impl IntoIterator<Item = C>,
    ) -> Self {
        let claims = claims.into_iter().map(Into::into).collect();
        self.settings.scopes.insert(name.into(), claims);
        self
    }

    /// Adds claims beside those of the users, for whom and where the rule says.
    pub fn claim_rule(mut self, rule: ClaimRule) -> Self {
        self.settings.claims.push(rule);
        self
    }

    /// What ID tokens are signed with. Default: RS256. One that is keyed with a client's secret
    /// (HS256) is set for that client: [`Client::id_token_algorithm`].
    pub fn algorithm(mut self, algorithm: SigningAlgorithm) -> Self {
        self.settings.algorithm = algorithm;
        self
    }

    /// Which rules exist. Default: strict.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.settings.profile = profile;
        self
    }

    /// What a broken rule leads to. Default: the request is refused.
    pub fn enforcement(mut self, enforcement: Enforcement) -> Self {
        self.settings.enforcement = enforcement;
        self
    }

    /// Only observes one rule.
    pub fn observe(mut self, rule: Rule) -> Self {
        self.settings.observed.insert(rule);
        self
    }

    /// How people sign in. Default: on a page.
    pub fn sign_in(mut self, sign_in: SignIn) -> Self {
        self.settings.sign_in = sign_in;
        self
    }

    /// Makes codes, tokens and handles foreseeable, for snapshots.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = Some(seed);
        self
    }

    /// The time as the issuer sees it. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Where signing keys come from. Default: the shipped test keys.
    pub fn keys(mut self, keys: KeySource) -> Self {
        self.settings.keys = keys;
        self
    }

    /// Arms the default issuer with a fault.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Creates issuers, with the settings of the default one, when a name is first asked for by
    /// discovery or an authorization request; at most so many. Default: `None`, not at all.
    pub fn issuers_on_demand(mut self, limit: Option<usize>) -> Self {
        self.on_demand = limit;
        self
    }

    /// What whoever uses the control API below `/_/` has to send, as `Authorization: Bearer KEY`.
    /// Default: none, and only programs on this machine may use it.
    pub fn control_key(mut self, key: impl Into<String>) -> Self {
        self.control_key = Some(ControlKey::new(key.into()));
        self
    }

    /// Refuses requests that belong to no parallel test ([`MockProvider::begin_test`]); discovery
    /// document and key set are there for all. Default: no.
    pub fn require_test_key(mut self, required: bool) -> Self {
        self.require_test_key = required;
        self
    }

    /// Keeps what issuers hand out in Redis or Valkey, so that providers with the same public
    /// address and settings are replicas: a code of one is redeemed at another, once. Takes a URL
    /// such as `redis://127.0.0.1:6379`. Default: in this process.
    ///
    /// Faults with their counts, the clock and the journal are those of all replicas: what one was
    /// told, the next request to another knows. Who waits for an exchange hears of it within a
    /// tenth of a second, and needs a tokio runtime. A [`Clock`] that was kept shows what its
    /// replica knew at its last request; [`crate::Issuer::clock`] asks. The turns of keys, named
    /// issuers, parallel tests, snapshots, and users and clients that are changed later are those
    /// of each replica.
    ///
    /// [`Addresses::public`] has to be set as well; a seed is ignored. Every algorithm has a
    /// published key from the start. Keys that are generated are made by the first replica and
    /// kept in the server, which has to be there then; with others it may come later.
    /// While the server cannot be reached, what needs it is answered 503 with `Retry-After`,
    /// within a second, and is in no journal.
    ///
    /// ```
    /// use oauth_gauntlet_provider::{Addresses, MockProvider};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let addresses = Addresses {
    ///     public: Some("http://login.test".to_owned()),
    ///     ..Addresses::default()
    /// };
    /// let replica = MockProvider::builder()
    ///     .addresses(addresses)
    ///     .redis("redis://127.0.0.1:6379")
    ///     .start()
    ///     .await?;
    /// assert_eq!(replica.issuer().url(), "http://login.test");
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "redis")]
    pub fn redis(mut self, url: impl Into<String>) -> Self {
        self.redis = Some(url.into());
        self
    }

    #[cfg(not(feature = "redis"))]
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "with Redis it may fail"
    )]
    pub(crate) fn stores(&self) -> Result<Stores, StartError> {
        Ok(Stores::Memory)
    }

    #[cfg(feature = "redis")]
    pub(crate) fn stores(&self) -> Result<Stores, StartError> {
        let Some(url) = &self.redis else {
            return Ok(Stores::Memory);
        };
        if self.addresses.public.is_none() {
            return Err(StartError::NoPublicAddress);
        }
        Stores::redis(url)
    }

    /// Starts the provider on threads of its own. It stops when the handle is dropped.
    ///
    /// # Errors
    /// If the address is taken, a fault makes no sense, or the algorithm is one of a client.
    #[expect(
        clippy::unused_async,
        reason = "starting may come to wait for something; callers should not have to change then"
    )]
    pub async fn start(self) -> Result<MockProvider, StartError> {
        MockProvider::start(self)
    }
}
