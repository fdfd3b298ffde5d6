//! Latencies, counted in buckets of 1.6 % width, so that no run needs more memory than another.

use std::time::Duration;

use serde::Serialize;

/// Bits of a value that are kept below its highest one.
const PRECISION: u32 = 6;
const PER_POWER: usize = 1 << PRECISION;

/// Counts of durations.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

/// What a histogram says, in microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            buckets: vec![0; PER_POWER * 64],
            count: 0,
            max: 0,
        }
    }

    pub(crate) fn record(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanoseconds)] += 1;
        self.count += 1;
        self.max = self.max.max(nanoseconds);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn latency(&self) -> Latency {
        Latency {
            p50: self.quantile(500),
            p90: self.quantile(900),
            p99: self.quantile(990),
            max: microseconds(self.max),
        }
    }

    /// The value below which so many of a thousand lie.
    fn quantile(&self, per_mille: u64) -> f64 {
        let rank = (self.count * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return microseconds(upper(index).min(self.max));
            }
        }
        0.0
    }
}

fn bucket(value: u64) -> usize {
    let power = (u64::BITS - value.leading_zeros()).saturating_sub(PRECISION + 1);
    let within = usize::try_from(value >> power).expect("seven bits fit");
    // From the second power on, the highest bit is always set and says nothing.
    PER_POWER * power as usize + within
}

/// The highest value of a bucket.
fn upper(index: usize) -> u64 {
    let power = (index / PER_POWER).saturating_sub(1);
    let within = index - PER_POWER * power;
    ((within as u64 + 1) << power) - 1
}

#[expect(
    clippy::cast_precision_loss,
    reason = "52 bits of nanoseconds are 52 days"
)]
fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_at_most_two_percent_below_the_end_of_its_bucket() {
        for value in (0..200_000).chain((0..50).map(|shift| 1 << shift)) {
            let upper = upper(bucket(value));
            assert!(upper >= value, "{value} {upper}");
            assert!(upper - value <= value / 50, "{value} {upper}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut histogram = Histogram::new();
        for microseconds in 1..=1000 {
            histogram.record(Duration::from_micros(microseconds));
        }
        let latency = histogram.latency();
        assert!((500.0..=510.0).contains(&latency.p50), "{latency:?}");
        assert!((990.0..=1000.0).contains(&latency.p99), "{latency:?}");
        assert!((latency.max - 1000.0).abs() < f64::EPSILON, "{latency:?}");
    }
}
