//! The ratio of two rates of Poisson counts.

use statrs::distribution::{Beta, ContinuousCDF};

use super::Interval;

const TAIL: f64 = 0.025;

/// After over before; each a count and the time it was counted in. `None`: nothing was counted, or no time.
///
/// Given the sum of the counts, the second is binomial: the bounds of its share (Clopper and Pearson, 1934) are those of the
/// ratio.
pub fn ratio(before: (u64, u64), after: (u64, u64)) -> Option<Interval> {
    if before.0 + after.0 == 0 || before.1 == 0 || after.1 == 0 {
        return None;
    }
    let times = before.1 as f64 / after.1 as f64;
    let odds = |share: f64| (share < 1.0).then(|| share / (1.0 - share) * times);
    let (first, second) = (before.0 as f64, after.0 as f64);
    let low = match after.0 {
        0 => 0.0,
        _ => quantile(second, first + 1.0, TAIL)?,
    };
    let high = match before.0 {
        0 => 1.0,
        _ => quantile(second + 1.0, first, 1.0 - TAIL)?,
    };
    Some(Interval {
        value: (before.0 > 0).then(|| second / first * times),
        low: odds(low)?,
        high: odds(high),
    })
}

/// Of a beta distribution.
fn quantile(a: f64, b: f64, share: f64) -> Option<f64> {
    Some(Beta::new(a, b).ok()?.inverse_cdf(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000_000_000;

    fn close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() / expected < 0.002,
            "{found} instead of {expected}"
        );
    }

    /// That at most so many of the counted are of the second, where its share is this.
    fn at_most(count: u64, of: u64, share: f64) -> f64 {
        let choose = |k: u64| (0..k).fold(1.0, |all, i| all * (of - i) as f64 / (i + 1) as f64);
        let chance =
            |k: u64| choose(k) * share.powi(k as i32) * (1.0 - share).powi((of - k) as i32);
        (0..=count).map(chance).sum()
    }

    #[test]
    fn beyond_each_bound_what_was_counted_has_a_chance_of_a_fortieth() {
        let interval = ratio((20, MINUTE), (2, MINUTE)).unwrap();
        close(interval.value.unwrap(), 0.1);
        let share = |ratio: f64| ratio / (1.0 + ratio);
        close(1.0 - at_most(1, 22, share(interval.low)), 0.025);
        close(at_most(2, 22, share(interval.high.unwrap())), 0.025);
    }

    #[test]
    fn twice_the_time_is_half_the_rate() {
        let once = ratio((100, MINUTE), (100, MINUTE)).unwrap();
        let twice = ratio((100, MINUTE), (100, 2 * MINUTE)).unwrap();
        close(twice.value.unwrap(), 0.5);
        close(twice.low, once.low / 2.0);
    }

    #[test]
    fn none_after_is_bounded_above_and_none_before_is_not() {
        let gone = ratio((30, MINUTE), (0, MINUTE)).unwrap();
        assert_eq!((gone.value, gone.low), (Some(0.0), 0.0));
        assert!(gone.high.unwrap() < 0.14, "{gone:?}");
        let come = ratio((0, MINUTE), (30, MINUTE)).unwrap();
        assert_eq!((come.value, come.high), (None, None));
        assert!(come.low > 7.0, "{come:?}");
        assert_eq!(ratio((0, MINUTE), (0, MINUTE)), None);
    }

    #[test]
    fn millions_have_narrow_bounds() {
        let interval = ratio((1_000_000, MINUTE), (1_000_000, MINUTE)).unwrap();
        close(interval.low, 0.99723);
        close(interval.high.unwrap(), 1.00277);
    }
}
