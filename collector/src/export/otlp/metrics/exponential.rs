//! An exponential histogram: buckets whose bounds grow by a factor of 2^(2^-scale), as fine as a bounded number of them
//! allows (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram).

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;

/// As the specification recommends for SDKs.
const MAX_BUCKETS: i32 = 160;
const MAX_SCALE: i32 = 20;

/// Of durations: given in nanoseconds, told in seconds.
#[derive(Debug, Clone)]
pub struct ExponentialHistogram {
    pub scale: i32,
    /// By index; none is zero.
    buckets: BTreeMap<i32, u64>,
    pub zeros: u64,
    pub count: u64,
    sum_nano: u128,
    min_nano: u64,
    max_nano: u64,
}

impl ExponentialHistogram {
    pub fn new() -> Self {
        Self {
            scale: MAX_SCALE,
            buckets: BTreeMap::new(),
            zeros: 0,
            count: 0,
            sum_nano: 0,
            min_nano: u64::MAX,
            max_nano: 0,
        }
    }

    pub fn add(&mut self, nanos: u64) {
        self.count += 1;
        self.sum_nano += u128::from(nanos);
        self.min_nano = self.min_nano.min(nanos);
        self.max_nano = self.max_nano.max(nanos);
        if nanos == 0 {
            self.zeros += 1;
            return;
        }
        let bucket = index(seconds(nanos), self.scale);
        self.coarsen(self.too_fine(bucket));
        let bucket = index(seconds(nanos), self.scale);
        *self.buckets.entry(bucket).or_default() += 1;
    }

    /// By how many scales the histogram is too fine to have that bucket, too.
    fn too_fine(&self, bucket: i32) -> u32 {
        let first = self
            .buckets
            .first_key_value()
            .map_or(bucket, |(first, _)| *first);
        let last = self
            .buckets
            .last_key_value()
            .map_or(bucket, |(last, _)| *last);
        let (mut low, mut high, mut scales) = (first.min(bucket), last.max(bucket), 0);
        while high - low >= MAX_BUCKETS {
            (low, high, scales) = (low >> 1, high >> 1, scales + 1);
        }
        scales
    }

    /// Each scale merges buckets by two.
    fn coarsen(&mut self, scales: u32) {
        if scales == 0 {
            return;
        }
        for (bucket, count) in std::mem::take(&mut self.buckets) {
            *self.buckets.entry(bucket >> scales).or_default() += count;
        }
        self.scale -= scales as i32;
    }

    pub fn sum(&self) -> f64 {
        self.sum_nano as f64 / 1e9
    }

    pub fn min(&self) -> Option<f64> {
        (self.count > 0).then(|| seconds(self.min_nano))
    }

    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then(|| seconds(self.max_nano))
    }

    /// From the first that has any on.
    pub fn buckets(&self) -> Buckets {
        let (Some((first, _)), Some((last, _))) = (
            self.buckets.first_key_value(),
            self.buckets.last_key_value(),
        ) else {
            return Buckets::default();
        };
        let count = |bucket| self.buckets.get(&bucket).copied().unwrap_or(0);
        Buckets {
            offset: *first,
            bucket_counts: (*first..=*last).map(count).collect(),
        }
    }
}

pub fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// The bucket with `base^index < value <= base^(index + 1)`.
fn index(value: f64, scale: i32) -> i32 {
    // 64 bits of nanoseconds are within 2^-30 and 2^35 seconds, at the finest scale 2^26 buckets apart.
    (value.log2() * f64::from(scale).exp2()).ceil() as i32 - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(durations: impl IntoIterator<Item = u64>) -> ExponentialHistogram {
        let mut histogram = ExponentialHistogram::new();
        durations.into_iter().for_each(|nanos| histogram.add(nanos));
        histogram
    }

    /// The upper bound of each bucket, in seconds, and its count.
    fn bounds(histogram: &ExponentialHistogram) -> Vec<(f64, f64, u64)> {
        let base = f64::from(-histogram.scale).exp2().exp2();
        let Buckets {
            offset,
            bucket_counts,
        } = histogram.buckets();
        let bound = |index: usize| base.powi(offset + index as i32);
        let counts = bucket_counts.into_iter().enumerate();
        counts
            .map(|(index, count)| (bound(index), bound(index + 1), count))
            .collect()
    }

    #[test]
    fn every_duration_is_in_a_bucket_that_holds_it_however_far_they_are_apart() {
        let durations = (0..63).map(|power| (1 << power) + (1 << power) / 3);
        let histogram = of(durations.clone());
        let bounds = bounds(&histogram);
        assert!(bounds.len() <= MAX_BUCKETS as usize, "{}", bounds.len());
        assert_eq!(bounds.iter().map(|(.., count)| count).sum::<u64>(), 63);
        for nanos in durations {
            let value = seconds(nanos);
            let (low, high, _) = (1.0 - 1e-9, 1.0 + 1e-9, ());
            let holds = |(from, to, count): &(f64, f64, u64)| {
                from * low < value && value <= to * high && *count > 0
            };
            assert!(bounds.iter().any(holds), "{value}");
        }
    }

    #[test]
    fn durations_from_100_us_to_10_s_are_told_apart_to_a_tenth() {
        let histogram = of((0..=1_000).map(|step| 100_000 + step * 9_999_900));
        assert!(histogram.scale >= 3, "{}", histogram.scale);
        let base = f64::from(-histogram.scale).exp2().exp2();
        assert!(base < 1.1, "{base}");
    }

    #[test]
    fn the_order_of_the_durations_makes_no_difference() {
        let (up, down) = (of(1..=5_000), of((1..=5_000).rev()));
        assert_eq!((up.scale, up.buckets()), (down.scale, down.buckets()));
        assert_eq!(up.sum(), 12_502_500e-9);
        assert_eq!((up.min(), up.max()), (Some(1e-9), Some(5_000e-9)));
    }

    #[test]
    fn a_bounds_power_of_two_belongs_to_the_bucket_below_it() {
        assert_eq!((index(1.0, 0), index(1.5, 0), index(2.0, 0)), (-1, 0, 0));
        assert_eq!((index(1.0, 3), index(0.5, 3), index(4.0, -1)), (-1, -9, 0));
    }

    #[test]
    fn nothing_and_the_longest_there_is_do_no_harm() {
        let histogram = of([0, u64::MAX, 1]);
        assert_eq!((histogram.zeros, histogram.count), (1, 3));
        assert_eq!(histogram.buckets().bucket_counts.iter().sum::<u64>(), 2);
        assert_eq!(ExponentialHistogram::new().min(), None);
        assert_eq!(ExponentialHistogram::new().buckets(), Buckets::default());
    }
}
