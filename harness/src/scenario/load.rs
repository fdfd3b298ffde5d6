//! Finding and reading scenario files: every error of every file is reported.

use std::fs;
use std::path::{Path, PathBuf};

use super::check::check;
use super::{Plan, Scenario, plans};
use crate::diag::Diagnostic;

/// Where scenarios come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The ones that were built in.
    Embedded,
    /// A folder; the path of a file below it is its id.
    Folder(PathBuf),
}

/// Files that could not be read as scenarios.
#[derive(Debug, thiserror::Error)]
#[error("{} of the scenario files cannot be used", .0.len())]
pub struct LoadError(pub Vec<Diagnostic>);

/// The shipped scenarios: id and text, embedded by the build script.
static EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// Reads all scenarios of a source, sorted by id.
///
/// # Errors
/// Every defect of every file, each with its place.
pub fn load(source: &Source) -> Result<Vec<Plan>, LoadError> {
    let mut found = Vec::new();
    let mut defects = Vec::new();
    match source {
        Source::Embedded => {
            for (id, bytes) in EMBEDDED {
                let path = format!("scenarios/{id}.toml");
                match text_of(&path, bytes.to_vec()) {
                    Ok(text) => collect(id, &path, &text, &mut found, &mut defects),
                    Err(defect) => defects.push(*defect),
                }
            }
        }
        Source::Folder(folder) => {
            for file in toml_files(folder, &mut defects) {
                let shown = file.display().to_string();
                let id = id_of(folder, &file);
                match read(&file) {
                    Ok(text) => collect(&id, &shown, &text, &mut found, &mut defects),
                    Err(defect) => defects.push(*defect),
                }
            }
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    if defects.is_empty() {
        Ok(found)
    } else {
        Err(LoadError(defects))
    }
}

/// Reads files and folders named by the user, for `lint`. Returns the plans beside the defects.
pub fn load_paths(paths: &[PathBuf]) -> (Vec<Plan>, Vec<Diagnostic>) {
    let (mut found, mut defects) = (Vec::new(), Vec::new());
    for path in paths {
        let files = if path.is_dir() {
            toml_files(path, &mut defects)
        } else {
            vec![path.clone()]
        };
        let root = if path.is_dir() {
            path.clone()
        } else {
            folder_of_ids(path)
        };
        for file in files {
            match read(&file) {
                Ok(text) => {
                    let shown = file.display().to_string();
                    collect(
                        &id_of(&root, &file),
                        &shown,
                        &text,
                        &mut found,
                        &mut defects,
                    );
                }
                Err(defect) => defects.push(*defect),
            }
        }
    }
    (found, defects)
}

/// A single file's id starts below a folder called `scenarios`, or is its area and name.
fn folder_of_ids(file: &Path) -> PathBuf {
    file.ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "scenarios"))
        .or_else(|| file.parent().and_then(Path::parent))
        .unwrap_or(Path::new(""))
        .to_owned()
}

fn collect(id: &str, path: &str, text: &str, found: &mut Vec<Plan>, defects: &mut Vec<Diagnostic>) {
    match parse(id, path, text) {
        Ok(mut plans) => found.append(&mut plans),
        Err(mut wrong) => defects.append(&mut wrong),
    }
}

/// Parses one scenario.
///
/// # Errors
/// All that is wrong with it, each with its place.
pub fn parse(id: &str, path: &str, text: &str) -> Result<Vec<Plan>, Vec<Diagnostic>> {
    if text.trim().is_empty() {
        return Err(vec![Diagnostic::whole_file(
            path,
            "the scenario file is empty",
            "a scenario needs at least title, level, severity, spec, why, fix and an [expect]; \
             CONTRIBUTING.md shows one",
        )]);
    }
    let scenario: Scenario =
        toml::from_str(text).map_err(|error| vec![Diagnostic::from_toml(path, text, &error)])?;
    let defects = check(id, path, text, &scenario);
    if defects.is_empty() {
        Ok(plans(id, path, &scenario))
    } else {
        Err(defects)
    }
}

pub(super) fn is_name(word: &str) -> bool {
    !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn id_of(folder: &Path, file: &Path) -> String {
    let below = file.strip_prefix(folder).unwrap_or(file).with_extension("");
    below
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Reads a file as text; a file that is none is named with the place of the first wrong byte.
pub fn read(file: &Path) -> Result<String, Box<Diagnostic>> {
    let shown = file.display().to_string();
    let unread = |how: String, help: &str| Box::new(Diagnostic::whole_file(&shown, how, help));
    let failed = |error: std::io::Error| {
        let how = format!("the file cannot be read: {error}");
        unread(how, "check the path and its permissions")
    };
    let about = fs::metadata(file).map_err(failed)?;
    // What is none, such as a pipe, may have no end.
    if !about.is_file() {
        return Err(unread("this is not a file".to_owned(), "name a file"));
    }
    if about.len() > LARGEST {
        let how = format!("the file has {} bytes", about.len());
        return Err(unread(how, "a file of one MiB at most is read"));
    }
    text_of(&shown, fs::read(file).map_err(failed)?)
}

fn text_of(shown: &str, bytes: Vec<u8>) -> Result<String, Box<Diagnostic>> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let source = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let end = source[good..].chars().next().map_or(good, |c| good + c.len_utf8());
        Box::new(Diagnostic {
            path: shown.to_owned(),
            source,
            span: good..end,
            message: "the file is not UTF-8 text".to_owned(),
            label: "this byte is not text".to_owned(),
            help: Some("scenario and target files are TOML; remove the file from the folder, or save it as UTF-8".to_owned()),
        })
    })
}

fn toml_files(folder: &Path, defects: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                defects.push(Diagnostic::whole_file(
                    &folder.display().to_string(),
                    format!("the folder cannot be read: {error}"),
                    "name a folder of scenario files, or leave --scenarios out to use the built-in ones",
                ));
                continue;
            }
        };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
