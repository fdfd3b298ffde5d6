//! What is wrong with a target file that types cannot say, each with its place.

use std::ops::Range;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use serde_json_path::JsonPath;
use toml::de::{DeTable, DeValue};

use super::load::split_command;
use super::probe::is_regex;
use super::start_files::stays_below;
use super::{App, Attach, Probe, ProviderTable, Ready, Start, Way, placeholder};
use crate::diag::{Diagnostic, nearest};
use crate::scenario::Capability;
use crate::user_agent::{Clickable, is_selector};

/// The placeholders that [start] may use.
const PLACEHOLDERS: &[&str] = &[
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

/// Those that say on a page who is signed in.
const USER_PLACEHOLDERS: &[&str] = &[
    "user.email",
    "user.name",
    "user.preferred_username",
    "user.sub",
];

/// The longest time that a target file can give anything.
const LONGEST: Duration = Duration::from_hours(24);

/// The mistakes of one file.
pub(super) struct Check<'a> {
    path: &'a str,
    text: &'a str,
    table: Option<DeTable<'a>>,
    pub(super) defects: Vec<Diagnostic>,
}

impl<'a> Check<'a> {
    pub(super) fn new(path: &'a str, text: &'a str) -> Self {
        Self {
            path,
            text,
            table: DeTable::parse(text).ok().map(toml::Spanned::into_inner),
            defects: Vec::new(),
        }
    }

    /// Where the value of a key stands; for a table with a header, its name there. The nearest
    /// table around, where there is no such key.
    fn place(&self, key: &[&str]) -> Range<usize> {
        let mut place = 0..0;
        let mut table = self.table.as_ref();
        for name in key {
            let found = table.and_then(|table| {
                let mut entries = table.iter();
                entries.find(|(key, _)| key.get_ref() == name)
            });
            let Some((key, value)) = found else { break };
            (place, table) = match value.get_ref() {
                DeValue::Table(inner) => (key.span(), Some(inner)),
                _ => (value.span(), None),
            };
        }
        let end = self.text[place.clone()].find('\n');
        place.start..end.map_or(place.end, |end| place.start + end)
    }

    /// Points at a value, or at a part of it.
    fn report(&mut self, key: &[&str], part: &str, message: String, help: impl Into<String>) {
        let mut span = self.place(key);
        // The text as it was typed; what is escaped there is not found, and the whole is shown.
        if let Some(at) = self.text[span.clone()].find(part)
            && !part.is_empty()
        {
            span = span.start + at..span.start + at + part.len();
        }
        let file = (self.path, self.text);
        self.defects.push(Diagnostic::at(file, span, message, help));
    }

    pub(super) fn duration(&mut self, key: &[&str], value: &str) -> Duration {
        let name = key.last().copied().unwrap_or_default();
        match humantime::parse_duration(value) {
            Ok(span) if span.is_zero() => {
                let message = format!("`{name}` is no time at all");
                self.report(key, "", message, "write how long it may take, such as 10s");
                span
            }
            Ok(span) if span > LONGEST => {
                let message = format!("`{name}` is longer than a day");
                self.report(key, "", message, "write how long it may take, such as 10s");
                span
            }
            Ok(span) => span,
            Err(error) => {
                let message = format!("`{name}` is not a span of time: {error}");
                self.report(key, "", message, "write it with a unit: 500ms, 10s, 2m");
                Duration::ZERO
            }
        }
    }

    /// The target has to be reached in exactly one way.
    pub(super) fn reached_in_one_way(&mut self, both: bool) {
        if both {
            let message = "the target is both started and attached to".to_owned();
            let help = "keep one of the tables [start] and [attach]";
            self.report(&["attach"], "", message, help);
        } else {
            let message = "the target is neither started nor attached to".to_owned();
            let help = "add the table [start] with a `command`, or [attach] for an app that runs";
            self.report(&["name"], "", message, help);
        }
    }

    /// What is claimed has to be said where it takes more than a word.
    pub(super) fn claims(&mut self, can: &[Capability], app: &App, browser: bool) {
        for (claim, word, said, message, help) in [
            (
                Capability::TwoIssuers,
                "\"two-issuers\"",
                app.second.is_some(),
                "`can` claims two issuers, and nothing says where the second login is",
                "add [app.second] with its `login`, or leave the claim out",
            ),
            (
                Capability::ReturnTo,
                "\"return-to\"",
                app.return_to.is_some(),
                "`can` claims `return-to`, and nothing says how a login is told where to end",
                "add return-to = \"/login?next={target}\" to [app], or leave the claim out",
            ),
            (
                Capability::BackChannelLogout,
                "\"back-channel-logout\"",
                app.back_channel_logout.is_some(),
                "`can` claims `back-channel-logout`, and nothing says which path takes the tokens",
                "add back-channel-logout = \"/backchannel-logout\" to [app], or leave the claim out",
            ),
            (
                Capability::Browser,
                "\"browser\"",
                browser,
                "`can` claims a real browser, and there is none",
                "add [browser] with kind = \"chromium\", which makes the claim by itself",
            ),
        ] {
            if can.contains(&claim) && !said {
                self.report(&["can"], word, message.to_owned(), help);
            }
        }
    }

    /// A public client has no secret to be told.
    pub(super) fn public_client(&mut self, start: &Start) {
        let mut variables = start.env.iter();
        let secret = variables.find(|(_, value)| value.contains("{client_secret}"));
        if let Some((name, _)) = secret.filter(|_| start.public_client) {
            self.report(
                &["start", "env", name],
                "{client_secret}",
                "a public client has no secret".to_owned(),
                "leave the variable out, or public-client = true",
            );
        }
    }

    pub(super) fn start(&mut self, start: &Start) {
        self.placeholders(&["start", "command"], &start.command, PLACEHOLDERS);
        if split_command(&start.command).is_empty() {
            let message = "the command is empty".to_owned();
            let help = "name the program to start and its arguments";
            self.report(&["start", "command"], "", message, help);
        }
        match &start.ready {
            Ready::Url(url) => self.placeholders(&["start", "ready"], url, PLACEHOLDERS),
            Ready::Log(line) => self.regex(&["start", "ready", "log"], line),
            Ready::Port => {}
        }
        for (table, variables) in [
            ("env", &start.env),
            ("env-plain-oauth2", &start.env_plain_oauth2),
            ("env-two-issuers", &start.env_two_issuers),
        ] {
            for (name, value) in variables {
                self.placeholders(&["start", table, name], value, PLACEHOLDERS);
            }
        }
        for (path, file) in &start.files {
            let key = ["start", "files", path.as_str()];
            let content = if file.text.is_some() { "text" } else { "json" };
            for text in file.texts() {
                self.placeholders(&[&key[..], &[content]].concat(), text, PLACEHOLDERS);
            }
            if file.text.is_some() == file.json.is_some() {
                let message = format!("what is to be in `{path}`?");
                self.report(&key, "", message, "write either `text` or `json` into it");
            }
            if !stays_below(path) {
                let message = format!("`{path}` is not below the folder of the target file");
                let help = "write a path from there, without `..`, such as dist/config.json";
                self.report(&key, "", message, help);
            }
        }
    }

    pub(super) fn attach(&mut self, attach: &Attach) {
        let url = url::Url::parse(&attach.app).ok();
        if !url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
            self.report(
                &["attach", "app"],
                "",
                format!("`{}` is not a URL", attach.app),
                "write it with its scheme, such as http://localhost:5000",
            );
        }
    }

    pub(super) fn provider(&mut self, provider: &ProviderTable) {
        if provider.certificate.is_some() && !provider.tls {
            let message = "the issuers are plain http, and have no certificate".to_owned();
            let help = "add `tls = true` to [provider]";
            self.report(&["provider", "certificate"], "", message, help);
        }
        if let Some(host) = &provider.issuer_host
            && url::Host::parse(host).is_err()
        {
            let message = format!("`{host}` is not a host name");
            let help = "write the name alone, such as host.docker.internal";
            self.report(&["provider", "issuer-host"], "", message, help);
        }
    }

    /// A program that runs already cannot be told of a CA that is made for the run.
    pub(super) fn tls_of_a_running_program(&mut self, provider: &ProviderTable) {
        if provider.tls && provider.certificate.is_none() {
            let message = "an app that runs already cannot trust a CA that is made for the run";
            let help = "add certificate = { chain = \"issuer.pem\", key = \"issuer-key.pem\", ca = \
                        \"ca.pem\" }: one that stays, such as `mkcert 127.0.0.1` makes, and \
                        whose CA the app trusts already";
            self.report(&["provider", "tls"], "", message.to_owned(), help);
        }
    }

    /// `{ca_file}` has to stand for something.
    pub(super) fn ca_file(&mut self, provider: &ProviderTable, start: &Start) {
        if provider.tls {
            return;
        }
        let uses = |text: &str| text.contains("{ca_file}");
        let variable = start.env.iter().find(|(_, value)| uses(value));
        let file = start.files.iter();
        let mut file = file.filter(|(_, file)| file.texts().into_iter().any(uses));
        let key = match (variable, file.next()) {
            _ if uses(&start.command) => vec!["start", "command"],
            (Some((name, _)), _) => vec!["start", "env", name.as_str()],
            (None, Some((path, _))) => vec!["start", "files", path.as_str()],
            (None, None) => return,
        };
        let message = "there is no CA: the issuers are plain http".to_owned();
        self.report(&key, "{ca_file}", message, "add `tls = true` to [provider]");
    }

    pub(super) fn app(&mut self, app: &App) {
        self.way(&["app", "login"], &app.login);
        self.way(&["app", "logout"], &app.logout);
        self.path(&["app", "callback"], &app.callback);
        self.path(&["app", "protected"], &app.protected);
        if let Way::Click { open: None, on } = &app.login {
            let on = match on {
                Clickable::Text(text) => format!("text={text}"),
                Clickable::Css(css) => css.clone(),
            };
            let message = "the page to click on is not named".to_owned();
            let help = format!("write login = {{ open = \"/\", click = \"{on}\" }}");
            self.report(&["app", "login"], "", message, help);
        }
        if let Some(path) = &app.back_channel_logout {
            self.path(&["app", "back-channel-logout"], path);
        }
        if let Some(place) = &app.return_to {
            let key = ["app", "return-to"];
            self.placeholders(&key, place, &["target"]);
            if !place.contains("{target}") {
                let message = "`return-to` does not say where `{target}` goes".to_owned();
                self.report(&key, "", message, "write it as in /login?next={target}");
            } else if !place.starts_with("{target}") {
                self.path(&key, place);
            }
        }
        if let Some(second) = &app.second {
            self.way(&["app", "second", "login"], &second.login);
            if let Some(first) = &second.first_login {
                self.way(&["app", "second", "first-login"], first);
            }
            if let Some(callback) = &second.callback {
                self.path(&["app", "second", "callback"], callback);
            }
        }
        for (name, value) in &app.headers {
            let named = HeaderName::from_bytes(name.as_bytes()).is_ok();
            if !named || HeaderValue::from_str(value).is_err() {
                let message = format!("`{name}: {value}` is not a header");
                let help = "a name of letters, digits and hyphens, and a value of one line";
                self.report(&["app", "headers", name], "", message, help);
            }
        }
    }

    fn way(&mut self, key: &[&str], way: &Way) {
        for (name, path) in way.paths() {
            self.path(&[key, &[name]].concat(), path);
        }
        if let Way::Click { on, .. } = way
            && let Clickable::Css(css) = on
        {
            self.selector(&[key, &["click"]].concat(), css);
        }
    }

    fn path(&mut self, key: &[&str], path: &str) {
        if !path.starts_with('/') {
            let message = format!("`{path}` is not a path");
            let help = "paths of [app] start with `/`; the host comes from {app}";
            self.report(key, path, message, help);
        }
    }

    pub(super) fn probe(&mut self, table: &str, probe: &Probe) {
        let about_users = table == "signed_in";
        let known = if about_users { USER_PLACEHOLDERS } else { &[] };
        if let Some(text) = &probe.text {
            self.placeholders(&[table, "text"], text, known);
            if is_regex(text) {
                self.regex(&[table, "text"], text);
            }
        }
        for (path, value) in &probe.json {
            let key = [table, "json", path.as_str()];
            self.placeholders(&key, value, known);
            if let Err(error) = JsonPath::parse(path) {
                let message = format!("`{path}` is no JSON path: {error}");
                self.report(&key, "", message, "write it as in RFC 9535: $.user.email");
            }
        }
        if let Some(css) = &probe.css {
            self.selector(&[table, "css"], css);
        }
        let says = probe.text.is_some() || !probe.json.is_empty();
        if about_users && says && !probe.names_account() {
            let key = if probe.text.is_some() { "text" } else { "json" };
            self.report(
                &[table, key],
                "",
                format!("the {key} of [signed_in] does not say who is signed in"),
                "put {user.email}, {user.name} or {user.sub} into it: it has to tell one account \
                 from another",
            );
        }
        if *probe == Probe::default() {
            let message = format!("[{table}] says nothing");
            self.report(
                &[table],
                "",
                message,
                "add `status`, `text`, `json` or `css`",
            );
        }
    }

    fn regex(&mut self, key: &[&str], text: &str) {
        // Placeholders are filled in later, with what stands for itself.
        let fill = |text: String, name: &&str| text.replace(&format!("{{{name}}}"), "x");
        let text = USER_PLACEHOLDERS.iter().fold(text.to_owned(), fill);
        if regex::Regex::new(&text).is_err() {
            let message = "this is no regular expression".to_owned();
            let help = "characters such as ( [ . * stand for themselves after a \\; a plain text \
                        does not begin with (?";
            self.report(key, "", message, help);
        }
    }

    fn selector(&mut self, key: &[&str], css: &str) {
        if !is_selector(css) {
            let message = format!("`{css}` is no CSS selector");
            let help = "write it as in a style sheet, such as [data-testid=user]; to click on a \
                        text, write text=Sign in";
            self.report(key, css, message, help);
        }
    }

    fn placeholders(&mut self, key: &[&str], value: &str, known: &[&str]) {
        let Some(name) = placeholder::unknown(value, known) else {
            return;
        };
        let help = match nearest(name, known) {
            Some(near) => format!("did you mean `{{{near}}}`?"),
            None if known.is_empty() => "there are no placeholders here".to_owned(),
            None => format!("known placeholders: {}", known.join(", ")),
        };
        let message = format!("unknown placeholder `{{{name}}}`");
        self.report(key, &format!("{{{name}}}"), message, help);
    }
}
