//! `gauntlet healthcheck`: whether a provider answers.

use oauth_gauntlet_provider::cli::{HealthcheckArgs, healthcheck as ask};

use super::serve::with_causes;
use super::{complain, tell};
use crate::report::Exit;

/// Runs the command.
pub async fn healthcheck(args: HealthcheckArgs) -> Exit {
    match ask(args).await {
        Ok(url) => {
            tell(&format!("healthy: {url}"));
            Exit::Well
        }
        Err(error) => {
            complain(&format!("error: {}", with_causes(&error)));
            Exit::Failed
        }
    }
}
