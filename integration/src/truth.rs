//! What the targets that time their own writes say: the truth that slowmap is measured by.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{
    program::{Ended, Program},
    recording::Frame,
};

/// A slow write as the target logged it.
#[derive(Debug, Clone, Deserialize)]
pub struct TrueWrite {
    /// `write`, or `control`: a gap in which no map was written.
    pub kind: String,
    pub goid: u64,
    pub start_nano: u64,
    pub duration_nano: u64,
    pub function: String,
    #[serde(default)]
    pub map_type: String,
    #[serde(default)]
    pub shape: String,
    #[serde(default)]
    pub trace_id: String,
    #[serde(default)]
    pub span_id: String,
    #[serde(default)]
    pub has_context: bool,
    /// The function and its callers as Go's own traceback has them, where they were asked for.
    #[serde(default)]
    pub stack: Vec<Frame>,
}

impl TrueWrite {
    pub fn end_nano(&self) -> u64 {
        self.start_nano.saturating_add(self.duration_nano)
    }
}

/// The last line of a target's output.
#[derive(Debug, Clone, Deserialize)]
pub struct Outcome {
    pub writes: u64,
    pub seconds: f64,
    pub throughput: f64,
    pub slow: u64,
    pub slow_dropped: u64,
    pub checksum_ok: bool,
    #[serde(default)]
    pub requests: u64,
    #[serde(default)]
    pub failed: u64,
}

/// A target that waits for its start.
#[derive(Debug)]
pub struct TruthTarget {
    pub program: Program,
    /// Where it listens, if it does.
    pub address: Option<String>,
    log: PathBuf,
}

/// What a target knew at its end.
#[derive(Debug, Clone)]
pub struct Truth {
    pub writes: Vec<TrueWrite>,
    /// Slow gaps of its control loops.
    pub control: Vec<TrueWrite>,
    pub outcome: Outcome,
}

impl TruthTarget {
    /// Starts it with its log in `directory`; it does nothing before [`TruthTarget::begin`].
    pub fn start(mut command: Command, directory: &Path) -> Result<Self> {
        let log = directory.join("truth.jsonl");
        command.arg("--output").arg(&log);
        let mut program = Program::start(command)?;
        let ready = program.line(Duration::from_secs(20), |line| line.starts_with("READY "))?;
        let address = ready.split_whitespace().nth(2).map(str::to_owned);
        Ok(Self {
            program,
            address,
            log,
        })
    }

    /// Lets it work.
    pub fn begin(&mut self) -> Result<()> {
        self.program.say("go")
    }

    /// Waits until it ends by itself.
    pub fn finish(self, limit: Duration) -> Result<Truth> {
        read(&self.program.wait(limit)?, &self.log)
    }

    /// Tells it to end.
    pub fn stop(self, limit: Duration) -> Result<Truth> {
        read(&self.program.stop(limit)?, &self.log)
    }
}

/// The log of a target and the last line of its output.
pub fn read(ended: &Ended, log: &Path) -> Result<Truth> {
    let last = ended.stdout.lines().last().unwrap_or_default();
    let said = || {
        format!(
            "the target ended ({}) without an outcome: {last:?} {}",
            ended.status, ended.stderr
        )
    };
    let outcome: Outcome = serde_json::from_str(last).with_context(said)?;
    let text = std::fs::read_to_string(log).with_context(|| format!("read {}", log.display()))?;
    let (mut writes, mut control) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let write: TrueWrite =
            serde_json::from_str(line).with_context(|| format!("truth: {line}"))?;
        if write.kind == "control" {
            control.push(write)
        } else {
            writes.push(write)
        }
    }
    Ok(Truth {
        writes,
        control,
        outcome,
    })
}
