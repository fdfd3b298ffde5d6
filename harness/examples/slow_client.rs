//! The reference client, which takes its time: for measuring how fast scenarios run, and for the
//! tests of runs beside each other.
//!
//! `slow_client PORT MILLISECONDS`, with what the reference client needs in its environment.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|it| it.parse::<u16>().ok());
    let (port, wait) = (number().unwrap_or(0), number().unwrap_or(5));
    let wait = Duration::from_millis(wait.into());
    let get = |name: &str| match name {
        "LISTEN" => Some(format!("127.0.0.1:{port}")),
        _ => std::env::var(name).ok(),
    };
    let config = client_app::Config::from_vars(get).expect("the environment describes a client");
    let router = client_app::app(config).expect("the client can be made");
    let router = router.layer(from_fn(move |request: Request, next: Next| async move {
        tokio::time::sleep(wait).await;
        next.run(request).await
    }));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.expect("the port is free");
    axum::serve(listener, router)
        .await
        .expect("serving goes on until the process ends");
}
