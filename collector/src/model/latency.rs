//! The distribution of the durations.

use hdrhistogram::Histogram;

use super::summary::Latency;

#[derive(Debug, Clone)]
pub struct Durations {
    /// In nanoseconds, to three digits.
    histogram: Histogram<u64>,
    longest: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self::new()
    }
}

impl Durations {
    pub fn new() -> Self {
        Self {
            histogram: Histogram::new(3).expect("three digits are supported"),
            longest: 0,
        }
    }

    pub fn add(&mut self, nanos: u64) {
        self.histogram
            .record(nanos)
            .expect("it grows to hold any 64-bit number");
        self.longest = self.longest.max(nanos);
    }

    pub fn latency(&self) -> Option<Latency> {
        let micros = |nanos: u64| nanos as f64 / 1_000.0;
        // A bucket reaches beyond the longest duration in it.
        let quantile = |q| micros(self.histogram.value_at_quantile(q).min(self.longest));
        (!self.histogram.is_empty()).then(|| Latency {
            count: self.histogram.len(),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            max: micros(self.longest),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_microseconds_and_exact_to_three_digits() {
        let mut durations = Durations::new();
        for micros in 1..=1_000 {
            durations.add(micros * 1_000);
        }
        let latency = durations.latency().unwrap();
        assert_eq!(latency.count, 1_000);
        for (found, expected) in [
            (latency.p50, 500.0),
            (latency.p90, 900.0),
            (latency.p99, 990.0),
        ] {
            assert!(
                (found - expected).abs() / expected < 0.002,
                "{found} instead of {expected}"
            );
        }
        assert_eq!(latency.max, 1_000.0);
    }

    #[test]
    fn an_hour_is_counted_and_nothing_is_not_a_latency_of_zero() {
        let mut durations = Durations::new();
        assert_eq!(durations.latency(), None);
        durations.add(3_600_000_000_001);
        let latency = durations.latency().unwrap();
        assert_eq!((latency.count, latency.max), (1, 3_600_000_000.001));
        assert!(latency.p99 <= latency.max && latency.p99 > latency.max * 0.998);
        durations.add(u64::MAX);
        assert_eq!(durations.latency().unwrap().count, 2);
    }
}
