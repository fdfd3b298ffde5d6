//! Why a program did not start, in terms of the target file.

mod shell;

use std::io::ErrorKind;
use std::path::Path;

use self::shell::{braces, words_for_a_shell};
use super::instance::{InstanceError, Stopped};
use super::load::split_command;
use super::ready::NotReady;
use super::{LogBuffer, Ready, Start};

/// How many lines of a program's output are shown.
const LINES: usize = 8;

/// A program that was to be started.
pub(super) struct Attempt<'a> {
    pub(super) start: &'a Start,
    pub(super) folder: &'a Path,
    /// The command line, filled in.
    pub(super) words: &'a [String],
    /// The port that it was given.
    pub(super) port: u16,
}

impl Attempt<'_> {
    fn error(&self, reason: &str, about: &[&str], advice: String) -> InstanceError {
        InstanceError {
            reason: format!("`{}` {reason}", self.words.join(" ")),
            advice: Some(advice),
            about: about.iter().map(|key| (*key).to_owned()).collect(),
            output: Vec::new(),
            stopped: None,
        }
    }

    /// How to set the program up, if the target file says so.
    fn set_up(&self) -> String {
        match &self.start.install {
            Some(install) => format!(
                "if it is not set up yet: (cd {} && {install})",
                self.folder.display()
            ),
            None => "set the program up first, and say how in `install` of [start]".to_owned(),
        }
    }

    /// The operating system did not start it.
    pub(super) fn refused(&self, error: &std::io::Error) -> InstanceError {
        let program = self.words.first().map_or("", String::as_str);
        let advice = if program.contains('=') {
            "variables do not belong into the command: write them into [start.env]".to_owned()
        } else if let Some(advice) = self.for_a_shell() {
            advice
        } else if self.folder.join(program).is_dir() {
            format!("`{program}` is a folder: name the program in it")
        } else if error.kind() == ErrorKind::PermissionDenied {
            format!(
                "make it executable: chmod +x {}",
                self.folder.join(program).display()
            )
        } else if program.contains('/') {
            format!(
                "paths start at the folder of the target file; {}",
                self.set_up()
            )
        } else {
            format!("is `{program}` the program's name? {}", self.set_up())
        };
        let reason = match error.kind() {
            ErrorKind::NotFound => {
                format!("does not start: there is no program `{program}`")
            }
            ErrorKind::PermissionDenied => {
                format!("does not start: `{program}` must not be executed")
            }
            _ => format!("does not start: {error}"),
        };
        self.error(&reason, &["start", "command"], advice)
    }

    /// What the command has that only a shell would understand.
    fn for_a_shell(&self) -> Option<String> {
        let command = &self.start.command;
        words_for_a_shell(command, &split_command(command))
    }

    /// What was not filled in, and where: meant for a shell, or in braces of another kind.
    fn not_filled_in(&self, reason: &str) -> Option<InstanceError> {
        let command = &self.start.command;
        if let Some(advice) = braces(command).or_else(|| self.for_a_shell()) {
            return Some(self.error(reason, &["start", "command"], advice));
        }
        let mut variables = self.start.env.iter();
        let (name, advice) = variables.find_map(|(name, value)| Some((name, braces(value)?)))?;
        Some(self.error(reason, &["start", "env", name], advice))
    }

    /// It started and was never ready.
    pub(super) fn not_ready(&self, not_ready: &NotReady, log: &LogBuffer) -> InstanceError {
        let NotReady { how, reason } = not_ready;
        let output = log.text();
        let taken = wants_a_taken_port(&output);
        let not_filled_in = self.not_filled_in(reason).filter(|_| !taken);
        let mut error = if let Some(error) = not_filled_in {
            error
        } else if *how != Stopped::Late {
            self.ended(reason, &output)
        } else if reason.contains("nothing listens") {
            self.nothing_listens(reason, &output)
        } else {
            let advice = "let `ready` in [start] name a page that answers at once, or raise \
                          `timeout` if the start takes that long";
            self.error(reason, &["start", "ready"], advice.to_owned())
        };
        error.output = log.last_lines(LINES);
        // Without the port that it wants, a program ends whatever the provider says.
        error.stopped = Some(*how).filter(|_| !taken);
        error
    }

    fn ended(&self, reason: &str, output: &str) -> InstanceError {
        if wants_a_taken_port(output) {
            let advice = format!(
                "the port that it wants is taken, and {} was free: hand it {{port}} under the \
                 name that it reads, such as PORT = \"{{port}}\"",
                self.port
            );
            return self.error(reason, &["start", "env"], advice);
        }
        if output.trim().is_empty() {
            let advice = "it said nothing: is this the program that serves the app, and does it \
                          stay in the foreground?";
            return self.error(reason, &["start", "command"], advice.to_owned());
        }
        let output = output.to_lowercase();
        let missing = [
            "no module named",
            "modulenotfounderror",
            "cannot find module",
            "cannot find package",
            "err_module_not_found",
            "not found",
            "no such file",
            "unable to access jarfile",
        ];
        if missing.iter().any(|words| output.contains(words)) {
            return self.error(reason, &["start", "command"], self.set_up());
        }
        // What programs say of a variable that they were not given.
        let unset = [
            "environment",
            "env var",
            "environ",
            "process.env",
            "keyerror",
            "not set",
            "unset",
            "undefined",
            "is required",
            "missing",
            "must be set",
            "improperlyconfigured",
        ];
        let (about, advice) = if unset.iter().any(|words| output.contains(words)) {
            let advice = "see its output; a variable that it misses belongs into [start.env]";
            ("env", advice)
        } else {
            (
                "command",
                "its output says why; it ends by itself when it is started so",
            )
        };
        let mut error = self.error(reason, &["start", about], advice.to_owned());
        if self.start.install.is_some() {
            error.advice = Some(format!("{advice}; {}", self.set_up()));
        }
        error
    }

    fn nothing_listens(&self, reason: &str, output: &str) -> InstanceError {
        let start = self.start;
        if let Some(advice) = start.ready_without_a_slash() {
            return self.error(reason, &["start", "ready"], advice);
        }
        if let Some(advice) = start.ready_elsewhere() {
            return self.error(reason, &["start", "ready"], advice.to_owned());
        }
        let (about, advice) = start.listens_elsewhere(self.port, output);
        let about: Vec<&str> = about.iter().map(String::as_str).collect();
        self.error(reason, &about, advice)
    }
}

impl Start {
    /// What to write where the path of `ready` runs into the port.
    fn ready_without_a_slash(&self) -> Option<String> {
        let Ready::Url(url) = &self.ready else {
            return None;
        };
        let end = ["{app}", "{port}"]
            .iter()
            .find_map(|name| Some(url.rfind(name)? + name.len()))?;
        let (before, path) = url.split_at(end);
        let runs_on = path.starts_with(|c: char| !"/?#".contains(c));
        runs_on.then(|| format!("a path begins with `/`: write ready = \"{before}/{path}\""))
    }

    /// What to write where `ready` names an address that is not the program's, though the program
    /// is handed one.
    pub(crate) fn ready_elsewhere(&self) -> Option<&'static str> {
        let names = |text: &str| text.contains("{port}") || text.contains("{app}");
        let elsewhere = matches!(&self.ready, Ready::Url(url) if !names(url));
        let handed = self.handed().any(|(_, text)| text.contains("{port}"));
        (elsewhere && handed).then_some(
            "the port is a new one each time: write ready = \"{app}/\", with the path of a page",
        )
    }

    /// Where a program that does not listen on its port may have another one from, and what to
    /// write there.
    pub(crate) fn listens_elsewhere(&self, port: u16, output: &str) -> (Vec<String>, String) {
        let other = ports(output).into_iter().find(|other| *other != port);
        let seen = other.map_or(String::new(), |other| {
            format!("; its output speaks of port {other}")
        });
        if let Some((key, _)) = self.handed().find(|(_, text)| text.contains("{port}")) {
            let asks = match key.as_slice() {
                [_, table, name] if *table != "files" => {
                    format!("does it read `{name}`, or another name?")
                }
                _ => "does it listen there?".to_owned(),
            };
            let advice = format!("it was given {port} as {{port}}{seen}: {asks}");
            return (owned(&key), advice);
        }
        let nothing = format!("nothing hands the program its {{port}}{seen}");
        let other = other.map(|other| other.to_string()).unwrap_or_default();
        let says_other = |text: &str| {
            let mut numbers = text.split(|c: char| !c.is_ascii_digit());
            !other.is_empty() && numbers.any(|number| number == other)
        };
        let is_port = |key: &[&str], text: &str| {
            let named = key
                .last()
                .is_some_and(|name| name.to_lowercase().ends_with("port"));
            text == other || named && text.parse::<u16>().is_ok()
        };
        // A variable that is the port alone, before one that names it within a URL.
        let fixed = self
            .handed()
            .find(|(key, text)| is_port(key, text))
            .or_else(|| self.handed().find(|(_, text)| says_other(text)));
        if let Some((key, text)) = fixed {
            let advice = match key.as_slice() {
                [_, "env", name] if is_port(&key, text) => {
                    format!("{nothing}: write {name} = \"{{port}}\"")
                }
                _ => format!("{nothing}: write {{port}} there in place of {other}"),
            };
            return (owned(&key), advice);
        }
        let advice = format!(
            "{nothing}: write PORT = \"{{port}}\" into [start.env], under the name that the \
             program reads, or put {{port}} into `command`"
        );
        (owned(&["start", "env"]), advice)
    }

    /// What the program is handed, each text with its key.
    fn handed(&self) -> impl Iterator<Item = (Vec<&str>, &str)> {
        let env = self.env.iter();
        let env = env.map(|(name, value)| (vec!["start", "env", name], value.as_str()));
        let files = self.files.iter().flat_map(|(path, file)| {
            let texts = file.texts().into_iter();
            texts.map(|text| (vec!["start", "files", path], text))
        });
        env.chain([(vec!["start", "command"], self.command.as_str())])
            .chain(files)
    }
}

fn owned(key: &[&str]) -> Vec<String> {
    key.iter().map(|word| (*word).to_owned()).collect()
}

/// Whether a program says that somebody else has its port.
fn wants_a_taken_port(output: &str) -> bool {
    let output = output.to_lowercase();
    let words = ["already in use", "eaddrinuse", "address in use"];
    words.iter().any(|words| output.contains(words))
}

/// The ports that a program says it listens on: `localhost:5000`, `port 5000`.
fn ports(output: &str) -> Vec<u16> {
    let marks = [
        "localhost:",
        "127.0.0.1:",
        "0.0.0.0:",
        "[::]:",
        "port ",
        "port: ",
        "port=",
        "serving on ",
        "listening on ",
        "running on ",
        "started on ",
    ];
    let output = output.to_lowercase();
    let mut found = Vec::new();
    for mark in marks {
        for rest in output.split(mark).skip(1) {
            let end = rest.find(|c: char| !c.is_ascii_digit());
            let (digits, after) = rest.split_at(end.unwrap_or(rest.len()));
            // The beginning of an address, or of a date.
            let goes_on = after.starts_with(['.', '-', ':'])
                && after[1..].starts_with(|c: char| c.is_ascii_digit());
            found.extend(digits.parse::<u16>().ok().filter(|_| !goes_on));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_found_in_what_a_program_prints() {
        assert_eq!(
            ports(" * Running on http://127.0.0.1:5000\nlistening on port 3000\nServing on 80"),
            [5000, 3000, 80]
        );
        assert_eq!(ports("Listening on 127.0.0.1:4000."), [4000]);
        assert!(ports("started on 2026-11-30").is_empty());
    }

    fn start(toml: &str) -> Start {
        toml::from_str(toml).expect("a table of this test")
    }

    #[test]
    fn a_fixed_port_is_found_where_it_is_handed_over() {
        let said = "Serving on 5077";
        let told = |toml: &str| start(toml).listens_elsewhere(20_001, said);
        let (key, advice) = told("command = 'x'\nenv = { URL = 'http://x:5077', P = '5077' }");
        assert_eq!(key, ["start", "env", "P"]);
        assert_eq!(
            advice,
            "nothing hands the program its {port}; its output speaks of port 5077: write P = \
             \"{port}\""
        );
        let (key, advice) = told("command = 'x --port 5077'\nenv = { URL = '{app}' }");
        assert_eq!(key, ["start", "command"]);
        assert!(advice.ends_with("write {port} there in place of 5077"));
        let (key, _) = told("command = 'x'\nfiles.'a.ini' = { text = 'port = 5077' }");
        assert_eq!(key, ["start", "files", "a.ini"]);
        let (key, advice) = told("command = 'x'\nenv = { URL = 'http://x:15077' }");
        assert_eq!(key, ["start", "env"]);
        assert!(advice.contains("into [start.env]"), "{advice}");
        let (key, advice) = told("command = 'x'\nenv = { P = '{port}' }");
        assert_eq!(key, ["start", "env", "P"]);
        assert!(advice.contains("does it read `P`"), "{advice}");
    }

    #[test]
    fn a_path_that_runs_into_the_port_is_seen() {
        let ready = |url: &str| {
            let toml = format!("command = 'x'\nready = '{url}'");
            start(&toml).ready_without_a_slash()
        };
        let told = ready("{app}healthz").expect("it is told");
        assert!(told.ends_with("write ready = \"{app}/healthz\""), "{told}");
        assert_eq!(ready("{app}"), None);
        assert_eq!(ready("http://localhost:{port}/healthz"), None);
        assert_eq!(ready("http://localhost:5000/"), None);
    }

    #[test]
    fn a_ready_page_of_somebody_else_is_seen_where_the_program_has_its_port() {
        let other = start("command = 'x {port}'\nready = '{issuer}/healthz'");
        assert!(other.ready_elsewhere().is_some());
        for toml in [
            "command = 'x {port}'\nready = '{app}/healthz'",
            "command = 'x {port}'\nready = { port = true }",
            "command = 'x'\nready = 'http://localhost:5077/'",
        ] {
            assert_eq!(start(toml).ready_elsewhere(), None, "{toml}");
        }
    }
}
