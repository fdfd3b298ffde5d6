//! Reading target files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Probe, ProviderTable, Reach, SourceText, Target, TargetFile, placeholder};
use crate::diag::{Diagnostic, nearest};
use crate::scenario::{Capability, read_text};

/// A target file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the target file cannot be used")]
pub struct TargetError(pub Vec<Diagnostic>);

/// The placeholders that a target file may use.
pub(super) const PLACEHOLDERS: &[&str] = &[
    "app",
    "ca_file",
    "client_id",
    "client_secret",
    "issuer",
    "port",
    "random",
    "second.client_id",
    "second.client_secret",
    "second.issuer",
    "time_out",
];

const USER_PLACEHOLDERS: &[&str] = &["user.email", "user.name", "user.sub"];

/// Reads a target file.
///
/// # Errors
/// What is wrong with it, each with its place.
pub fn from_file(path: &Path) -> Result<Target, TargetError> {
    let text = read_text(path).map_err(|defect| TargetError(vec![*defect]))?;
    parse(path, &text).map_err(TargetError)
}

/// Parses the text of a target file.
///
/// # Errors
/// What is wrong with it, each with its place.
pub fn parse(path: &Path, text: &str) -> Result<Target, Vec<Diagnostic>> {
    let shown = path.display().to_string();
    if text.trim().is_empty() {
        return Err(vec![Diagnostic::whole_file(
            &shown,
            "the target file is empty",
            "a target needs a name, `can`, and a [start] or an [attach] table; see \
             harness/targets/flask-authlib/gauntlet.toml",
        )]);
    }
    let file: TargetFile =
        toml::from_str(text).map_err(|error| vec![Diagnostic::from_toml(&shown, text, &error)])?;
    let mut check = Check {
        path: &shown,
        text,
        defects: Vec::new(),
    };
    let time_limit = check.duration("time-limit", &file.time_limit);
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let reach = match (file.start.clone(), file.attach.clone()) {
        (Some(start), None) => {
            let timeout = check.duration("timeout", &start.timeout);
            let texts = start.env.values().chain(start.env_plain_oauth2.values());
            for value in texts
                .chain(start.env_two_issuers.values())
                .chain([&start.ready, &start.command])
            {
                check.placeholders(value, PLACEHOLDERS);
            }
            if split_command(&start.command).is_empty() {
                check.report(
                    "command",
                    "the command is empty".to_owned(),
                    "name the program to start and its arguments".to_owned(),
                );
            }
            Reach::Command {
                folder,
                start: Box::new(start),
                timeout,
            }
        }
        (None, Some(attach)) => {
            let url = url::Url::parse(&attach.app).ok();
            if !url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
                check.report(
                    &attach.app,
                    format!("`{}` is not a URL", attach.app),
                    "write it with its scheme, such as http://localhost:5000".to_owned(),
                );
            }
            Reach::Attached(attach)
        }
        (start, _) => {
            check.reached_in_one_way(start.is_some());
            return Err(check.defects);
        }
    };
    check.provider(&file.provider);
    for page in [
        &file.app.login,
        &file.app.callback,
        &file.app.protected,
        &file.app.logout.path,
    ] {
        if !page.starts_with('/') {
            check.report(
                page,
                format!("`{page}` is not a path"),
                "paths of [app] start with `/`; the host comes from {app}".to_owned(),
            );
        }
    }
    if let Some(probe) = &file.signed_in {
        check.signed_in(probe);
    }
    if file.can.contains(&Capability::TwoIssuers) && file.app.second.is_none() {
        check.second_issuer();
    }
    if !check.defects.is_empty() {
        return Err(check.defects);
    }
    Ok(Target {
        name: file.name,
        origin: shown,
        can: file.can,
        time_limit,
        reach,
        provider: file.provider,
        app: file.app,
        signed_in: file.signed_in,
        known: file.known,
        source: Some(SourceText {
            path: path.display().to_string(),
            text: text.to_owned(),
        }),
    })
}

/// Splits a command line at spaces, with single and double quotes keeping words together.
pub(super) fn split_command(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

struct Check<'a> {
    path: &'a str,
    text: &'a str,
    defects: Vec<Diagnostic>,
}

impl Check<'_> {
    fn report(&mut self, at: &str, message: String, help: String) {
        let start = self.text.find(at).unwrap_or(0);
        let end = if self.text.contains(at) {
            start + at.len()
        } else {
            start
        };
        self.defects.push(Diagnostic {
            path: self.path.to_owned(),
            source: self.text.to_owned(),
            span: start..end,
            label: message.clone(),
            message,
            help: Some(help),
        });
    }

    fn duration(&mut self, key: &str, value: &str) -> Duration {
        let parsed = humantime::parse_duration(value);
        if parsed.is_ok_and(|span| span.is_zero()) {
            self.report(
                value,
                format!("`{key}` is no time at all"),
                "write how long it may take, such as 10s".to_owned(),
            );
        }
        humantime::parse_duration(value).unwrap_or_else(|error| {
            self.report(
                value,
                format!("`{key}` is not a span of time: {error}"),
                "write it with a unit: 500ms, 10s, 2m".to_owned(),
            );
            Duration::ZERO
        })
    }

    fn provider(&mut self, provider: &ProviderTable) {
        if !provider.tls && self.text.contains("{ca_file}") {
            self.report(
                "{ca_file}",
                "there is no CA: the issuers are plain http".to_owned(),
                "add `tls = true` to [provider]".to_owned(),
            );
        }
        if let Some(host) = &provider.issuer_host
            && url::Host::parse(host).is_err()
        {
            self.report(
                host,
                format!("`{host}` is not a host name"),
                "write the name alone, such as host.docker.internal".to_owned(),
            );
        }
    }

    fn reached_in_one_way(&mut self, both: bool) {
        let (at, what, help) = if both {
            let what = "the target is both started and attached to";
            (
                "[attach]",
                what,
                "keep one of the tables [start] and [attach]",
            )
        } else {
            let what = "the target is neither started nor attached to";
            let help = "add the table [start] with a `command`, or [attach] for an app that runs";
            ("name", what, help)
        };
        self.report(at, what.to_owned(), help.to_owned());
    }

    fn second_issuer(&mut self) {
        self.report(
            "\"two-issuers\"",
            "`can` claims two issuers, and nothing says where the second login is".to_owned(),
            "add [app.second] with its `login`, or leave the claim out".to_owned(),
        );
    }

    fn signed_in(&mut self, probe: &Probe) {
        let Some(text) = &probe.text else { return };
        self.placeholders(text, USER_PLACEHOLDERS);
        if !text.contains("{user.") {
            self.report(
                text,
                "the text of [signed_in] does not say who is signed in".to_owned(),
                "put {user.email}, {user.name} or {user.sub} into it: it has to tell one account \
                 from another"
                    .to_owned(),
            );
        }
    }

    fn placeholders(&mut self, value: &str, known: &[&str]) {
        if let Some(name) = placeholder::unknown(value, known) {
            let help = nearest(name, known).map_or_else(
                || format!("known placeholders: {}", known.join(", ")),
                |near| format!("did you mean `{{{near}}}`?"),
            );
            self.report(
                &format!("{{{name}}}"),
                format!("unknown placeholder `{{{name}}}`"),
                help,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_split_as_a_shell_would_split_it() {
        assert_eq!(split_command("a  'b c' \"d\"e"), ["a", "b c", "de"]);
    }

    #[test]
    fn an_unknown_placeholder_is_answered_with_the_nearest() {
        let text =
            "name = \"x\"\ncan = []\n[start]\ncommand = \"x\"\n[start.env]\nA = \"{isuer}\"\n";
        let defects = parse(Path::new("gauntlet.toml"), text).expect_err("it is wrong");
        assert_eq!(defects[0].help.as_deref(), Some("did you mean `{issuer}`?"));
        assert_eq!(&text[defects[0].span.clone()], "{isuer}");
    }
}
