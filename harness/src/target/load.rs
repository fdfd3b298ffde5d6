//! Reading target files.

use std::path::{Path, PathBuf};

use super::check::Check;
use super::{ProviderTable, Reach, RealBrowser, SourceText, Target, TargetFile};
use crate::diag::Diagnostic;
use crate::scenario::read_text;

/// A target file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the target file cannot be used")]
pub struct TargetError(pub Vec<Diagnostic>);

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
    let mut check = Check::new(&shown, text);
    let time_limit = check.duration(&["time-limit"], &file.time_limit);
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let own = file.provider.certificate.as_ref();
    let provider = ProviderTable {
        certificate: own.map(|own| own.within(&folder)),
        ..file.provider.clone()
    };
    let reach = match (file.start.clone(), file.attach.clone()) {
        (Some(start), None) => {
            let timeout = check.duration(&["start", "timeout"], &start.timeout);
            check.start(&start);
            check.ca_file(&file.provider, &start);
            check.public_client(&start);
            Reach::Command {
                folder,
                start: Box::new(start),
                timeout,
            }
        }
        (None, Some(attach)) => {
            check.attach(&attach);
            check.tls_of_a_running_program(&file.provider);
            Reach::Attached(attach)
        }
        (start, _) => {
            check.reached_in_one_way(start.is_some());
            return Err(check.defects);
        }
    };
    check.provider(&file.provider);
    check.app(&file.app);
    for (table, probe) in [
        ("signed_in", &file.signed_in),
        ("signed_out", &file.signed_out),
        ("error_page", &file.error_page),
    ] {
        if let Some(probe) = probe {
            check.probe(table, probe);
        }
    }
    check.claims(&file.can, &file.app, file.browser.is_some());
    let browser = file.browser.map(|table| RealBrowser {
        settle: check.duration(&["browser", "settle"], &table.settle),
        program: table.program,
        driver: table.driver,
    });
    if !check.defects.is_empty() {
        return Err(check.defects);
    }
    let target = Target {
        name: file.name,
        origin: shown,
        can: file.can,
        time_limit,
        reach,
        provider,
        browser: None,
        app: file.app,
        signed_in: file.signed_in,
        signed_out: file.signed_out,
        error_page: file.error_page,
        known: file.known,
        source: Some(SourceText {
            path: path.display().to_string(),
            text: text.to_owned(),
        }),
    };
    Ok(match browser {
        Some(browser) => target.with_browser(browser),
        None => target,
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
