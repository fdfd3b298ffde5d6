//! A run on one target as data: what the JSON report says, and what all other reports are made of.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Exit, Tally};
use crate::judge::{Finding, Verdict};
use crate::run::{Outcome, SetupError};
use crate::scenario::{Level, Severity};
use crate::transcript::{Entry, Redactor, render_entry};

/// A run on one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The version of this program.
    pub gauntlet: String,
    /// The client's name.
    pub target: String,
    /// The exit code.
    pub exit: u8,
    /// Why nothing was judged, where the set-up is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_up: Option<SetUp>,
    /// How many scenarios came to which verdict.
    pub summary: Tally,
    /// What became of each scenario, in the order of their ids.
    pub results: Vec<Judged>,
    /// How long each took, in seconds. They stand apart, so that two reports can be compared
    /// without them.
    pub seconds: BTreeMap<String, f64>,
}

/// A mistake of the set-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetUp {
    /// What went wrong, in a sentence.
    pub title: String,
    /// What was seen, line by line.
    pub seen: Vec<String>,
    /// What to do about it.
    pub advice: Option<String>,
    /// The last lines of the client's output.
    pub output: Vec<String>,
}

/// What became of one scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The scenario's id, with the case's name in brackets.
    pub id: String,
    /// What a good client does.
    pub title: String,
    /// The verdict.
    pub verdict: Verdict,
    /// How binding the requirement is.
    pub level: Level,
    /// What a client that falls for it loses.
    pub severity: Severity,
    /// Specifications and sections.
    pub spec: Vec<String>,
    /// Weakness numbers of the Common Weakness Enumeration.
    pub cwe: Vec<u32>,
    /// Other names of the scenario.
    pub alias: Vec<String>,
    /// Who could do what to whom.
    pub why: String,
    /// How to mend it.
    pub fix: String,
    /// Why nothing was proven, why it was skipped, or what there is to know.
    pub reason: Option<String>,
    /// What broke an expectation.
    pub findings: Vec<Finding>,
    /// The last lines of the client's output, where its program ended or did not start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
    /// The exchanges that the verdict rests on.
    pub transcript: Vec<Exchange>,
    /// What the browser showed at the end, where a real one was used and something is to be seen
    /// to: a PNG in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screenshot: Option<String>,
}

/// One exchange of a transcript, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Its number.
    pub number: usize,
    /// Who asked.
    pub from: String,
    /// Who was asked.
    pub to: String,
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The status code, if there was a response.
    pub status: Option<u16>,
    /// The faults in it, in words.
    pub faults: Vec<String>,
    /// The request and the response as text.
    pub text: String,
}

impl Document {
    /// The document of a run.
    pub fn of(target: &str, outcomes: &[Outcome], exit: Exit) -> Self {
        let seconds = outcomes
            .iter()
            .map(|outcome| (outcome.plan.id.clone(), outcome.took.as_secs_f64()));
        Self {
            gauntlet: env!("CARGO_PKG_VERSION").to_owned(),
            target: target.to_owned(),
            exit: exit as u8,
            set_up: None,
            summary: Tally::of(outcomes),
            results: outcomes.iter().map(Judged::of).collect(),
            seconds: seconds.collect(),
        }
    }

    /// The document of a run that never came to judge anything.
    pub fn of_set_up(target: &str, error: &SetupError) -> Self {
        Self {
            set_up: Some(SetUp {
                title: error.title.clone(),
                seen: error.seen.clone(),
                advice: error.told_advice(),
                output: error.output.clone(),
            }),
            ..Self::of(target, &[], Exit::Setup)
        }
    }
}

impl Judged {
    fn of(outcome: &Outcome) -> Self {
        let plan = &outcome.plan;
        let judgement = &outcome.judgement;
        let redactor = outcome
            .record
            .as_deref()
            .map(Redactor::of)
            .unwrap_or_default();
        let findings = judgement.findings.iter().map(|finding| Finding {
            sentence: redactor.text(&finding.sentence),
            observed: redactor.text(&finding.observed),
            ..finding.clone()
        });
        let entries = outcome.record.iter().flat_map(|record| &record.transcript);
        let about = outcome.about();
        Self {
            id: plan.id.clone(),
            title: plan.title.clone(),
            verdict: judgement.verdict,
            level: about.level,
            severity: plan.scenario.severity,
            spec: about.spec.to_vec(),
            cwe: about.cwe.to_vec(),
            alias: plan.scenario.alias.clone(),
            why: about.why.to_owned(),
            fix: about.fix.to_owned(),
            reason: judgement
                .reason
                .as_deref()
                .map(|reason| redactor.text(reason)),
            findings: findings.collect(),
            output: outcome
                .output
                .iter()
                .map(|line| redactor.text(line))
                .collect(),
            transcript: entries
                .map(|entry| Exchange::of(entry, &redactor))
                .collect(),
            screenshot: (outcome.record.as_ref())
                .filter(|_| !matches!(judgement.verdict, Verdict::Pass | Verdict::Skip))
                .and_then(|record| record.screenshot.as_ref())
                .map(|png| STANDARD.encode(png)),
        }
    }

    /// Whether there is something to read about it.
    pub fn is_notable(&self) -> bool {
        !matches!(self.verdict, Verdict::Pass | Verdict::Skip)
    }

    /// The area: the first part of the id.
    pub fn area(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }

    /// The sentence that says what became of it: its gravest finding, or the reason.
    pub fn sentence(&self) -> &str {
        let gravest = self
            .findings
            .iter()
            .max_by_key(|finding| (finding.level, finding.severity));
        gravest
            .map(|finding| finding.sentence.as_str())
            .or(self.reason.as_deref())
            .unwrap_or(&self.title)
    }
}

impl Exchange {
    fn of(entry: &Entry, redactor: &Redactor) -> Self {
        Self {
            number: entry.number,
            from: entry.from.words().to_owned(),
            to: entry.to.words().to_owned(),
            method: entry.method.clone(),
            url: redactor.text(entry.url.as_str()),
            status: entry.answer.status(),
            faults: entry
                .faults
                .iter()
                .map(|fault| redactor.text(fault))
                .collect(),
            text: render_entry(entry, redactor),
        }
    }
}

/// A document with one result of each verdict, and text that would break a careless report.
#[cfg(test)]
pub(super) fn example() -> Document {
    let judged = |id: &str, verdict, findings: Vec<Finding>, reason: Option<&str>| Judged {
        id: id.to_owned(),
        title: "A good client <does> this & that".to_owned(),
        verdict,
        level: Level::Must,
        severity: Severity::Critical,
        spec: vec!["OIDC Core 1.0 §3.1.3.7 (3)".to_owned()],
        cwe: vec![287],
        alias: vec!["idt-aud-wrong".to_owned()],
        why: "Somebody else's token would do.".to_owned(),
        fix: "Compare `aud`.".to_owned(),
        reason: reason.map(str::to_owned),
        findings,
        output: Vec::new(),
        transcript: vec![Exchange {
            number: 7,
            from: "app".to_owned(),
            to: "provider".to_owned(),
            method: "POST".to_owned(),
            url: "<honest>/token".to_owned(),
            status: Some(200),
            faults: vec!["id-token: aud = another-client".to_owned()],
            text: "  7 app → provider  POST /token\n      </pre><script>alert(1)</script>\n"
                .to_owned(),
        }],
        screenshot: None,
    };
    let finding = |level| Finding {
        sentence: "the client signed the user in although <b>aud</b> is another's".to_owned(),
        expected: "the login is refused".to_owned(),
        observed: "the protected page shows the victim's account".to_owned(),
        level,
        severity: Severity::Critical,
        exchange: Some(7),
        aside: None,
    };
    let results = vec![
        judged("callback/a", Verdict::Pass, Vec::new(), None),
        judged(
            "callback/b",
            Verdict::Fail,
            vec![finding(Level::Must)],
            None,
        ),
        judged(
            "callback/c",
            Verdict::Warn,
            vec![finding(Level::Should)],
            None,
        ),
        judged(
            "token/d",
            Verdict::Info,
            Vec::new(),
            Some("TLS takes its place"),
        ),
        judged("token/e", Verdict::Skip, Vec::new(), Some("needs refresh")),
        judged(
            "token/f",
            Verdict::Known,
            vec![finding(Level::Must)],
            Some("in review (issues/412)"),
        ),
        judged(
            "token/g",
            Verdict::Inconclusive,
            Vec::new(),
            Some("the fault changed nothing"),
        ),
        judged(
            "token/h",
            Verdict::Error,
            Vec::new(),
            Some("a fault cannot be armed"),
        ),
    ];
    Document {
        gauntlet: "0.0.0".to_owned(),
        target: "an app & more".to_owned(),
        exit: 1,
        set_up: None,
        summary: Tally {
            scenarios: 8,
            pass: 1,
            fail: 1,
            warn: 1,
            info: 1,
            skip: 1,
            known: 1,
            inconclusive: 1,
            error: 1,
        },
        seconds: results
            .iter()
            .map(|judged| (judged.id.clone(), 0.25))
            .collect(),
        results,
    }
}
