//! `gauntlet doctor` for a target: one clean login, and what it showed.

use std::path::Path;

use crate::commands::run::{interrupted, stale_known, target as read};
use crate::commands::{complain, source, tell};
use crate::report::{self, Exit};
use crate::run::{SetupError, full_baseline};
use crate::scenario::load;
use crate::target::{Pool, Target};

/// Signs in once and tells what was seen.
pub(super) async fn target(named: Option<&Path>) -> Exit {
    if named.is_none() && !Path::new("gauntlet.toml").is_file() {
        complain("error: there is no gauntlet.toml here, so there is no app to look at");
        complain(
            "       `gauntlet init` writes one; -t FILE takes another, and --issuer URL looks",
        );
        complain("       at a provider");
        return Exit::Usage;
    }
    let target = match read(named) {
        Ok(target) => target,
        Err(exit) => return exit,
    };
    tell(&format!(
        "gauntlet doctor · {} ({})\n",
        target.name, target.origin
    ));
    tokio::select! {
        exit = examine(target) => exit,
        () = interrupted() => Exit::Interrupted,
    }
}

async fn examine(target: Target) -> Exit {
    let not_set_up = |error: SetupError| {
        complain(report::mistake(&error).trim_end());
        Exit::Setup
    };
    let pool = match Pool::start(target.clone()).await {
        Ok(pool) => pool,
        Err(error) => return not_set_up(SetupError::not_started(&target, error)),
    };
    let clean = match full_baseline(&pool).await {
        Ok(clean) => clean,
        Err(error) => return not_set_up(error),
    };
    tell(&report::checkup(&target, &clean));
    let mut mistakes = report::checkup_mistakes(&target, &clean.observed);
    if let Ok(plans) = load(&source(None)) {
        mistakes.extend(stale_known(&target, &plans));
    }
    for mistake in &mistakes {
        tell(&format!("{}\n", mistake.render(true)));
    }
    if mistakes.is_empty() {
        tell("all is well: `gauntlet run` judges it");
        return Exit::Well;
    }
    tell(match mistakes.len() {
        1 => "1 mistake in the target file",
        _ => "mistakes in the target file",
    });
    Exit::Usage
}
