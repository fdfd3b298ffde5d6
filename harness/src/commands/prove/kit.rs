//! What mutants are built with: the compiler, and the dependencies of the client as cargo has
//! built them already, so that a mutant costs one crate and one link.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::process::Command;

use super::workshop::BuildError;

const PACKAGE: &str = "oauth-gauntlet-client-app";

/// How one crate of the client is compiled.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Crate {
    pub(super) name: String,
    kind: Vec<String>,
    edition: String,
    /// Its first file; below the client's folder once it is in a kit.
    #[serde(rename = "src_path")]
    pub(super) file: PathBuf,
}

/// All that it takes to build the client from a folder with its source.
#[derive(Debug)]
pub(super) struct Kit {
    rustc: OsString,
    pub(super) library: Crate,
    pub(super) program: Crate,
    /// Arguments that say where the dependencies are.
    dependencies: Vec<OsString>,
    /// What cargo tells the source about its package.
    env: Vec<(&'static str, String)>,
    flags: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    authors: Vec<String>,
    description: Option<String>,
    targets: Vec<Crate>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    /// What the source calls it.
    name: String,
    pkg: String,
}

/// A line of what cargo says while it builds.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    target: Option<Built>,
    #[serde(default)]
    profile: Value,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    #[serde(default)]
    linked_paths: Vec<String>,
}

#[derive(Deserialize)]
struct Built {
    kind: Vec<String>,
}

impl Kit {
    /// Asks cargo. What `cargo run` has just built is not built again.
    pub(super) async fn gather(root: &Path) -> Result<Self, BuildError> {
        // Packages for other platforms have never been downloaded.
        let host = host(&cargo(root, &["--version", "--verbose"]).await?)?;
        let metadata = ["metadata", "--quiet", "--offline", "--format-version", "1"];
        let metadata = [&metadata[..], &["--filter-platform", &host]].concat();
        let metadata: Metadata = read(&cargo(root, &metadata).await?)?;
        let asked = ["build", "--quiet", "--offline", "--bin", "gauntlet"];
        let format = ["--message-format", "json-render-diagnostics"];
        let built = cargo(root, &[&asked[..], &format].concat()).await?;
        let lines = built.split(|byte| *byte == b'\n');
        let messages: Vec<Message> = lines
            .filter(|line| line.starts_with(b"{"))
            .map(read)
            .collect::<Result<_, _>>()?;
        Self::of(root, metadata, &messages)
    }

    fn of(root: &Path, metadata: Metadata, messages: &[Message]) -> Result<Self, BuildError> {
        let missing = |what: &str| BuildError::Cargo(format!("cargo tells nothing of {what}"));
        let mut packages = metadata.packages.into_iter();
        let package = packages.find(|it| it.name == PACKAGE);
        let package = package.ok_or_else(|| missing(PACKAGE))?;
        let below = root.join("client-app").canonicalize()?;
        let of_kind = |kind: &str| {
            let mut targets = package.targets.iter();
            let target = targets.find(|it| it.kind.iter().any(|it| it == kind));
            let mut target = target.ok_or_else(|| missing(kind))?.clone();
            let file = target.file.canonicalize()?;
            let file = file.strip_prefix(&below);
            let file = file.map_err(|_| missing("client-app/src"))?;
            file.clone_into(&mut target.file);
            Ok::<_, BuildError>(target)
        };
        let mut of_client = messages.iter().filter(|it| it.package_id == package.id);
        let own = of_client.find(|it| it.target.is_some());
        let own = own.ok_or_else(|| missing("the client's library"))?;
        let mut nodes = metadata.resolve.nodes.into_iter();
        let node = nodes.find(|node| node.id == package.id);
        let node = node.ok_or_else(|| missing("the client's dependencies"))?;
        let named: BTreeMap<&str, &str> = (node.deps.iter())
            .map(|it| (it.pkg.as_str(), it.name.as_str()))
            .collect();

        let mut dependencies: Vec<OsString> = Vec::new();
        let mut folders = BTreeSet::new();
        for message in messages {
            let Some(built) = &message.target else {
                continue;
            };
            let runs_in_the_compiler = built.kind.iter().any(|kind| kind == "proc-macro");
            // What build scripts use is built apart, and not for the client.
            if built
                .kind
                .iter()
                .any(|kind| kind == "custom-build" || kind == "bin")
                || !(runs_in_the_compiler || message.profile == own.profile)
            {
                continue;
            }
            let mut files = message.filenames.iter();
            let is_code = |file: &&PathBuf| file.extension().is_some_and(|it| it != "rmeta");
            let Some(file) = files.find(is_code) else {
                continue;
            };
            folders.extend(message.filenames.iter().filter_map(|file| file.parent()));
            if let Some(name) = named.get(message.package_id.as_str()) {
                let said = joined(&format!("{name}="), file);
                dependencies.extend(["--extern".into(), said]);
            }
        }
        for folder in folders {
            dependencies.extend(["-L".into(), joined("dependency=", folder)]);
        }
        let linked = messages.iter().flat_map(|message| &message.linked_paths);
        for path in linked.collect::<BTreeSet<_>>() {
            dependencies.extend(["-L".into(), path.into()]);
        }
        Ok(Self {
            rustc: std::env::var_os("RUSTC").unwrap_or("rustc".into()),
            library: of_kind("lib")?,
            program: of_kind("bin")?,
            dependencies,
            env: vec![
                ("CARGO_PKG_NAME", package.name),
                ("CARGO_PKG_VERSION", package.version),
                ("CARGO_PKG_AUTHORS", package.authors.join(":")),
                (
                    "CARGO_PKG_DESCRIPTION",
                    package.description.unwrap_or_default(),
                ),
            ],
            flags: std::env::var("RUSTFLAGS")
                .map(|flags| flags.split_whitespace().map(str::to_owned).collect())
                .unwrap_or_default(),
        })
    }

    /// The compiler, about to compile a crate from a folder as cargo would for development, without
    /// what only a debugger needs.
    pub(super) fn compile(&self, it: &Crate, folder: &Path, incremental: &Path) -> Command {
        let mut command = Command::new(&self.rustc);
        let kind = it.kind.first().map_or("lib", String::as_str);
        command
            .current_dir(folder)
            .arg("--crate-name")
            .arg(it.name.replace('-', "_"))
            .args(["--edition", &it.edition, "--crate-type", kind])
            .arg(&it.file)
            .args(["--cap-lints", "allow", "-C", "embed-bitcode=no"])
            .args(["-C", "strip=symbols"])
            .args(["-C", &format!("metadata=mutant-{kind}")])
            .arg("-C")
            .arg(joined("incremental=", incremental))
            .args(&self.flags)
            .args(&self.dependencies)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("CARGO_MANIFEST_DIR", folder)
            .kill_on_drop(true);
        command
    }
}

/// Text and a path, as one argument.
pub(super) fn joined(text: &str, path: &Path) -> OsString {
    let mut joined = OsString::from(text);
    joined.push(path);
    joined
}

/// What cargo says on standard output.
async fn cargo(root: &Path, arguments: &[&str]) -> Result<Vec<u8>, BuildError> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(arguments)
        .current_dir(root)
        .env("CARGO_TERM_COLOR", "never")
        .kill_on_drop(true)
        .output()
        .await?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(BuildError::Cargo(said.into_owned()))
}

/// The platform that cargo builds for, as it tells it of itself.
fn host(version: &[u8]) -> Result<String, BuildError> {
    let version = String::from_utf8_lossy(version);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| BuildError::Cargo("cargo does not tell its host".to_owned()))?;
    Ok(host.trim().to_owned())
}

fn read<T: DeserializeOwned>(json: impl AsRef<[u8]>) -> Result<T, BuildError> {
    serde_json::from_slice(json.as_ref()).map_err(|error| BuildError::Cargo(error.to_string()))
}
