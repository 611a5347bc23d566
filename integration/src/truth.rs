//! What the targets that time their own writes say: the truth that slowmap is measured by.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{
    go::{self, Toolchain},
    load::Load,
    program::{Ended, Program},
    recording::Frame,
};

/// A slow write as the target logged it.
#[derive(Debug, Clone, Deserialize)]
pub struct TrueWrite {
    /// `write`; `control`: a gap in which no map was written; `machine`: a write that was slow only because the
    /// hypervisor took its CPU away.
    pub kind: String,
    pub goid: u64,
    pub start_nano: u64,
    pub duration_nano: u64,
    /// By so much at most it began later than `start_nano`: the target was interrupted between the readings of its two
    /// clocks.
    #[serde(default)]
    pub clock_nano: u64,
    /// Of the duration, what the hypervisor took.
    #[serde(default)]
    pub stolen_nano: u64,
    pub function: String,
    #[serde(default)]
    pub map_type: String,
    /// Entries after the write.
    #[serde(default)]
    pub map_len: u64,
    #[serde(default)]
    pub shape: String,
    #[serde(default)]
    pub trace_id: String,
    #[serde(default)]
    pub span_id: String,
    #[serde(default)]
    pub has_context: bool,
    /// Whether that span goes to a backend; of targets that have both.
    #[serde(default)]
    pub sampled: bool,
    /// The function and its callers as Go's own traceback has them, where they were asked for.
    #[serde(default)]
    pub stack: Vec<Frame>,
}

impl TrueWrite {
    /// Slow only because the hypervisor took its CPU away: no tracer of map writes has to find it.
    pub fn is_the_machines(&self) -> bool {
        self.kind == "machine"
    }

    /// Without what the hypervisor took.
    pub fn own_nano(&self) -> u64 {
        self.duration_nano.saturating_sub(self.stolen_nano)
    }

    pub fn end_nano(&self) -> u64 {
        self.start_nano.saturating_add(self.duration_nano)
    }

    /// When it was over at the latest.
    pub fn over_nano(&self) -> u64 {
        self.end_nano().saturating_add(self.clock_nano)
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
    /// Of all its threads, what probes took from them included.
    pub cpu_seconds: Option<f64>,
    /// Of all writes.
    pub all: Option<Distribution>,
    /// Of the writes that were not slow.
    pub others: Option<Distribution>,
    /// Of the control's gaps that were not slow.
    pub control_others: Option<Distribution>,
}

/// How long things took, as the target counted all of them.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Distribution {
    pub count: u64,
    pub total_nano: f64,
    pub p50_nano: f64,
    pub p90_nano: f64,
    pub p99_nano: f64,
    pub p999_nano: f64,
    /// Off by less than one part in 128.
    pub max_nano: f64,
    /// Less than 10 us, 10 to 20 us, and so on; 200 us and more.
    pub by_ten_micros: [u64; 21],
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

    /// The service with requests, at work until it is told to end.
    pub fn serving(directory: &Path) -> Result<Self> {
        let mut command = Command::new(go::target("correlate", Toolchain::Installed)?);
        command.args(["--requests", "0"]);
        let mut target = Self::start(command, directory)?;
        target.begin()?;
        Ok(target)
    }

    /// Requests of these paths in turn, by four clients, for that long.
    pub fn load(&self, paths: &[&str], limit: Duration) -> Load {
        Load {
            base: format!("http://{}", self.address.as_deref().unwrap_or_default()),
            paths: paths.iter().copied().map(str::to_owned).collect(),
            requests: u64::MAX,
            clients: 4,
            pause: Duration::from_millis(5),
            limit,
        }
    }

    /// Lets it work.
    pub fn begin(&mut self) -> Result<()> {
        self.program.say("go")
    }

    /// Waits until it ends by itself.
    pub fn finish(self, limit: Duration) -> Result<Truth> {
        read(&self.program.wait(limit)?, &self.log)
    }

    /// The same, with how it ended.
    pub fn finish_with_status(self, limit: Duration) -> Result<(Truth, ExitStatus)> {
        let ended = self.program.wait(limit)?;
        Ok((read(&ended, &self.log)?, ended.status))
    }

    /// What it is an execution of, for messages.
    pub fn executable(&self) -> Result<String> {
        let link = std::fs::read_link(format!("/proc/{}/exe", self.program.pid()))?;
        Ok(link.display().to_string())
    }

    /// Tells it to end.
    pub fn stop(self, limit: Duration) -> Result<Truth> {
        read(&self.program.stop(limit)?, &self.log)
    }
}

/// The log of a target and the last line of its output.
pub fn read(ended: &Ended, log: &Path) -> Result<Truth> {
    let Ended { status, stderr, .. } = ended;
    of(&ended.stdout, log).with_context(|| format!("the target ended ({status}) {stderr}"))
}

/// The same from its output alone.
pub fn of(stdout: &str, log: &Path) -> Result<Truth> {
    let last = stdout.lines().last().unwrap_or_default();
    let outcome: Outcome = serde_json::from_str(last)
        .with_context(|| format!("the target ended without an outcome: {last:?}"))?;
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
