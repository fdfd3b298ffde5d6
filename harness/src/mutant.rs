//! Mutants: the reference client with exactly one defect, as edits of its source.

use std::path::{Path, PathBuf};
use std::{fs, io};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::diag::Diagnostic;
use crate::scenario::read_text;

/// A mutant file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "OAuth Gauntlet mutant")]
pub struct Mutant {
    /// What the defect is, in a sentence.
    pub summary: String,
    /// Ids of the scenarios that catch it.
    pub caught_by: Vec<String>,
    /// The variant of `Refusal` that the defect takes away, if it takes one away.
    #[serde(default)]
    pub refusal: Option<String>,
    /// The edits; each `find` stands exactly once in its file.
    pub edit: Vec<Edit>,
    /// The file's name.
    #[serde(skip)]
    pub name: String,
}

/// An edit of a source file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Edit {
    /// The file, below `client-app/`.
    pub file: PathBuf,
    /// The text to replace.
    pub find: String,
    /// The text to put in its place.
    pub with: String,
}

/// Why an edit cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The text is not there, or not once.
    #[error("mutant `{mutant}` has rotted: its text stands {count} times in {}", .file.display())]
    Rotted {
        /// The mutant.
        mutant: String,
        /// The file.
        file: PathBuf,
        /// How often the text was found.
        count: usize,
    },
    /// The file cannot be read or written.
    #[error("{}: {source}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Reads all mutants of a folder, sorted by name.
///
/// # Errors
/// What is wrong with them.
pub fn load(folder: &Path) -> Result<Vec<Mutant>, Vec<Diagnostic>> {
    let entries = fs::read_dir(folder).map_err(|error| {
        vec![Diagnostic::whole_file(
            &folder.display().to_string(),
            format!("the folder cannot be read: {error}"),
            "run `gauntlet prove` in the source tree",
        )]
    })?;
    let (mut mutants, mut defects) = (Vec::new(), Vec::new());
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let shown = path.display().to_string();
        let parsed = read_text(&path).and_then(|text| {
            toml::from_str::<Mutant>(&text)
                .map_err(|error| Box::new(Diagnostic::from_toml(&shown, &text, &error)))
        });
        match parsed {
            Ok(mut mutant) => {
                mutant.name = path
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                mutants.push(mutant);
            }
            Err(defect) => defects.push(*defect),
        }
    }
    mutants.sort_by(|a, b| a.name.cmp(&b.name));
    if defects.is_empty() {
        Ok(mutants)
    } else {
        Err(defects)
    }
}

impl Mutant {
    /// The files that the mutant changes, with their new text.
    ///
    /// # Errors
    /// Where an edit does not fit the source any more.
    pub fn apply(&self, source: &Path) -> Result<Vec<(PathBuf, String)>, EditError> {
        let mut changed: Vec<(PathBuf, String)> = Vec::new();
        for edit in &self.edit {
            let known = changed.iter().position(|(file, _)| *file == edit.file);
            let text = if let Some(index) = known {
                changed.remove(index).1
            } else {
                let file = source.join(&edit.file);
                fs::read_to_string(&file).map_err(|source| EditError::Io { file, source })?
            };
            let count = text.matches(&edit.find).count();
            if count != 1 {
                return Err(EditError::Rotted {
                    mutant: self.name.clone(),
                    file: edit.file.clone(),
                    count,
                });
            }
            changed.push((edit.file.clone(), text.replace(&edit.find, &edit.with)));
        }
        Ok(changed)
    }
}
