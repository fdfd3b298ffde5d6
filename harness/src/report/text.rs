//! The report for people: a line for each scenario, a block for each one that did not pass, and a
//! summary.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::Tally;
use crate::judge::{Finding, Verdict};
use crate::run::Outcome;
use crate::transcript::{Redactor, render_entry};

fn style(verdict: Verdict) -> Style {
    let color = match verdict {
        Verdict::Pass => AnsiColor::Green,
        Verdict::Fail | Verdict::Error => AnsiColor::Red,
        Verdict::Warn | Verdict::Inconclusive => AnsiColor::Yellow,
        Verdict::Info | Verdict::Known => AnsiColor::Cyan,
        Verdict::Skip => AnsiColor::BrightBlack,
    };
    color.on_default().bold()
}

/// The line of one scenario.
pub fn line(outcome: &Outcome) -> String {
    let judgement = &outcome.judgement;
    let style = style(judgement.verdict);
    let took = format!("{:.2} s", outcome.took.as_secs_f64());
    let remark = match judgement.verdict {
        Verdict::Fail | Verdict::Warn => judgement
            .findings
            .iter()
            .max_by_key(|finding| (finding.level, finding.severity))
            .map(|finding| format!("{:<8}  {}", finding.severity.word(), finding.level.word())),
        _ => judgement.reason.as_deref().map(|reason| {
            let short: String = reason.chars().take(70).collect();
            if short.len() < reason.len() {
                format!("{short}…")
            } else {
                short
            }
        }),
    };
    let line = format!(
        "  {style}{:<12}{style:#}  {:<46} {took:>7}  {}",
        judgement.verdict.word(),
        outcome.plan.id,
        remark.unwrap_or_default()
    );
    line.trim_end().to_owned()
}

/// The block of a scenario that did not pass; nothing for one that did.
pub fn failure(outcome: &Outcome) -> Option<String> {
    let judgement = &outcome.judgement;
    let id = &outcome.plan.id;
    let redactor = || {
        outcome
            .record
            .as_deref()
            .map(Redactor::of)
            .unwrap_or_default()
    };
    match judgement.verdict {
        Verdict::Pass | Verdict::Skip | Verdict::Known | Verdict::Info => None,
        Verdict::Fail | Verdict::Warn => {
            let word = if judgement.verdict == Verdict::Fail {
                "fail"
            } else {
                "warn"
            };
            let style = style(judgement.verdict);
            let mut text = String::new();
            let redactor = redactor();
            for finding in &judgement.findings {
                let sentence = redactor.text(&finding.sentence);
                writeln!(text, "{style}{word}[{id}]{style:#}: {sentence}")
                    .expect("a string takes all");
                evidence(&mut text, outcome, finding, &redactor);
            }
            printed(&mut text, outcome, &redactor);
            prose(&mut text, outcome);
            Some(text)
        }
        Verdict::Inconclusive | Verdict::Error => {
            let style = style(judgement.verdict);
            let word = if judgement.verdict == Verdict::Error {
                "error"
            } else {
                "inconclusive"
            };
            let reason = judgement.reason.as_deref().unwrap_or_default();
            let redactor = redactor();
            let mut text = format!("{style}{word}[{id}]{style:#}: {}\n", redactor.text(reason));
            printed(&mut text, outcome, &redactor);
            writeln!(text, "   = again  gauntlet run '{id}'").expect("a string takes all");
            Some(text)
        }
    }
}

/// The last lines of what the client printed.
fn printed(text: &mut String, outcome: &Outcome, redactor: &Redactor) {
    for line in &outcome.output {
        writeln!(text, "   │ {}", redactor.text(line)).expect("a string takes all");
    }
}

/// The exchange that a finding rests on, with the one that carried the fault before it.
fn evidence(text: &mut String, outcome: &Outcome, finding: &Finding, redactor: &Redactor) {
    if let Some(record) = &outcome.record {
        let count = record.transcript.len();
        writeln!(text, "   ╭─ {count} exchanges").expect("a string takes all");
        let rests = |number: usize| finding.exchange == Some(number);
        let entries = || record.transcript.iter();
        // Without a fault, what the browser was made to open is what went wrong.
        let opened = entries().rfind(|entry| {
            let answers = entry.query("code").or_else(|| entry.query("error"));
            entry.is_page_of_the_app() && answers.is_some()
        });
        let faulty = entries().any(|entry| !entry.faults.is_empty());
        let opened = opened.filter(|_| !faulty).map(|entry| entry.number);
        let tells = |entry: &&crate::transcript::Entry| {
            rests(entry.number) || !entry.faults.is_empty() || opened == Some(entry.number)
        };
        let mut shown: Vec<_> = entries().filter(tells).collect();
        // The faulty message that came last, and the exchange that shows its effect, say enough.
        if shown.len() > 3 {
            shown.drain(..shown.len() - 3);
        }
        for entry in shown {
            for line in render_entry(entry, redactor).lines() {
                writeln!(text, "   │ {line}").expect("a string takes all");
            }
        }
        text.push_str("   ╰─\n");
    }
    let number = finding
        .exchange
        .map(|number| format!(" (exchange {number})"));
    let observed = redactor.text(&finding.observed);
    writeln!(text, "   = expected  {}", finding.expected).expect("a string takes all");
    writeln!(
        text,
        "   = observed  {observed}{}",
        number.unwrap_or_default()
    )
    .expect("a string takes all");
}

fn prose(text: &mut String, outcome: &Outcome) {
    let about = outcome.about();
    let id = &outcome.plan.id;
    for (index, spec) in about.spec.iter().enumerate() {
        let label = if index == 0 { "spec" } else { "" };
        let bound = if index == 0 {
            format!("  ({})", about.level.word())
        } else {
            String::new()
        };
        writeln!(text, "   = {label:<8}  {spec}{bound}").expect("a string takes all");
    }
    for (label, prose) in [("why", about.why), ("fix", about.fix)] {
        for (index, line) in wrapped(prose, 84).into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            let mark = if index == 0 { "=" } else { " " };
            writeln!(text, "   {mark} {label:<8}  {line}").expect("a string takes all");
        }
    }
    writeln!(
        text,
        "   = again     gauntlet run '{id}'      more: gauntlet explain {}",
        bare(id)
    )
    .expect("a string takes all");
}

fn bare(id: &str) -> &str {
    id.split('[').next().unwrap_or(id)
}

/// Breaks prose into lines of at most `width` characters.
pub(crate) fn wrapped(prose: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in prose.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The last lines of a run.
pub fn summary(tally: &Tally, took: Duration, exit: u8) -> String {
    let mut parts = vec![
        format!("{} run in {:.1} s", tally.ran(), took.as_secs_f64()),
        format!("{} pass", tally.pass),
    ];
    for (count, word) in [
        (tally.fail, "FAIL"),
        (tally.warn, "warn"),
        (tally.info, "info"),
        (tally.known, "known"),
        (tally.inconclusive, "inconclusive"),
        (tally.error, "error"),
        (tally.skip, "skipped"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    format!("{}\n {}   exit {exit}\n", "─".repeat(88), parts.join("   "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_between_words() {
        assert_eq!(wrapped("one two  three", 8), ["one two", "three"]);
    }
}
