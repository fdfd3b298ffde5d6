//! What a program says on stderr while it serves. No line has a secret in it: paths go without
//! their query, and bodies not at all.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, registry};

use crate::config::{Log, LogFormat};

/// Logs from here on; `RUST_LOG`, where it is set, says what. If the program logs already, that
/// stays as it is.
pub(crate) fn install(log: Log, format: LogFormat) {
    let usual = match log {
        Log::Errors => Targets::new().with_default(LevelFilter::ERROR),
        Log::Warnings => Targets::new().with_default(LevelFilter::WARN),
        Log::Requests => Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("mock_provider::requests", LevelFilter::INFO),
    };
    // Of the two filters there are, the one that costs a small program less.
    let asked = std::env::var("RUST_LOG").ok();
    let filter = asked.and_then(|it| it.parse().ok()).unwrap_or(usual);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let installed = match format {
        LogFormat::Text => registry()
            .with(lines.without_time().with_filter(filter))
            .try_init(),
        LogFormat::Json => registry()
            .with(lines.json().flatten_event(true).with_filter(filter))
            .try_init(),
    };
    // An error means that there is another logger, which is as good.
    drop(installed);
}
