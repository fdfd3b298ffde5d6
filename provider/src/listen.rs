//! From a listening socket to requests: takes connections in within bounds, lets go of the idle and
//! of the slow, and ends in good order.

mod head_timer;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::builder::MockProviderBuilder;
use crate::exchange;
use crate::server::Host;
use crate::start_error::StartError;
#[cfg(feature = "tls")]
use crate::tls::{self, TlsServer};
use crate::transport::{Connection, Io, Stream};
use head_timer::HeadTimer;

/// On which terms connections are taken in.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) limits: Limits,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<TlsServer>,
}

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

/// Lets this process have as many open files, and so connections, as the system allows it. A program
/// does that for itself; a library leaves the process as it is.
#[cfg(feature = "cli")]
pub(crate) fn raise_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit of open files stays as it was");
        }
    }
}

/// A socket that listens already, with all that goes with it.
pub(crate) struct Listening {
    pub(crate) socket: std::net::TcpListener,
    pub(crate) terms: Terms,
    /// Where a client on this machine reaches it, without a slash at the end.
    pub(crate) base_url: String,
    /// The CA that was made for the listener, as PEM.
    pub(crate) ca_pem: Option<String>,
}

impl Listening {
    /// Listens as the builder says.
    pub(crate) fn start(builder: &mut MockProviderBuilder) -> Result<Self, StartError> {
        let address = SocketAddr::new(builder.address, builder.port);
        let socket = match builder.listener.take() {
            Some(socket) => Ok(socket),
            None => listen(address),
        };
        let socket = socket.map_err(|source| StartError::Listen { address, source })?;
        let address = (socket.local_addr())
            .and_then(|address| socket.set_nonblocking(true).map(|()| address))
            .map_err(StartError::Runtime)?;
        if !address.ip().is_loopback() {
            tracing::warn!(
                %address,
                "the mock provider listens beyond this machine: whoever reaches it can sign in as anybody"
            );
        }
        let address = reachable(address);
        #[cfg(feature = "tls")]
        if let Some(tls) = builder.tls.take() {
            let (tls, ca_pem) = TlsServer::new(tls.with_name(address.ip()))?;
            return Ok(Self {
                socket,
                terms: Terms {
                    limits: builder.limits,
                    tls: Some(tls),
                },
                base_url: format!("https://{address}"),
                ca_pem,
            });
        }
        Ok(Self {
            socket,
            terms: Terms {
                limits: builder.limits,
                #[cfg(feature = "tls")]
                tls: None,
            },
            base_url: format!("http://{address}"),
            ca_pem: None,
        })
    }
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // As the standard library does it: elsewhere the option would let others take the port over.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The address as a client on this machine can use it.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Serves until the host stops; then until what is in flight is finished, or the grace is over.
pub(crate) async fn run(listener: TcpListener, terms: Terms, host: Arc<Host>) {
    let Limits {
        connections, grace, ..
    } = terms.limits;
    let places = Arc::new(Semaphore::new(connections as usize));
    loop {
        let (stream, peer, place) = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = stopped(host.stopping.clone()) => break,
        };
        let (terms, host) = (terms.clone(), Arc::clone(&host));
        tokio::spawn(async move {
            let connected = host.metrics.connected();
            attend(stream, peer, terms, Arc::clone(&host)).await;
            drop(connected);
            drop(place);
        });
    }
    drop(listener);
    // Every place is free again once every connection has ended.
    let _ = tokio::time::timeout(grace, places.acquire_many(connections)).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.expect("the semaphore is never closed");
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) if concerns_one_connection(&error) => {
                tracing::debug!(%error, "a connection was gone before it was taken in");
            }
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%error, "no connection can be taken in at the moment");
                }
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

/// From TCP to HTTP. A handshake under way is not worth waiting for when the host stops.
async fn attend(stream: TcpStream, peer: SocketAddr, terms: Terms, host: Arc<Host>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    #[cfg(feature = "tls")]
    if let Some(tls) = &terms.tls {
        let handshake = Box::pin(tls.shake_hands(stream));
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            () = stopped(host.stopping.clone()) => return,
        };
        match shaken {
            Ok(stream) => {
                let certificate = tls::client_certificate(&stream);
                let connection = Connection::new(peer, certificate);
                serve(
                    Stream::Tls(Box::new(stream)),
                    connection,
                    terms.limits,
                    host,
                )
                .await;
            }
            Err(error) => {
                if error.leaves_nothing_asked() {
                    host.metrics.mute();
                }
                tls::tell(&error, peer);
            }
        }
        return;
    }
    let connection = Connection::new(peer, None);
    serve(Stream::Plain(stream), connection, terms.limits, host).await;
}

async fn serve(stream: Stream, connection: Connection, limits: Limits, host: Arc<Host>) {
    let io = TokioIo::new(Io::new(stream, connection.clone()));
    let stop = stopped(host.stopping.clone());
    let (host, connection, asked) = (&host, &connection, &AtomicBool::new(false));
    let service = service_fn(
        move |request: hyper::Request<hyper::body::Incoming>| async move {
            asked.store(true, Ordering::Relaxed);
            Ok::<_, Infallible>(exchange::serve(host, connection, request).await)
        },
    );
    let mut http = std::pin::pin!(
        http1::Builder::new()
            .timer(HeadTimer::default())
            .header_read_timeout(limits.head)
            .max_buf_size(MAX_HEAD)
            // Responses are small: to copy one behind its head costs less than a list of parts.
            .writev(false)
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
        tracing::debug!(%error, "a connection ended early");
    }
    if !asked.load(Ordering::Relaxed) {
        host.metrics.mute();
    }
}
