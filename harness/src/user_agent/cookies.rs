//! Cookies as browsers keep them (RFC 6265bis): by host, whatever the port; loopback counts as
//! secure; `SameSite` decides what a foreign site can cause to be sent.

use std::time::{Duration, SystemTime};

use cookie::{Cookie, SameSite};
use reqwest::Method;
use url::Url;

use super::Answer;

/// A cookie in a jar.
#[derive(Debug, Clone)]
pub struct StoredCookie {
    /// The host, or the domain that begins with a dot.
    pub host: String,
    /// The path that it is for.
    pub path: String,
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// Whether scripts cannot read it.
    pub http_only: bool,
    /// Whether it goes over https alone.
    pub secure: bool,
    /// What other sites can cause.
    pub same_site: SameSite,
    /// When it ends; none, when the browser does.
    pub expires: Option<SystemTime>,
}

/// A browser's cookies.
#[derive(Debug, Clone, Default)]
pub struct Jar {
    cookies: Vec<StoredCookie>,
    blocked: bool,
}

impl Jar {
    /// The jar of a browser that keeps no cookies.
    pub fn blocked() -> Self {
        Self {
            blocked: true,
            ..Self::default()
        }
    }

    /// Whether the browser keeps no cookies.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Takes in all cookies that a response sets.
    pub fn take(&mut self, url: &Url, answer: &Answer) {
        for header in answer.headers("set-cookie") {
            self.store(url, header);
        }
    }

    /// Takes in a `Set-Cookie` header. What a browser would not keep is not kept.
    pub fn store(&mut self, url: &Url, header: &str) {
        let Ok(cookie) = Cookie::parse(header.to_owned()) else {
            return;
        };
        let Some(host) = url.host_str() else { return };
        let secure = cookie.secure().unwrap_or(false);
        let trustworthy = url.scheme() == "https" || is_loopback(host);
        // SameSite is Lax where nothing is said.
        let same_site = cookie.same_site().unwrap_or(SameSite::Lax);
        let prefixed =
            cookie.name().starts_with("__Host-") || cookie.name().starts_with("__Secure-");
        // RFC 6265bis §5.6: a cookie of more than 4096 bytes is not kept.
        let refused = self.blocked
            || cookie.name().len() + cookie.value().len() > 4096
            || (secure && !trustworthy)
            || (!secure && (prefixed || same_site == SameSite::None))
            || (cookie.name().starts_with("__Host-")
                && (cookie.domain().is_some() || cookie.path() != Some("/")));
        if refused {
            return;
        }
        let domain = cookie
            .domain()
            .map(|domain| domain.trim_start_matches('.').to_owned());
        if domain.is_some_and(|domain| domain != host && !host.ends_with(&format!(".{domain}"))) {
            return;
        }
        let path = match cookie.path() {
            Some(path) if path.starts_with('/') => path.to_owned(),
            _ => default_path(url.path()),
        };
        self.cookies
            .retain(|kept| !(kept.host == host && kept.path == path && kept.name == cookie.name()));
        let now = SystemTime::now();
        let expires = if let Some(age) = cookie.max_age() {
            let seconds = u64::try_from(age.whole_seconds()).unwrap_or(0);
            Some(now + Duration::from_secs(seconds.min(400 * 24 * 3600)))
        } else {
            cookie.expires_datetime().map(SystemTime::from)
        };
        if expires.is_some_and(|expires| expires <= now) {
            return;
        }
        self.cookies.push(StoredCookie {
            host: host.to_owned(),
            path,
            name: cookie.name().to_owned(),
            value: cookie.value().to_owned(),
            http_only: cookie.http_only().unwrap_or(false),
            secure,
            same_site,
            expires,
        });
    }

    /// The cookies that go with a request.
    pub fn for_request(
        &self,
        url: &Url,
        method: &Method,
        cross_site: bool,
    ) -> Vec<(String, String)> {
        let Some(host) = url.host_str() else {
            return Vec::new();
        };
        let trustworthy = url.scheme() == "https" || is_loopback(host);
        let now = SystemTime::now();
        self.cookies
            .iter()
            .filter(|cookie| cookie.host == host && path_matches(&cookie.path, url.path()))
            .filter(|cookie| !cookie.secure || trustworthy)
            .filter(|cookie| cookie.expires.is_none_or(|expires| expires > now))
            .filter(|cookie| match cookie.same_site {
                SameSite::None => true,
                SameSite::Lax => !cross_site || *method == Method::GET || *method == Method::HEAD,
                SameSite::Strict => !cross_site,
            })
            .map(|cookie| (cookie.name.clone(), cookie.value.clone()))
            .collect()
    }

    /// All cookies.
    pub fn iter(&self) -> impl Iterator<Item = &StoredCookie> {
        self.cookies.iter()
    }

    /// The cookies of a host.
    pub fn of_host<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a StoredCookie> {
        self.cookies
            .iter()
            .filter(move |cookie| cookie.host == host)
    }

    /// Puts another jar's cookies of a host into this one, as an attacker would who found a way to
    /// set cookies in this browser.
    pub fn plant(&mut self, host: &str, from: &Self) {
        for cookie in from.of_host(host) {
            self.cookies
                .retain(|kept| !(kept.host == cookie.host && kept.name == cookie.name));
            self.cookies.push(cookie.clone());
        }
    }
}

impl FromIterator<StoredCookie> for Jar {
    fn from_iter<I: IntoIterator<Item = StoredCookie>>(cookies: I) -> Self {
        Self {
            cookies: cookies.into_iter().collect(),
            blocked: false,
        }
    }
}

/// Whether a host is this machine.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn default_path(path: &str) -> String {
    match path.rfind('/') {
        Some(0) | None => "/".to_owned(),
        Some(end) => path[..end].to_owned(),
    }
}

fn path_matches(cookie: &str, request: &str) -> bool {
    request == cookie
        || request
            .strip_prefix(cookie)
            .is_some_and(|rest| cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL of this test")
    }

    fn jar(at: &str, header: &str) -> Jar {
        let mut jar = Jar::default();
        jar.store(&url(at), header);
        jar
    }

    #[test]
    fn a_cookie_goes_to_every_port_of_its_host_and_to_no_other_host() {
        let jar = jar("http://localhost:1/a/b", "s=1; Path=/");
        assert_eq!(
            jar.for_request(&url("http://localhost:2/"), &Method::GET, false)
                .len(),
            1
        );
        assert!(
            jar.for_request(&url("http://127.0.0.1:1/"), &Method::GET, false)
                .is_empty()
        );
    }

    #[test]
    fn a_lax_cookie_does_not_go_with_a_form_from_another_site() {
        let jar = jar("http://localhost/", "s=1; Path=/; SameSite=Lax");
        assert_eq!(
            jar.for_request(&url("http://localhost/"), &Method::GET, true)
                .len(),
            1
        );
        assert!(
            jar.for_request(&url("http://localhost/"), &Method::POST, true)
                .is_empty()
        );
    }

    #[test]
    fn a_strict_cookie_does_not_come_back_from_the_issuer() {
        let jar = jar("http://localhost/", "s=1; Path=/; SameSite=Strict");
        assert!(
            jar.for_request(&url("http://localhost/"), &Method::GET, true)
                .is_empty()
        );
    }

    #[test]
    fn a_secure_cookie_is_kept_on_loopback_and_not_elsewhere_over_http() {
        assert_eq!(jar("http://localhost/", "s=1; Secure").cookies.len(), 1);
        assert_eq!(jar("http://app.test/", "s=1; Secure").cookies.len(), 0);
    }

    #[test]
    fn an_expired_cookie_is_deleted() {
        let mut jar = jar("http://localhost/", "s=1; Path=/");
        jar.store(&url("http://localhost/"), "s=; Path=/; Max-Age=0");
        assert_eq!(jar.cookies.len(), 0);
    }

    #[test]
    fn a_path_covers_what_lies_below_it() {
        assert!(path_matches("/a", "/a/b"));
        assert!(!path_matches("/a", "/ab"));
    }
}
