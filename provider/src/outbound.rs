//! The few requests that a provider makes: telling a client that its user has gone, and fetching
//! what a client publishes.
//!
//! Only URLs of registered clients come in here, never one that a browser or a request chose: the
//! provider must not become a way into the network that it stands in. Where anybody may register a
//! client, its URLs are chosen by anybody, so they have a [`Reach`]: they lead back to the machine
//! that registered it, or are not called. What counts is the address that the connection goes to,
//! whatever the name in the URL means by then. No redirect is followed, and time and size are bounded.

mod reach;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::{HeaderMap, Method, Request};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use url::{Host, Url};

use crate::parties::Client;
#[cfg(feature = "tls")]
use crate::tls;
use reach::Reach;

/// Calls clients. Every call has a connection of its own, follows no redirect and uses no proxy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbound {
    /// Where calls run that nobody waits for, or that somebody waits for on a thread.
    runtime: Option<Handle>,
    #[cfg(feature = "tls")]
    tls: Option<tls::TlsClient>,
    reach: Reach,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct OutboundResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why nothing usable came back. URLs are named without their query, which may hold secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboundError {
    #[error("`{0}` is no http or https URL, or has a user name in it")]
    Url(String),
    #[error(
        "`{url}` does not lead to the machine that registered the client, and no other is called where anybody may register: protect registration with an initial access token, or set the client up in the configuration"
    )]
    OutOfReach { url: String },
    #[cfg(not(feature = "tls"))]
    #[error("`{url}` needs TLS, which this program was built without (feature `tls`)")]
    NoTls { url: String },
    #[error("cannot connect to `{url}`")]
    Connect {
        url: String,
        #[source]
        source: io::Error,
    },
    #[cfg(feature = "tls")]
    #[error("no TLS with `{url}`: is its certificate from a CA that the provider trusts?")]
    Tls {
        url: String,
        #[source]
        source: io::Error,
    },
    #[error("`{url}` did not answer as HTTP has it")]
    Http {
        url: String,
        #[source]
        source: hyper::Error,
    },
    #[error("`{url}` was not called: the provider has stopped")]
    Stopped { url: String },
    #[error("`{url}` took longer than {} s", TIME.as_secs())]
    TimedOut { url: String },
    #[error("`{url}` sent more than {MAX_BODY} bytes")]
    TooLong { url: String },
    #[error("`{url}` answered with status {status}")]
    Status { url: String, status: u16 },
    #[error("`{url}` answered with something else than JSON")]
    Json {
        url: String,
        #[source]
        source: serde_json::Error,
    },
}

/// How long a call may take, from the name's look-up to the last byte.
const TIME: Duration = Duration::from_secs(5);
/// The most that is read of a response's body, in bytes.
const MAX_BODY: usize = 64 * 1024;

impl Outbound {
    /// Trusts the CA certificates in these PEM texts and no others.
    #[cfg(feature = "tls")]
    pub(crate) fn trusting<'a>(
        pems: impl IntoIterator<Item = &'a String>,
    ) -> Result<Self, tls::TlsError> {
        Ok(Self {
            tls: tls::TlsClient::trusting(pems)?,
            ..Self::default()
        })
    }

    /// Makes calls on this runtime.
    pub(crate) fn on(mut self, runtime: &Handle) -> Self {
        self.runtime = Some(runtime.clone());
        self
    }

    /// Makes the calls that concern a client, as far as it may have them made.
    pub(crate) fn on_behalf_of(&self, client: &Client) -> Self {
        let reach = client
            .registered_from
            .map_or(Reach::Anywhere, Reach::Machine);
        Self {
            reach,
            ..self.clone()
        }
    }

    /// Runs something on the provider's own runtime; `None` where there is none.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        self.runtime.as_ref().map(|runtime| runtime.spawn(work))
    }

    /// [`Self::get_json`] for code that is not asynchronous. It blocks, so it must not be called
    /// on a thread of the provider's own runtime that serves requests.
    pub(crate) fn wait_for_json(&self, url: &str) -> Result<Value, OutboundError> {
        let (send, receive) = std::sync::mpsc::channel();
        let (outbound, target) = (self.clone(), url.to_owned());
        let started = self.spawn(async move {
            // Whoever waited may be gone.
            let _ = send.send(outbound.get_json(&target).await);
        });
        let stopped = || OutboundError::Stopped {
            url: without_query(url),
        };
        started.ok_or_else(stopped)?;
        receive.recv().unwrap_or_else(|_| Err(stopped()))
    }

    /// Posts a form.
    pub(crate) async fn post_form(
        &self,
        url: &str,
        pairs: &[(&str, &str)],
    ) -> Result<OutboundResponse, OutboundError> {
        let body = form(pairs);
        let target = Target::parse(url)?;
        let request = target
            .request(Method::POST)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body));
        self.call(&target, request.expect(SOUND)).await
    }

    /// Fetches a document of this media type; what else comes, is for the caller to see.
    pub(crate) async fn get(
        &self,
        url: &str,
        media_type: &'static str,
    ) -> Result<OutboundResponse, OutboundError> {
        let target = Target::parse(url)?;
        let request = (target.request(Method::GET))
            .header(ACCEPT, media_type)
            .body(Body::empty());
        self.call(&target, request.expect(SOUND)).await
    }

    /// Fetches JSON; anything but a 200 with JSON is an error.
    pub(crate) async fn get_json(&self, url: &str) -> Result<Value, OutboundError> {
        let OutboundResponse { status, body, .. } = self.get(url, "application/json").await?;
        let url = without_query(url);
        if status != 200 {
            return Err(OutboundError::Status { url, status });
        }
        serde_json::from_slice(&body).map_err(|source| OutboundError::Json { url, source })
    }

    async fn call(
        &self,
        target: &Target,
        request: Request<Body>,
    ) -> Result<OutboundResponse, OutboundError> {
        let call = async {
            let stream = self.connect(target).await?;
            if target.is_https {
                self.call_over_tls(target, stream, request).await
            } else {
                exchange(target, stream, request).await
            }
        };
        (tokio::time::timeout(TIME, call).await).unwrap_or_else(|_| {
            Err(OutboundError::TimedOut {
                url: target.shown.clone(),
            })
        })
    }

    /// A connection to an address that was looked at, so that no second look-up leads elsewhere.
    async fn connect(&self, target: &Target) -> Result<TcpStream, OutboundError> {
        let failed = |source| OutboundError::Connect {
            url: target.shown.clone(),
            source,
        };
        let found = tokio::net::lookup_host((target.host_name(), target.port)).await;
        let (within, beyond): (Vec<SocketAddr>, Vec<SocketAddr>) =
            (found.map_err(failed)?).partition(|address| self.reach.has(address.ip()));
        if within.is_empty() && !beyond.is_empty() {
            return Err(OutboundError::OutOfReach {
                url: target.shown.clone(),
            });
        }
        TcpStream::connect(&within[..]).await.map_err(failed)
    }

    #[cfg(feature = "tls")]
    async fn call_over_tls(
        &self,
        target: &Target,
        stream: TcpStream,
        request: Request<Body>,
    ) -> Result<OutboundResponse, OutboundError> {
        let failed = |source| OutboundError::Tls {
            url: target.shown.clone(),
            source,
        };
        let Some(tls) = &self.tls else {
            let reason = "it trusts no CA: give it one";
            return Err(failed(io::Error::other(reason)));
        };
        let host = target.host_name();
        let stream = tls.connect(&host, stream).await.map_err(failed)?;
        exchange(target, stream, request).await
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_async, reason = "with the feature `tls`, it waits")]
    async fn call_over_tls(
        &self,
        target: &Target,
        _stream: TcpStream,
        _request: Request<Body>,
    ) -> Result<OutboundResponse, OutboundError> {
        Err(OutboundError::NoTls {
            url: target.shown.clone(),
        })
    }
}

const SOUND: &str = "a parsed URL makes a valid request target and host";

/// A URL that can be called.
#[derive(Debug)]
struct Target {
    is_https: bool,
    host: Host<String>,
    port: u16,
    /// As the `host` header has it.
    authority: String,
    /// Path and query.
    path: String,
    /// As messages show it.
    shown: String,
}

impl Target {
    fn parse(text: &str) -> Result<Self, OutboundError> {
        let wrong = || OutboundError::Url(without_query(text));
        let url = Url::parse(text).map_err(|_| wrong())?;
        let is_https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong()),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong());
        }
        let host = url.host().ok_or_else(wrong)?.to_owned();
        let port = url.port_or_known_default().ok_or_else(wrong)?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Ok(Self {
            is_https,
            host,
            port,
            authority,
            path,
            shown: without_query(text),
        })
    }

    fn request(&self, method: Method) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(&self.path)
            .header(HOST, &self.authority)
            .header(
                USER_AGENT,
                concat!("oauth-gauntlet/", env!("CARGO_PKG_VERSION")),
            )
    }

    /// The host without the brackets of IPv6.
    fn host_name(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }
}

/// The body of a form.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs).finish()
}

fn without_query(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    url[..end].to_owned()
}

/// One request and its response, on a connection that ends with them.
async fn exchange(
    target: &Target,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Body>,
) -> Result<OutboundResponse, OutboundError> {
    let broken = |source| OutboundError::Http {
        url: target.shown.clone(),
        source,
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let mut connection = pin!(connection);
    let mut response = pin!(async {
        let (head, body) = sender
            .send_request(request)
            .await
            .map_err(broken)?
            .into_parts();
        let body = read(body).await.map_err(broken)?;
        let too_long = || OutboundError::TooLong {
            url: target.shown.clone(),
        };
        Ok(OutboundResponse {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.ok_or_else(too_long)?,
        })
    });
    tokio::select! {
        response = response.as_mut() => response,
        // The peer may close while the last bytes wait to be read.
        _ = connection.as_mut() => response.await,
    }
}

/// The whole body; `None` if it is too long.
async fn read(mut body: Incoming) -> Result<Option<Vec<u8>>, hyper::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame?.into_data() {
            if bytes.len() + data.len() > MAX_BODY {
                return Ok(None);
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{IpAddr, TcpListener};
    use std::thread::JoinHandle;

    use super::*;

    /// Answers one request with these bytes and closes; the request is what the thread returns.
    fn peer(answer: impl Into<Vec<u8>>) -> (String, JoinHandle<String>) {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request);
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let length = head.split_once("content-length: ").map_or(0, |(_, rest)| {
                    rest.split_whitespace().next().unwrap().parse().unwrap()
                });
                if body.len() >= length {
                    break;
                }
            }
            // A peer that has heard enough may be gone.
            let _ = stream.write_all(&answer);
            String::from_utf8(request).unwrap()
        });
        (url, served)
    }

    #[tokio::test]
    async fn who_may_reach_nobody_connects_to_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let outbound = Outbound {
            reach: Reach::Machine(IpAddr::from([192, 0, 2, 1])),
            ..Outbound::default()
        };
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "localhost"] {
            let error = outbound.get_json(&format!("http://{host}:{port}/")).await;
            assert!(matches!(error, Err(OutboundError::OutOfReach { .. })));
        }
        assert_eq!(
            listener.accept().unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
    }

    #[tokio::test]
    async fn a_form_is_posted_and_the_answer_read() {
        let (url, served) = peer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-y: z\r\n\r\nok");
        let pairs = [("logout_token", "a.b&c"), ("x", "")];
        let response = (Outbound::default())
            .post_form(&format!("{url}/back?client=1"), &pairs)
            .await
            .unwrap();
        assert_eq!(
            (response.status, response.body.as_slice()),
            (200, &b"ok"[..])
        );
        assert_eq!(response.headers["x-y"], "z");
        let request = served.join().unwrap();
        assert!(
            request.starts_with("POST /back?client=1 HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(
            request.contains(&format!("host: {}\r\n", &url[7..])),
            "{request}"
        );
        assert!(
            request.ends_with("\r\n\r\nlogout_token=a.b%26c&x="),
            "{request}"
        );
    }

    #[tokio::test]
    async fn json_comes_with_status_200_or_not_at_all() {
        let json = "HTTP/1.1 200 OK\r\n\r\n{\"keys\":[]}";
        let (url, _) = peer(json);
        let document = Outbound::default().get_json(&url).await.unwrap();
        assert_eq!(document, serde_json::json!({"keys": []}));

        let (url, _) = peer("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n");
        let error = Outbound::default().get_json(&url).await.unwrap_err();
        assert!(matches!(error, OutboundError::Status { status: 302, .. }));

        let (url, _) = peer("HTTP/1.1 200 OK\r\n\r\n<html>");
        let error = Outbound::default().get_json(&url).await.unwrap_err();
        assert!(matches!(error, OutboundError::Json { .. }));
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_or_no_http_is_an_error() {
        let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(MAX_BODY + 1));
        let (url, _) = peer(long);
        let error = Outbound::default().get(&url, "*/*").await.unwrap_err();
        assert!(matches!(error, OutboundError::TooLong { .. }), "{error:?}");

        for answer in [
            "",
            "garbage",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
        ] {
            let (url, _) = peer(answer);
            let error = Outbound::default().get(&url, "*/*").await.unwrap_err();
            assert!(matches!(error, OutboundError::Http { .. }), "{error:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_says_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x?secret=1", listener.local_addr().unwrap());
        let error = Outbound::default().get(&url, "*/*").await.unwrap_err();
        assert!(matches!(error, OutboundError::TimedOut { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret"));
    }

    #[tokio::test]
    async fn only_plain_http_and_https_urls_are_called() {
        for url in [
            "",
            "/x",
            "ftp://x/",
            "file:///x",
            "http://",
            "http://me@x/",
            "http://me:me@x/",
        ] {
            let error = Outbound::default().get(url, "*/*").await.unwrap_err();
            assert!(matches!(error, OutboundError::Url(_)), "{url}: {error:?}");
        }
        let nobody = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = Outbound::default()
            .get(&format!("http://{nobody}"), "*/*")
            .await;
        assert!(matches!(error, Err(OutboundError::Connect { .. })));
    }

    #[test]
    fn a_target_is_what_stands_in_the_url() {
        let target = Target::parse("https://[::1]/a%20b?c=d#e").unwrap();
        assert!(target.is_https);
        assert_eq!(target.host_name(), "::1");
        assert_eq!((target.port, target.authority.as_str()), (443, "[::1]"));
        assert_eq!(target.path, "/a%20b?c=d");
        let target = Target::parse("http://app.test:8080").unwrap();
        assert_eq!(
            (target.port, target.authority.as_str()),
            (8080, "app.test:8080")
        );
        assert_eq!(target.path, "/");
    }
}
