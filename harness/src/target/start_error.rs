//! Why a program did not start, in terms of the target file.

use std::io::ErrorKind;
use std::path::Path;

use super::instance::{InstanceError, Stopped};
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
        let shell = ["&&", "||", "|", ";", ">"];
        let advice = if program.contains('=') {
            "variables do not belong into the command: write them into [start.env]".to_owned()
        } else if self.words.iter().any(|word| shell.contains(&word.as_str())) {
            format!(
                "the command is run without a shell: write command = \"sh -c '{}'\"",
                self.start.command
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

    /// It started and was never ready.
    pub(super) fn not_ready(&self, not_ready: &NotReady, log: &LogBuffer) -> InstanceError {
        let NotReady { how, reason } = not_ready;
        let output = log.text();
        let mut error = if *how != Stopped::Late {
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
        error.stopped = Some(*how).filter(|_| !wants_a_taken_port(&output));
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
        let advice = "see its output; a variable that it misses belongs into [start.env]";
        let mut error = self.error(reason, &["start", "env"], advice.to_owned());
        if self.start.install.is_some() {
            error.advice = Some(format!("{advice}; {}", self.set_up()));
        }
        error
    }

    fn nothing_listens(&self, reason: &str, output: &str) -> InstanceError {
        let start = self.start;
        let names = |text: &str| text.contains("{port}") || text.contains("{app}");
        if let Ready::Url(url) = &start.ready
            && !names(url)
        {
            let advice = "the port is a new one each time: write ready = \"{app}/\", with the path \
                          of a page";
            return self.error(reason, &["start", "ready"], advice.to_owned());
        }
        let variable_with = |word: &str| start.env.iter().find(|(_, value)| value.contains(word));
        let variable = variable_with("{port}").or_else(|| variable_with("{app}"));
        if variable.is_none() && !start.command.contains("{port}") {
            let advice = "nothing tells the program its port: write PORT = \"{port}\" into \
                          [start.env], under the name that the program reads, or put {port} into \
                          `command`";
            return self.error(reason, &["start", "env"], advice.to_owned());
        }
        let other = ports(output).into_iter().find(|port| *port != self.port);
        let given = format!("it was given {} as {{port}}", self.port);
        let seen = other.map_or(String::new(), |port| {
            format!("; its output speaks of port {port}")
        });
        if let Some((name, _)) = variable {
            let advice = format!("{given}{seen}: does it read `{name}`, or another name?");
            self.error(reason, &["start", "env", name], advice)
        } else {
            let advice = format!("{given}{seen}: does it listen there?");
            self.error(reason, &["start", "command"], advice)
        }
    }
}

/// Whether a program says that somebody else has its port.
fn wants_a_taken_port(output: &str) -> bool {
    let output = output.to_lowercase();
    let words = ["already in use", "eaddrinuse", "address in use"];
    words.iter().any(|words| output.contains(words))
}

/// The ports that a program says it listens on: `localhost:5000`, `port 5000`.
fn ports(output: &str) -> Vec<u16> {
    let marks = ["localhost:", "127.0.0.1:", "0.0.0.0:", "port ", "port: "];
    let mut found = Vec::new();
    for mark in marks {
        for rest in output.split(mark).skip(1) {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            found.extend(digits.parse::<u16>());
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
            ports(" * Running on http://127.0.0.1:5000\nlistening on port 3000"),
            [5000, 3000]
        );
    }
}
