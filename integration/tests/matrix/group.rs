//! Many targets under one slowmap: each works alone, one after the other, and all stay until slowmap has gone.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use integration::{
    kernel::BpfObjects,
    probed,
    program::Program,
    recording::{self, Recording},
    slowmap::{self, PATIENCE},
    truth::{Truth, TruthTarget},
};

/// A quarter of what the target logs: of a slow write, slowmap measures the slow part.
const THRESHOLD: &str = "10us";

pub struct Observed {
    pub targets: Vec<Target>,
    pub recording: Recording,
}

pub struct Target {
    pub pid: u32,
    pub truth: Truth,
}

/// `options` are for `slowmap record`.
pub fn record(executables: &[PathBuf], options: &[&str]) -> Result<Observed> {
    let directory = tempfile::tempdir()?;
    let mut targets = start(executables, directory.path())?;
    let output = directory.path().join("recording");
    let slowmap = attach(&targets, &output, options)?;
    let objects = BpfObjects::of(slowmap.pid())?;
    for target in &mut targets {
        let pid = target.program.pid();
        let executable = target.executable()?;
        ensure!(
            probed::altered_bytes(pid)? > 0,
            "no probe is in {executable}"
        );
        target.begin()?;
        let done = |line: &str| line == "DONE";
        target.program.line(Duration::from_secs(60), done)?;
    }
    let ended = slowmap.stop(PATIENCE)?;
    ensure!(ended.code() == Some(0), "slowmap: {}", ended.stderr);
    let left = objects.outlive(Duration::from_secs(10))?;
    ensure!(
        left == BpfObjects::default(),
        "left in the kernel: {left:?}"
    );
    let targets = targets.into_iter().map(finish).collect::<Result<_>>()?;
    let recording = recording::read(&output).context("read the recording")?;
    println!("losses {}", recording.summary["losses"]);
    Ok(Observed { targets, recording })
}

fn start(executables: &[PathBuf], directory: &Path) -> Result<Vec<TruthTarget>> {
    let start = |(index, executable): (usize, &PathBuf)| {
        let own = directory.join(index.to_string());
        std::fs::create_dir(&own)?;
        TruthTarget::start(Command::new(executable), &own)
            .with_context(|| format!("start {}", executable.display()))
    };
    executables.iter().enumerate().map(start).collect()
}

/// The probes may cost what they do: these targets do nothing but what is probed.
fn attach(targets: &[TruthTarget], output: &Path, options: &[&str]) -> Result<Program> {
    let mut command = slowmap::command(["record", "--duration", "10m", "--budget", "100"])?;
    command
        .args(options)
        .args(["--threshold", THRESHOLD, "--output"]);
    command.arg(output).arg("--pid").env("SLOWMAP_LOG", "info");
    command.args(
        targets
            .iter()
            .map(|target| target.program.pid().to_string()),
    );
    let mut slowmap = Program::start(command)?;
    slowmap::wait_attached_log(&mut slowmap, targets.len(), PATIENCE)?;
    Ok(slowmap)
}

/// slowmap has gone: nothing of it is in the target, which ends by itself with its maps as they should be.
fn finish(mut target: TruthTarget) -> Result<Target> {
    let pid = target.program.pid();
    let executable = target.executable()?;
    let altered = probed::altered_bytes(pid)?;
    ensure!(altered == 0, "{altered} bytes of {executable} stay altered");
    target.program.say("end")?;
    let (truth, status) = target.finish_with_status(PATIENCE)?;
    ensure!(status.success(), "{executable} ended with {status}");
    ensure!(truth.outcome.checksum_ok, "{executable}: wrong checksum");
    Ok(Target { pid, truth })
}
