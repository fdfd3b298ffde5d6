//! Targets that go wrong, each in one way, for the tests of how the harness deals with them.
//!
//! `bad_target MODE PORT`, with what the demo client needs in its environment.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let port: u16 = arguments
        .next()
        .and_then(|port| port.parse().ok())
        .unwrap_or(0);
    match mode.as_str() {
        "good" => serve(port, demo()).await,
        "wrong-port" => serve(0, demo()).await,
        "silent" => {
            let listener =
                TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
            let mut held = Vec::new();
            loop {
                held.push(listener.accept());
            }
        }
        "megabytes" => {
            let line = "x".repeat(1 << 16);
            for _ in 0..128 {
                drop(std::io::stdout().write_all(line.as_bytes()));
            }
            drop(std::io::stdout().write_all(b"\nthe end of it\n"));
        }
        "500" => {
            let failing = Router::new()
                .fallback(|| async { (axum::http::StatusCode::INTERNAL_SERVER_ERROR, "no") });
            serve(port, failing).await;
        }
        "dies" => {
            static SERVED: AtomicU32 = AtomicU32::new(0);
            let dying = from_fn(|request: Request, next: Next| async move {
                if SERVED.fetch_add(1, Ordering::Relaxed) > 12 {
                    drop(std::io::stdout().write_all(b"out of memory, so to speak\n"));
                    std::process::exit(7);
                }
                next.run(request).await.into_response()
            });
            serve(port, demo().layer(dying)).await;
        }
        other => panic!("there is no mode `{other}`"),
    }
}

fn demo() -> Router {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    gauntlet::demo::app(gauntlet::demo::DemoConfig {
        issuer: variable("OIDC_ISSUER"),
        client_id: variable("OIDC_CLIENT_ID"),
        client_secret: variable("OIDC_CLIENT_SECRET"),
        base_url: variable("BASE_URL"),
    })
}

async fn serve(port: u16, router: Router) {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.expect("the port is free");
    axum::serve(listener, router)
        .await
        .expect("serving goes on until the process ends");
}
