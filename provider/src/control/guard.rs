//! Who may use the control API: a program on this machine, or whoever has the key; never a web
//! page of somebody else's.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

use super::ask::Refusal;
use crate::rules::same_secret;

/// What whoever uses the control API has to send.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ControlKey(String);

impl ControlKey {
    pub(crate) fn new(key: String) -> Self {
        Self(key)
    }
}

impl fmt::Debug for ControlKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ControlKey(<hidden>)")
    }
}

/// What decides whether a request is let in.
#[derive(Debug)]
pub(super) struct Door<'a> {
    pub(super) key: Option<&'a ControlKey>,
    /// The URLs under which the provider is reached.
    pub(super) own_urls: &'a [String],
    pub(super) peer: SocketAddr,
    pub(super) headers: &'a HeaderMap,
}

/// Headers that a proxy adds. Behind one, every peer looks as if it were on this machine.
const PROXY_HEADERS: [&str; 5] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-real-ip",
];

impl Door<'_> {
    /// Lets a request in, or says why not.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        self.check_page()?;
        if let Some(key) = self.key {
            // Nobody else's page knows the key, so it may come under any name.
            return self.check_key(key);
        }
        self.check_peer()?;
        self.check_host()
    }

    fn check_key(&self, key: &ControlKey) -> Result<(), Refusal> {
        let sent = self.header("authorization").unwrap_or_default();
        let (scheme, sent) = sent.split_once(' ').unwrap_or_default();
        if scheme.eq_ignore_ascii_case("bearer") && same_secret(&key.0, sent.trim()) {
            return Ok(());
        }
        let reason = "the control API wants its key: send `Authorization: Bearer KEY`";
        Err(Refusal::new(401, "unauthorized", reason)
            .header("www-authenticate", "Bearer realm=\"control\""))
    }

    fn check_peer(&self) -> Result<(), Refusal> {
        let way_out =
            "start the provider with a control key, and send it as `Authorization: Bearer KEY`";
        if !self.peer.ip().to_canonical().is_loopback() {
            let reason = format!(
                "without a key, only programs on this machine may use the control API, and {} is none; {way_out}",
                self.peer.ip()
            );
            return Err(Refusal::new(403, "forbidden", reason));
        }
        let proxy = PROXY_HEADERS
            .iter()
            .find(|name| self.headers.contains_key(**name));
        if let Some(name) = proxy {
            let reason = format!(
                "the request came through a proxy (it has the header `{name}`), so whose it is cannot be known; {way_out}"
            );
            return Err(Refusal::new(403, "forbidden", reason));
        }
        Ok(())
    }

    /// A page whose name was made to point here would send its own name (DNS rebinding).
    fn check_host(&self) -> Result<(), Refusal> {
        let host = self.header("host").unwrap_or_default();
        let name = host_name(host);
        let ours =
            (self.own_urls.iter()).any(|url| host_name(authority(url)).eq_ignore_ascii_case(name));
        if is_this_machine(name) || ours {
            return Ok(());
        }
        let reason = format!(
            "`{host}` is no name of this provider; use localhost, 127.0.0.1, or the public or internal address that it was set up with"
        );
        Err(Refusal::new(403, "forbidden", reason))
    }

    /// Browsers say where a request comes from; programs do not.
    fn check_page(&self) -> Result<(), Refusal> {
        let host = self.header("host").unwrap_or_default();
        if let Some(origin) = self.header("origin") {
            let scheme_is_web = origin.starts_with("http://") || origin.starts_with("https://");
            let own =
                scheme_is_web && !host.is_empty() && authority(origin).eq_ignore_ascii_case(host);
            if !own {
                return Err(from_elsewhere());
            }
        }
        match self.header("sec-fetch-site") {
            None | Some("same-origin" | "none") => Ok(()),
            Some(_) => Err(from_elsewhere()),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        // One that cannot be read is none of those that let a request in.
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("?"))
    }
}

fn from_elsewhere() -> Refusal {
    let reason = "a web page of another origin may not use the control API; call it from a program, such as your test runner";
    Refusal::new(403, "forbidden", reason)
}

/// Host and port of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// The host without its port.
fn host_name(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name,
        Some(_) | None => authority,
    }
}

fn is_this_machine(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let is_loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || bare.unwrap_or(&name).parse().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn answer(key: Option<&str>, peer: &str, headers: &[(&'static str, &str)]) -> u16 {
        let key = key.map(|key| ControlKey::new(key.to_owned()));
        let headers: HeaderMap = (headers.iter())
            .map(|(name, value)| {
                let name = HeaderName::from_static(name);
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let door = Door {
            key: key.as_ref(),
            own_urls: &["http://gauntlet:9400".to_owned()],
            peer: peer.parse().unwrap(),
            headers: &headers,
        };
        door.check()
            .map_or_else(|refusal| refusal.status(), |()| 200)
    }

    #[test]
    fn without_a_key_only_programs_on_this_machine_come_in() {
        let here = "127.0.0.1:5";
        for host in [
            "localhost:9400",
            "127.0.0.1",
            "[::1]:9400",
            "app.localhost:1",
            "gauntlet:9400",
        ] {
            assert_eq!(answer(None, here, &[("host", host)]), 200, "{host}");
        }
        for host in [
            "evil.test",
            "127.0.0.1.evil.test:80",
            "localhost.evil.test",
            "0.0.0.0:1",
            "",
        ] {
            assert_eq!(answer(None, here, &[("host", host)]), 403, "{host}");
        }
        let host = ("host", "localhost:9400");
        assert_eq!(answer(None, "[::ffff:127.0.0.1]:5", &[host]), 200);
        assert_eq!(answer(None, "192.0.2.1:5", &[host]), 403);
        assert_eq!(
            answer(None, here, &[host, ("x-forwarded-for", "192.0.2.1")]),
            403
        );
    }

    #[test]
    fn with_a_key_it_is_always_needed_and_opens_from_everywhere() {
        let (far, key) = ("192.0.2.1:5", Some("k"));
        let host = ("host", "anything");
        assert_eq!(
            answer(key, far, &[host, ("authorization", "Bearer k")]),
            200
        );
        assert_eq!(
            answer(key, far, &[host, ("authorization", "bearer  k ")]),
            200
        );
        for wrong in ["Bearer", "Bearer K", "Basic k", "k", "Bearer kk", "Bearer "] {
            assert_eq!(
                answer(key, far, &[host, ("authorization", wrong)]),
                401,
                "{wrong}"
            );
        }
        assert_eq!(answer(key, "127.0.0.1:5", &[("host", "localhost")]), 401);
    }

    #[test]
    fn no_web_page_but_our_own_comes_in() {
        let host = ("host", "localhost:9400");
        let site = |value| [host, ("sec-fetch-site", value)];
        assert_eq!(answer(None, "127.0.0.1:5", &site("none")), 200);
        assert_eq!(answer(None, "127.0.0.1:5", &site("same-origin")), 200);
        assert_eq!(answer(None, "127.0.0.1:5", &site("same-site")), 403);
        assert_eq!(answer(None, "127.0.0.1:5", &site("cross-site")), 403);
        let from = |origin| [host, ("origin", origin), ("authorization", "Bearer k")];
        for key in [None, Some("k")] {
            assert_eq!(
                answer(key, "127.0.0.1:5", &from("http://localhost:9400")),
                200
            );
            for origin in [
                "null",
                "http://localhost:3000",
                "http://evil.test",
                "x://localhost:9400",
            ] {
                assert_eq!(answer(key, "127.0.0.1:5", &from(origin)), 403, "{origin}");
            }
        }
    }
}
