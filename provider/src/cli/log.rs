//! What a program says on stderr while it serves. No line has a secret in it: paths go without
//! their query, and bodies not at all.

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Logs from here on; `RUST_LOG`, where it is set, says what. If the program logs already, that
/// stays as it is.
pub(crate) fn install(log: Log, format: LogFormat) {
    let directives = match log {
        Log::Errors => "error",
        Log::Warnings => "warn",
        Log::Requests => "warn,mock_provider::requests=info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let installed = match format {
        LogFormat::Text => subscriber.without_time().try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    // An error means that there is another logger, which is as good.
    drop(installed);
}
