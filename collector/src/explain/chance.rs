//! How many spikes would be explained if they had nothing to do with the writes.
//!
//! The series is turned round against the recording, as on a ring, by each of many distances: so both keep their own rhythm, and
//! only what ties them to each other is gone (a permutation test by circular shifts). Counting coincidences of
//! independent events would call two processes related that are both merely bursty.

use serde::Serialize;

/// Distances that are tried, evenly spread.
const SHIFTS: i64 = 1_999;

/// A spike: where its window ends, and where one has to end to be explained.
#[derive(Debug)]
pub struct Placed {
    pub at: i64,
    pub explained_at: Vec<(i64, i64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Chance {
    /// Spikes that were explained on average.
    pub expected: f64,
    /// Part of the shifts in which at least as many were explained as without a shift, the one by nothing counted in.
    pub p_value: f64,
}

impl Placed {
    fn is_explained_at(&self, at: i64) -> bool {
        let next = self.explained_at.partition_point(|&(from, _)| from <= at);
        let interval = next
            .checked_sub(1)
            .and_then(|last| self.explained_at.get(last));
        interval.is_some_and(|&(_, until)| at <= until)
    }

    /// In what part of the time it would be explained.
    pub fn share(&self, (from, until): (i64, i64)) -> f64 {
        let within = |&(begin, end): &(i64, i64)| (end.min(until) - begin.max(from)).max(0);
        let explained: i64 = self.explained_at.iter().map(within).sum();
        explained as f64 / (until - from).max(1) as f64
    }
}

/// `within`: where windows may end, so that they are wholly in the recording; all spikes' do. `window`: how long one is.
///
/// Shifts by less than a window leave most as it was, so they are left out; and shifts that differ by less are no two
/// answers, so the p-value is that of as many shifts as there are windows in the recording.
pub fn chance(spikes: &[Placed], within: (i64, i64), window: i64) -> Chance {
    let length = (within.1 - within.0).max(1);
    let explained = |shift: i64| {
        let shifted = |at: i64| within.0 + (at - within.0 + shift) % length;
        let is_explained = |spike: &&Placed| spike.is_explained_at(shifted(spike.at));
        spikes.iter().filter(is_explained).count()
    };
    let found = explained(0);
    let (mut shifts, mut sum, mut as_many) = (0, 0, 0);
    for number in 1..=SHIFTS {
        let shift = i128::from(length) * i128::from(number) / i128::from(SHIFTS + 1);
        let shift = i64::try_from(shift).unwrap_or_default();
        if shift.min(length - shift) >= window {
            let count = explained(shift);
            shifts += 1;
            sum += count;
            as_many += usize::from(count >= found);
        }
    }
    let tried = f64::from(shifts.max(1));
    let independent = (length / window.max(1)).clamp(0, SHIFTS) as f64;
    // In a recording that is hardly longer than a window, anything may be chance.
    let as_likely = if shifts == 0 {
        1.0
    } else {
        as_many as f64 / tried
    };
    Chance {
        expected: if shifts == 0 {
            found as f64
        } else {
            sum as f64 / tried
        },
        p_value: (1.0 + independent * as_likely) / (1.0 + independent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: i64 = 100_000;

    fn spikes(at: &[i64], writes: &[i64]) -> Vec<Placed> {
        let intervals: Vec<_> = writes.iter().map(|&write| (write, write + 500)).collect();
        let placed = |&at: &i64| Placed {
            at,
            explained_at: intervals.clone(),
        };
        at.iter().map(placed).collect()
    }

    /// Places without a rhythm.
    fn places(count: i64, seed: i64) -> Vec<i64> {
        let mut random = fastrand::Rng::with_seed(seed.cast_unsigned());
        let mut places: Vec<_> = (0..count).map(|_| random.i64(0..END - 600)).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn spikes_that_follow_writes_are_no_chance_and_others_are() {
        let mut by_chance = 0;
        for seed in 0..40 {
            let writes = places(20, seed);
            let following: Vec<i64> = writes.iter().map(|write| write + 100).collect();
            let related = chance(&spikes(&following, &writes), (0, END), 500);
            assert!(related.p_value <= 0.01, "{seed}: {related:?}");
            assert!((related.expected - 2.0).abs() < 1.0, "{related:?}");
            let unrelated = chance(&spikes(&places(20, seed + 1_000), &writes), (0, END), 500);
            by_chance += usize::from(unrelated.p_value <= 0.05);
        }
        assert!(by_chance <= 6, "{by_chance} of 40 at a level of 0.05");
    }

    #[test]
    fn writes_that_are_everywhere_explain_nothing() {
        let everywhere: Vec<i64> = (0..END / 400).map(|number| number * 400).collect();
        let chance = chance(&spikes(&[1_000, 50_000], &everywhere), (0, END), 500);
        assert!(chance.p_value > 0.9 && chance.expected > 1.9, "{chance:?}");
    }

    #[test]
    fn a_single_spike_is_as_likely_as_its_share_of_the_time() {
        let one = spikes(&[1_100], &[1_000, 30_000, 60_000]);
        let chance = chance(&one, (0, END), 500);
        assert!((one[0].share((0, END)) - 0.015).abs() < 0.001);
        assert!((chance.expected - 0.01).abs() < 0.002, "{chance:?}");
        assert!((0.01..0.02).contains(&chance.p_value), "{chance:?}");
    }

    #[test]
    fn a_recording_of_hardly_more_than_a_window_proves_nothing() {
        let one = spikes(&[1_100], &[1_000]);
        let chance = chance(&one, (1_000, 1_800), 500);
        assert_eq!((chance.expected, chance.p_value), (1.0, 1.0));
    }
}
