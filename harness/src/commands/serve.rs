//! `gauntlet serve`: the mock provider, as a program.

use std::error::Error;

use oauth_gauntlet_provider::cli::{ServeArgs, ServeError, serve as provider};

use super::complain;
use crate::report::Exit;

/// Runs the command.
pub async fn serve(args: ServeArgs) -> Exit {
    let Err(error) = provider(args).await else {
        return Exit::Well;
    };
    complain(&format!("error: {}", with_causes(&error)));
    match error {
        ServeError::Config(_) => Exit::Usage,
        ServeError::Interrupted => Exit::Interrupted,
        _ => Exit::Setup,
    }
}

/// An error and what led to it, on one line.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
