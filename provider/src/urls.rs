//! Under which URLs an issuer is reached: by browsers, by clients on their back channel, and under
//! which one it signs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::paths::Paths;

/// What stands before the path of an issuer where its metadata is (RFC 8414 §3.1).
const INSERTED: &str = "/.well-known/oauth-authorization-server";

/// Under which addresses the provider is reached. By default all is the address that it listens
/// on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Where browsers reach it, such as `http://localhost:9400`. Default: where it listens.
    pub public: Option<String>,
    /// Where clients reach it on their back channel, such as `http://provider:9400` in a
    /// container network. Default: the same as `public`.
    pub internal: Option<String>,
    /// Which of both names the issuer. Default: `internal`, since that is where a client fetches
    /// the discovery document, and what it has to name (OIDC Discovery 1.0 §4.3).
    pub issuer: Side,
    /// What stands before every path, such as `/auth`. Default: nothing.
    pub base_path: String,
    /// Further paths of endpoints, below that of each issuer. Default: none.
    pub paths: Paths,
    /// Whether `X-Forwarded-Proto`, `-Host`, `-Port` and `-Prefix` replace the public address,
    /// request by request. Default: no. Only a proxy that sets them itself makes this sound.
    pub forwarded: bool,
}

/// A side of the provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The one that browsers see.
    Public,
    /// The one that clients see on their back channel.
    #[default]
    Internal,
}

/// The URLs of one issuer, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Urls {
    /// The issuer identifier.
    pub(crate) issuer: String,
    /// What the endpoints that browsers visit begin with.
    pub(crate) front: String,
    /// What the endpoints that clients call begin with.
    pub(crate) back: String,
}

impl Urls {
    /// What the paths that browsers visit begin with; empty, or as `/auth/shop`.
    pub(crate) fn front_path(&self) -> &str {
        let authority = self.front.find("://").map_or(0, |at| at + 3);
        let path = self.front[authority..].find('/');
        path.map_or("", |at| &self.front[authority + at..])
    }
}

impl Addresses {
    /// A path without the base path; none if it is not below that.
    pub(crate) fn below_base<'a>(&self, path: &'a str) -> Option<Cow<'a, str>> {
        let base = self.base_path.as_str();
        if base.is_empty() {
            return Some(Cow::Borrowed(path));
        }
        // RFC 8414 §3.1 puts the well-known part before all that the issuer's path consists of.
        let inserted = path.strip_prefix(INSERTED);
        let rest = inserted.unwrap_or(path).strip_prefix(base)?;
        let is_below = rest.is_empty() || rest.starts_with('/');
        is_below.then(|| match inserted {
            Some(_) => Cow::Owned(format!("{INSERTED}{rest}")),
            None => Cow::Borrowed(rest),
        })
    }

    /// The URLs of the issuer with this path; `listening` is where the provider listens.
    pub(crate) fn urls(&self, listening: &str, path: &str) -> Urls {
        let at = |base: &str| format!("{}{}{path}", base.trim_end_matches('/'), self.base_path);
        let front = at(self.public.as_deref().unwrap_or(listening));
        let back = (self.internal.as_deref()).map_or_else(|| front.clone(), at);
        Urls {
            issuer: match self.issuer {
                Side::Public => front.clone(),
                Side::Internal => back.clone(),
            },
            front,
            back,
        }
    }

    /// The URLs as a proxy says that the browser sees them, if it says so.
    pub(crate) fn forwarded_urls<'a>(
        &self,
        header: impl Fn(&str) -> Option<&'a str>,
        path: impl FnOnce() -> &'a str,
    ) -> Option<Urls> {
        if !self.forwarded {
            return None;
        }
        // Of several proxies the first in the list is the one that the browser talked to.
        let first = |name: &str| {
            let value = header(name)?.split(',').next()?.trim();
            (!value.is_empty()).then_some(value)
        };
        let (proto, host) = (first("x-forwarded-proto"), first("x-forwarded-host"));
        if proto.is_none() && host.is_none() {
            return None;
        }
        let proto = proto.unwrap_or("http").to_ascii_lowercase();
        let host = host.or_else(|| header("host"))?;
        if !matches!(proto.as_str(), "http" | "https") || !is_authority(host) {
            return None;
        }
        let port = first("x-forwarded-port")
            .filter(|port| port.parse::<u16>().is_ok() && !has_port(host))
            .filter(|port| !matches!((proto.as_str(), *port), ("http", "80") | ("https", "443")))
            .map_or_else(String::new, |port| format!(":{port}"));
        let prefix = first("x-forwarded-prefix")
            .map(|prefix| prefix.trim_end_matches('/'))
            .filter(|prefix| is_path(prefix))
            .unwrap_or_default();
        let seen = Self {
            public: Some(format!("{proto}://{host}{port}{prefix}")),
            ..self.clone()
        };
        Some(seen.urls("", path()))
    }
}

fn is_authority(host: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    !host.is_empty() && host.len() <= 255 && host.bytes().all(letters)
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

fn is_path(prefix: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    prefix.is_empty() || prefix.starts_with('/') && prefix.bytes().all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_and_the_base_path_are_in_the_urls() {
        let addresses = Addresses {
            public: Some("http://localhost:9400".to_owned()),
            internal: Some("http://provider:9400/".to_owned()),
            base_path: "/auth".to_owned(),
            ..Addresses::default()
        };
        let urls = addresses.urls("http://127.0.0.1:1", "/shop");
        assert_eq!(urls.issuer, "http://provider:9400/auth/shop");
        assert_eq!(urls.front, "http://localhost:9400/auth/shop");
        assert_eq!(urls.back, urls.issuer);
        assert_eq!(urls.front_path(), "/auth/shop");
        for (path, below) in [
            ("/auth/token", Some("/token")),
            ("/auth", Some("")),
            ("/authorize", None),
            ("/token", None),
            (
                "/.well-known/oauth-authorization-server/auth/shop",
                Some("/.well-known/oauth-authorization-server/shop"),
            ),
            ("/.well-known/oauth-authorization-server", None),
        ] {
            assert_eq!(addresses.below_base(path).as_deref(), below, "{path}");
        }
        let anything = Addresses::default().below_base("/token");
        assert_eq!(anything.as_deref(), Some("/token"));
        let public = Addresses {
            issuer: Side::Public,
            ..addresses
        };
        assert_eq!(public.urls("", "").issuer, "http://localhost:9400/auth");
    }

    #[test]
    fn a_proxy_is_believed_only_where_it_is_trusted_and_makes_sense() {
        let trusting = Addresses {
            forwarded: true,
            ..Addresses::default()
        };
        let seen = |addresses: &Addresses, headers: &[(&str, &'static str)]| {
            let header = |name: &str| {
                let found = headers.iter().find(|(known, _)| *known == name)?;
                Some(found.1)
            };
            addresses.forwarded_urls(header, || "/a").map(|it| it.front)
        };
        let https = [
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-host", "id.test"),
            ("x-forwarded-port", "8443"),
            ("x-forwarded-prefix", "/sso/"),
        ];
        let expected = "https://id.test:8443/sso/a";
        assert_eq!(seen(&trusting, &https).as_deref(), Some(expected));
        assert_eq!(seen(&Addresses::default(), &https), None);
        assert_eq!(seen(&trusting, &[("host", "x")]), None);
        for wrong in ["evil.test/path", "a b", "<x>"] {
            assert_eq!(seen(&trusting, &[("x-forwarded-host", wrong)]), None);
        }
        let usual = [("x-forwarded-host", "id.test"), ("x-forwarded-port", "80")];
        assert_eq!(seen(&trusting, &usual).as_deref(), Some("http://id.test/a"));
    }
}
