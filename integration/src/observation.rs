//! All that a target did, as it knows itself and as slowmap recorded it.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{
    kernel,
    recording::{self, Recording},
    slowmap::{self, PATIENCE},
    truth::{Truth, TruthTarget},
};

#[derive(Debug)]
pub struct Observation {
    pub pid: u32,
    pub truth: Truth,
    pub recording: Recording,
    /// Holds the recording in `out/`.
    pub directory: TempDir,
}

/// Records a target from its first write to its last: probes are on before it begins, and the recording ends
/// because the target has ended. `options` are for `slowmap record`.
pub fn of(target: Command, options: &[&str], limit: Duration) -> Result<Observation> {
    during(target, options, limit, |_| Ok(()))
}

/// The same, and from its first write on `meanwhile` does something to it.
pub fn during(
    target: Command,
    options: &[&str],
    limit: Duration,
    meanwhile: impl FnOnce(u32) -> Result<()>,
) -> Result<Observation> {
    let directory = tempfile::tempdir()?;
    let mut target = TruthTarget::start(target, directory.path())?;
    let pid = target.program.pid();
    let output = directory.path().join("out");
    let limit_text = format!("{}s", limit.as_secs());
    let mut arguments = vec!["--duration", &limit_text];
    arguments.extend(options);
    let mut slowmap = slowmap::record(pid, &output, &arguments)?;
    kernel::wait_attached(&mut slowmap, PATIENCE)?;
    target.begin()?;
    meanwhile(pid)?;
    let truth = target.finish(limit)?;
    let ended = slowmap.wait(PATIENCE)?;
    if ended.code() != Some(0) {
        bail!(
            "slowmap record ended with {}: {}",
            ended.status,
            ended.stderr
        );
    }
    let recording = recording::read(&output).context("read the recording")?;
    Ok(Observation {
        pid,
        truth,
        recording,
        directory,
    })
}
