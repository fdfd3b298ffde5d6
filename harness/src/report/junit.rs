//! The report for CI servers: `JUnit`'s XML, a suite for each target and a test case for each
//! scenario.

use std::fmt::Write as _;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Document, Judged};
use crate::judge::{Finding, Verdict};

/// Documents as `JUnit` XML. A broken requirement is a failure; what was not proven or not set up is
/// an error; what is skipped, or known to fail, is skipped with its reason. A broken recommendation
/// is a failure only in a document whose run was failed by it.
///
/// # Errors
/// Where the XML cannot be written, which no document of a run causes.
pub fn junit(documents: &[Document]) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("oauth-gauntlet");
    for document in documents {
        let mut suite = TestSuite::new(document.target.as_str());
        if let Some(set_up) = &document.set_up {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            let mut text = set_up.seen.join("\n");
            for line in set_up.output.iter().chain(&set_up.advice) {
                write!(text, "\n{line}").expect("a string takes all");
            }
            status
                .set_type("set-up")
                .set_message(set_up.title.as_str())
                .set_description(text);
            let mut case = TestCase::new("set-up", status);
            case.set_classname(document.target.as_str());
            suite.add_test_case(case);
        }
        let failed_by_warnings = document.exit == 1 && document.summary.fail == 0;
        for judged in &document.results {
            suite.add_test_case(case(document, judged, failed_by_warnings));
        }
        report.add_test_suite(suite);
    }
    report.to_string()
}

fn case(document: &Document, judged: &Judged, failed_by_warnings: bool) -> TestCase {
    let mut case = TestCase::new(judged.id.as_str(), status(judged, failed_by_warnings));
    case.set_classname(format!("{}.{}", document.target, judged.area()));
    if let Some(seconds) = document.seconds.get(&judged.id) {
        case.set_time(Duration::try_from_secs_f64(*seconds).unwrap_or_default());
    }
    if matches!(judged.verdict, Verdict::Warn | Verdict::Info) {
        case.set_system_out(description(judged));
    }
    case
}

fn status(judged: &Judged, failed_by_warnings: bool) -> TestCaseStatus {
    match judged.verdict {
        Verdict::Warn if !failed_by_warnings => TestCaseStatus::success(),
        Verdict::Pass | Verdict::Info => TestCaseStatus::success(),
        Verdict::Fail | Verdict::Warn => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type(judged.severity.word())
                .set_message(judged.sentence())
                .set_description(description(judged));
            status
        }
        Verdict::Skip | Verdict::Known => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(judged.reason.as_deref().unwrap_or_default());
            status
        }
        Verdict::Inconclusive | Verdict::Error => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status
                .set_type(judged.verdict.word().to_lowercase())
                .set_message(judged.sentence())
                .set_description(description(judged));
            status
        }
    }
}

/// What was expected and observed, and how to mend it.
fn description(judged: &Judged) -> String {
    let mut text = String::new();
    let mut line = |label: &str, words: &str| {
        writeln!(text, "{label:<9} {words}").expect("a string takes all");
    };
    for finding in &judged.findings {
        line("did", &finding.sentence);
        line("expected", &finding.expected);
        line("observed", &observed(finding));
    }
    if judged.findings.is_empty() {
        line("reason", judged.sentence());
    }
    for spec in &judged.spec {
        line("spec", &format!("{spec} ({})", judged.level.word()));
    }
    line("why", &judged.why);
    line("fix", &judged.fix);
    line("again", &format!("gauntlet run '{}'", judged.id));
    for output in &judged.output {
        line("output", output);
    }
    text
}

fn observed(finding: &Finding) -> String {
    match finding.exchange {
        Some(number) => format!("{} (exchange {number})", finding.observed),
        None => finding.observed.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::example;

    #[test]
    fn each_verdict_has_its_element_and_no_text_breaks_the_xml() {
        insta::assert_snapshot!(junit(&[example()]).expect("it is written"));
    }
}
