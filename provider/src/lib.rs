//! A mock OAuth 2.0 authorization server and OpenID provider for tests: honest and strict by
//! default, and able to misbehave on demand, precisely and as data.
//!
//! ```
//! use oauth_gauntlet_provider::{Client, MockProvider};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let app = Client::confidential("my-app", "secret").redirect_uri("http://localhost:3000/callback");
//! let provider = MockProvider::builder().client(app).start().await?;
//! let issuer = provider.issuer();
//!
//! // Point your client at `issuer.url()`. Or sign in without a browser:
//! let request = format!("{}/authorize?response_type=code&client_id=my-app&scope=profile", issuer.url());
//! let callback = issuer.login(&request, "alice")?;
//! assert!(callback.starts_with("http://localhost:3000/callback?code="));
//!
//! // Make it lie: from now on, ID tokens are for somebody else.
//! let lie = serde_json::from_str(r#"{"id-token": {"claims": {"aud": "another-client"}}}"#)?;
//! issuer.arm(lie)?;
//! # Ok(())
//! # }
//! ```
//!
//! One process serves many [`Issuer`]s, each with its own keys, users, clients, clock, faults and
//! [`Journal`]. A [`Fault`] is one deviation from correct behaviour; everything else stays honest.
//! [`IssuerSettings`] says how strict an issuer is, [`Rule`] what it demands.

#![cfg_attr(
    not(feature = "cli"),
    expect(
        dead_code,
        reason = "a configuration as data is for programs; a library needs a part of it"
    )
)]

mod access_token;
mod builder;
mod claims;
#[cfg(feature = "cli")]
pub mod cli;
mod clock;
mod config;
mod control;
mod device;
mod endpoint;
mod exchange;
mod fault;
mod filter;
mod flow;
mod grant;
mod issue;
mod issuer;
mod jose;
mod journal;
mod listen;
mod logout;
mod metrics;
mod names;
mod notes;
mod outbound;
mod page;
mod parallel;
mod parties;
mod paths;
mod protocol;
mod published_keys;
mod rules;
mod sent;
mod server;
mod settings;
mod snapshot;
mod start_error;
mod store;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod urls;
mod verify;

pub use builder::MockProviderBuilder;
pub use claims::ClaimRule;
pub use clock::Clock;
pub use config::ConfigError;
pub use device::DeviceError;
pub use fault::{
    AccessTokenFault, ArmedFault, AuthorizeFault, DocumentFault, Fault, FaultError, FiredFault,
    JwksFault, JwtFault, ParsePauseError, ParseShiftError, Pause, Point, RedirectError,
    RedirectFault, Reply, Shift, Signing, TransportAct, TransportFault, When,
};
pub use filter::Filter;
pub use flow::{Flow, FlowState};
pub use issuer::{Callback, Issuer, Login, LoginError, SignError, TokensError, TokensFor};
pub use jose::{
    ContentEncryption, KeyInfo, KeyManagementAlgorithm, KeySource, KeyState, KeyStep, OwnKey,
    OwnKeyError, SigningAlgorithm,
};
pub use journal::{
    Endpoint, Exchange, Issued, IssuedKind, Journal, Notes, RecordedRequest, RecordedResponse,
    Subscription,
};
pub use logout::LogoutPush;
pub use names::{
    AccessTokenFormat, AuthMethod, ChallengeMethod, GrantType, ResponseMode, ResponseType,
    SubjectType,
};
pub use parallel::TestKeyError;
pub use parties::{CertificateName, Client, Encryption, User};
pub use paths::{PathError, Paths};
pub use rules::{Rule, Violation};
pub use server::{CreateIssuerError, MockProvider};
pub use settings::{
    DeviceSettings, Enforcement, IssuerSettings, Profile, RefreshTokens, Registration, SignIn,
};
pub use snapshot::{Snapshot, SnapshotError};
pub use start_error::StartError;
#[cfg(feature = "tls")]
pub use tls::{
    Tls, TlsError, TrustVariable, java_options, java_trust_store, trust_script, trust_variables,
};
pub use urls::{Addresses, Side};
pub use verify::{Calls, Expectation, Observation, Verification};
