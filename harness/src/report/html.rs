//! The report for reading: one HTML file that needs nothing beside it.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};
use serde::Serialize;

use super::{Document, Exchange, Judged};
use crate::judge::Verdict;

const TEMPLATE: &str = include_str!("report.html");

/// Whose transcripts stand in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transcripts {
    /// Those of all scenarios.
    All,
    /// Those of scenarios that did not simply pass.
    Notable,
    /// None: the matrix and the verdicts alone.
    None,
}

/// Documents as one HTML page: a matrix of scenarios and targets, and a section for each verdict
/// that there is something to read about.
///
/// # Errors
/// Where the page cannot be rendered, which no document of a run causes.
pub fn html(documents: &[Document], transcripts: Transcripts) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("report", TEMPLATE)?;
    let targets: Vec<TargetView<'_>> = documents
        .iter()
        .enumerate()
        .map(|(index, document)| TargetView::of(index, document, transcripts))
        .collect();
    let view = View {
        version: env!("CARGO_PKG_VERSION"),
        areas: areas(documents, transcripts),
        targets,
        legend: legend(),
    };
    environment.get_template("report")?.render(Serde(&view))
}

#[derive(Serialize)]
struct View<'a> {
    version: &'static str,
    areas: Vec<Area<'a>>,
    targets: Vec<TargetView<'a>>,
    legend: Vec<(&'static str, &'static str)>,
}

#[derive(Serialize)]
struct TargetView<'a> {
    anchor: String,
    document: &'a Document,
    sections: Vec<Section<'a>>,
}

#[derive(Serialize)]
struct Section<'a> {
    anchor: String,
    judged: &'a Judged,
    verdict: &'static str,
    level: &'static str,
    severity: &'static str,
    sentence: &'a str,
    exchanges: Vec<ExchangeView<'a>>,
}

#[derive(Serialize)]
struct ExchangeView<'a> {
    anchor: String,
    exchange: &'a Exchange,
    /// A finding rests on it.
    evidence: bool,
    faulty: bool,
}

impl<'a> TargetView<'a> {
    fn of(index: usize, document: &'a Document, transcripts: Transcripts) -> Self {
        let anchor = anchor_of(index);
        let sections = document
            .results
            .iter()
            .filter(|judged| has_section(judged, transcripts))
            .map(|judged| Section::of(&anchor, judged, transcripts))
            .collect();
        Self {
            anchor,
            document,
            sections,
        }
    }
}

impl<'a> Section<'a> {
    fn of(target: &str, judged: &'a Judged, transcripts: Transcripts) -> Self {
        let anchor = anchor_of_result(target, judged);
        let shown = match transcripts {
            Transcripts::All => true,
            Transcripts::Notable => judged.is_notable(),
            Transcripts::None => false,
        };
        let rests_on = |number: usize| {
            judged
                .findings
                .iter()
                .any(|finding| finding.exchange == Some(number))
        };
        let exchanges = judged
            .transcript
            .iter()
            .filter(|_| shown)
            .map(|exchange| ExchangeView {
                anchor: format!("{anchor}:{}", exchange.number),
                exchange,
                evidence: rests_on(exchange.number),
                faulty: !exchange.faults.is_empty(),
            });
        Self {
            exchanges: exchanges.collect(),
            anchor,
            judged,
            verdict: judged.verdict.word(),
            level: judged.level.word(),
            severity: judged.severity.word(),
            sentence: judged.sentence(),
        }
    }
}

fn anchor_of(target: usize) -> String {
    format!("t{}", target + 1)
}

/// Without a slash, which stands in no id of an HTML element without being escaped.
fn anchor_of_result(target: &str, judged: &Judged) -> String {
    format!("{target}:{}", judged.id.replace('/', ":"))
}

fn has_section(judged: &Judged, transcripts: Transcripts) -> bool {
    judged.is_notable() || transcripts == Transcripts::All && judged.verdict == Verdict::Pass
}

#[derive(Serialize)]
struct Area<'a> {
    name: &'a str,
    rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    title: &'a str,
    level: &'static str,
    cells: Vec<Option<Cell<'a>>>,
}

#[derive(Serialize)]
struct Cell<'a> {
    verdict: &'static str,
    word: String,
    sentence: &'a str,
    link: Option<String>,
}

/// The matrix: all scenarios that any document has, in the order of their ids.
fn areas(documents: &[Document], transcripts: Transcripts) -> Vec<Area<'_>> {
    let mut all: Vec<&Judged> = documents
        .iter()
        .flat_map(|document| &document.results)
        .collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all.dedup_by(|a, b| a.id == b.id);
    let mut areas: Vec<Area<'_>> = Vec::new();
    for judged in all {
        let cells = documents.iter().enumerate().map(|(index, document)| {
            let found = document
                .results
                .iter()
                .find(|other| other.id == judged.id)?;
            let link =
                has_section(found, transcripts).then(|| anchor_of_result(&anchor_of(index), found));
            Some(Cell {
                verdict: found.verdict.word(),
                word: found.verdict.word().to_lowercase(),
                sentence: found.sentence(),
                link,
            })
        });
        let row = Row {
            id: &judged.id,
            title: &judged.title,
            level: judged.level.word(),
            cells: cells.collect(),
        };
        match areas.last_mut() {
            Some(area) if area.name == judged.area() => area.rows.push(row),
            _ => areas.push(Area {
                name: judged.area(),
                rows: vec![row],
            }),
        }
    }
    areas
}

/// Every verdict with its meaning.
fn legend() -> Vec<(&'static str, &'static str)> {
    Verdict::ALL
        .iter()
        .map(|verdict| (verdict.word(), verdict.meaning()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::example;

    #[test]
    fn no_text_of_a_transcript_becomes_markup() {
        let page = html(&[example()], Transcripts::All).expect("it is rendered");
        assert!(!page.contains("<script>alert"));
        assert!(page.contains("&lt;script&gt;alert"));
    }

    #[test]
    fn every_link_of_the_page_has_its_anchor_in_the_page() {
        for transcripts in [Transcripts::All, Transcripts::Notable, Transcripts::None] {
            let page = html(&[example(), example()], transcripts).expect("it is rendered");
            let links: Vec<&str> = page
                .split("href=\"#")
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
                .collect();
            assert!(!links.is_empty());
            for link in links {
                assert!(
                    page.contains(&format!("id=\"{link}\"")),
                    "{link} leads nowhere"
                );
            }
        }
    }

    #[test]
    fn the_page_loads_nothing_from_anywhere() {
        let page = html(&[example()], Transcripts::All).expect("it is rendered");
        for word in ["src=", "@import", "url(", "<link"] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn the_message_with_the_fault_and_the_one_that_the_finding_rests_on_are_marked() {
        let page = html(&[example()], Transcripts::Notable).expect("it is rendered");
        assert!(page.contains("class=\"exchange faulty evidence\""));
    }
}
