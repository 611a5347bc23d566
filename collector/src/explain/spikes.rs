//! Spikes in a series, by a limit that the series itself gives: a high one-off value must not raise the limit, as it would with
//! mean and standard deviation.

use std::str::FromStr;

use serde::Serialize;

use crate::model::series::Sample;

/// The spread of the undisturbed is as that of a normal distribution taken from the median of distances: 1.4826 of it is a
/// standard deviation. Six of these come by chance in no recording.
const SPREAD: f64 = 6.0 * 1.4826;
/// A series that hardly moves would otherwise spike with each wave: half of the median is the least.
const LEAST: f64 = 0.5;
/// Of fewer samples there is no usual value.
pub const FEWEST: usize = 8;

/// What one of a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    #[default]
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "s" => Ok(Self::Seconds),
            "ms" => Ok(Self::Millis),
            "us" => Ok(Self::Micros),
            "ns" => Ok(Self::Nanos),
            _ => Err("allowed: s, ms, us, ns".to_owned()),
        }
    }
}

impl Unit {
    /// Negative values are none of a duration: 0.
    pub fn nanos(self, value: f64) -> u64 {
        let nanos = match self {
            Self::Seconds => 1e9,
            Self::Millis => 1e6,
            Self::Micros => 1e3,
            Self::Nanos => 1.0,
        };
        (value * nanos) as u64
    }
}

/// A sample in nanoseconds, both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Point {
    pub time: i64,
    pub value: u64,
}

/// What is usual, and from where on it is a spike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limit {
    pub median_nano: u64,
    pub above_nano: u64,
}

/// Samples above the limit in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub from: i64,
    pub until: i64,
    /// The first of the highest.
    pub peak: Point,
}

pub fn points(samples: &[Sample], unit: Unit, ahead_nano: i64) -> Vec<Point> {
    let point = |sample: &Sample| Point {
        time: sample.time.0.cast_signed().saturating_sub(ahead_nano),
        value: unit.nanos(sample.value),
    };
    samples.iter().map(point).collect()
}

/// `above`: where spikes begin, if the user says so. `None`: there are too few samples.
pub fn limit(points: &[Point], above: Option<u64>) -> Option<Limit> {
    if points.len() < FEWEST {
        return None;
    }
    let median_nano = median(points.iter().map(|point| point.value))?;
    let distances = points.iter().map(|point| point.value.abs_diff(median_nano));
    let spread = median(distances)? as f64 * SPREAD;
    let above = above.unwrap_or_else(|| {
        let more = spread.max(median_nano as f64 * LEAST);
        median_nano.saturating_add(more as u64)
    });
    Some(Limit {
        median_nano,
        above_nano: above,
    })
}

fn median(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<u64> = values.collect();
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    Some(*values.select_nth_unstable(middle).1)
}

/// `step`: nanoseconds between samples; a gap half as long again ends a spike.
pub fn runs(points: &[Point], limit: Limit, step: i64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let high = points.iter().filter(|point| point.value > limit.above_nano);
    for &point in high {
        let last = runs.last_mut();
        let same = |run: &&mut Run| point.time.saturating_sub(run.until) <= step + step / 2;
        match last.filter(same) {
            Some(run) => {
                run.until = point.time;
                if point.value > run.peak.value {
                    run.peak = point;
                }
            }
            None => runs.push(Run {
                from: point.time,
                until: point.time,
                peak: point,
            }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[u64]) -> Vec<Point> {
        let point = |(index, &value): (usize, &u64)| Point {
            time: index as i64 * 10,
            value,
        };
        values.iter().enumerate().map(point).collect()
    }

    #[test]
    fn spikes_do_not_raise_the_limit_above_themselves() {
        let points = points(&[10, 11, 9, 10, 900, 950, 950, 10, 12, 10, 500, 9, 10, 11]);
        let limit = limit(&points, None).unwrap();
        assert_eq!((limit.median_nano, limit.above_nano), (11, 19));
        let runs = runs(&points, limit, 10);
        assert_eq!(runs.len(), 2);
        let peak = Point {
            time: 50,
            value: 950,
        };
        assert_eq!((runs[0].from, runs[0].until, runs[0].peak), (40, 60, peak));
        assert_eq!(runs[1].peak.value, 500);
    }

    #[test]
    fn noise_has_no_spikes_and_what_is_always_high_is_none() {
        let noise: Vec<u64> = (0..1_000_u64).map(|i| 1_000 + i * 7_919 % 400).collect();
        let noise = points(&noise);
        assert_eq!(runs(&noise, limit(&noise, None).unwrap(), 10), []);
        let high = points(&[1_000_000; 50]);
        assert_eq!(runs(&high, limit(&high, None).unwrap(), 10), []);
    }

    #[test]
    fn a_limit_that_is_given_is_kept_and_few_samples_have_none() {
        let points = points(&[10, 20, 10, 20, 10, 20, 10, 10]);
        let given = limit(&points, Some(15)).unwrap();
        assert_eq!(runs(&points, given, 10).len(), 3);
        assert_eq!(limit(&points[..FEWEST - 1], Some(15)), None);
    }

    #[test]
    fn values_that_are_no_durations_are_none() {
        assert_eq!(Unit::Millis.nanos(1.5), 1_500_000);
        assert_eq!(Unit::Seconds.nanos(-1.0), 0);
        assert_eq!(Unit::Seconds.nanos(f64::MAX), u64::MAX);
    }
}
