//! The routes, the layers around them, and what the handlers share.

use crate::{
    back_channel_logout::back_channel_logout,
    config::Config,
    failure::Failure,
    login, logout,
    page::{self, Pages},
    profile,
    provider::Provider,
    session::{self, Sessions, Turns, Visitor},
};
use axum::{
    Router,
    extract::State,
    middleware,
    response::Response,
    routing::{get, post},
};
use std::sync::Arc;

/// Why the client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No HTTP client could be made, as where no certificates are installed.
    #[error("failed to set up the connection to provider `{provider}`")]
    BackChannel {
        /// The provider's name.
        provider: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// A template has a mistake in it.
    #[error("failed to parse the page templates")]
    Templates(#[from] minijinja::Error),
}

/// What all handlers share.
pub(crate) struct App {
    pub(crate) pages: Pages,
    pub(crate) providers: Vec<Provider>,
    pub(crate) base_url: String,
    pub(crate) sessions: Sessions,
}

impl App {
    /// The provider of that name.
    pub(crate) fn provider(&self, name: &str) -> Result<&Provider, Failure> {
        let mut providers = self.providers.iter();
        let found = providers.find(|provider| provider.name() == name);
        found.ok_or(Failure::UnknownProvider)
    }

    /// The provider that `/login?provider=NAME` chooses; none where the user has yet to choose.
    pub(crate) fn chosen_provider(
        &self,
        chosen: Option<&str>,
    ) -> Result<Option<&Provider>, Failure> {
        match (chosen, self.providers.as_slice()) {
            (Some(name), _) => self.provider(name).map(Some),
            (None, [only]) => Ok(Some(only)),
            (None, _) => Ok(None),
        }
    }
}

/// The client as a router, ready to be served. Asks nothing of any provider yet.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a client has its configuration for itself"
)]
pub fn app(config: Config) -> Result<Router, StartError> {
    // Fails where it was chosen before, which is as good.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let sessions = Sessions::new(&config);
    let layer = session::layer(&config, &sessions);
    let providers = config.providers.iter().map(|provider| {
        Provider::new(&config, provider).map_err(|source| StartError::BackChannel {
            provider: provider.name.clone(),
            source,
        })
    });
    let app = App {
        pages: Pages::new()?,
        providers: providers.collect::<Result<_, _>>()?,
        base_url: config.base_url(),
        sessions,
    };
    Ok(Router::new()
        .route("/", get(home))
        .route("/login", get(login::login))
        .route("/callback", get(login::callback).head(login::glance))
        .route("/profile", get(profile::profile))
        .route("/logout", get(logout::ask).post(logout::sign_out))
        .route("/backchannel-logout", post(back_channel_logout))
        .fallback(not_found)
        .layer(layer)
        .layer(middleware::from_fn_with_state(
            Turns::default(),
            Turns::take,
        ))
        .route("/style.css", get(page::style))
        .layer(middleware::from_fn(page::protect))
        .with_state(Arc::new(app)))
}

async fn home(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    match visitor.signed_in().await {
        Ok(signed_in) => app.pages.home(signed_in.as_ref()),
        Err(error) => app.pages.failure(&error.into()),
    }
}

async fn not_found(State(app): State<Arc<App>>) -> Response {
    app.pages.not_found()
}
