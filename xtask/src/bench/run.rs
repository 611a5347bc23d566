//! One run of a target, without slowmap or with it.

use std::{collections::BTreeSet, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use integration::{
    go::{self, Toolchain},
    kernel::BpfObjects,
    program::Program,
    recording::{self, Recording},
    slowmap,
    truth::{Truth, TruthTarget},
    usage::{Follower, Used},
};

use super::{
    PATIENCE,
    programs::{self, ProgramUse},
};
use crate::interrupt;

/// What a target is to do.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    pub toolchain: Toolchain,
    /// `service` or `torture`.
    pub mode: &'static str,
    pub duration: Duration,
    /// With loops of the same shape that write to no map.
    pub control: bool,
    /// The size of all maps, instead of 100 to 1 M entries.
    pub entries: Option<u32>,
}

/// What slowmap saw of a run, and what it used for that.
#[derive(Debug)]
pub struct Watched {
    pub truth: Truth,
    pub recording: Recording,
    pub agent: Used,
    /// What the kernel counted of the BPF programs, where it was asked to.
    pub programs: Vec<ProgramUse>,
}

/// The target that times its own writes.
pub fn executable(toolchain: Toolchain) -> Result<PathBuf> {
    go::target("truth", toolchain)
}

impl Work {
    fn command(&self) -> Result<Command> {
        let mut command = Command::new(executable(self.toolchain)?);
        let duration = format!("{}ms", self.duration.as_millis());
        command.args(["--mode", self.mode, "--duration", &duration]);
        if self.control {
            command.arg("--control");
        }
        if let Some(entries) = self.entries {
            let entries = entries.to_string();
            command.args(["--min-entries", &entries, "--max-entries", &entries]);
        }
        Ok(command)
    }

    fn limit(&self) -> Duration {
        self.duration + PATIENCE
    }

    pub fn alone(&self) -> Result<Truth> {
        let directory = tempfile::tempdir()?;
        let mut target = TruthTarget::start(self.command()?, directory.path())?;
        target.begin()?;
        whole(target.finish(self.limit())?)
    }

    /// With slowmap attached before the first write.
    pub fn watched(&self, threshold: &str) -> Result<Watched> {
        self.watched_with(threshold, false)
    }

    /// The same, and the kernel measures each run of a BPF program, which itself costs something.
    pub fn profiled(&self, threshold: &str) -> Result<Watched> {
        self.watched_with(threshold, true)
    }

    fn watched_with(&self, threshold: &str, profile: bool) -> Result<Watched> {
        interrupt::check()?;
        let directory = tempfile::tempdir()?;
        let mut target = TruthTarget::start(self.command()?, directory.path())?;
        let output = directory.path().join("out");
        let mut slowmap = record(target.program.pid(), threshold, &output)?;
        slowmap::wait_attached_log(&mut slowmap, 1, PATIENCE)?;
        let profiler = profile.then(|| profiler(&slowmap)).transpose()?;
        let agent = Follower::start(slowmap.pid())?;
        target.begin()?;
        let programs = match profiler {
            Some(profiler) => profiler.measure(self.duration.mul_f64(0.9))?,
            None => Vec::new(),
        };
        let truth = whole(target.finish(self.limit())?)?;
        let ended = slowmap.wait(PATIENCE)?;
        if ended.code() != Some(0) {
            bail!("slowmap ended with {}: {}", ended.status, ended.stderr);
        }
        Ok(Watched {
            truth,
            recording: recording::read(&output).context("read the recording")?,
            agent: agent.finish()?,
            programs,
        })
    }
}

fn record(pid: u32, threshold: &str, output: &std::path::Path) -> Result<Program> {
    let pid = pid.to_string();
    let arguments = ["record", "--pid", &pid, "--threshold", threshold];
    let mut command = slowmap::command(arguments)?;
    command.args(["--duration", "10m", "--output"]).arg(output);
    command.env("SLOWMAP_LOG", "info");
    Program::start(command)
}

fn profiler(slowmap: &Program) -> Result<programs::Profiler> {
    let ids: BTreeSet<u32> = BpfObjects::of(slowmap.pid())?.programs;
    programs::Profiler::start(ids)
}

/// An error where the truth is not all of it.
fn whole(truth: Truth) -> Result<Truth> {
    if truth.outcome.slow_dropped > 0 {
        bail!(
            "the target had no room for {} slow writes",
            truth.outcome.slow_dropped
        );
    }
    if !truth.outcome.checksum_ok {
        bail!("a map of the target does not hold what was put into it");
    }
    Ok(truth)
}
