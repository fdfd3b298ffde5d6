//! The reference client: signs users in with OAuth 2.0 and OpenID Connect, as it should be done.
//!
//! # How to read this program in ten minutes
//!
//! 1. `login.rs` tells the story: `/login` sends the browser away, `/callback` takes it back, and
//!    every step is one line.
//! 2. `checks.rs` holds every security check as one function with its section, in the order in
//!    which the story asks them. Nothing else turns a response away.
//! 3. `id_token.rs` takes an ID token apart and gives its claims out only after the checks.
//! 4. `provider.rs` and `back_channel.rs` speak HTTP with the provider and decide nothing.
//! 5. `session.rs` remembers: pending logins, which are used once, and who is signed in.
//! 6. `profile.rs` uses and refreshes the access token, `logout.rs` ends it all, and
//!    `back_channel_logout.rs` does when the provider says so.
//!
//! `config.rs` is the only reader of the environment, `page.rs` has the pages, `refusal.rs` the
//! words for everything that can go wrong.
//!
//! # Example
//!
//! ```no_run
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = client_app::Config::from_vars(|name| std::env::var(name).ok())?;
//! let listener = tokio::net::TcpListener::bind(config.listen()).await?;
//! let config = config.bound_to(listener.local_addr()?);
//! axum::serve(listener, client_app::app(config)?).await?;
//! # Ok(()) }
//! ```

mod back_channel;
mod back_channel_logout;
mod callback_parameters;
mod checks;
mod clock;
mod config;
mod endpoint;
mod failure;
mod id_token;
mod login;
mod logout;
mod page;
mod profile;
mod provider;
mod refusal;
mod routes;
mod secret;
mod session;
mod userinfo;

pub use config::{Algorithm, ClientAuth, Config, ConfigError, ProviderConfig};
pub use routes::{StartError, app};
pub use secret::Secret;

pub(crate) use routes::App;
