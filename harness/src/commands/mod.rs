//! One file for each command, and what they share.

pub mod client;
pub mod doctor;
pub mod explain;
pub mod healthcheck;
pub mod init;
pub mod lint;
pub mod list;
pub mod prove;
pub mod report;
pub mod run;
pub mod serve;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::Selecting;
use crate::diag::Diagnostic;
use crate::report::Exit;
use crate::scenario::{Plan, Source, load};
use crate::select::Selection;

/// How many cores there are.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Writes a line of results. A reader that went away is no mistake of ours.
pub fn tell(text: &str) {
    drop(writeln!(anstream::stdout(), "{text}"));
}

/// Writes a line of narration.
pub fn complain(text: &str) {
    drop(writeln!(anstream::stderr(), "{text}"));
}

/// Shows what is wrong with files, each once.
fn show(defects: &[Diagnostic]) {
    let styled = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for defect in defects {
        complain(&defect.render(styled));
        complain("");
    }
    let files = if defects.len() == 1 {
        "1 error".to_owned()
    } else {
        format!("{} errors", defects.len())
    };
    complain(&format!(
        "{files} in scenario and target files; nothing was run"
    ));
}

/// Where scenarios come from when nothing is said.
fn source(folder: Option<&Path>) -> Source {
    match folder {
        Some(folder) => Source::Folder(folder.to_owned()),
        None if Path::new("scenarios").is_dir() => Source::Folder(PathBuf::from("scenarios")),
        None => Source::Embedded,
    }
}

/// Loads and selects. What is wrong has been shown when this fails.
fn plans(selecting: &Selecting) -> Result<(Source, Vec<Plan>), Exit> {
    let source = source(selecting.scenarios.as_deref());
    let plans = load(&source).map_err(|error| {
        show(&error.0);
        Exit::Usage
    })?;
    let selection = Selection {
        patterns: selecting.patterns.clone(),
        tags: selecting.tag.clone(),
        level: selecting.level.map(Into::into),
    };
    let plans = selection.select(plans).map_err(|error| {
        complain(&format!("error: {error}"));
        complain(if Path::new(&error.word).exists() {
            "       a target file is named with -t, a folder of scenarios with --scenarios"
        } else {
            "       `gauntlet list` shows all ids and tags"
        });
        Exit::NothingRan
    })?;
    Ok((source, plans))
}
