//! `gauntlet report`: the JSON reports of several clients put together, and the writing of all
//! reports.

use std::path::{Path, PathBuf};

use super::{complain, tell};
use crate::cli::{ReportArgs, ReportFile, ReportKind, TranscriptsArg};
use crate::report::{Document, Exit, Transcripts, html, junit};

/// Runs the command.
pub fn report(args: &ReportArgs) -> Exit {
    let read: Vec<&Path> = args.files.iter().map(PathBuf::as_path).collect();
    if let Err(exit) = check_reports(&args.report, &read) {
        return exit;
    }
    let mut documents = Vec::new();
    for file in &args.files {
        match document(file) {
            Ok(document) => documents.push(document),
            Err(message) => {
                complain(&format!("error: {}: {message}", file.display()));
                complain("       `gauntlet run --report json=PATH` writes what is wanted here");
                return Exit::Usage;
            }
        }
    }
    for (index, document) in documents.iter().enumerate() {
        let earlier = &documents[..index];
        if earlier.iter().any(|other| other.target == document.target) {
            complain(&format!(
                "error: {} is a second report of `{}`; name each client once",
                args.files[index].display(),
                document.target
            ));
            return Exit::Usage;
        }
    }
    for document in &documents {
        let sum = &document.summary;
        tell(&format!(
            "  {:<32} {:>4} run  {:>4} pass  {:>3} fail  {:>3} warn  {:>3} info  {:>3} known  {:>3} inconclusive  {:>3} skipped",
            document.target,
            sum.ran(),
            sum.pass,
            sum.fail,
            sum.warn,
            sum.info,
            sum.known,
            sum.inconclusive + sum.error,
            sum.skip
        ));
    }
    let transcripts = args.transcripts.map(|which| match which {
        TranscriptsArg::All => Transcripts::All,
        TranscriptsArg::Notable => Transcripts::Notable,
        TranscriptsArg::None => Transcripts::None,
    });
    write_reports(&documents, Exit::Well, &args.report, transcripts)
}

fn document(file: &Path) -> Result<Document, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("it is not a report of a run: {error}"))
}

/// Looks before the work whether the reports have a place to go to, and whether they would replace
/// what is read: the target file, other reports.
pub(super) fn check_reports(reports: &[ReportFile], read: &[&Path]) -> Result<(), Exit> {
    let same = |one: &Path, other: &Path| {
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        whole(one) == whole(other)
    };
    for (index, report) in reports.iter().enumerate() {
        let path = report.path.as_path();
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let problem = if reports[..index].iter().any(|other| same(&other.path, path)) {
            "another report goes there as well"
        } else if read.iter().any(|it| same(it, path)) {
            "that file is read here, and would be lost"
        } else if path.is_dir() {
            "that is a folder; name a file in it"
        } else if folder.is_some_and(|folder| !folder.is_dir()) {
            "there is no such folder; make it first"
        } else {
            continue;
        };
        complain(&format!(
            "error: --report cannot write to {}: {problem}",
            path.display()
        ));
        return Err(Exit::Usage);
    }
    Ok(())
}

/// Writes reports. One that cannot be written is worse than a run that went well, and no better than
/// one that did not.
pub(super) fn write_reports(
    documents: &[Document],
    exit: Exit,
    reports: &[ReportFile],
    transcripts: Option<Transcripts>,
) -> Exit {
    let transcripts = transcripts.unwrap_or(match documents {
        [_] => Transcripts::All,
        _ => Transcripts::Notable,
    });
    let mut written = exit;
    for report in reports {
        let result = text(documents, report.kind, transcripts)
            .and_then(|text| std::fs::write(&report.path, text).map_err(|e| e.to_string()));
        if let Err(error) = result {
            complain(&format!(
                "error: the report cannot be written to {}: {error}",
                report.path.display()
            ));
            if matches!(exit, Exit::Well) {
                written = Exit::Usage;
            }
        }
    }
    written
}

fn text(
    documents: &[Document],
    kind: ReportKind,
    transcripts: Transcripts,
) -> Result<String, String> {
    match (kind, documents) {
        (ReportKind::Json, [document]) => serde_json::to_string_pretty(document)
            .map(|text| text + "\n")
            .map_err(|error| error.to_string()),
        (ReportKind::Json, _) => {
            Err("a JSON report is of one client; write junit=PATH or html=PATH".to_owned())
        }
        (ReportKind::Junit, _) => junit(documents).map_err(|error| error.to_string()),
        (ReportKind::Html, _) => html(documents, transcripts).map_err(|error| error.to_string()),
    }
}
