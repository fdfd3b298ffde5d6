//! `gauntlet init`: a target file to begin with, guessed from what is there.

use crate::files::Folder;

fn init(folder: &Folder, arguments: &[&str]) -> (Option<i32>, String) {
    folder.gauntlet(&[&["init"], arguments].concat())
}

fn read(folder: &Folder, file: &str) -> String {
    std::fs::read_to_string(folder.0.join(file)).unwrap_or_default()
}

#[test]
fn the_files_of_an_app_tell_what_it_is_made_with() {
    for (file, content, stack, holds) in [
        ("requirements.txt", "Flask==3.1\n", "flask", "flask --app"),
        ("requirements.txt", "Django==5.2\n", "django", "manage.py"),
        (
            "pyproject.toml",
            "[project]\ndependencies = [\"fastapi\"]\n",
            "fastapi",
            "uvicorn",
        ),
        (
            "package.json",
            r#"{"dependencies": {"express": "5"}, "scripts": {"start": "node src/web.js"}}"#,
            "express",
            "command = \"node src/web.js\"",
        ),
        (
            "package.json",
            r#"{"dependencies": {"next": "16"}}"#,
            "next",
            "AUTH_SECRET",
        ),
        (
            "package.json",
            r#"{"dependencies": {"oidc-client-ts": "3"}, "scripts": {"start": "vite"}}"#,
            "spa",
            "kind = \"chromium\"",
        ),
        ("pom.xml", "<project/>", "spring", "mvn -q spring-boot:run"),
        ("go.mod", "module x\n", "go", "go run"),
        (
            "Cargo.toml",
            "[package]\nname = \"web\"\n",
            "rust",
            "target/debug/web",
        ),
    ] {
        let folder = Folder::new(&format!("init-{stack}"));
        folder.write(file, content.as_bytes());
        let (code, text) = init(&folder, &[]);
        assert_eq!(code, Some(0), "{text}");
        let told = format!("an app in {stack}, guessed from {file}");
        assert!(text.contains(&told), "{text}");
        assert!(text.contains("next   gauntlet doctor"), "{text}");
        let target = read(&folder, "gauntlet.toml");
        assert!(target.contains(holds), "{stack}: {target}");
        assert!(
            target.contains(&format!("name = \"init-{stack}")),
            "{target}"
        );
        assert!(!folder.0.join(".github").exists());
    }
}

#[test]
fn what_is_there_is_written_over_only_when_told() {
    let folder = Folder::new("init-force");
    folder.write("gauntlet.toml", b"mine");
    let (code, text) = init(&folder, &["--stack", "go"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("is there already") && text.contains("--force"),
        "{text}"
    );
    assert_eq!(read(&folder, "gauntlet.toml"), "mine");
    let (code, text) = init(&folder, &["--stack", "go", "--force"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(read(&folder, "gauntlet.toml").contains("go run"));
}

#[test]
fn the_schema_that_the_file_names_is_there_and_a_workflow_where_it_is_wanted() {
    let folder = Folder::new("init-ci");
    let (code, text) = init(&folder, &["--ci", "github", "--dir", "."]);
    assert_eq!(code, Some(0), "{text}");
    let target = read(&folder, "gauntlet.toml");
    let schema = target
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("#:schema "));
    let schema = read(&folder, schema.expect("it names its schema"));
    let shipped = include_str!("../../schema/target.json");
    assert!(schema == shipped, "the schema differs");
    let workflow = read(&folder, ".github/workflows/gauntlet.yaml");
    assert!(workflow.contains("gauntlet doctor") && workflow.contains("gauntlet run"));
}

#[test]
fn an_app_that_nothing_tells_of_gets_a_file_for_any() {
    let folder = Folder::new("init-other");
    let (code, text) = init(&folder, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("no file tells") && text.contains("--stack"),
        "{text}"
    );
    assert_eq!(init(&folder, &["--dir", "nowhere"]).0, Some(2));
    assert_eq!(init(&folder, &["--stack", "cobol"]).0, Some(2));
}
