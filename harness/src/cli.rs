//! The command line: what was typed.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use oauth_gauntlet_provider::cli::{ENVIRONMENT_HELP, HealthcheckArgs, ServeArgs};

use crate::scenario::Level;
use crate::stack::Stack;
use crate::target::BrowserKind;

/// Point it at your web app: it plays the identity provider and the browser, misbehaves, and says
/// what your login code did wrong, with the section of the specification and the way to mend it.
#[derive(Debug, Parser)]
#[command(name = "gauntlet", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do. Default: `run`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenarios against a client (this is the default)
    Run(RunArgs),
    /// List the scenarios
    List(ListArgs),
    /// Put the JSON reports of several clients together: a matrix, for reading or for CI
    Report(ReportArgs),
    /// Explain a scenario: what happens, why it matters, how to mend it
    Explain(ExplainArgs),
    /// Check scenario files
    Lint(LintArgs),
    /// Start the mock provider: for a login by hand, for other tests, in a container
    #[command(after_help = ENVIRONMENT_HELP)]
    Serve(Box<ServeArgs>),
    /// Write a target file for your app
    Init(InitArgs),
    /// Sign in to your app once, cleanly, and say what was seen and which line of its target file
    /// is wrong; with --issuer: why a client and a provider do not find each other
    Doctor(DoctorArgs),
    /// Ask a mock provider whether it is well: exit code 0 or 1
    Healthcheck(HealthcheckArgs),
    /// Start the reference client; its defaults fit those of `serve`
    Client(ClientArgs),
    /// Show that every scenario catches something: build the mutants of the reference client and
    /// run them (from the source tree, with cargo)
    Prove(ProveArgs),
}

/// Where scenarios come from, and which are meant.
#[derive(Debug, Clone, Default, Args)]
pub struct Selecting {
    /// Ids of scenarios, other names of theirs, areas, or patterns with `*` [default: all]
    #[arg(value_name = "SCENARIO")]
    pub patterns: Vec<String>,
    /// Take the scenarios of this folder [default: ./scenarios where it exists, else the built-in]
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
    /// Only scenarios with this tag; can be repeated
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Only scenarios of this level or a more binding one
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<LevelArg>,
}

/// A level on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LevelArg {
    /// Requirements
    Must,
    /// Requirements and recommendations
    Should,
    /// All
    Practice,
}

impl From<LevelArg> for Level {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Must => Self::Must,
            LevelArg::Should => Self::Should,
            LevelArg::Practice => Self::Practice,
        }
    }
}

/// Options of `run`.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Which scenarios.
    #[command(flatten)]
    pub selecting: Selecting,
    /// A target file, or `demo` for the built-in naive client
    /// [default: ./gauntlet.toml where it exists, else the built-in reference client]
    #[arg(short, long, value_name = "FILE")]
    pub target: Option<PathBuf>,
    /// How many scenarios run at the same time [default: 4 for each core, or 2 in a real browser, and
    /// 16 at most]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Write a report: `json=PATH`, `junit=PATH` or `html=PATH`; can be repeated
    #[arg(long, value_name = "KIND=PATH")]
    pub report: Vec<ReportFile>,
    /// Let warnings fail the run [default: for the reference client alone]
    #[arg(long, value_name = "VERDICT")]
    pub deny: Vec<Denied>,
    /// Use the client with a real browser [default: as its target file says]
    #[arg(long, value_enum, value_name = "KIND")]
    pub browser: Option<BrowserKind>,
}

/// A report to write, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// What kind of report.
    pub kind: ReportKind,
    /// Where it goes.
    pub path: PathBuf,
}

/// A kind of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportKind {
    /// For programs, and for `gauntlet report`
    Json,
    /// For CI servers
    Junit,
    /// For reading: one file that needs nothing beside it
    Html,
}

impl FromStr for ReportFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kinds = "write json=PATH, junit=PATH or html=PATH";
        let (kind, path) = text.split_once('=').ok_or(kinds)?;
        if path.is_empty() {
            return Err(format!("it does not say where to; {kinds}"));
        }
        let kind = ReportKind::from_str(kind, false)
            .map_err(|_| format!("there is no report called `{kind}`; {kinds}"))?;
        Ok(Self {
            kind,
            path: PathBuf::from(path),
        })
    }
}

/// Options of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// JSON reports of runs, one for each client
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write a report: `junit=PATH` or `html=PATH`; can be repeated
    #[arg(long, value_name = "KIND=PATH")]
    pub report: Vec<ReportFile>,
    /// Whose transcripts stand in the HTML report [default: all for one client, notable for many]
    #[arg(long, value_enum)]
    pub transcripts: Option<TranscriptsArg>,
}

/// Whose transcripts stand in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TranscriptsArg {
    /// Those of all scenarios
    All,
    /// Those of scenarios that did not simply pass
    Notable,
    /// None
    None,
}

/// A verdict that is to fail the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Denied {
    /// Broken recommendations
    Warn,
}

/// Options of `list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Which scenarios.
    #[command(flatten)]
    pub selecting: Selecting,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}

/// Options of `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// The id of a scenario, or a verdict's word
    pub what: String,
    /// Take the scenarios of this folder
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
}

/// Options of `lint`.
#[derive(Debug, Clone, Args)]
pub struct LintArgs {
    /// Scenario files and folders [default: as for `run`]
    pub paths: Vec<PathBuf>,
}

/// Options of `client`.
#[derive(Debug, Clone, Args)]
pub struct ClientArgs {
    /// The port to listen on, on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8000)]
    pub port: u16,
    /// The issuer to sign in at
    #[arg(long, default_value = "http://127.0.0.1:9400")]
    pub issuer: String,
}

/// Options of `doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// A target file, or `demo` for the built-in naive client [default: ./gauntlet.toml]
    #[arg(short, long, value_name = "FILE", conflicts_with = "issuer")]
    pub target: Option<PathBuf>,
    /// Look at a provider instead, whoever made it: its issuer, to the letter as the client is
    /// configured with it
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// Where browsers reach the provider, if that is another URL
    #[arg(long, value_name = "URL", requires = "issuer")]
    pub browser_url: Option<String>,
    /// A client identifier, to try an authorization request with
    #[arg(long, value_name = "ID", requires = "issuer")]
    pub client_id: Option<String>,
    /// Its redirect URI
    #[arg(long, value_name = "URL", requires = "client_id")]
    pub redirect_uri: Option<String>,
    /// The CA to trust, a PEM file [default: those of the system]
    #[arg(long, value_name = "FILE", requires = "issuer")]
    pub ca_file: Option<PathBuf>,
}

/// Options of `init`.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// What the app is made with [default: what its files tell]
    #[arg(long, value_name = "NAME")]
    pub stack: Option<Stack>,
    /// The folder of the app
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Write over files that are there
    #[arg(long)]
    pub force: bool,
    /// Write a workflow as well
    #[arg(long, value_name = "NAME")]
    pub ci: Option<Ci>,
}

/// A service that runs workflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ci {
    /// GitHub Actions
    Github,
}

/// Options of `prove`.
#[derive(Debug, Clone, Args)]
pub struct ProveArgs {
    /// Names of mutants [default: all]
    pub mutants: Vec<String>,
}
