//! Until a program is ready: a port for it, and the wait for its first answer.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use rand::RngExt;

use super::InstanceError;
use super::process::Process;
use crate::user_agent::http_client;

/// A port that is free now and that nobody is given by chance: the system hands out ports from
/// 32768 on to whoever asks for any.
pub(super) fn port_for_a_program() -> Result<u16, InstanceError> {
    for _ in 0..100 {
        let port = rand::rng().random_range(20_000..30_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(InstanceError::new(
        "no free port was found between 20000 and 29999",
    ))
}

/// Polls until the client answers at all.
pub(super) async fn wait_until_ready(
    process: &Process,
    url: &str,
    timeout: Duration,
) -> Result<(), String> {
    let client = http_client();
    let deadline = Instant::now() + timeout;
    let mut silent = false;
    loop {
        if let Some(status) = process.ended() {
            return Err(format!("ended before it was ready ({status})"));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let what = if silent {
                "accepts connections but never answers"
            } else {
                "nothing listens there"
            };
            return Err(format!(
                "is not ready after {}: {url} was polled and {what}",
                humantime::format_duration(timeout)
            ));
        }
        match client
            .get(url)
            .timeout(left.min(Duration::from_secs(2)))
            .send()
            .await
        {
            // Somebody else on this port would answer as well, while our program fails to bind it.
            Ok(_) if process.ended().is_none() => return Ok(()),
            Ok(_) => continue,
            Err(error) => silent = error.is_timeout(),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
