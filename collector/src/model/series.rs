//! A metric over time.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    time::Duration,
};

use super::{text::printable, time::UnixNanos};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// As the server has them: not fit to be shown as they are.
    pub labels: BTreeMap<String, String>,
    /// Oldest first.
    pub samples: Vec<Sample>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    pub time: UnixNanos,
    /// In the metric's unit; always finite.
    pub value: f64,
}

impl Series {
    /// From its first sample to its last.
    pub fn span(&self) -> Option<(UnixNanos, UnixNanos)> {
        let (first, last) = (self.samples.first()?, self.samples.last()?);
        Some((first.time, last.time))
    }

    /// The usual time between samples: the median, since a gap is no interval. `None`: there are not two.
    pub fn interval(&self) -> Option<Duration> {
        let pairs = self.samples.windows(2);
        let mut distances: Vec<u64> = pairs
            .map(|pair| pair[1].time.0.saturating_sub(pair[0].time.0))
            .collect();
        let middle = distances.len() / 2;
        if distances.is_empty() {
            return None;
        }
        Some(Duration::from_nanos(
            *distances.select_nth_unstable(middle).1,
        ))
    }
}

/// The labels as PromQL writes them, safe to show.
impl Display for Series {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let label = |(name, value): (&String, &String)| {
            format!("{}=\"{}\"", printable(name), printable(value))
        };
        let labels: Vec<String> = self.labels.iter().map(label).collect();
        write!(f, "{{{}}}", labels.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_not_the_interval_of_a_series() {
        let series = |times: &[u64]| {
            let sample = |&second: &u64| Sample {
                time: UnixNanos(second * 1_000_000_000),
                value: 0.0,
            };
            Series {
                labels: BTreeMap::new(),
                samples: times.iter().map(sample).collect(),
            }
        };
        let interval = series(&[0, 10, 20, 620, 630]).interval();
        assert_eq!(interval, Some(Duration::from_secs(10)));
        assert_eq!(series(&[7]).interval(), None);
    }

    #[test]
    fn labels_of_a_hostile_server_move_no_cursor() {
        let labels = [("job\u{1b}[2J".to_owned(), "shop\n".to_owned())];
        let series = Series {
            labels: labels.into(),
            samples: Vec::new(),
        };
        assert_eq!(series.to_string(), r#"{job\u{1b}[2J="shop\n"}"#);
    }
}
