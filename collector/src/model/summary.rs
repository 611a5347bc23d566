//! What a recording amounts to. What was not measured is `None`, and is not shown.

use std::collections::BTreeMap;

use serde::Serialize;

/// `summary.json`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The version of slowmap.
    pub version: &'static str,
    /// When the recording began.
    pub started_unix_nano: u64,
    pub duration_nano: u64,
    pub threshold_nano: u64,
    pub mode: String,
    pub targets: Vec<Target>,
    pub skipped: Vec<SkippedProcess>,
    pub counts: Counts,
    pub losses: Losses,
    /// `None`: there was no slow write.
    pub latency: Option<Latency>,
    pub probes: Vec<ProbeUse>,
    /// Time that the probes took from the targets; `None` where the price of a hit was not measured.
    pub estimated_cost_nano: Option<u64>,
}

/// A process that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target {
    pub pid: u32,
    pub service_name: Option<String>,
    pub executable: String,
    pub go_version: String,
}

/// A process that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedProcess {
    pub pid: u32,
    pub executable: String,
    pub reason: String,
}

/// In slow writes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    pub writes: u64,
    /// Those whose trace was found.
    pub in_a_trace: u64,
    pub by_cause: BTreeMap<&'static str, u64>,
    pub by_function: BTreeMap<String, u64>,
}

/// Events or writes that were seen and did not get into the recording, by reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    pub count: u64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

/// How often a probe was hit, and what that cost the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeUse {
    pub function: String,
    pub role: super::plan::ProbeRole,
    pub hits: u64,
    /// `None`: the price of a hit was not measured.
    pub estimated_cost_nano: Option<u64>,
}
