//! What a recording amounts to. What was not measured is `None`, and is not shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    cause::Cause,
    collision::Collision,
    plan::{Presence, ProbePair},
    writes::Writes,
};

/// The format of a recording's files. It changes when a program that reads the old one would misread the new one, not when
/// something is added.
pub const FORMAT: u32 = 1;

/// `summary.json`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`FORMAT`]
    pub format: u32,
    /// The version of slowmap.
    pub version: String,
    /// When the recording began; if it was merged, the first of them.
    pub started_unix_nano: u64,
    /// How long was recorded; if it was merged, for how long at least one of them was.
    pub duration_nano: u64,
    pub threshold_nano: u64,
    pub mode: String,
    /// What probes were allowed to cost, in percent of each target's CPU time.
    pub budget_percent: f64,
    pub targets: Vec<Target>,
    pub skipped: Vec<SkippedProcess>,
    pub counts: Counts,
    pub losses: Losses,
    /// `None`: there was no slow write.
    pub latency: Option<Latency>,
    /// Of all writes, slow or not; `None`: none was followed as a whole (mode `slowpath`).
    pub writes: Option<Writes>,
    pub probes: Vec<ProbeUse>,
    /// Time that the probes took from the targets; `None` where the price of a hit was not measured.
    pub estimated_cost_nano: Option<u64>,
    /// Goroutines that came upon another's write to their map; recordings of earlier versions do not say.
    #[serde(default)]
    pub collisions: Vec<Collision>,
    /// What it was merged of; none as a rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<Part>,
}

/// A recording that has become part of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Where it was.
    pub directory: String,
    pub started_unix_nano: u64,
    pub duration_nano: u64,
}

impl Summary {
    /// When it was recorded, from and until: intervals that do not touch, in order.
    pub fn spans(&self) -> Vec<(u64, u64)> {
        let until = |from: u64, nanos| (from, from.saturating_add(nanos));
        let parts = self.recordings.iter();
        let mut all: Vec<_> = parts
            .map(|part| until(part.started_unix_nano, part.duration_nano))
            .collect();
        if all.is_empty() {
            return vec![until(self.started_unix_nano, self.duration_nano)];
        }
        all.sort_unstable();
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for (from, until) in all {
            match spans.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => spans.push((from, until)),
            }
        }
        spans
    }
}

/// A process that was recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// In which of the recordings that were merged, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<u32>,
    pub pid: u32,
    /// When the process began, to a hundredth of a second; recordings of earlier versions do not say.
    #[serde(default)]
    pub started_unix_nano: Option<u64>,
    pub service_name: Option<String>,
    pub executable: String,
    pub go_version: String,
    #[serde(flatten)]
    pub usage: Usage,
}

/// What watching a target took.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// How long it was watched.
    pub watched_nano: u64,
    /// CPU time that it used meanwhile, what its probes cost included; `None`: not known.
    pub cpu_nano: Option<u64>,
    /// How much of that its probes are estimated to have cost; `None`: the price of a hit was not measured.
    pub estimated_cost_nano: Option<u64>,
    /// The second as a part of the first; `None` where one of them is, or the target used no CPU time.
    pub estimated_cost_share: Option<f64>,
    /// What its CPU limit did meanwhile; `None`: not known.
    pub throttled: Option<Throttled>,
    pub probe_pairs: Vec<PairUse>,
}

/// How a CPU limit stopped the processes of a control group that had used it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Throttled {
    /// Periods of the limit in which it did.
    pub periods: u64,
    /// For how long, of all CPUs together.
    pub nano: u64,
}

/// Probes that mean nothing without each other, in a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairUse {
    pub pair: ProbePair,
    pub functions: Vec<String>,
    pub hits: u64,
    /// `None`: the price of a hit was not measured.
    pub estimated_cost_nano: Option<u64>,
    /// Part of the time in which they were in the target: 1 unless the governor took them out.
    pub covered: f64,
    /// How it stood at the end.
    pub presence: Presence,
}

/// A process that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedProcess {
    pub pid: u32,
    pub executable: String,
    pub reason: String,
}

/// In slow writes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub writes: u64,
    /// Those whose trace was found.
    pub in_a_trace: u64,
    pub by_cause: BTreeMap<Cause, u64>,
    pub by_function: BTreeMap<String, u64>,
}

/// Events or writes that were seen and did not get into the recording, by reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Losses {
    pub total: u64,
    pub by_reason: BTreeMap<String, u64>,
}

impl Losses {
    pub fn add(&mut self, reason: &str, count: u64) {
        if count > 0 {
            self.total = self.total.saturating_add(count);
            let sum = self.by_reason.entry(reason.to_owned()).or_default();
            *sum = sum.saturating_add(count);
        }
    }
}

/// Durations of the slow writes, in microseconds. The percentiles are exact to three digits, the maximum to the
/// last.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub count: u64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

/// How often a probe was hit, and what that cost the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeUse {
    pub function: String,
    pub role: super::plan::ProbeRole,
    pub hits: u64,
    /// `None`: the price of a hit was not measured.
    pub estimated_cost_nano: Option<u64>,
}
