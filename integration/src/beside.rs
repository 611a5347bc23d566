//! A recording as users make it, beside one of the same process in mode `exact`, which times every write from its entry to its
//! exit. A write of whose time nothing that happens in this machine explains enough was slow because of what is below the
//! machine: memory that the host has to bring back first, a CPU that it gives to others without saying so. No loop without a
//! map is spared that, and no tracer of map writes has to find it.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, bail};

use crate::{
    agreement, kernel,
    program::Program,
    recording::{self, Event, Recording},
    slowmap::{self, PATIENCE},
    truth::{TrueWrite, Truth, TruthTarget},
};

#[derive(Debug)]
pub struct Beside {
    pub truth: Truth,
    pub recording: Recording,
    pub exact: Recording,
}

/// A slow write by the target's own clock, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Slow<'a> {
    pub write: &'a TrueWrite,
    pub event: Option<&'a Event>,
    pub exact: Option<&'a Event>,
}

/// From the target's first write to its last. `options` are for the recording as users make it.
pub fn of(target: Command, options: &[&str], limit: Duration) -> Result<Beside> {
    let directory = tempfile::tempdir()?;
    let mut target = TruthTarget::start(target, directory.path())?;
    let pid = target.program.pid();
    let [own, exact] = ["own", "exact"].map(|name| directory.path().join(name));
    let mut recorders = [
        start(pid, &own, options, limit)?,
        start(pid, &exact, &["--mode", "exact", "--budget", "100"], limit)?,
    ];
    for recorder in &mut recorders {
        kernel::wait_attached(recorder, PATIENCE)?;
    }
    target.begin()?;
    let truth = target.finish(limit)?;
    for recorder in recorders {
        let ended = recorder.wait(PATIENCE)?;
        if ended.code() != Some(0) {
            bail!("slowmap record ended: {}", ended.stderr);
        }
    }
    Ok(Beside {
        truth,
        recording: recording::read(&own)?,
        exact: recording::read(&exact)?,
    })
}

fn start(pid: u32, output: &Path, options: &[&str], limit: Duration) -> Result<Program> {
    let limit = format!("{}s", limit.as_secs());
    slowmap::record(
        pid,
        output,
        &[&["--duration", limit.as_str()], options].concat(),
    )
}

impl Beside {
    pub fn slow(&self) -> Vec<Slow<'_>> {
        let own = agreement::pairs(&self.truth.writes, &self.recording.events);
        let exact = agreement::pairs(&self.truth.writes, &self.exact.events);
        own.iter()
            .zip(&exact)
            .map(|(own, exact)| Slow {
                write: own.write,
                event: own.event,
                exact: exact.event,
            })
            .collect()
    }

    /// The causes that the governor says it gave up for a part of the time, to keep within the budget.
    pub fn given_up(&self) -> Result<Vec<&'static str>> {
        let pairs = self.recording.summary["targets"][0]["probe_pairs"]
            .as_array()
            .context("no pairs of probes")?;
        let page_faults = pairs.iter().find(|pair| pair["pair"] == "page_fault");
        let covered = page_faults.and_then(|pair| pair["covered"].as_f64());
        let is_whole = covered.is_some_and(|covered| covered > 0.99);
        Ok(if is_whole { vec![] } else { vec!["page_fault"] })
    }
}

impl Slow<'_> {
    /// Nanoseconds that something in this machine explains, but for causes that nobody looked for.
    pub fn explained(&self, given_up: &[&str]) -> u64 {
        let parts = self.exact.iter().flat_map(|event| &event.breakdown_nano);
        let known = parts.filter(|(cause, _)| !given_up.contains(&cause.as_str()));
        known.map(|(_, nanos)| nanos).sum()
    }

    /// Nanoseconds of the write that nothing in this machine explains.
    pub fn unexplained(&self) -> u64 {
        let known: u64 = self
            .exact
            .iter()
            .flat_map(|event| event.breakdown_nano.values())
            .sum();
        self.write.duration_nano.saturating_sub(known)
    }
}
