//! Hits of probes: what one costs, as slowmap itself measures it, and which are hit how often.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use integration::{program::Program, slowmap};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{
    PATIENCE, Scale,
    figure::{Figures, Samples},
    run::Watched,
};

/// Nanoseconds per hit, by the kind of instruction under the probe.
pub fn measure(scale: Scale) -> Result<Figures> {
    let mut samples = Samples::default();
    for _ in 0..scale.rounds {
        let command = slowmap::command(["check", "--format", "json"])?;
        let ended = Program::run(command, PATIENCE)?;
        let check: Value = serde_json::from_str(&ended.stdout).context("slowmap check")?;
        let (emulated, stepped) = cost(&check).context("slowmap check tells no probe cost")?;
        samples.add("emulated_nano", emulated);
        samples.add("single_stepped_nano", stepped);
    }
    Ok(samples.figures())
}

/// From the line "probe cost": its two numbers.
fn cost(check: &Value) -> Option<(f64, f64)> {
    let findings = check["findings"].as_array()?;
    let line = findings
        .iter()
        .find(|finding| finding["name"] == "probe cost")?;
    let words = line["detail"].as_str()?.split_whitespace();
    let mut numbers = words.filter_map(|word| word.parse::<f64>().ok());
    Some((numbers.next()?, numbers.next()?))
}

/// What `summary.json` says of the probes, over all rounds.
#[derive(Debug, Default)]
pub struct ProbeRates {
    seconds: f64,
    cpu_seconds: f64,
    /// Hits and nanoseconds by role and function.
    probes: BTreeMap<(String, String), (f64, f64)>,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct ProbeRate {
    pub role: String,
    pub function: String,
    pub hits_per_second: f64,
    /// Of the target's CPU time, by slowmap's own estimate.
    pub cost_percent: f64,
}

impl ProbeRates {
    pub fn add(&mut self, with: &Watched) {
        let outcome = &with.truth.outcome;
        self.seconds += outcome.seconds;
        self.cpu_seconds += outcome.cpu_seconds.unwrap_or(f64::NAN);
        for probe in with.recording.summary["probes"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let text = |key: &str| probe[key].as_str().unwrap_or("?").to_owned();
            let number = |key: &str| probe[key].as_f64();
            let sum = self
                .probes
                .entry((text("role"), text("function")))
                .or_default();
            sum.0 += number("hits").unwrap_or(f64::NAN);
            sum.1 += number("estimated_cost_nano").unwrap_or(f64::NAN);
        }
    }

    /// Those that were hit, the most expensive first.
    pub fn rates(&self) -> Vec<ProbeRate> {
        let rate = |((role, function), (hits, nano)): (&(String, String), &(f64, f64))| ProbeRate {
            role: role.clone(),
            function: function.clone(),
            hits_per_second: hits / self.seconds,
            cost_percent: nano / 1e9 / self.cpu_seconds * 100.0,
        };
        let mut rates: Vec<ProbeRate> = self.probes.iter().map(rate).collect();
        rates.retain(|rate| rate.hits_per_second > 0.0);
        rates.sort_by(|a, b| b.cost_percent.total_cmp(&a.cost_percent));
        rates
    }
}

impl Serialize for ProbeRates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rates().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_cost_of_a_hit_is_read_from_what_the_check_says() {
        let detail = "815 ns a hit where the kernel emulates the instruction, 14656 ns elsewhere";
        let check =
            json!({"findings": [{"name": "kernel"}, {"name": "probe cost", "detail": detail}]});
        assert_eq!(cost(&check), Some((815.0, 14656.0)));
        let failed =
            json!({"findings": [{"name": "probe cost", "detail": "no probe could be tried"}]});
        assert_eq!(cost(&failed), None);
    }
}
