//! The browser that the harness plays over HTTP: it follows redirects, keeps cookies as browsers
//! do, and remembers every exchange. Where a target wants a real one, it is a window of Chromium.

mod cookies;
mod halts;
mod markup;
mod real;
mod refresh;
mod seen;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use reqwest::header::{COOKIE, LOCATION, ORIGIN};
use reqwest::{Certificate, Client, Method, redirect};
use url::Url;

pub use cookies::{Jar, StoredCookie, is_loopback};
pub use halts::{Halts, is_authorization_response};
pub use markup::{
    Click, ClickError, Clickable, click, fields, has_handler, is_selector, texts, token,
};
pub use seen::{Answer, Arrival, Purpose, Seen, last_page};

use crate::chromium::{Chromium, Window};

/// How many redirects a browser follows before it gives up.
pub(crate) const REDIRECT_LIMIT: usize = 20;

/// How much of a page is read, in bytes.
pub(crate) const PAGE_LIMIT: usize = 512 * 1024;

/// The HTTP client for issuers and clients without TLS; everything that makes browsers different
/// is in their jars.
///
/// # Panics
/// Never: its options are constant and valid.
pub fn http_client() -> Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT
        .get_or_init(|| trusting(None, None).expect("the options are constant and valid"))
        .clone()
}

/// An HTTP client that trusts the CA in a PEM text, and that finds a host at an address of this
/// machine.
///
/// # Errors
/// Where the CA is no certificate.
pub fn trusting(ca_pem: Option<&str>, host: Option<(&str, IpAddr)>) -> reqwest::Result<Client> {
    let loopback = [
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
        SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
    ];
    let cas = ca_pem.map(|pem| Certificate::from_pem(pem.as_bytes()));
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .tls_certs_only(cas.transpose()?)
        .resolve_to_addrs("localhost", &loopback)
        .user_agent("oauth-gauntlet")
        .pool_max_idle_per_host(0);
    if let Some((host, address)) = host {
        builder = builder.resolve(host, SocketAddr::new(address, 0));
    }
    builder.build()
}

/// A browser: a cookie jar and a memory of what it saw.
#[derive(Debug, Clone)]
pub struct UserAgent {
    /// What it speaks HTTP with.
    pub http: Client,
    /// The cookies.
    pub jar: Jar,
    /// Headers that go to the issuers: who signs in, and what is withheld.
    pub issuer_headers: Vec<(&'static str, String)>,
    /// The key that tells the issuers which run the browser belongs to.
    pub key: Option<String>,
    /// The origin that a proxy stands before, and where it really is.
    pub proxy: Option<(String, String)>,
    /// The origin of the issuers.
    pub issuer_origin: String,
    /// Headers that go to everybody else.
    pub headers: Vec<(String, String)>,
    /// Answers of the issuers may trickle in: a real browser waits for their end.
    pub issuers_trickle: bool,
    /// How long one navigation may take in all.
    pub time_limit: Duration,
    /// The real browser to open a window of, if it is to be one.
    pub chromium: Option<Chromium>,
    /// Its window, once it has opened something.
    pub window: Option<Window>,
    /// What the browser itself failed at. It says nothing about the client.
    pub trouble: Option<String>,
}

impl Default for UserAgent {
    fn default() -> Self {
        Self {
            http: http_client(),
            jar: Jar::default(),
            issuer_headers: Vec::new(),
            proxy: None,
            issuer_origin: String::new(),
            headers: Vec::new(),
            issuers_trickle: false,
            key: None,
            time_limit: Duration::ZERO,
            chromium: None,
            window: None,
            trouble: None,
        }
    }
}

/// What a browser is asked to open.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// A form to send.
    pub form: Option<String>,
    /// Whether another site brought the browser here, as with a link in a message.
    pub cross_site: bool,
    /// What to click on in the page that is open, in place of all that. For real browsers.
    pub click: Option<Clickable>,
}

impl Request {
    /// Opens a URL.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            form: None,
            cross_site: false,
            click: None,
        }
    }

    /// Sends a form.
    pub fn form(url: Url, fields: &[(String, String)]) -> Self {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        Self {
            method: Method::POST,
            form: Some(form),
            ..Self::get(url)
        }
    }
}

impl UserAgent {
    /// Stops before pages of the issuers: where a page is looked at that may send its visitor off
    /// to sign in, which is another act.
    pub fn leaves(&self) -> Halts {
        Halts {
            origin: Some(self.issuer_origin.clone()),
            ..Halts::default()
        }
    }

    /// Opens a page and follows redirects to the end, or to the first URL that it is to stop at.
    /// Every exchange goes to `seen`.
    pub async fn open(&mut self, request: Request, seen: &mut Vec<Seen>, halts: &Halts) -> Arrival {
        if self.chromium.is_none() {
            return Box::pin(self.open_over_http(request, seen, halts)).await;
        }
        if request.method == Method::HEAD {
            // No page makes a browser ask for that; what looks at links before them does.
            self.jar = self.cookies().await;
            let arrival = Box::pin(self.open_over_http(request, seen, halts)).await;
            self.set_cookies(self.jar.clone()).await;
            return arrival;
        }
        match Box::pin(self.open_in_window(&request, halts)).await {
            Ok((more, arrival)) => {
                seen.extend(more);
                arrival
            }
            Err(trouble) => {
                self.trouble = Some(trouble);
                Arrival::Broken
            }
        }
    }

    async fn open_over_http(
        &mut self,
        request: Request,
        seen: &mut Vec<Seen>,
        halts: &Halts,
    ) -> Arrival {
        let deadline = Instant::now() + self.time_limit;
        let mut request = request;
        let mut cross_site = request.cross_site;
        for _ in 0..=REDIRECT_LIMIT {
            let exchange = self.send(&request, cross_site, deadline).await;
            let (answer, url) = (exchange.answer.clone(), exchange.url.clone());
            seen.push(exchange);
            let Some(status) = answer.status() else {
                return match answer {
                    Answer::TimedOut => Arrival::TimedOut,
                    Answer::Page { .. } | Answer::Broken(_) => Arrival::Broken,
                };
            };
            self.jar.take(&url, &answer);
            let location = answer.header(LOCATION.as_str());
            let (301 | 302 | 303 | 307 | 308, Some(location)) = (status, location) else {
                let Some(next) = refresh::next(&url, &answer) else {
                    return Arrival::Page;
                };
                if halts.at(&next) {
                    return Arrival::Stopped(next);
                }
                // It is the page that goes on, and no longer what led to it.
                cross_site = next.host_str() != url.host_str();
                request = Request::get(next);
                continue;
            };
            let next = match url.join(location) {
                Ok(next) if matches!(next.scheme(), "http" | "https") => next,
                Ok(_) | Err(_) => return Arrival::Astray(location.to_owned()),
            };
            if halts.at(&next) {
                return Arrival::Stopped(next);
            }
            // As browsers do: one foreign link in a chain of redirects makes the rest cross-site.
            cross_site |= next.host_str() != url.host_str();
            request = match status {
                307 | 308 => Request {
                    url: next,
                    ..request
                },
                _ => Request::get(next),
            };
        }
        Arrival::Loop
    }

    /// What issuers are told: who comes, what is left out, which run it is for.
    fn for_issuers(&self) -> impl Iterator<Item = (String, String)> {
        let headers = self.issuer_headers.iter();
        let headers = headers.map(|(name, value)| ((*name).to_owned(), value.clone()));
        let key = self.key.iter();
        headers.chain(key.map(|key| ("gauntlet-test".to_owned(), key.clone())))
    }

    async fn send(&self, request: &Request, cross_site: bool, deadline: Instant) -> Seen {
        let cookies = self
            .jar
            .for_request(&request.url, &request.method, cross_site);
        let mut url = request.url.clone();
        if let Some((outside, inside)) = &self.proxy
            && url.origin().ascii_serialization() == *outside
            && let Ok(moved) = Url::parse(&url.as_str().replacen(outside.as_str(), inside, 1))
        {
            url = moved;
        }
        let mut builder = self.http.request(request.method.clone(), url);
        if !cookies.is_empty() {
            let header: Vec<String> = cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            builder = builder.header(COOKIE, header.join("; "));
        }
        if self.proxy.is_some() && request.url.scheme() == "https" {
            builder = builder.header("x-forwarded-proto", "https");
            if let Some(host) = request.url.host_str() {
                builder = builder
                    .header("x-forwarded-host", host)
                    .header("host", host);
            }
        }
        if request.url.origin().ascii_serialization() == self.issuer_origin {
            for (name, value) in self.for_issuers() {
                builder = builder.header(name, value);
            }
        } else {
            for (name, value) in &self.headers {
                builder = builder.header(name, value);
            }
        }
        if request.method == Method::POST {
            // Another site's form says where it stands.
            let origin = if cross_site {
                "https://elsewhere.test".to_owned()
            } else {
                request.url.origin().ascii_serialization()
            };
            builder = builder.header(ORIGIN, origin);
        }
        if let Some(form) = &request.form {
            builder = builder
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.clone());
        }
        let started = Instant::now();
        let left = deadline.saturating_duration_since(started);
        let answer = match tokio::time::timeout(left, receive(builder)).await {
            Ok(answer) => answer,
            Err(_) => Answer::TimedOut,
        };
        Seen {
            started,
            ended: Instant::now(),
            method: request.method.clone(),
            url: request.url.clone(),
            form: request.form.clone(),
            cookies,
            answer,
            purpose: Purpose::Page,
            left_for: None,
            made: None,
            referer: None,
        }
    }
}

/// Sends a request and reads what comes back, as much of it as a page can have.
pub async fn receive(builder: reqwest::RequestBuilder) -> Answer {
    let mut response = match builder.send().await {
        Ok(response) => response,
        Err(error) => return Answer::Broken(reason(&error)),
    };
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                body.extend_from_slice(&chunk);
                if body.len() > PAGE_LIMIT {
                    body.truncate(PAGE_LIMIT);
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => return Answer::Broken(reason(&error)),
        }
    }
    Answer::Page {
        status,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

/// The innermost cause, which is what says something.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
