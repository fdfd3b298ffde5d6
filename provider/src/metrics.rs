//! What the provider counts about itself, for `/_/metrics`: numbers alone, no names of clients or
//! users.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::journal::{Endpoint, IssuedKind, Notes};
use crate::rules::Rule;

/// The upper bounds of the latency histogram, in microseconds, and their names in seconds.
const BOUNDS: [(u64, &str); 10] = [
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (50_000, "0.05"),
    (250_000, "0.25"),
    (1_000_000, "1"),
];

/// Status codes that are counted one by one: 100 to 599. Others count as 599.
const STATUSES: usize = 500;

/// The counters of one provider.
#[derive(Debug)]
pub(crate) struct Metrics {
    endpoints: Vec<PerEndpoint>,
    issued: [AtomicU64; 4],
    faults_fired: AtomicU64,
    violations: Mutex<BTreeMap<Rule, u64>>,
    connections: AtomicI64,
    mute: AtomicU64,
}

#[derive(Debug)]
struct PerEndpoint {
    statuses: Vec<AtomicU64>,
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

/// A connection, as long as it is counted.
#[derive(Debug)]
pub(crate) struct Connected<'a>(&'a Metrics);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is counted elsewhere, at the moment of asking.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) issuers: usize,
    /// Entries of the stores, by the name of their kind.
    pub(crate) entries: BTreeMap<&'static str, usize>,
    pub(crate) exchanges: usize,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let zeros = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect();
        let per_endpoint = || PerEndpoint {
            statuses: zeros(STATUSES),
            buckets: [const { AtomicU64::new(0) }; BOUNDS.len() + 1],
            microseconds: AtomicU64::new(0),
        };
        Self {
            endpoints: Endpoint::ALL.iter().map(|_| per_endpoint()).collect(),
            issued: [const { AtomicU64::new(0) }; 4],
            faults_fired: AtomicU64::new(0),
            violations: Mutex::default(),
            connections: AtomicI64::new(0),
            mute: AtomicU64::new(0),
        }
    }

    /// Counts a request that was answered.
    pub(crate) fn served(&self, endpoint: Endpoint, status: u16, took: Duration, notes: &Notes) {
        let counted = &self.endpoints[endpoint as usize];
        let slot = usize::from(status.saturating_sub(100)).min(STATUSES - 1);
        counted.statuses[slot].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|(bound, _)| *bound < micros);
        counted.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        counted.microseconds.fetch_add(micros, Ordering::Relaxed);
        for issued in &notes.issued {
            self.issued[issued.kind as usize].fetch_add(1, Ordering::Relaxed);
        }
        let fired = notes.faults.len() as u64;
        if fired > 0 {
            self.faults_fired.fetch_add(fired, Ordering::Relaxed);
        }
        if !notes.violations.is_empty() {
            let mut violations = self
                .violations
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            for violation in &notes.violations {
                *violations.entry(violation.rule).or_insert(0) += 1;
            }
        }
    }

    /// Counts a connection until the value is dropped.
    pub(crate) fn connected(&self) -> Connected<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connected(self)
    }

    /// Counts a connection that ended without a request.
    pub(crate) fn mute(&self) {
        self.mute.fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections ended without a request.
    pub(crate) fn mute_connections(&self) -> u64 {
        self.mute.load(Ordering::Relaxed)
    }

    /// Everything in the text format of Prometheus.
    pub(crate) fn text(&self, gauges: &Gauges) -> String {
        let mut text = Text(String::new());
        text.head(
            "gauntlet_requests_total",
            "counter",
            "Requests by endpoint and status.",
        );
        for (endpoint, counted) in Endpoint::ALL.iter().zip(&self.endpoints) {
            for (slot, count) in counted.statuses.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let labels = format!(
                        "endpoint=\"{}\",status=\"{}\"",
                        endpoint.as_str(),
                        slot + 100
                    );
                    text.line("gauntlet_requests_total", &labels, count);
                }
            }
        }
        self.latencies(&mut text);
        text.head(
            "gauntlet_issued_total",
            "counter",
            "Codes and tokens that were handed out, by kind.",
        );
        for (kind, count) in IssuedKind::ALL.iter().zip(&self.issued) {
            let labels = format!("kind=\"{}\"", kind.as_str());
            text.line(
                "gauntlet_issued_total",
                &labels,
                count.load(Ordering::Relaxed),
            );
        }
        text.head(
            "gauntlet_faults_fired_total",
            "counter",
            "Responses that a fault changed.",
        );
        text.line(
            "gauntlet_faults_fired_total",
            "",
            self.faults_fired.load(Ordering::Relaxed),
        );
        text.head(
            "gauntlet_violations_total",
            "counter",
            "Rules that requests broke, by rule.",
        );
        let violations = self
            .violations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (rule, count) in violations.iter() {
            text.line(
                "gauntlet_violations_total",
                &format!("rule=\"{}\"", rule.name()),
                count,
            );
        }
        text.head("gauntlet_issuers", "gauge", "Issuers that there are.");
        text.line("gauntlet_issuers", "", gauges.issuers);
        text.head(
            "gauntlet_store_entries",
            "gauge",
            "What the issuers keep, by kind.",
        );
        for (kind, count) in &gauges.entries {
            text.line("gauntlet_store_entries", &format!("kind=\"{kind}\""), count);
        }
        text.head(
            "gauntlet_journal_exchanges",
            "gauge",
            "Exchanges that the journals keep.",
        );
        text.line("gauntlet_journal_exchanges", "", gauges.exchanges);
        text.head(
            "gauntlet_connections",
            "gauge",
            "Connections that are open.",
        );
        text.line(
            "gauntlet_connections",
            "",
            self.connections.load(Ordering::Relaxed),
        );
        text.head(
            "gauntlet_mute_connections_total",
            "counter",
            "Connections that ended without a request.",
        );
        text.line(
            "gauntlet_mute_connections_total",
            "",
            self.mute_connections(),
        );
        text.0
    }

    fn latencies(&self, text: &mut Text) {
        const NAME: &str = "gauntlet_request_duration_seconds";
        text.head(NAME, "histogram", "How long answers took.");
        for (endpoint, counted) in Endpoint::ALL.iter().zip(&self.endpoints) {
            let buckets = counted
                .buckets
                .each_ref()
                .map(|it| it.load(Ordering::Relaxed));
            let count: u64 = buckets.iter().sum();
            if count == 0 {
                continue;
            }
            let endpoint = endpoint.as_str();
            let names = BOUNDS.iter().map(|(_, name)| *name).chain(["+Inf"]);
            let mut below = 0;
            for (name, in_bucket) in names.zip(buckets) {
                below += in_bucket;
                let labels = format!("endpoint=\"{endpoint}\",le=\"{name}\"");
                text.line(&format!("{NAME}_bucket"), &labels, below);
            }
            let labels = format!("endpoint=\"{endpoint}\"");
            let seconds = Duration::from_micros(counted.microseconds.load(Ordering::Relaxed));
            text.line(&format!("{NAME}_sum"), &labels, seconds.as_secs_f64());
            text.line(&format!("{NAME}_count"), &labels, count);
        }
    }
}

/// Lines of the Prometheus text format.
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = if labels.is_empty() {
            writeln!(self.0, "{name} {value}")
        } else {
            writeln!(self.0, "{name}{{{labels}}} {value}")
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Violation;

    #[test]
    fn what_was_counted_is_told() {
        let metrics = Metrics::new();
        let notes = Notes {
            violations: vec![Violation {
                rule: Rule::UnusedCode,
                detail: String::new(),
            }],
            ..Notes::default()
        };
        let took = Duration::from_micros(300);
        metrics.served(Endpoint::Token, 400, took, &notes);
        metrics.served(Endpoint::Token, 7, took, &Notes::default());
        let connected = metrics.connected();
        metrics.mute();
        let text = metrics.text(&Gauges::default());
        for line in [
            "gauntlet_requests_total{endpoint=\"token\",status=\"400\"} 1",
            "gauntlet_violations_total{rule=\"unused-code\"} 1",
            "gauntlet_request_duration_seconds_bucket{endpoint=\"token\",le=\"0.00025\"} 0",
            "gauntlet_request_duration_seconds_bucket{endpoint=\"token\",le=\"0.0005\"} 2",
            "gauntlet_request_duration_seconds_bucket{endpoint=\"token\",le=\"+Inf\"} 2",
            "gauntlet_request_duration_seconds_sum{endpoint=\"token\"} 0.0006",
            "gauntlet_connections 1",
            "gauntlet_mute_connections_total 1",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line}\n{text}");
        }
        drop(connected);
        assert!(
            metrics
                .text(&Gauges::default())
                .contains("gauntlet_connections 0\n")
        );
    }

    #[test]
    fn every_endpoint_and_kind_has_its_own_counter() {
        for (index, endpoint) in Endpoint::ALL.iter().enumerate() {
            assert_eq!(*endpoint as usize, index);
        }
        for (index, kind) in IssuedKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
    }
}
