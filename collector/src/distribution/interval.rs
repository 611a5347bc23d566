//! Intervals of confidence of quantiles, by resampling slices of time.
//!
//! Writes that follow each other are alike (one map grows, one cache is cold), so it is not writes that are drawn
//! independently but slices. The bootstrap draws groups of slices with replacement; its percentiles are too narrow for
//! few groups, so they are moved out as T. Hesterberg, "What Teachers Should Know about the Bootstrap" (2014), section
//! 4.3.1, proposes: `alpha' = Phi(-sqrt(n / (n - 1)) t(alpha / 2, n - 1))`.

use fastrand::Rng;
use slowmap_abi::{HISTOGRAM_BUCKETS, bucket, bucket_start};

use super::Sample;
use crate::model::{
    histogram::{Histogram, quantile_of},
    writes::{CONFIDENCE, WriteInterval},
};

/// Fewer slices say too little about how slices differ.
const LEAST_GROUPS: usize = 8;
const RESAMPLES: usize = 500;
/// The same recording gives the same intervals.
const SEED: u64 = 0x510_34a9;
/// The normal distribution's quantile at the upper end of a `CONFIDENCE` interval.
const NORMAL: f64 = 1.959_964;

/// `lengths`: of all groups, in slices; those that `groups` lacks are empty.
pub(super) fn of(groups: &[Histogram], lengths: &[u64], sample: Sample) -> Option<WriteInterval> {
    let used = lengths.len();
    if used < LEAST_GROUPS {
        return None;
    }
    let groups: Vec<Vec<(usize, u64)>> = groups
        .iter()
        .map(|group| group.buckets().collect())
        .collect();
    let mut random = Rng::with_seed(SEED);
    let slices: u64 = lengths.iter().sum();
    let mut draws: [Vec<f64>; 4] = Default::default();
    let mut counts = Vec::new();
    for _ in 0..RESAMPLES {
        let (mut drawn, mut length) = ([0; HISTOGRAM_BUCKETS], 0);
        for _ in 0..used {
            let choice = random.usize(..used);
            length += lengths.get(choice).copied().unwrap_or(0);
            for (bucket, count) in groups.get(choice).into_iter().flatten() {
                drawn[*bucket] += count;
            }
        }
        let count: u64 = drawn.iter().sum();
        counts.push(count as f64 * slices as f64 / (length.max(1) as f64 * sample.share));
        for (values, quantile) in draws.iter_mut().zip([0.5, 0.9, 0.99, 0.999]) {
            let buckets = drawn.iter().copied().enumerate();
            values.extend(quantile_of(buckets, count, quantile));
        }
    }
    let tail = tail(used);
    let uncertainty = sample.uncertainty_nano;
    let micros = |nanos: u64| nanos as f64 / 1_000.0;
    let [p50, p90, p99, p999] = draws.map(|values| {
        let [low, high] = ends(values, tail)?.map(|nanos| bucket(nanos as u64));
        let low = bucket_start(low).saturating_sub(uncertainty);
        let high = bucket_start(high + 1).saturating_add(uncertainty);
        Some([low, high].map(micros))
    });
    Some(WriteInterval {
        confidence: CONFIDENCE,
        count: ends(counts, tail)?.map(|count| count as u64),
        p50: p50?,
        p90: p90?,
        p99: p99?,
        p999: p999?,
    })
}

/// The share of resamples that is left out at each end.
fn tail(groups: usize) -> f64 {
    let freedom = groups as f64 - 1.0;
    // Student's t by its expansion around the normal distribution, Abramowitz and Stegun 26.7.5.
    let z = NORMAL;
    let t = z
        + (z.powi(3) + z) / (4.0 * freedom)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * freedom * freedom);
    normal_tail((groups as f64 / freedom).sqrt() * t)
}

/// How likely a normal variable exceeds `x`, by Abramowitz and Stegun 26.2.17; exact to 1e-7.
fn normal_tail(x: f64) -> f64 {
    let k = 1.0 / (1.0 + 0.231_641_9 * x);
    let polynomial = k
        * (0.319_381_530
            + k * (-0.356_563_782
                + k * (1.781_477_937 + k * (-1.821_255_978 + k * 1.330_274_429))));
    (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * polynomial
}

fn ends(mut values: Vec<f64>, tail: f64) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let low = (tail * last as f64).floor() as usize;
    Some([*values.get(low)?, *values.get(last - low)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_that_of_the_normal_distribution_for_many_groups_and_less_for_few() {
        assert!((normal_tail(1.959_964) - 0.025).abs() < 1e-6);
        assert!((tail(100_000) - 0.025).abs() < 1e-4);
        let few = tail(8);
        assert!((0.004..0.008).contains(&few), "{few}");
    }
}
