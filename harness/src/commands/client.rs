//! `gauntlet client`: the reference client, as a program.

use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use super::run::interrupted;
use super::{complain, tell};
use crate::cli::ClientArgs;
use crate::report::Exit;

/// Runs the command.
pub async fn client(args: &ClientArgs) -> Exit {
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await {
        Ok(listener) => listener,
        Err(error) => {
            complain(&format!(
                "error: cannot listen on port {}: {error}",
                args.port
            ));
            complain("       choose another with --port, or --port 0 for a free one");
            return Exit::Usage;
        }
    };
    let port = listener
        .local_addr()
        .map_or(args.port, |address| address.port());
    let get = |name: &str| match name {
        "LISTEN" => Some(format!("127.0.0.1:{port}")),
        "OIDC_ISSUER" => Some(args.issuer.clone()),
        _ => std::env::var(name).ok(),
    };
    let router = client_app::Config::from_vars(get)
        .map_err(|error| error.to_string())
        .and_then(|config| client_app::app(config).map_err(|error| error.to_string()));
    let router = match router {
        Ok(router) => router,
        Err(error) => {
            complain(&format!("error: {error}"));
            return Exit::Usage;
        }
    };
    tell(&format!(
        "client    http://localhost:{port}     open it in a browser"
    ));
    tell(&format!(
        "issuer    {}     start it with `gauntlet serve`",
        args.issuer
    ));
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(interrupted())
        .await;
    match served {
        Ok(()) => Exit::Well,
        Err(error) => {
            complain(&format!("error: {error}"));
            Exit::Internal
        }
    }
}
