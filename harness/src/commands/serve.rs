//! `gauntlet serve`: the mock provider, as a program.

use oauth_gauntlet_provider::cli::{ServeArgs, serve as provider};

use super::complain;
use crate::report::Exit;

/// Runs the command.
pub async fn serve(args: ServeArgs) -> Exit {
    match provider(args).await {
        Ok(()) => Exit::Well,
        Err(error) => {
            complain(&format!("error: {error}"));
            if error.exit_code() == Exit::Setup as u8 {
                Exit::Setup
            } else {
                Exit::Usage
            }
        }
    }
}
