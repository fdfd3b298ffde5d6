//! What an app is made with: which files tell it, and the target file to begin with.

use std::fs;
use std::path::Path;

use clap::ValueEnum;

/// What an app is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stack {
    /// Flask
    Flask,
    /// Django
    Django,
    /// `FastAPI` or Starlette
    Fastapi,
    /// Express
    Express,
    /// Next.js
    Next,
    /// A single-page app
    Spa,
    /// Spring Boot
    Spring,
    /// Go
    Go,
    /// Rust
    Rust,
    /// Anything else
    Other,
}

/// Packages that sign users in from within a page.
const IN_THE_PAGE: [&str; 14] = [
    "@auth0/auth0-angular",
    "@auth0/auth0-react",
    "@auth0/auth0-spa-js",
    "@auth0/auth0-vue",
    "@axa-fr/react-oidc",
    "@azure/msal-angular",
    "@azure/msal-browser",
    "@azure/msal-react",
    "angular-auth-oidc-client",
    "angular-oauth2-oidc",
    "keycloak-js",
    "oidc-client-ts",
    "oidc-spa",
    "react-oidc-context",
];

/// Frameworks of servers, which can keep tokens out of the page.
const ON_A_SERVER: [&str; 10] = [
    "@hapi/hapi",
    "@nestjs/core",
    "@react-router/node",
    "@remix-run/node",
    "@sveltejs/kit",
    "express",
    "fastify",
    "hono",
    "koa",
    "nuxt",
];

impl Stack {
    /// Every stack.
    pub const ALL: [Self; 10] = [
        Self::Flask,
        Self::Django,
        Self::Fastapi,
        Self::Express,
        Self::Next,
        Self::Spa,
        Self::Spring,
        Self::Go,
        Self::Rust,
        Self::Other,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flask => "flask",
            Self::Django => "django",
            Self::Fastapi => "fastapi",
            Self::Express => "express",
            Self::Next => "next",
            Self::Spa => "spa",
            Self::Spring => "spring",
            Self::Go => "go",
            Self::Rust => "rust",
            Self::Other => "other",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Flask => include_str!("../templates/flask.toml"),
            Self::Django => include_str!("../templates/django.toml"),
            Self::Fastapi => include_str!("../templates/fastapi.toml"),
            Self::Express => include_str!("../templates/express.toml"),
            Self::Next => include_str!("../templates/next.toml"),
            Self::Spa => include_str!("../templates/spa.toml"),
            Self::Spring => include_str!("../templates/spring.toml"),
            Self::Go => include_str!("../templates/go.toml"),
            Self::Rust => include_str!("../templates/rust.toml"),
            Self::Other => include_str!("../templates/other.toml"),
        }
    }

    /// The target file for an app of this name, with the command that its own files name.
    pub fn target_file(self, name: &str, command: Option<&str>) -> String {
        let mut text = self.template().replace("{{name}}", name);
        if let Some(command) = command {
            let lines = text.lines().map(|line| match line.split_once(" = ") {
                Some(("command", _)) => format!("command = {}", toml::Value::from(command)),
                _ => line.to_owned(),
            });
            text = lines.collect::<Vec<_>>().join("\n") + "\n";
        }
        text
    }

    /// A workflow that judges the app, with what sets it up.
    pub fn github_workflow(self) -> String {
        let setup = match self {
            Self::Flask | Self::Django | Self::Fastapi => {
                "      - run: pip install -r requirements.txt\n"
            }
            Self::Express => "      - run: npm ci\n",
            Self::Next => "      - run: npm ci && npx next build\n",
            // The runner has Chrome with its driver.
            Self::Spa => "      - run: npm ci && npx vite build\n",
            Self::Spring => {
                "      - uses: actions/setup-java@v4\n        with: { distribution: temurin, java-version: 21 }\n"
            }
            Self::Go => {
                "      - uses: actions/setup-go@v5\n        with: { go-version-file: go.mod }\n"
            }
            Self::Rust => "      - run: cargo build --locked\n",
            Self::Other => "",
        };
        let text = include_str!("../templates/github.yaml").replace("{{setup}}", setup);
        if self == Self::Spa {
            return text.replace("--path harness", "--path harness --features browser");
        }
        text
    }

    /// What the files of a folder tell, with the file that told it.
    pub fn guess(folder: &Path) -> Option<(Self, &'static str)> {
        let read = |name: &str| {
            let text = fs::read_to_string(folder.join(name)).ok()?;
            Some(text.to_lowercase())
        };
        if read("manage.py").is_some() {
            return Some((Self::Django, "manage.py"));
        }
        for file in ["requirements.txt", "pyproject.toml", "Pipfile"] {
            let Some(text) = read(file) else { continue };
            let stack = if text.contains("django") {
                Self::Django
            } else if text.contains("fastapi") || text.contains("starlette") {
                Self::Fastapi
            } else {
                Self::Flask
            };
            return Some((stack, file));
        }
        if let Some(text) = read("package.json") {
            let stack = if text.contains("\"next\"") {
                Self::Next
            } else if is_single_page(&text) {
                Self::Spa
            } else {
                Self::Express
            };
            return Some((stack, "package.json"));
        }
        let alone = [
            ("pom.xml", Self::Spring),
            ("build.gradle", Self::Spring),
            ("build.gradle.kts", Self::Spring),
            ("go.mod", Self::Go),
            ("Cargo.toml", Self::Rust),
        ];
        let found = alone
            .into_iter()
            .find(|(file, _)| folder.join(file).is_file());
        found.map(|(file, stack)| (stack, file))
    }

    /// The command that the app's own files name.
    pub fn command(self, folder: &Path) -> Option<String> {
        match self {
            Self::Express => {
                let text = fs::read_to_string(folder.join("package.json")).ok()?;
                let json: serde_json::Value = serde_json::from_str(&text).ok()?;
                let start = json["scripts"]["start"].as_str()?;
                // What npm hands to a shell is not started by us without one.
                let plain = !start.contains(['&', '|', ';', '$', '=']);
                Some(if plain { start } else { "npm start" }.to_owned())
            }
            Self::Rust => {
                let text = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
                let manifest: toml::Table = toml::from_str(&text).ok()?;
                let name = manifest.get("package")?.get("name")?.as_str()?;
                Some(format!("target/debug/{name}"))
            }
            Self::Spring if !folder.join("mvnw").is_file() => {
                let gradle = folder.join("gradlew").is_file();
                let command = if gradle {
                    "./gradlew -q bootRun"
                } else {
                    "mvn -q spring-boot:run"
                };
                Some(command.to_owned())
            }
            _ => None,
        }
    }
}

/// Whether a package.json is that of an app which signs users in by itself, with no server of its
/// own behind it.
fn is_single_page(package: &str) -> bool {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(package) else {
        return false;
    };
    let needs = |name: &&str| {
        ["dependencies", "devDependencies"]
            .iter()
            .any(|list| json[list].get(name).is_some())
    };
    IN_THE_PAGE.iter().any(needs) && !ON_A_SERVER.iter().any(needs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::parse;

    #[test]
    fn every_template_is_a_target_file_with_its_schema() {
        for stack in Stack::ALL {
            let text = stack.target_file("my-app", None);
            assert!(text.starts_with("#:schema "), "{}", stack.name());
            assert!(!text.contains("{{"), "{}", stack.name());
            let parsed = parse(Path::new("gauntlet.toml"), &text);
            let target = parsed.unwrap_or_else(|defects| panic!("{}: {defects:?}", stack.name()));
            assert_eq!(target.name, "my-app");
            assert!(
                text.lines().all(|line| line.len() <= 130),
                "{}",
                stack.name()
            );
        }
    }

    #[test]
    fn every_stack_has_its_name() {
        for stack in Stack::ALL {
            let named = Stack::from_str(stack.name(), false);
            assert_eq!(named, Ok(stack));
        }
        assert_eq!(Stack::ALL.len(), Stack::value_variants().len());
    }

    #[test]
    fn a_command_of_the_apps_own_takes_the_place_of_the_usual_one() {
        let text = Stack::Express.target_file("x", Some("node \"index\".js"));
        assert!(text.contains("\ncommand = 'node \"index\".js'\n"), "{text}");
        assert!(parse(Path::new("gauntlet.toml"), &text).is_ok(), "{text}");
    }

    #[test]
    fn an_app_that_signs_in_within_the_page_is_one_unless_a_server_stands_behind_it() {
        for (package, is) in [
            (r#"{"dependencies": {"oidc-client-ts": "3"}}"#, true),
            (r#"{"devDependencies": {"keycloak-js": "26"}}"#, true),
            (
                r#"{"dependencies": {"keycloak-js": "26", "express": "5"}}"#,
                false,
            ),
            (r#"{"scripts": {"oidc-client-ts": "x"}}"#, false),
            ("no JSON", false),
        ] {
            assert_eq!(is_single_page(package), is, "{package}");
        }
    }
}
