//! The command line of the provider, for its own program and for those that embed it.

mod args;
mod greeting;
mod healthcheck;
mod interrupts;
mod layers;
mod log;
mod print;
mod ready;
mod serve;
mod setup;
#[cfg(test)]
mod tests;

pub use args::{ENVIRONMENT_HELP, ServeArgs};
pub use healthcheck::{HealthcheckArgs, HealthcheckError, healthcheck};
#[cfg(feature = "schema")]
pub use serve::config_schema;
pub use serve::{ServeError, serve};

pub use crate::config::ConfigError;
