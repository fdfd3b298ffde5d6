//! What a run came to, as it is printed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::histogram::Latency;

/// One run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) connections: usize,
    /// Pieces of work that were done right within the time that was measured.
    pub(crate) count: u64,
    /// Pieces of work that were not, at any time.
    pub(crate) errors: u64,
    /// What was wrong, and how often; the first few kinds of it.
    pub(crate) wrong: BTreeMap<String, u64>,
    pub(crate) seconds: f64,
    pub(crate) per_second: f64,
    pub(crate) latency_us: Latency,
    /// The size of the last response's status line and headers, in bytes.
    pub(crate) head: usize,
    /// The size of the last response body that was looked at, in bytes.
    pub(crate) body: usize,
    /// How many signatures were checked with the published key.
    pub(crate) signatures_checked: u64,
    /// How many connections had to be made again.
    pub(crate) reconnects: u64,
    /// The share of the time in which the driver had something to do; where it is near 1, the driver
    /// was the limit.
    pub(crate) driver_core: f64,
    /// What was done before, to have something to measure with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) obtained: Option<Box<Report>>,
}
