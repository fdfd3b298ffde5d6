//! `gauntlet lint`: all that is wrong with scenario files.

use super::{complain, show, source, tell};
use crate::cli::LintArgs;
use crate::report::Exit;
use crate::scenario::{load, load_paths};

/// Runs the command.
pub fn lint(args: &LintArgs) -> Exit {
    let (plans, defects) = if args.paths.is_empty() {
        match load(&source(None)) {
            Ok(plans) => (plans, Vec::new()),
            Err(error) => (Vec::new(), error.0),
        }
    } else {
        load_paths(&args.paths)
    };
    if !defects.is_empty() {
        show(&defects);
        return Exit::Usage;
    }
    if plans.is_empty() {
        complain("error: there is no scenario file at these paths");
        return Exit::NothingRan;
    }
    tell(&format!("{} scenarios, no error", plans.len()));
    Exit::Well
}
