//! How many requests a service has, as Prometheus counts them: shown beside its durations. Nothing is concluded from it.

use serde::Serialize;

use crate::model::series::Series;

#[derive(Debug, Serialize)]
pub struct Rate {
    pub query: String,
    pub points: Vec<RatePoint>,
}

#[derive(Debug, Serialize)]
pub struct RatePoint {
    /// On this machine's clock, in nanoseconds.
    pub time: i64,
    pub per_second: f64,
}

impl Rate {
    pub fn new(query: &str, series: &Series, ahead_nano: i64) -> Self {
        let samples = series.samples.iter();
        let points = samples.map(|sample| RatePoint {
            time: sample.time.0.cast_signed().saturating_sub(ahead_nano),
            per_second: sample.value,
        });
        Self {
            query: query.to_owned(),
            points: points.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{series::Sample, time::UnixNanos};

    #[test]
    fn requests_are_told_on_this_machines_clock() {
        let sample = |time, value| Sample {
            time: UnixNanos(time),
            value,
        };
        let series = Series {
            samples: vec![sample(1_000, 2.5), sample(2_000, 0.0)],
            ..Series::default()
        };
        let rate = Rate::new("rate(x[1s])", &series, -50);
        let expected = serde_json::json!({"query": "rate(x[1s])", "points": [
            {"time": 1_050, "per_second": 2.5}, {"time": 2_050, "per_second": 0.0}]});
        assert_eq!(serde_json::to_value(&rate).unwrap(), expected);
    }
}
