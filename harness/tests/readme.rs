//! The console blocks of README.md are run, and what they show is compared.

#[test]
fn the_console_blocks_of_the_readme_are_true() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::set_current_dir(root).expect("the repository is there");
    trycmd::TestCases::new()
        .case("README.md")
        .register_bin(
            "gauntlet",
            std::path::PathBuf::from(env!("CARGO_BIN_EXE_gauntlet")),
        )
        .env("NO_COLOR", "1");
}
