//! The crate's invariants, held by reading its source.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    fn collect(path: &Path, found: &mut Vec<(PathBuf, String)>) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                collect(&entry.unwrap().path(), found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.to_owned(), fs::read_to_string(path).unwrap()));
        }
    }
    let mut found = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
        &mut found,
    );
    assert!(!found.is_empty(), "{folder}");
    found
}

#[test]
fn endpoints_and_issuance_name_no_fault() {
    for (path, text) in sources("src/endpoint")
        .into_iter()
        .chain(sources("src/issue"))
    {
        assert!(!text.contains("Fault"), "{}", path.display());
    }
}

#[test]
fn the_protocol_folder_has_no_behaviour() {
    for (path, text) in sources("src/protocol") {
        for line in text.lines().filter(|line| line.starts_with("impl")) {
            assert!(
                line.starts_with("impl fmt::Debug"),
                "{}: {line}",
                path.display()
            );
        }
        assert!(
            !text.contains("\nfn ") && !text.contains("\npub(crate) fn "),
            "{}",
            path.display()
        );
    }
}

#[test]
fn only_the_clock_reads_time_or_makes_randomness() {
    // Clippy's `disallowed-methods` holds the calls; this holds that nobody switches it off.
    for (path, text) in sources("src") {
        let is_clock = path.ends_with("src/clock.rs");
        let names = [
            "disallowed_methods",
            "SystemTime",
            "Instant::now",
            "SystemRandom",
            "use rand",
        ];
        for name in names.into_iter().filter(|name| text.contains(name)) {
            assert!(is_clock, "{} names {name}", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_can_be_read_in_one_sitting() {
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder) {
            assert!(text.starts_with("//! "), "{}", path.display());
            let tests = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
            let lines = text[..tests].lines().count();
            assert!(
                lines <= 400 || folder == "tests",
                "{}: {lines}",
                path.display()
            );
        }
    }
}
