//! How long all map writes took, as modes `exact` and `sampled` measure it: `writes` in `summary.json`.

use serde::{Deserialize, Serialize};

/// Of the intervals in [`WriteInterval`].
pub const CONFIDENCE: f64 = 0.95;

/// All map writes whose entry and exit were seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Writes {
    /// Writes whose entry was seen.
    pub begun: u64,
    /// Those of them whose exit was not: they panicked, or went on when the recording or a slice had ended.
    pub unfinished: u64,
    /// For how long targets were attached to, all together.
    pub attached_nano: u64,
    /// How much of that time their writes were followed, 0 to 1.
    pub share_of_time: f64,
    /// Slices of time; in mode `exact` they follow each other without a gap.
    pub slices: u64,
    /// `None`: it could not be measured, and nothing was taken off.
    pub correction: Option<Correction>,
    /// `None`: there was no write.
    pub latency: Option<WriteLatency>,
    /// The measured writes by how long they took; where none were, there is no bucket.
    #[serde(default)]
    pub histogram: Vec<WriteBucket>,
    pub by_function: Vec<WriterSummary>,
    pub by_caller: Vec<WriterSummary>,
    /// Writes that are in no row of `by_caller`, for there were too many callers.
    pub callers_not_told_apart: u64,
    pub not_followed: Vec<NotFollowed>,
}

/// What the probes add to a write, as measured on this machine when the recording began, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Was taken off each duration: what the two probes of a write add between their readings of the clock.
    pub per_write_nano: u64,
    /// The same when the recording had ended; `None`: not known. By as much as the two differ the durations may be off.
    pub per_write_at_end_nano: Option<u64>,
    /// Was taken off for each hit of a probe on a growth or an assist within the write.
    pub per_inner_probe_nano: u64,
    /// How much longer a write took the target because of its two probes.
    pub cost_per_write_nano: u64,
}

impl Correction {
    /// By how many nanoseconds durations may be off, as far as is known.
    pub fn uncertainty_nano(&self) -> u64 {
        let at_end = self.per_write_at_end_nano.unwrap_or(self.per_write_nano);
        at_end.abs_diff(self.per_write_nano)
    }
}

/// In microseconds. Quantiles are exact to a sixteenth, the maximum to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WriteLatency {
    /// Writes that were measured.
    pub count: u64,
    /// In mode `sampled`, how many there were in all; `None` where all were measured.
    pub estimated_count: Option<u64>,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    /// The longest that was measured.
    pub max: f64,
    /// `None`: all writes were measured, or in too few slices.
    pub interval: Option<WriteInterval>,
}

/// Writes that took so many microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WriteBucket {
    /// In the bucket.
    pub from: f64,
    /// In the next one; a sixteenth more at most.
    pub until: f64,
    pub count: u64,
}

/// Where the values of all writes lie with this confidence: a bootstrap over slices of time, to whole buckets, with the
/// uncertainty of the correction on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WriteInterval {
    pub confidence: f64,
    /// Of `estimated_count`.
    pub count: [u64; 2],
    pub p50: [f64; 2],
    pub p90: [f64; 2],
    pub p99: [f64; 2],
    pub p999: [f64; 2],
}

/// Writes by a function of the runtime, or by it from one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WriterSummary {
    /// e.g. `runtime.mapassign_faststr`
    pub function: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(flatten)]
    pub latency: WriteLatency,
}

/// A function that writes to maps and could not be followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NotFollowed {
    pub function: String,
    pub reason: String,
}
