//! File, environment, command line: what is said later wins, and who said it is remembered.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args as _, FromArgMatches as _};

use super::args::ServeArgs;
use crate::config::{self, Config, ConfigError, UserConfig};
use crate::settings::Profile;

/// What the names of our environment variables begin with.
const PREFIX: &str = "MOCK_PROVIDER_";

/// Who said something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file or a text, and the line in it.
    File { name: String, line: usize },
    /// An environment variable.
    Variable(String),
    /// An option of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Who said what, by the path of the key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Who said the value at a path, or the one that it is in; `None` for a default.
    pub(crate) fn of(&self, path: &str) -> Option<&Origin> {
        let mut path = path;
        loop {
            if let Some(origin) = self.0.get(path) {
                return Some(origin);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    /// The file, if there is one.
    pub(crate) fn file(&self) -> Option<&str> {
        self.0.values().find_map(|origin| match origin {
            Origin::File { name, .. } => Some(name.as_str()),
            _ => None,
        })
    }

    fn set(&mut self, path: &str, origin: Origin) {
        let below = format!("{path}.");
        self.0.retain(|known, _| !known.starts_with(&below));
        self.0.insert(path.to_owned(), origin);
    }
}

/// The configuration that all layers come to.
#[derive(Debug)]
pub(crate) struct Layered {
    pub(crate) config: Config,
    pub(crate) origins: Origins,
    /// What somebody should know, although nothing is wrong for sure.
    pub(crate) warnings: Vec<String>,
}

impl Layered {
    /// Reads the layers. `variables` are those of the environment.
    pub(crate) fn read(
        flags: ServeArgs,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut warnings = Vec::new();
        let environment = from_environment(variables, &mut warnings)?;
        let mut layered = match file(&flags, &environment)? {
            None => Self {
                config: Config::default(),
                origins: Origins::default(),
                warnings,
            },
            Some(File { text, name, folder }) => {
                let (config, places) = config::parse(&text, &name, &folder)?;
                let origin = |line| Origin::File {
                    name: name.clone(),
                    line,
                };
                let origins = places.into_iter().map(|(path, line)| (path, origin(line)));
                Self {
                    config,
                    origins: Origins(origins.collect()),
                    warnings,
                }
            }
        };
        let variable = |option: &str| Origin::Variable(variable_of(option));
        layered.lay(environment, &variable);
        let flag = |option: &str| Origin::Flag(format!("--{option}"));
        layered.lay(flags, &flag);
        Ok(layered)
    }

    /// Lays options over what there is.
    fn lay(&mut self, args: ServeArgs, origin: &dyn Fn(&str) -> Origin) {
        let Config {
            server, default, ..
        } = &mut self.config;
        let mut over = Over {
            origins: &mut self.origins,
            origin,
        };
        over.set("port", "server.port", &mut server.port, args.port);
        over.set("host", "server.host", &mut server.host, args.host);
        let url = &mut server.public_url;
        over.set("public-url", "server.public-url", url, args.public_url);
        let url = &mut server.internal_url;
        over.set(
            "internal-url",
            "server.internal-url",
            url,
            args.internal_url,
        );
        let side = &mut server.issuer_url;
        over.set("issuer-url", "server.issuer-url", side, args.issuer_url);
        let path = &mut server.base_path;
        over.set("base-path", "server.base-path", path, args.base_path);
        let trust = &mut server.trust_forwarded;
        over.set(
            "trust-forwarded",
            "server.trust-forwarded",
            trust,
            args.trust_forwarded,
        );
        // A certificate is given for HTTPS; who gives one need not say so twice.
        let implied = args.tls_cert.is_some().then_some(true);
        over.set("tls-cert", "server.tls", &mut server.tls, implied);
        over.set("tls", "server.tls", &mut server.tls, args.tls);
        let names = (!args.tls_name.is_empty()).then_some(args.tls_name);
        over.set("tls-name", "server.tls-names", &mut server.tls_names, names);
        over.set(
            "tls-cert",
            "server.tls-cert",
            &mut server.tls_cert,
            args.tls_cert,
        );
        over.set(
            "tls-key",
            "server.tls-key",
            &mut server.tls_key,
            args.tls_key,
        );
        over.set(
            "ca-file",
            "server.ca-file",
            &mut server.ca_file,
            args.ca_file,
        );
        let key = &mut server.control_key;
        over.set("control-key", "server.control-key", key, args.control_key);
        let required = &mut server.require_test_key;
        let path = "server.require-test-key";
        over.set("require-test-key", path, required, args.require_test_key);
        over.set("redis", "server.redis", &mut server.redis, args.redis);
        let file = &mut server.ready_file;
        over.set("ready-file", "server.ready-file", file, args.ready_file);
        over.set("log", "server.log", &mut server.log, args.log);
        let format = &mut server.log_format;
        over.set("log-format", "server.log-format", format, args.log_format);
        over.set(
            "workers",
            "server.workers",
            &mut server.workers,
            args.workers,
        );

        over.set("auto", "auto", &mut default.auto, args.auto);
        let strict = args.strict.then_some(Profile::Strict);
        over.set("strict", "profile", &mut default.profile, strict);
        over.set("profile", "profile", &mut default.profile, args.profile);
        over.set("alg", "algorithm", &mut default.algorithm, args.alg);
        let format = &mut default.access_token_format;
        over.set(
            "access-token",
            "access-token-format",
            format,
            args.access_token,
        );
        over.set("seed", "seed", &mut default.seed, args.seed);
        over.set("clock", "clock", &mut default.clock, args.clock);
        for user in args.user {
            let users = default.users.get_or_insert_default();
            let config = UserConfig::from(&user);
            let at = users.iter().position(|known| known.sub == user.sub);
            let index = at.unwrap_or(users.len());
            match at {
                Some(index) => users[index] = config,
                None => users.push(config),
            }
            let path = format!("user.{index}");
            over.origins.set(&path, origin("user"));
        }
    }
}

struct Over<'a> {
    origins: &'a mut Origins,
    origin: &'a dyn Fn(&str) -> Origin,
}

impl Over<'_> {
    fn set<T>(&mut self, option: &str, path: &str, target: &mut T, value: Option<impl Into<T>>) {
        if let Some(value) = value {
            *target = value.into();
            self.origins.set(path, (self.origin)(option));
        }
    }
}

/// A configuration in TOML, from wherever it comes.
struct File {
    text: String,
    name: String,
    folder: PathBuf,
}

fn file(flags: &ServeArgs, environment: &ServeArgs) -> Result<Option<File>, ConfigError> {
    // What was typed replaces what the environment says, of whichever of the two kinds.
    let layer = if flags.config.is_some() || flags.config_toml.is_some() {
        flags
    } else {
        environment
    };
    match (&layer.config, &layer.config_toml) {
        (Some(_), Some(_)) => Err(ConfigError::Contradiction(
            "`config` names a file, and `config-toml` is the text of one: give only one of them"
                .to_owned(),
        )),
        (Some(path), None) => {
            let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
                path: path.clone(),
                source,
            })?;
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            Ok(Some(File {
                text,
                name: path.display().to_string(),
                folder: absolute.parent().map_or_else(PathBuf::new, Path::to_owned),
            }))
        }
        (None, Some(text)) => Ok(Some(File {
            text: text.clone(),
            name: format!("{PREFIX}CONFIG_TOML"),
            folder: std::path::absolute(".").unwrap_or_default(),
        })),
        (None, None) => Ok(None),
    }
}

fn variable_of(option: &str) -> String {
    format!("{PREFIX}{}", option.to_ascii_uppercase().replace('-', "_"))
}

/// The options that the environment sets. An empty variable counts as none.
fn from_environment(
    variables: impl IntoIterator<Item = (String, String)>,
    warnings: &mut Vec<String>,
) -> Result<ServeArgs, ConfigError> {
    let command = ServeArgs::augment_args(clap::Command::new("environment").no_binary_name(true));
    let mut typed = Vec::new();
    for (name, value) in variables {
        if !name.starts_with(PREFIX) || value.is_empty() || is_of_an_orchestrator(&name, &value) {
            continue;
        }
        let argument = command.get_arguments().find(|argument| {
            argument
                .get_long()
                .is_some_and(|it| variable_of(it) == name)
        });
        let Some((argument, option)) = argument.and_then(|it| Some((it, it.get_long()?))) else {
            warnings.push(unknown_variable(&command, &name));
            continue;
        };
        let words = words_of(argument, option, &value).ok_or_else(|| ConfigError::Variable {
            name: name.clone(),
            problem: format!("`{value}` is neither `true` nor `false`"),
        })?;
        // Each on its own first, so that a mistake is told of its variable.
        command
            .clone()
            .try_get_matches_from(&words)
            .map_err(|error| ConfigError::Variable {
                name: name.clone(),
                problem: first_line(&error),
            })?;
        typed.extend(words);
    }
    let unusable = |error: clap::Error| {
        let problem = first_line(&error);
        ConfigError::Contradiction(format!("of the environment variables: {problem}"))
    };
    let matches = command.try_get_matches_from(typed).map_err(unusable)?;
    ServeArgs::from_arg_matches(&matches).map_err(unusable)
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// An option as it would be typed; `None` for a switch that is neither on nor off.
fn words_of(argument: &clap::Arg, option: &str, value: &str) -> Option<Vec<String>> {
    match argument.get_action() {
        clap::ArgAction::SetTrue => match value {
            "true" | "1" | "yes" => Some(vec![format!("--{option}")]),
            "false" | "0" | "no" => Some(Vec::new()),
            _ => None,
        },
        clap::ArgAction::Append => {
            let values = value.split(';').filter(|value| !value.is_empty());
            Some(values.map(|value| format!("--{option}={value}")).collect())
        }
        _ => {
            let names = argument.get_value_names().unwrap_or_default();
            let is_switch = names.iter().any(|name| name.as_str() == "BOOL");
            let value = match value {
                "1" | "yes" if is_switch => "true",
                "0" | "no" if is_switch => "false",
                other => other,
            };
            Some(vec![format!("--{option}={value}")])
        }
    }
}

/// Kubernetes and Docker set `MOCK_PROVIDER_PORT=tcp://10.0.0.1:9400` and the like for a service
/// that is called `mock-provider`.
fn is_of_an_orchestrator(name: &str, value: &str) -> bool {
    let is_address = |it: &str| it.starts_with("tcp://") || it.starts_with("udp://");
    is_address(value)
        || name.contains("_SERVICE_")
        || name.contains("_PORT_")
        || name == "MOCK_PROVIDER_NAME"
}

fn unknown_variable(command: &clap::Command, name: &str) -> String {
    let known: Vec<String> = command
        .get_arguments()
        .filter_map(|argument| argument.get_long().map(variable_of))
        .collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let hint = config::nearest(name, &known)
        .map_or_else(String::new, |near| format!("; did you mean {near}?"));
    format!("the environment variable {name} means nothing here{hint}")
}
