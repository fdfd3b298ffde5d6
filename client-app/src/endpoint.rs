//! The URL of an endpoint, checked where it enters: from the configuration or from metadata.

use serde::Deserialize;
use std::{fmt, str::FromStr};
use url::{Host, Url};

/// An absolute URL that tokens and codes may be sent to: `https`, or plain `http` on this very
/// machine (RFC 6749 sections 3.1 and 3.2, RFC 8252 section 8.3).
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct EndpointUrl(Url);

impl EndpointUrl {
    /// The parsed URL.
    pub(crate) fn as_url(&self) -> &Url {
        &self.0
    }

    /// Whether the URL is plain `http`, which this type allows on loopback only.
    pub(crate) fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }
}

/// Why a text is not the URL of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndpointUrlError {
    /// Not an absolute URL at all.
    #[error("it is not an absolute URL")]
    NotAUrl,
    /// Another scheme than `https` or `http`.
    #[error("its scheme is neither https nor http")]
    Scheme,
    /// Plain `http` to another machine.
    #[error("plain http is allowed for localhost only; use https")]
    PlainHttp,
    /// A fragment, which RFC 6749 forbids in endpoint URLs.
    #[error("it has a fragment (the part after `#`)")]
    Fragment,
    /// A user name or a password in the URL.
    #[error("it has a user name or a password in it")]
    Credentials,
}

impl FromStr for EndpointUrl {
    type Err = EndpointUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| EndpointUrlError::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(EndpointUrlError::PlainHttp),
            _ => return Err(EndpointUrlError::Scheme),
        }
        if url.fragment().is_some() {
            return Err(EndpointUrlError::Fragment);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointUrlError::Credentials);
        }
        Ok(Self(url))
    }
}

impl TryFrom<String> for EndpointUrl {
    type Error = EndpointUrlError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for good in [
            "http://localhost:9400/token",
            "http://127.0.0.1/token",
            "http://127.8.9.10/token",
            "http://[::1]:9400/token",
            "https://op.example/token?tenant=1",
        ] {
            assert!(good.parse::<EndpointUrl>().is_ok(), "{good}");
        }
        for (bad, why) in [
            ("http://op.example/token", EndpointUrlError::PlainHttp),
            (
                "http://localhost.evil.example/",
                EndpointUrlError::PlainHttp,
            ),
            (
                "http://127.0.0.1.evil.example/",
                EndpointUrlError::PlainHttp,
            ),
            ("http://[::2]/", EndpointUrlError::PlainHttp),
            ("ftp://localhost/", EndpointUrlError::Scheme),
            ("javascript:alert(1)", EndpointUrlError::Scheme),
            ("/token", EndpointUrlError::NotAUrl),
            ("https://op.example/#token", EndpointUrlError::Fragment),
            ("https://a:b@op.example/", EndpointUrlError::Credentials),
        ] {
            assert_eq!(bad.parse::<EndpointUrl>(), Err(why), "{bad}");
        }
    }
}
