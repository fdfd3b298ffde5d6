//! `gauntlet init`: a target file to begin with.

use std::fs;
use std::path::{Path, PathBuf};

use super::{complain, tell};
use crate::cli::{Ci, InitArgs};
use crate::report::Exit;
use crate::schema;
use crate::stack::Stack;

/// Runs the command. It asks nothing: what is not said is guessed, and told.
pub fn init(args: &InitArgs) -> Exit {
    let folder = &args.dir;
    if !folder.is_dir() {
        complain(&format!("error: {} is no folder", folder.display()));
        return Exit::Usage;
    }
    let (stack, why) = match (args.stack, Stack::guess(folder)) {
        (Some(stack), _) => (stack, String::new()),
        (None, Some((stack, file))) => (stack, format!(", guessed from {file}")),
        (None, None) => (Stack::Other, ", since no file tells what it is".to_owned()),
    };
    let target_file = stack.target_file(&name(folder), stack.command(folder).as_deref());
    let schemas = schema::all();
    let schema = schemas.into_iter().find(|(name, _)| *name == "target.json");
    let mut files = vec![(PathBuf::from("gauntlet.toml"), target_file)];
    if args.ci == Some(Ci::Github) {
        let path = PathBuf::from(".github/workflows/gauntlet.yaml");
        files.push((path, stack.github_workflow()));
    }
    let there: Vec<&PathBuf> = (files.iter().map(|(file, _)| file))
        .filter(|file| folder.join(file).exists())
        .collect();
    if !there.is_empty() && !args.force {
        for file in there {
            complain(&format!(
                "error: {} is there already",
                folder.join(file).display()
            ));
        }
        complain("       --force writes over it");
        return Exit::Usage;
    }
    // The schema is ours, so it is renewed without being asked for.
    files.extend(schema.map(|(_, text)| (PathBuf::from(".gauntlet/target.json"), text)));
    for (file, text) in &files {
        let path = folder.join(file);
        if let Err(error) = write(&path, text) {
            complain(&format!(
                "error: {} cannot be written: {error}",
                path.display()
            ));
            return Exit::Usage;
        }
    }
    tell(&format!(
        "wrote  {}     an app in {}{why}",
        folder.join("gauntlet.toml").display(),
        stack.name()
    ));
    for (file, _) in &files[1..] {
        let what = if file.starts_with(".gauntlet") {
            "what editors complete it from"
        } else {
            "a workflow"
        };
        tell(&format!(
            "wrote  {}     {what}",
            folder.join(file).display()
        ));
    }
    if stack == Stack::Other && args.stack.is_none() {
        let names: Vec<&str> = Stack::ALL.iter().map(|it| it.name()).collect();
        tell(&format!("       --stack says more: {}", names.join(", ")));
    }
    tell("");
    tell("look   at [start] and [app] in it: the command, the names of the variables, the paths");
    let option = match folder.as_path() {
        path if path == Path::new(".") => String::new(),
        path => format!(" -t {}", path.join("gauntlet.toml").display()),
    };
    tell(&format!(
        "next   gauntlet doctor{option}     signs in once and says which line is wrong"
    ));
    Exit::Well
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

/// The app's name is that of its folder.
fn name(folder: &Path) -> String {
    let full = folder.canonicalize().unwrap_or_default();
    let name = full.file_name().unwrap_or_default().to_string_lossy();
    let plain = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name.chars().filter(plain).collect();
    if name.is_empty() {
        return "my-app".to_owned();
    }
    name
}
