//! What is wrong with a scenario that types cannot say.

use std::ops::Range;

use oauth_gauntlet_provider::Fault;
use toml::Spanned;

use super::load::is_name;
use super::plan::plans;
use super::{Act, Browser, Expect, Outcome, Plan, Scenario, Settings, Step};
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
    check.changes(id, scenario);
    check.expects_once(scenario);
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

    /// Where a key stands with this value at the last place, or with any at the first; a table of
    /// that name counts as well.
    fn key(&self, key: &str, value: Option<&str>) -> Range<usize> {
        let quoted = value.map(|value| format!("\"{value}\""));
        let mut found = self.lines().filter(|(_, line)| {
            let rest = line.trim_start().trim_start_matches('[').strip_prefix(key);
            let rest = rest.map(str::trim_start);
            rest.is_some_and(|rest| {
                rest.starts_with([']', '='])
                    && quoted.as_ref().is_none_or(|quoted| rest.contains(quoted))
            })
        });
        let found = match value {
            Some(_) => found.last(),
            None => found.next(),
        };
        found.map_or_else(
            || self.key(key, None),
            |(start, line)| {
                let indent = line.len() - line.trim_start().len();
                start + indent..start + line.trim_end().len()
            },
        )
    }

    /// The lines, each with where it begins.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.split_inclusive('\n').scan(0, |next, line| {
            let start = *next;
            *next += line.len();
            Some((start, line))
        })
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
                    self.key("name", Some(&case.name)),
                    format!("there are two cases called `{}`", case.name),
                    "give each case a name of its own",
                );
            }
        }
        for case in scenario.case.iter().filter(|case| !is_name(&case.name)) {
            self.report(
                self.key("name", Some(&case.name)),
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
                let act = if step.act == Act::Deliver {
                    "\"deliver\""
                } else {
                    "callback ="
                };
                self.report(
                    self.word(act),
                    "`callback` belongs to `do = \"deliver\"`, and to no other act".to_owned(),
                    "write callback = { code = \"attackers-own\", state = \"invented\" }",
                );
            }
            let is_path = |path: &String| path.starts_with('/') && step.act == Act::Visit;
            if !step.path.as_ref().is_none_or(is_path) {
                self.report(
                    self.word("path ="),
                    "`path` is a page of the client for `do = \"visit\"`, and begins with `/`"
                        .to_owned(),
                    "write path = \"/\" beside do = \"visit\", or leave it out",
                );
            }
        }
        for expect in expectations(scenario) {
            if *expect == Expect::default() {
                self.report(
                    self.key("expect", None),
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
                self.key("title", None),
                "the scenario expects nothing, so it can never fail".to_owned(),
                "add an [expect] table, for example: outcome = \"refused\"",
            );
        }
    }

    /// The expectation of a scenario is that of its last step, which has none of its own.
    fn expects_once(&mut self, scenario: &Scenario) {
        let own = |steps: &[Step]| steps.last().is_some_and(|step| step.expect.is_some());
        let whole = scenario.expect.is_some();
        let twice = scenario.case.iter().any(|case| {
            let steps = case.step.as_deref().unwrap_or(&scenario.step);
            own(steps) && (whole || case.expect.is_some())
        });
        if twice || (scenario.case.is_empty() && whole && own(&scenario.step)) {
            self.report(
                self.key("expect", None),
                "the last step has an expectation of its own, and [expect] would replace it"
                    .to_owned(),
                "put all of it into one of the two",
            );
        }
    }

    /// A clean login signs the user in; what expects anything else has to change something.
    fn changes(&mut self, id: &str, scenario: &Scenario) {
        let clean = |plan: &Plan| {
            let plain = |step: &Step| {
                step.act == Act::SignIn
                    && step.browser == Browser::Victim
                    && step.fault.is_empty()
                    && step.withhold.is_empty()
                    && step.with.is_empty()
                    && step.headers.is_empty()
                    && step.return_to.is_none()
            };
            plan.check.is_none()
                && plan.faults.is_empty()
                && plan.settings == Settings::default()
                && plan.steps.iter().all(plain)
        };
        let refused = |plan: &Plan| {
            let expect = plan.expectation(plan.steps.len() - 1);
            let outcome = expect.and_then(|expect| expect.outcome);
            matches!(
                outcome,
                Some(Outcome::Refused | Outcome::AsksLogin | Outcome::SignedOut)
            )
        };
        for plan in plans(id, self.path, scenario) {
            if clean(&plan) && refused(&plan) {
                self.report(
                    self.key("outcome", None),
                    format!(
                        "`{}` changes nothing, so that a good client signs its user in",
                        plan.id
                    ),
                    "add a [[fault]], or the steps of the attack",
                );
            }
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
                self.key(key, None),
                format!("`{key}` is empty"),
                "say it in a sentence; it is shown to the developer whose client fails",
            );
        }
        if scenario.spec.is_empty() {
            self.report(
                self.key("spec", None),
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
