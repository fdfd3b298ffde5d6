//! `[[known]]`: what a target file says of failures, held against what came of them.

use crate::judge::{Finding, Judgement, Verdict};
use crate::select::matches;
use crate::target::Known;

/// A failure that is listed is known. What is not listed still fails, and an entry that fits
/// nothing any more is stale, and said.
pub(super) fn settle(listed: &[Known], id: &str, judgement: Judgement) -> Judgement {
    let entries: Vec<&Known> = listed
        .iter()
        .filter(|known| matches(&known.scenario, id))
        .collect();
    if entries.is_empty() {
        return judgement;
    }
    match judgement.verdict {
        Verdict::Pass | Verdict::Info => stale(
            judgement,
            "it is listed under [[known]] and does not fail any more: remove the entry".to_owned(),
        ),
        Verdict::Fail | Verdict::Warn => failing(&entries, judgement),
        Verdict::Skip | Verdict::Known | Verdict::Inconclusive | Verdict::Error => judgement,
    }
}

fn failing(entries: &[&Known], judgement: Judgement) -> Judgement {
    let (listed, others): (Vec<Finding>, Vec<Finding>) = judgement
        .findings
        .iter()
        .cloned()
        .partition(|finding| entries.iter().any(|known| known.covers(&finding.sentence)));
    if !others.is_empty() {
        // What is listed is put up with; it is the rest that fails.
        return Judgement::of(others);
    }
    if let Some(idle) = entries.iter().find(|known| {
        let covers = |finding: &Finding| known.covers(&finding.sentence);
        !listed.iter().any(covers)
    }) {
        let check = idle.check.as_deref().unwrap_or_default();
        let reason = format!(
            "it is listed under [[known]] with `check = \"{check}\"`, which is not among its \
             findings any more: remove the entry"
        );
        return stale(judgement, reason);
    }
    if let Some(over) = entries.iter().find(|known| known.is_over()) {
        let last = over.until.map(|day| day.to_string()).unwrap_or_default();
        let reason = format!("it is listed under [[known]], and its last day, {last}, is over");
        return stale(judgement, reason);
    }
    let reasons = entries.iter().map(|known| match &known.issue {
        Some(issue) => format!("{} ({issue})", known.reason),
        None => known.reason.clone(),
    });
    Judgement {
        verdict: Verdict::Known,
        reason: Some(reasons.collect::<Vec<_>>().join("; ")),
        ..judgement
    }
}

fn stale(judgement: Judgement, reason: String) -> Judgement {
    Judgement {
        verdict: Verdict::Inconclusive,
        reason: Some(reason),
        ..judgement
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Level, Severity};

    fn finding(sentence: &str) -> Finding {
        Finding {
            sentence: sentence.to_owned(),
            expected: String::new(),
            observed: String::new(),
            level: Level::Must,
            severity: Severity::Low,
            exchange: None,
            aside: None,
        }
    }

    fn listed(more: &str) -> Vec<Known> {
        #[derive(serde::Deserialize)]
        struct File {
            known: Vec<Known>,
        }
        let text = format!("[[known]]\nscenario = \"a/*\"\nreason = \"in review\"\n{more}");
        toml::from_str::<File>(&text)
            .expect("a list of this test")
            .known
    }

    fn verdict(more: &str, judgement: Judgement) -> Verdict {
        settle(&listed(more), "a/b", judgement).verdict
    }

    #[test]
    fn what_is_listed_is_known_and_what_is_not_still_fails() {
        let both = || Judgement::of(vec![finding("it sent the token"), finding("it crashed")]);
        assert_eq!(verdict("", both()), Verdict::Known);
        assert_eq!(verdict("check = \"sent the token\"", both()), Verdict::Fail);
        let left = settle(&listed("check = \"sent the token\""), "a/b", both());
        assert_eq!(left.findings, [finding("it crashed")]);
        assert_eq!(settle(&listed(""), "b/b", both()).verdict, Verdict::Fail);
    }

    #[test]
    fn an_entry_that_fits_nothing_any_more_is_stale() {
        let failing = || Judgement::of(vec![finding("it crashed")]);
        assert_eq!(
            verdict("", Judgement::of(Vec::new())),
            Verdict::Inconclusive
        );
        assert_eq!(
            verdict("until = 2020-01-31", failing()),
            Verdict::Inconclusive
        );
        let two = "[[known]]\nscenario = \"a/b\"\nreason = \"x\"\ncheck = \"sent\"";
        assert_eq!(verdict(two, failing()), Verdict::Inconclusive);
    }
}
