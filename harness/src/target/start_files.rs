//! `[start.files]`: files that a program reads where it takes no environment, written before it
//! starts and put back when it has ended.

use std::io;
use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::leftover::WrittenFile;
use super::placeholder::Values;

/// A file of the program, for the time that it runs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct StartFile {
    /// What is in it, with the placeholders of `[start.env]`.
    pub text: Option<String>,
    /// What is in it, as JSON; its strings may have placeholders.
    pub json: Option<Value>,
}

/// Whether a path stays below the folder of the target file.
pub(super) fn stays_below(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    !path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

impl StartFile {
    /// Writes the file; dropping what is returned puts back what was there.
    pub(super) fn write(
        &self,
        folder: &Path,
        path: &str,
        values: &Values,
    ) -> io::Result<WrittenFile> {
        let content = match (&self.text, &self.json) {
            (Some(text), _) => values.fill(text),
            (None, Some(json)) => {
                let mut json = json.clone();
                values.fill_json(&mut json);
                format!("{json:#}\n")
            }
            (None, None) => String::new(),
        };
        let path: PathBuf = std::path::absolute(folder.join(path))?;
        WrittenFile::write(path, content.as_bytes())
    }

    /// All texts in it.
    pub(super) fn texts(&self) -> Vec<&str> {
        let mut found: Vec<&str> = self.text.as_deref().into_iter().collect();
        let mut values: Vec<&Value> = self.json.iter().collect();
        while let Some(value) = values.pop() {
            match value {
                Value::String(text) => found.push(text),
                Value::Array(items) => values.extend(items),
                Value::Object(members) => values.extend(members.values()),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_folder() {
        for path in ["config.json", "dist/config.json", "./a"] {
            assert!(stays_below(path), "{path}");
        }
        for path in ["", "../a", "a/../../b", "/etc/hosts"] {
            assert!(!stays_below(path), "{path}");
        }
    }
}
