//! The two clients that the harness brings along. They run in this process, each instance on its
//! own port, and are spoken to over HTTP only.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use super::process::LogBuffer;
use super::{App, ProviderTable, Reach, SecondApp, Target, Way};
use crate::demo;
use crate::scenario::{Capability, Settings};

/// A client that the harness brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    /// The reference client, `client-app`.
    Reference,
    /// The naive client: the tutorial's app with all its omissions.
    Demo,
}

impl Builtin {
    /// Its description as a target.
    pub fn target(self) -> Target {
        let (name, origin, can, logout, time_limit) = match self {
            Self::Reference => (
                "client-app",
                "the built-in reference client",
                vec![
                    Capability::Oidc,
                    Capability::PlainOauth2,
                    Capability::Userinfo,
                    Capability::Pkce,
                    Capability::Nonce,
                    Capability::Iss,
                    Capability::Refresh,
                    Capability::Logout,
                    Capability::RpLogout,
                    Capability::TwoIssuers,
                    Capability::ScopeNotice,
                    Capability::Discovery,
                    Capability::Proxy,
                    Capability::ReturnTo,
                    Capability::BackChannelLogout,
                ],
                Way::form("/logout"),
                Duration::from_secs(8),
            ),
            Self::Demo => (
                "demo",
                "the built-in naive client",
                vec![
                    Capability::PlainOauth2,
                    Capability::Userinfo,
                    Capability::Logout,
                ],
                "/logout".into(),
                Duration::from_secs(2),
            ),
        };
        Target {
            name: name.to_owned(),
            origin: origin.to_owned(),
            can,
            time_limit,
            reach: Reach::Builtin(self),
            provider: ProviderTable::default(),
            browser: None,
            app: App {
                logout,
                back_channel_logout: (self == Self::Reference)
                    .then(|| "/backchannel-logout".to_owned()),
                return_to: (self == Self::Reference)
                    .then(|| "/login?return_to={target}".to_owned()),
                second: (self == Self::Reference).then(|| SecondApp {
                    login: "/login?provider=attacker".into(),
                    first_login: Some("/login?provider=honest".into()),
                    callback: None,
                }),
                ..App::default()
            },
            signed_in: None,
            signed_out: None,
            error_page: None,
            known: Vec::new(),
            source: None,
        }
    }

    /// The environment that the reference client is configured by, with placeholders: the same
    /// for the instance in this process and for its mutants as programs of their own.
    ///
    /// The naive client takes the same variables and has no second mode.
    pub fn reference_env(settings: &Settings) -> BTreeMap<String, String> {
        let mut env: Vec<(&str, &str)> = vec![
            ("LISTEN", "127.0.0.1:{port}"),
            ("BASE_URL", "{app}"),
            ("BACK_CHANNEL_TIMEOUT", "{time_out}"),
        ];
        if settings.plain_oauth2 {
            env.extend([
                ("OAUTH_AUTHORIZATION_ENDPOINT", "{issuer}/authorize"),
                ("OAUTH_TOKEN_ENDPOINT", "{issuer}/token"),
                ("OAUTH_USERINFO_ENDPOINT", "{issuer}/userinfo"),
                ("OIDC_CLIENT_ID", "{client_id}"),
                ("OIDC_CLIENT_SECRET", "{client_secret}"),
                ("OIDC_SCOPES", "profile email"),
            ]);
        } else if settings.two_issuers {
            env.extend([
                ("PROVIDERS", "honest,attacker"),
                ("OIDC_HONEST_ISSUER", "{issuer}"),
                ("OIDC_HONEST_CLIENT_ID", "{client_id}"),
                ("OIDC_HONEST_CLIENT_SECRET", "{client_secret}"),
                ("OIDC_ATTACKER_ISSUER", "{second.issuer}"),
                ("OIDC_ATTACKER_CLIENT_ID", "{second.client_id}"),
                ("OIDC_ATTACKER_CLIENT_SECRET", "{second.client_secret}"),
            ]);
        } else {
            env.extend([
                ("OIDC_ISSUER", "{issuer}"),
                ("OIDC_CLIENT_ID", "{client_id}"),
                ("OIDC_CLIENT_SECRET", "{client_secret}"),
            ]);
        }
        env.into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// Starts an instance on `listener`, configured by `env`.
    pub(super) fn serve(
        self,
        listener: TcpListener,
        env: &BTreeMap<String, String>,
        log: &LogBuffer,
    ) -> Result<Server, String> {
        let get = |name: &str| env.get(name).cloned();
        let router = match self {
            Self::Reference => {
                let config =
                    client_app::Config::from_vars(get).map_err(|error| error.to_string())?;
                client_app::app(config).map_err(|error| error.to_string())?
            }
            Self::Demo => demo::app(demo::DemoConfig {
                issuer: get("OIDC_ISSUER").unwrap_or_default(),
                client_id: get("OIDC_CLIENT_ID").unwrap_or_default(),
                client_secret: get("OIDC_CLIENT_SECRET").unwrap_or_default(),
                base_url: get("BASE_URL").unwrap_or_default(),
            }),
        };
        listener
            .set_nonblocking(true)
            .map_err(|error| error.to_string())?;
        let listener =
            tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
        let router = logged(router, log.clone());
        let task = tokio::spawn(async move {
            drop(axum::serve(listener, router).await);
        });
        Ok(Server { task })
    }
}

/// A client served in this process. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Server {
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A listener on a free port of the loopback interface.
pub(super) fn free_listener() -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

/// What the client logs while it answers goes to `log`, at every level, as a program's output
/// would.
fn logged(router: Router, log: LogBuffer) -> Router {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("client_app=trace")
        .with_ansi(false)
        .with_writer(move || log.clone())
        .finish();
    let subscriber = Dispatch::new(subscriber);
    router.layer(from_fn(move |request: Request, next: Next| {
        next.run(request).with_subscriber(subscriber.clone())
    }))
}
