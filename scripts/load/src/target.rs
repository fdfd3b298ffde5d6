//! URLs, taken apart into what a connection and a request need.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use url::Url;

use crate::cli::resolve;

/// Where a request goes.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// The `Host` header.
    pub(crate) host: String,
    /// Path and query; may hold `{n}`.
    pub(crate) path: String,
}

/// Stands for a number in URLs.
pub(crate) const PLACEHOLDER: &str = "{n}";

impl Target {
    pub(crate) fn parse(url: &str) -> anyhow::Result<Self> {
        let parsed = Url::parse(url).with_context(|| format!("`{url}` is no URL"))?;
        if parsed.scheme() != "http" {
            bail!("`{url}` is not plain http");
        }
        let name = parsed.host_str().context("the URL has no host")?;
        let port = parsed.port().unwrap_or(80);
        let address = resolve(name.trim_matches(['[', ']']), port)
            .with_context(|| format!("cannot find `{name}`"))?;
        // Taken as it is written: a parsed URL has its braces encoded.
        let path = url
            .splitn(4, '/')
            .nth(3)
            .map_or_else(|| "/".to_owned(), |path| format!("/{path}"));
        Ok(Self {
            address,
            host: format!("{name}:{port}"),
            path,
        })
    }

    /// The path with a number in place of the placeholder.
    pub(crate) fn path_of(&self, number: usize) -> String {
        self.path.replace(PLACEHOLDER, &number.to_string())
    }

    /// A whole GET request.
    pub(crate) fn get(&self, number: usize, headers: &str) -> Vec<u8> {
        format!(
            "GET {} HTTP/1.1\r\nhost: {}\r\naccept: */*\r\n{headers}\r\n",
            self.path_of(number),
            self.host,
        )
        .into_bytes()
    }

    /// A whole POST request with a form.
    pub(crate) fn post(&self, number: usize, headers: &str, form: &str) -> Vec<u8> {
        format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\naccept: */*\r\n{headers}\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            self.path_of(number),
            self.host,
            form.len(),
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let target = Target::parse("http://127.0.0.1:81/i{n}/jwks?a=b").unwrap();
        assert_eq!(target.address, "127.0.0.1:81".parse().unwrap());
        assert_eq!(target.host, "127.0.0.1:81");
        assert_eq!(target.path_of(7), "/i7/jwks?a=b");
        assert_eq!(Target::parse("http://127.0.0.1:81").unwrap().path, "/");
        assert!(Target::parse("https://127.0.0.1/").is_err());
    }
}
