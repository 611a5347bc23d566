//! How many writes took how long, in the buckets of the kernel side (`slowmap_abi::bucket`).

use std::collections::BTreeMap;

use slowmap_abi::{HISTOGRAM_BUCKETS, bucket, bucket_start};

/// Durations in nanoseconds, exact to a sixteenth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    /// Writes by bucket; none is zero.
    buckets: BTreeMap<usize, u64>,
    sum: u64,
    max: u64,
}

impl Histogram {
    pub fn new(buckets: &[u64; HISTOGRAM_BUCKETS], sum: u64, max: u64) -> Self {
        let used = buckets.iter().copied().enumerate();
        Self {
            buckets: used.filter(|(_, count)| *count > 0).collect(),
            sum,
            max,
        }
    }

    pub fn count(&self) -> u64 {
        self.buckets.values().sum()
    }

    /// The longest, to the nanosecond. `None`: there is none.
    pub fn max(&self) -> Option<u64> {
        // A write that ended while another CPU stored its own may have been passed over.
        let (last, _) = self.buckets.last_key_value()?;
        Some(self.max.max(bucket_start(*last)))
    }

    /// `None`: there is none.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum as f64 / count as f64)
    }

    /// A duration that came from elsewhere.
    pub fn add_one(&mut self, nanos: u64) {
        *self.buckets.entry(bucket(nanos)).or_default() += 1;
        self.sum = self.sum.saturating_add(nanos);
        self.max = self.max.max(nanos);
    }

    pub fn add(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// What came after `earlier`, which is an earlier state of this one. The longest is that of both.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let newer = |(bucket, count): (&usize, &u64)| {
            let before = earlier.buckets.get(bucket).copied().unwrap_or(0);
            (*count > before).then(|| (*bucket, count - before))
        };
        Self {
            buckets: self.buckets.iter().filter_map(newer).collect(),
            sum: self.sum.saturating_sub(earlier.sum),
            max: self.max,
        }
    }

    /// The duration that a share `quantile` of all writes did not exceed; evenly divided within a bucket. `None`:
    /// there is none.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let max = self.max()? as f64;
        quantile_of(self.buckets(), self.count(), quantile).map(|nanos| nanos.min(max))
    }

    /// Buckets that have writes, in order, and how many.
    pub fn buckets(&self) -> impl Iterator<Item = (usize, u64)> {
        self.buckets.iter().map(|(bucket, count)| (*bucket, *count))
    }
}

/// As [`Histogram::quantile`], of `count` writes in buckets that come in order.
pub fn quantile_of(
    buckets: impl Iterator<Item = (usize, u64)>,
    count: u64,
    quantile: f64,
) -> Option<f64> {
    let rank = quantile.clamp(0.0, 1.0) * count as f64;
    let (mut below, mut reached) = (0.0, None);
    for (bucket, count) in buckets.filter(|(_, count)| *count > 0) {
        let (start, end) = (bucket_start(bucket), bucket_start(bucket + 1));
        let within = ((rank - below) / count as f64).clamp(0.0, 1.0);
        reached = Some(start as f64 + within * (end - start) as f64);
        below += count as f64;
        if below >= rank {
            break;
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(durations: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        durations
            .into_iter()
            .for_each(|nanos| histogram.add_one(nanos));
        histogram
    }

    #[test]
    fn quantiles_are_exact_to_a_sixteenth_and_the_maximum_to_the_nanosecond() {
        let histogram = of((1..=100_000).map(|n| n * 10));
        for (quantile, expected) in [(0.5, 500_000.0), (0.99, 990_000.0), (0.999, 999_000.0)] {
            let found = histogram.quantile(quantile).unwrap();
            assert!((found / expected - 1.0_f64).abs() < 1.0 / 16.0, "{found}");
        }
        assert_eq!(histogram.max(), Some(1_000_000));
        assert_eq!(histogram.quantile(1.0), Some(1_000_000.0));
        assert_eq!(histogram.mean(), Some(500_005.0));
    }

    #[test]
    fn what_came_since_an_earlier_state_is_what_was_added() {
        let earlier = of([100, 2_000]);
        let mut later = earlier.clone();
        later.add(&of([100, 50_000]));
        let since = later.since(&earlier);
        assert_eq!(since, of([100, 50_000]));
        assert_eq!(since.count(), 2);
    }

    #[test]
    fn no_writes_have_no_latency() {
        let nothing = Histogram::default();
        assert_eq!(
            (nothing.quantile(0.5), nothing.max(), nothing.mean()),
            (None, None, None)
        );
    }
}
