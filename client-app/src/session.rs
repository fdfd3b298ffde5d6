//! What is remembered about a browser, on our side: pending logins, and who is signed in.
//!
//! The cookie holds a random session id and nothing else. This is the only file, with the store
//! below it, that knows which crate keeps the sessions.

mod store;
mod turns;

pub(crate) use turns::Turns;

use crate::{clock::unix_now, config::Config, secret::Secret, userinfo::Profile};
use axum::{extract::FromRequestParts, http::request::Parts};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::Store;
use time::Duration;
use tower_sessions::{Expiry, Session, SessionManagerLayer, cookie::SameSite, session::Record};

/// The cookie's name.
pub(crate) const COOKIE: &str = "client_app_session";

/// How long a login may take, from `/login` to `/callback`.
const LOGIN_LASTS: Duration = Duration::minutes(10);

/// How long a signed-in session lives without being used.
const SESSION_LASTS: Duration = Duration::hours(8);

/// How many logins one browser may have begun (tabs that are open at the same time).
const MOST_PENDING_LOGINS: usize = 8;

const PENDING_LOGINS: &str = "pending_logins";
const SIGNED_IN: &str = "signed_in";

/// A login that was begun: everything that the callback will need, bound to one provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PendingLogin {
    /// The name of the provider that the user was sent to.
    pub(crate) provider: String,
    pub(crate) state: Secret,
    /// Asked for where an ID token will come back.
    pub(crate) nonce: Option<Secret>,
    pub(crate) code_verifier: Secret,
    /// The page of ours that the user wants to end on.
    pub(crate) return_to: String,
    begun_at: f64,
}

impl PendingLogin {
    /// A login with fresh random values. `openid` says whether an ID token is asked for.
    pub(crate) fn begin(provider: &str, openid: bool, return_to: String) -> Self {
        Self {
            provider: provider.to_owned(),
            state: Secret::random(),
            nonce: openid.then(Secret::random),
            code_verifier: Secret::random(),
            return_to,
            begun_at: unix_now(),
        }
    }

    fn is_alive(&self) -> bool {
        unix_now() - self.begun_at < LOGIN_LASTS.as_seconds_f64()
    }
}

/// A signed-in user, with what is needed to act for them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SignedIn {
    /// The name of the provider that the user signed in with.
    pub(crate) provider: String,
    /// The user's identifier there.
    pub(crate) subject: String,
    /// What was known about the user at sign-in.
    pub(crate) profile: Profile,
    /// The nonce of the sign-in.
    pub(crate) nonce: Option<Secret>,
    /// What the provider calls this session, where it says so (`sid`).
    pub(crate) session_id: Option<String>,
    /// The last ID token, to name the session at sign-out.
    pub(crate) id_token: Option<Secret>,
    pub(crate) access_token: Secret,
    /// When the access token runs out, in seconds since 1970, where the provider said so.
    pub(crate) expires_at: Option<f64>,
    pub(crate) refresh_token: Option<Secret>,
}

/// The session behind a request.
#[derive(Clone)]
pub(crate) struct Visitor {
    session: Session,
}

/// All sessions, to find those of a user whom a provider has signed out.
#[derive(Clone, Debug)]
pub(crate) struct Sessions(Store);

impl Sessions {
    /// In memory or as files, as the configuration says.
    pub(crate) fn new(config: &Config) -> Self {
        Self(Store::new(config.session_dir.clone()))
    }

    /// Ends the sessions with a provider's session id, or without one all sessions of a user
    /// there; says how many there were.
    pub(crate) async fn end(
        &self,
        provider: &str,
        sub: Option<&str>,
        sid: Option<&str>,
    ) -> Result<usize, SessionError> {
        let meant = |value: &serde_json::Value| {
            let signed_in: Option<SignedIn> = serde_json::from_value(value.clone()).ok();
            signed_in.is_some_and(|signed_in| {
                signed_in.provider == provider
                    && sub.is_none_or(|sub| signed_in.subject == sub)
                    && sid.is_none_or(|sid| signed_in.session_id.as_deref() == Some(sid))
            })
        };
        let meant = |record: &Record| record.data.get(SIGNED_IN).is_some_and(meant);
        let ended = self
            .0
            .end(meant)
            .await
            .map_err(tower_sessions::session::Error::from)?;
        Ok(ended)
    }
}

/// The store failed. The message is for the log.
#[derive(Debug, thiserror::Error)]
#[error("the session store failed: {0}")]
pub(crate) struct SessionError(#[from] tower_sessions::session::Error);

impl Visitor {
    /// The logins that this browser has begun and not finished.
    pub(crate) async fn pending_logins(&self) -> Result<Vec<PendingLogin>, SessionError> {
        let mut pending: Vec<PendingLogin> = self.read(PENDING_LOGINS).await?.unwrap_or_default();
        pending.retain(PendingLogin::is_alive);
        Ok(pending)
    }

    /// Remembers a login that begins now.
    pub(crate) async fn remember(&self, login: PendingLogin) -> Result<(), SessionError> {
        let mut pending = self.pending_logins().await?;
        pending.push(login);
        let oldest = pending.len().saturating_sub(MOST_PENDING_LOGINS);
        self.session
            .insert(PENDING_LOGINS, &pending[oldest..])
            .await?;
        self.save().await
    }

    /// Forgets a login for good, before anything else is done with it: each is used once.
    pub(crate) async fn forget(&self, login: &PendingLogin) -> Result<(), SessionError> {
        let mut pending = self.pending_logins().await?;
        pending.retain(|other| other.state != login.state);
        self.session.insert(PENDING_LOGINS, pending).await?;
        self.save().await
    }

    /// Who is signed in, if anybody is.
    pub(crate) async fn signed_in(&self) -> Result<Option<SignedIn>, SessionError> {
        let signed_in = self.read(SIGNED_IN).await?;
        if signed_in.is_some() {
            self.session
                .set_expiry(Some(Expiry::OnInactivity(SESSION_LASTS)));
        }
        Ok(signed_in)
    }

    /// The same, as it stands after what other requests of this session have done meanwhile.
    pub(crate) async fn signed_in_by_now(&self) -> Result<Option<SignedIn>, SessionError> {
        self.session.load().await?;
        self.signed_in().await
    }

    /// Signs a user in, under a new session id: whoever knew the old one gains nothing.
    pub(crate) async fn sign_in(&self, signed_in: &SignedIn) -> Result<(), SessionError> {
        self.session.insert(SIGNED_IN, signed_in).await?;
        self.session.cycle_id().await?;
        self.save().await
    }

    /// Keeps what a refresh has changed.
    pub(crate) async fn update(&self, signed_in: &SignedIn) -> Result<(), SessionError> {
        self.session.insert(SIGNED_IN, signed_in).await?;
        self.save().await
    }

    /// Ends the session, with all that it held.
    pub(crate) async fn sign_out(&self) -> Result<(), SessionError> {
        Ok(self.session.flush().await?)
    }

    /// A value that cannot be read any more, after an update of this program, counts as absent.
    async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, SessionError> {
        let value = self.session.get_value(key).await?;
        Ok(value.and_then(|value| serde_json::from_value(value).ok()))
    }

    /// Saves at once, so that what was done holds whatever the rest of the request comes to.
    async fn save(&self) -> Result<(), SessionError> {
        let lasts = match self.session.get_value(SIGNED_IN).await? {
            Some(_) => SESSION_LASTS,
            None => LOGIN_LASTS,
        };
        self.session.set_expiry(Some(Expiry::OnInactivity(lasts)));
        Ok(self.session.save().await?)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = <Session as FromRequestParts<S>>::Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let session = Session::from_request_parts(parts, state).await?;
        Ok(Self { session })
    }
}

/// The layer that finds the session of a request by its cookie.
///
/// `SameSite=Lax` and not `Strict`: the browser comes back from the provider by a link from
/// another site, and has to bring the cookie.
pub(crate) fn layer(config: &Config, sessions: &Sessions) -> SessionManagerLayer<Store> {
    SessionManagerLayer::new(sessions.0.clone())
        .with_name(COOKIE)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_secure(config.is_https())
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(LOGIN_LASTS))
}
