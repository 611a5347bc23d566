//! The answers of Prometheus' HTTP API, as it documents them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::QueryError;
use crate::model::{
    series::{Sample, Series},
    text::printable,
    time::UnixNanos,
};

#[derive(Debug, Deserialize)]
pub struct Answer<T> {
    #[serde(default = "Option::default")]
    pub data: Option<T>,
    #[serde(default)]
    pub error: Option<String>,
}

/// Of `query_range` and `query`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluated {
    result_type: String,
    result: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Row {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<Value>,
}

/// A time in seconds, and a number as text: JSON has no infinity.
#[derive(Debug, Deserialize)]
pub struct Value(f64, String);

/// Of `targets`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Targets {
    #[serde(default)]
    pub active_targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub scrape_interval: String,
}

impl Evaluated {
    /// The series. What is not a number (no request at that time) is left out.
    pub fn series(self) -> Result<Vec<Series>, QueryError> {
        let other = || QueryError::NoMatrix(format!("a {}", printable(&self.result_type)));
        if self.result_type != "matrix" {
            return Err(other());
        }
        let rows: Vec<Row> = serde_json::from_value(self.result).map_err(|_| other())?;
        let series = rows.into_iter().map(|row| Series {
            labels: row.metric,
            samples: row.values.iter().filter_map(Value::sample).collect(),
        });
        Ok(series.collect())
    }

    /// The number that a scalar is.
    pub fn scalar(self) -> Option<f64> {
        let Value(_, value) = serde_json::from_value(self.result).ok()?;
        (self.result_type == "scalar").then(|| value.parse().ok())?
    }
}

impl Value {
    fn sample(&self) -> Option<Sample> {
        let value = self.1.parse::<f64>().ok().filter(|value| value.is_finite());
        Some(Sample {
            time: unix_nanos(self.0)?,
            value: value?,
        })
    }
}

/// Of seconds, which the API has to the millisecond.
pub fn unix_nanos(seconds: f64) -> Option<UnixNanos> {
    let millis = (seconds * 1e3).round();
    (0.0..1e16)
        .contains(&millis)
        .then(|| (millis as u64).checked_mul(1_000_000))?
        .map(UnixNanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Series>, QueryError> {
        let answer: Answer<Evaluated> = serde_json::from_str(text).unwrap();
        answer.data.unwrap().series()
    }

    #[test]
    fn a_matrix_is_series_without_what_is_not_a_number() {
        let text = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"shop"},
            "values":[[1000.25,"0.1"],[1000.5,"NaN"],[1000.75,"+Inf"],[-1,"2"],[1e300,"2"],[1001,"x"]]}]}}"#;
        let series = read(text).unwrap();
        assert_eq!(series[0].labels["job"], "shop");
        let sample = Sample {
            time: UnixNanos(1_000_250_000_000),
            value: 0.1,
        };
        assert_eq!(series[0].samples, [sample]);
    }

    #[test]
    fn what_is_no_matrix_is_refused_by_name() {
        let text = r#"{"data":{"resultType":"str\u001bing","result":[0,"a"]}}"#;
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(r"a str\u{1b}ing,"), "{error}");
        assert!(read(r#"{"data":{"resultType":"matrix","result":7}}"#).is_err());
    }
}
