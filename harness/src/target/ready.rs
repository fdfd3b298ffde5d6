//! Until a program is ready: a port for it, and the wait for the sign that it gives.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use regex::Regex;
use reqwest::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::instance::{InstanceError, Stopped};
use super::process::{LogBuffer, Process};
use crate::user_agent::http_client;

/// When a program is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// When a URL answers, with anything but 503.
    Url(String),
    /// When a line of its output matches a regular expression.
    Log(String),
    /// When something listens on its port.
    Port,
}

/// The table form of [`Ready`].
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[schemars(rename = "Ready")]
struct ReadyTable {
    /// A regular expression for a line of the program's output, such as `"Started .* in"`.
    log: Option<String>,
    /// Something listens on `{port}`.
    port: bool,
}

impl Default for Ready {
    fn default() -> Self {
        Self::Url("{app}/".to_owned())
    }
}

impl<'de> Deserialize<'de> for Ready {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UrlOrTable;
        impl<'de> Visitor<'de> for UrlOrTable {
            type Value = Ready;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL, or a table with `log` or `port = true`")
            }

            fn visit_str<E: de::Error>(self, url: &str) -> Result<Ready, E> {
                Ok(Ready::Url(url.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Ready, A::Error> {
                let table = ReadyTable::deserialize(MapAccessDeserializer::new(map))?;
                match (table.log, table.port) {
                    (Some(log), false) => Ok(Ready::Log(log)),
                    (None, true) => Ok(Ready::Port),
                    _ => Err(de::Error::custom("either `log`, or `port = true`")),
                }
            }
        }
        deserializer.deserialize_any(UrlOrTable)
    }
}

impl JsonSchema for Ready {
    fn schema_name() -> Cow<'static, str> {
        "UrlOrReady".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<ReadyTable>();
        json_schema!({
            "description": "A URL that is polled until it answers with anything but 503, a line of the output, or a port.",
            "anyOf": [{ "type": "string" }, table],
        })
    }
}

/// The ports of programs: the system hands out those from 32768 on to whoever asks for any.
const PORTS: Range<u16> = 20_000..30_000;

/// A port that is free now, and that nobody else is given for long: a program that waits for a
/// silent provider before it listens would be taken for another one that came to its port.
pub(super) fn port_for_a_program() -> Result<u16, InstanceError> {
    static TURN: OnceLock<AtomicU16> = OnceLock::new();
    let count = PORTS.end - PORTS.start;
    let turn = TURN.get_or_init(|| AtomicU16::new(rand::rng().random_range(0..count)));
    for _ in 0..100 {
        // Of more than 65536 turns one is out of order, which does no harm.
        let port = PORTS.start + turn.fetch_add(1, Ordering::Relaxed) % count;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(InstanceError::new(
        "no free port was found between 20000 and 29999",
    ))
}

/// Why a program is not ready.
#[derive(Debug)]
pub(super) struct NotReady {
    pub(super) how: Stopped,
    /// In words that follow the program's name.
    pub(super) reason: String,
}

/// Waits for the sign that a program is ready.
pub(super) async fn wait_until_ready(
    process: &Process,
    log: &LogBuffer,
    sign: &Sign,
    timeout: Duration,
) -> Result<(), NotReady> {
    let begun = Instant::now();
    // A page that takes longer than the last look is given twice the time in the next one.
    let mut patience = Duration::from_secs(2);
    loop {
        if let Some(status) = process.ended() {
            return Err(NotReady {
                how: match status.code() {
                    Some(_) => Stopped::Ended,
                    None => Stopped::Killed,
                },
                reason: format!("ended before it was ready ({status})"),
            });
        }
        let left = timeout.saturating_sub(begun.elapsed());
        let look = Instant::now();
        let missing = sign.missing(log, left.min(patience)).await;
        if look.elapsed() >= patience {
            patience *= 2;
        }
        match missing {
            // Somebody else on this port would answer as well, while our program fails to bind it.
            None if process.ended().is_none() => return Ok(()),
            None => continue,
            Some(missing) if left.is_zero() => {
                return Err(NotReady {
                    how: Stopped::Late,
                    reason: format!(
                        "is not ready after {}: {missing}",
                        humantime::format_duration(timeout)
                    ),
                });
            }
            Some(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What is waited for, with everything filled in.
#[derive(Debug)]
pub(super) enum Sign {
    Url(String),
    Log(Regex),
    Port(u16),
}

impl Sign {
    /// What is still missing, in words.
    async fn missing(&self, log: &LogBuffer, patience: Duration) -> Option<String> {
        match self {
            Self::Url(url) => {
                // The last look gets its time as well, however little of it is left.
                let patience = patience.max(Duration::from_millis(250));
                let answer = http_client().get(url).timeout(patience).send().await;
                let what = match answer {
                    // What is asked of its health says so until it can serve (RFC 9110 §15.6.4).
                    Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => {
                        "answers 503, which is to say that it is not"
                    }
                    Ok(_) => return None,
                    Err(error) if error.is_timeout() => "accepts connections but never answers",
                    Err(_) => "nothing listens there",
                };
                Some(format!("{url} was polled and {what}"))
            }
            Self::Log(line) => {
                let text = log.text();
                let said = text.lines().any(|it| line.is_match(it));
                (!said).then(|| format!("no line of its output matches `{line}`"))
            }
            Self::Port(port) => {
                let address = ("localhost", *port);
                let connected = tokio::net::TcpStream::connect(address).await;
                connected
                    .err()
                    .map(|_| format!("nothing listens on port {port}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;

    use super::*;

    #[tokio::test]
    async fn a_page_that_says_503_is_waited_for_and_any_other_will_do() {
        let app = Router::new().route("/wait", get(|| async { StatusCode::SERVICE_UNAVAILABLE }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, app).await });
        let missing = |path: &str| {
            let sign = Sign::Url(format!("http://{address}{path}"));
            async move {
                let log = LogBuffer::default();
                sign.missing(&log, Duration::from_secs(10)).await
            }
        };
        let waits = missing("/wait").await.expect("it is not ready");
        assert!(waits.contains("answers 503"), "{waits}");
        assert_eq!(missing("/elsewhere").await, None);
    }
}
