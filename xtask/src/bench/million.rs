//! A million slow writes: whether `record` keeps up with them, and how long their reports take.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use integration::{
    go,
    program::{Ended, Program},
    slowmap,
    usage::Follower,
};

use super::{
    PATIENCE, SWISS, Scale,
    figure::{Figures, Samples},
};
use crate::interrupt;

/// Map writes a second, of which one in some twenty-five lets a map grow.
const RATE: &str = "600000";
const LASTING: Duration = Duration::from_secs(45);

pub fn build() -> Result<()> {
    go::target("truth", SWISS).map(drop)
}

pub fn measure(scale: Scale) -> Result<Figures> {
    let mut samples = Samples::default();
    for round in 1..=scale.repeats {
        eprintln!("a million slow writes, round {round}");
        interrupt::check()?;
        once(&mut samples)?;
    }
    Ok(samples.figures())
}

fn once(samples: &mut Samples) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let output = directory.path().join("out");
    let mut record = slowmap::command([
        "record",
        "--threshold",
        "1us",
        "--budget",
        "100",
        "--output",
    ])?;
    record.arg(&output).args(["--duration", "2m", "--"]);
    record.arg(go::target("truth", SWISS)?);
    record.args(["--mode", "service", "--rate", RATE, "--start-after", "2s"]);
    record.args(["--min-entries", "128", "--max-entries", "128"]);
    record.arg(format!("--duration={}s", LASTING.as_secs()));
    record
        .arg("--output")
        .arg(directory.path().join("truth.jsonl"));
    succeed(Program::run(record, LASTING + 2 * PATIENCE)?)?;
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(output.join("summary.json"))?)?;
    let (writes, lost) = (
        number(&summary["counts"]["writes"]),
        number(&summary["losses"]["total"]),
    );
    samples.add("writes", writes);
    samples.add("lost_percent", lost / (lost + writes) * 100.0);
    samples.add(
        "gigabytes",
        std::fs::metadata(output.join("events.jsonl"))?.len() as f64 / 1e9,
    );
    report(&output, samples)
}

fn report(output: &Path, samples: &mut Samples) -> Result<()> {
    let mut report: Command = slowmap::command(["report"])?;
    report.arg(output);
    let begin = Instant::now();
    let report = Program::start(report)?;
    let follower = Follower::start(report.pid())?;
    let ended = report.wait(2 * PATIENCE)?;
    samples.add("report_seconds", begin.elapsed().as_secs_f64());
    let used = follower.finish()?;
    samples.add(
        "report_memory_mib",
        used.peak_memory_bytes as f64 / f64::from(1 << 20),
    );
    succeed(ended)
}

fn succeed(ended: Ended) -> Result<()> {
    ensure!(ended.code() == Some(0), "{}", ended.stderr);
    Ok(())
}

fn number(value: &serde_json::Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}
