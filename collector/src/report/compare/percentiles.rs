//! Percentiles of two samples, and between which bounds their ratio lies, by bootstrap.

use fastrand::Rng;
use serde::Serialize;
use statrs::distribution::{Beta, ContinuousCDF};

use super::Interval;

const PERCENTILES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];
const RESAMPLES: usize = 2_000;
/// So many writes have to lie beyond a percentile on each side of it, or resamples say nothing about it.
const BEYOND: f64 = 5.0;
/// The same recordings have the same bounds.
const SEED: u64 = 0x5106_3a90;

#[derive(Debug, Serialize)]
pub struct Percentile {
    pub name: &'static str,
    /// In nanoseconds. `None`: there was no slow write.
    pub before_nano: Option<u64>,
    pub after_nano: Option<u64>,
    /// After, as a multiple of before. `None`: too few writes to say.
    pub ratio: Option<Interval>,
}

/// Of durations in nanoseconds, sorted.
pub fn compare(before: &[u64], after: &[u64]) -> Vec<Percentile> {
    let mut random = Rng::with_seed(SEED);
    let percentile = |(name, share)| Percentile {
        name,
        before_nano: nth(before, share),
        after_nano: nth(after, share),
        ratio: ratio(before, after, share, &mut random),
    };
    PERCENTILES.into_iter().map(percentile).collect()
}

fn nth(sorted: &[u64], share: f64) -> Option<u64> {
    sorted.get(rank(sorted.len(), share)).copied()
}

/// Counted from 0.
fn rank(count: usize, share: f64) -> usize {
    ((count as f64 * share).ceil() as usize).saturating_sub(1)
}

fn ratio(before: &[u64], after: &[u64], share: f64, random: &mut Rng) -> Option<Interval> {
    let (first, second) = (
        Resampled::new(before, share)?,
        Resampled::new(after, share)?,
    );
    let mut ratios: Vec<f64> = (0..RESAMPLES)
        .map(|_| second.draw(random) / first.draw(random))
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    Some(Interval {
        value: Some(nth(after, share)? as f64 / nth(before, share)? as f64),
        low: ratios[RESAMPLES / 40],
        high: Some(ratios[RESAMPLES - 1 - RESAMPLES / 40]),
    })
}

/// A percentile of resamples of a sample. That of one is the element at the place where the rank-th of as many uniform
/// numbers falls, which is beta-distributed: nothing has to be resampled.
struct Resampled<'a> {
    sorted: &'a [u64],
    place: Beta,
}

impl<'a> Resampled<'a> {
    fn new(sorted: &'a [u64], share: f64) -> Option<Self> {
        let count = sorted.len() as f64;
        if count * share.min(1.0 - share) < BEYOND {
            return None;
        }
        let rank = rank(sorted.len(), share) as f64 + 1.0;
        let place = Beta::new(rank, count - rank + 1.0).ok()?;
        Some(Self { sorted, place })
    }

    fn draw(&self, random: &mut Rng) -> f64 {
        let place = self.place.inverse_cdf(random.f64()) * self.sorted.len() as f64;
        // A duration of nothing would divide by it.
        self.sorted[(place as usize).min(self.sorted.len() - 1)].max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(mut durations: Vec<u64>) -> Vec<u64> {
        durations.sort_unstable();
        durations
    }

    fn sample(count: u64, scale: u64) -> Vec<u64> {
        let duration = |index: u64| (100_000 + index * index % 977 * 1_000) * scale;
        sorted((0..count).map(duration).collect())
    }

    #[test]
    fn the_same_twice_is_one_within_bounds_that_narrow_with_the_number_of_writes() {
        let width = |count| {
            let sample = sample(count, 1);
            let ratio = compare(&sample, &sample)[0].ratio.unwrap();
            assert_eq!(ratio.value, Some(1.0));
            assert!(ratio.low < 1.0 && ratio.high.unwrap() > 1.0, "{ratio:?}");
            ratio.high.unwrap() - ratio.low
        };
        assert!(width(10_000) < width(100) / 4.0);
    }

    #[test]
    fn twice_as_long_is_two() {
        for percentile in compare(&sample(5_000, 1), &sample(5_000, 2)) {
            let ratio = percentile.ratio.unwrap();
            assert_eq!(ratio.value, Some(2.0));
            assert!(
                ratio.low > 1.5 && ratio.high.unwrap() < 2.6,
                "{percentile:?}"
            );
        }
    }

    #[test]
    fn too_few_writes_have_percentiles_without_a_ratio() {
        let percentiles = compare(&sample(100, 1), &sample(100, 1));
        assert!(percentiles[1].ratio.is_some());
        assert!(percentiles[2].ratio.is_none() && percentiles[2].after_nano.is_some());
        assert!(compare(&[], &[])[0].before_nano.is_none());
    }

    /// The shortcut against what it stands for.
    #[test]
    fn bounds_are_those_of_resampling_one_by_one() {
        let sample = sample(400, 1);
        let mut random = Rng::with_seed(1);
        let mut medians: Vec<u64> = (0..RESAMPLES)
            .map(|_| {
                let draw = |_| sample[random.usize(..sample.len())];
                let drawn = (0..sample.len()).map(draw).collect();
                nth(&sorted(drawn), 0.5).unwrap()
            })
            .collect();
        medians.sort_unstable();
        let short = Resampled::new(&sample, 0.5).unwrap();
        let mut drawn: Vec<f64> = (0..RESAMPLES).map(|_| short.draw(&mut random)).collect();
        drawn.sort_unstable_by(f64::total_cmp);
        for index in [RESAMPLES / 40, RESAMPLES / 2, RESAMPLES - RESAMPLES / 40] {
            let (slow, fast) = (medians[index] as f64, drawn[index]);
            assert!((slow - fast).abs() / slow < 0.05, "{slow} and {fast}");
        }
    }
}
