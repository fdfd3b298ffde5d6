//! The documents for those who use the provider: they say what is there.

use std::fs;
use std::path::Path;

#[test]
fn the_tests_that_are_shown_are_those_that_run() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/in-a-test.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once("```rust\n").unwrap();
    let (shown, after) = rest.split_once("```\n").unwrap();
    let (_, run) = include_str!("in_a_test.rs").split_once("\n\n").unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}```rust\n{run}```\n{after}")).unwrap();
    } else {
        assert!(
            shown == run,
            "docs/in-a-test.md is stale: UPDATE_DOCS=1 cargo test -p oauth-gauntlet-provider --test it documents"
        );
    }
}
