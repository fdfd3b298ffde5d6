//! What is wrong with a scenario that types cannot say.

use std::ops::Range;

use oauth_gauntlet_provider::Fault;
use toml::Spanned;

use super::load::is_name;
use super::{Act, Expect, Scenario, Step};
use crate::diag::Diagnostic;

/// All that is wrong, each with its place.
pub(super) fn check(id: &str, path: &str, text: &str, scenario: &Scenario) -> Vec<Diagnostic> {
    let mut check = Check {
        path,
        text,
        defects: Vec::new(),
    };
    check.names(id, scenario);
    check.faults(scenario);
    check.steps(scenario);
    check.prose(scenario);
    check.defects
}

struct Check<'a> {
    path: &'a str,
    text: &'a str,
    defects: Vec<Diagnostic>,
}

impl Check<'_> {
    fn report(&mut self, span: Range<usize>, message: String, help: &str) {
        let file = (self.path, self.text);
        self.defects.push(Diagnostic::at(file, span, message, help));
    }

    /// Where a word stands; the beginning, if it does not.
    fn word(&self, word: &str) -> Range<usize> {
        self.text
            .find(word)
            .map_or(0..0, |start| start..start + word.len())
    }

    fn names(&mut self, id: &str, scenario: &Scenario) {
        if !id.split('/').all(is_name) || !id.contains('/') {
            self.report(
                0..0,
                format!("`{id}` is not a scenario id"),
                "the path below the scenarios folder is the id: <area>/<name>.toml, in lower \
                 case, digits and hyphens",
            );
        }
        for (index, case) in scenario.case.iter().enumerate() {
            if scenario.case[..index]
                .iter()
                .any(|other| other.name == case.name)
            {
                self.report(
                    self.word(&case.name),
                    format!("there are two cases called `{}`", case.name),
                    "give each case a name of its own",
                );
            }
        }
        for case in scenario.case.iter().filter(|case| !is_name(&case.name)) {
            self.report(
                self.word(&case.name),
                format!("`{}` is not a case name", case.name),
                "use lower case letters, digits and hyphens",
            );
        }
    }

    fn faults(&mut self, scenario: &Scenario) {
        let of_cases = scenario
            .case
            .iter()
            .flat_map(|case| case.fault.iter().flatten());
        let of_steps = steps(scenario).flat_map(|step| step.fault.iter().map(|fault| &fault.0));
        let all: Vec<&Spanned<Fault>> = scenario
            .fault
            .iter()
            .chain(of_cases)
            .chain(of_steps)
            .collect();
        for fault in all {
            let Err(error) = fault.get_ref().check() else {
                continue;
            };
            let start = fault.span().start;
            let line = self.text[start..]
                .find('\n')
                .map_or(self.text.len(), |end| start + end);
            self.report(
                start..line,
                error.to_string(),
                "a fault has exactly one of metadata, jwks, authorize, redirect, token, \
                 id-token, access-token, userinfo, transport",
            );
        }
    }

    fn steps(&mut self, scenario: &Scenario) {
        for step in steps(scenario) {
            if (step.act == Act::Deliver) != step.callback.is_some() {
                self.report(
                    self.word("callback ="),
                    "`callback` belongs to `do = \"deliver\"`, and to no other act".to_owned(),
                    "write callback = { code = \"attackers-own\", state = \"invented\" }",
                );
            }
        }
        for expect in expectations(scenario) {
            if *expect == Expect::default() {
                self.report(
                    self.word("expect"),
                    "an expectation is empty, so it can never fail".to_owned(),
                    "say what is expected, for example: outcome = \"refused\"",
                );
            }
            for count in expect.requests.iter().filter(|count| count.min > count.max) {
                self.report(
                    self.word("requests"),
                    format!(
                        "at least {} and at most {} cannot both hold",
                        count.min, count.max
                    ),
                    "min must not be more than max",
                );
            }
        }
        let cases_expect =
            !scenario.case.is_empty() && scenario.case.iter().all(|case| case.expect.is_some());
        let expects = scenario.expect.is_some()
            || steps(scenario).any(|step| step.expect.is_some())
            || cases_expect
            || scenario.check.is_some();
        if !expects {
            self.report(
                self.word("title"),
                "the scenario expects nothing, so it can never fail".to_owned(),
                "add an [expect] table, for example: outcome = \"refused\"",
            );
        }
    }

    fn prose(&mut self, scenario: &Scenario) {
        let prose = [
            ("title", &scenario.title),
            ("why", &scenario.why),
            ("fix", &scenario.fix),
        ];
        for (key, _) in prose
            .into_iter()
            .filter(|(_, value)| value.trim().is_empty())
        {
            self.report(
                self.word(key),
                format!("`{key}` is empty"),
                "say it in a sentence; it is shown to the developer whose client fails",
            );
        }
        if scenario.spec.is_empty() {
            self.report(
                self.word("spec"),
                "`spec` is empty".to_owned(),
                "name the specification and section, or the practice",
            );
        }
    }
}

fn steps(scenario: &Scenario) -> impl Iterator<Item = &Step> {
    let of_cases = scenario
        .case
        .iter()
        .flat_map(|case| case.step.iter().flatten());
    scenario.step.iter().chain(of_cases)
}

fn expectations(scenario: &Scenario) -> impl Iterator<Item = &Expect> {
    let of_cases = scenario.case.iter().filter_map(|case| case.expect.as_ref());
    let of_steps = steps(scenario).filter_map(|step| step.expect.as_ref());
    scenario.expect.iter().chain(of_cases).chain(of_steps)
}
