//! From a listening socket to requests: takes connections in within bounds, lets go of the idle and
//! of the slow, and ends in good order.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::exchange;
use crate::server::Host;
use crate::transport::{Connection, Io};

/// How much is taken in, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at the same time; the next ones wait in the system's queue.
    pub(crate) connections: u32,
    /// From when a connection may ask something until the head of its request is whole. It bounds
    /// both an idle connection and one that sends its head byte by byte.
    pub(crate) head: Duration,
    /// How long a graceful end may take before connections are cut.
    pub(crate) grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            head: Duration::from_mins(1),
            grace: Duration::from_secs(2),
        }
    }
}

/// Connections that the system keeps until they are taken in. It may lower the number by itself.
const BACKLOG: i32 = 4_096;

/// The most that is buffered of a request's head, in bytes.
const MAX_HEAD: usize = 128 * 1024;

/// A socket that listens, and does not block.
pub(crate) fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // As the standard library does it: elsewhere the option would let others take the port over.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The address as a client on this machine can use it.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Serves until the host stops; then until what is in flight is finished, or the grace is over.
pub(crate) async fn run(listener: TcpListener, host: Arc<Host>, limits: Limits) {
    let places = Arc::new(Semaphore::new(limits.connections as usize));
    loop {
        let (stream, peer, place) = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = stopped(host.stopping.clone()) => break,
        };
        let host = Arc::clone(&host);
        tokio::spawn(async move {
            serve(stream, peer, host, limits).await;
            drop(place);
        });
    }
    drop(listener);
    // Every place is free again once every connection has ended.
    let _ = tokio::time::timeout(limits.grace, places.acquire_many(limits.connections)).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) if concerns_one_connection(&error) => {
                tracing::debug!(%error, "a connection was gone before it was taken in");
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken in at the moment");
                // Too many open files end by themselves; without a pause this would spin.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error would mean that the handle is gone, which is a stop as well.
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn serve(stream: TcpStream, peer: SocketAddr, host: Arc<Host>, limits: Limits) {
    let connection = Connection::new(peer);
    let io = TokioIo::new(Io::new(stream, connection.clone()));
    let stop = stopped(host.stopping.clone());
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (host, connection) = (Arc::clone(&host), connection.clone());
        async move {
            let (host, connection) = (State(host), ConnectInfo(connection));
            Ok::<_, Infallible>(exchange::serve(host, connection, request.map(Body::new)).await)
        }
    });
    let mut http = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(MAX_HEAD)
            .serve_connection(io, service)
    );
    let ended = tokio::select! {
        biased;
        ended = http.as_mut() => ended,
        () = stop => {
            http.as_mut().graceful_shutdown();
            http.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection ended early");
    }
}
