//! A real recording of a service that tries to become part of the page.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use integration::{
    go::{self, Toolchain},
    machine,
    program::Program,
    recording::{self, Recording},
    slowmap,
};
use tempfile::TempDir;

pub const HOSTILE: &str =
    "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1><!--";
/// Samples of the service's requests a second.
pub const REQUESTS: u64 = 30;
pub const TRACE_URL: &str = "https://tracing.example/trace/{trace_id}?a=b";

pub struct Recorded {
    directory: TempDir,
    pub recording: Recording,
}

impl Recorded {
    pub fn of_a_service_with_a_hostile_name() -> Result<Self> {
        let _alone = machine::alone()?;
        let directory = tempfile::tempdir()?;
        let output = directory.path().join("out");
        let mut command = slowmap::command(["record", "--duration", "30s", "--threshold", "50us"])?;
        command.args(["--trace-url", TRACE_URL, "--output"]);
        command.arg(&output).arg("--");
        command.arg(go::target("correlate", Toolchain::Installed)?);
        command.args(["--requests", "400", "--start-after", "2s", "--output"]);
        command.arg(directory.path().join("truth.jsonl"));
        command.env("OTEL_SERVICE_NAME", HOSTILE);
        succeed(command)?;
        let recording = recording::read(&output)?;
        Ok(Self {
            directory,
            recording,
        })
    }

    /// Has slowmap look for a spike of the service's durations, which is where the longest write is; returns how many
    /// samples the series has.
    pub fn correlate(&self) -> Result<usize> {
        const STEP: f64 = 0.05;
        let output = self.directory.path().join("out");
        let summary = &self.recording.summary;
        let seconds = |nanos: &serde_json::Value| nanos.as_f64().unwrap_or_default() / 1e9;
        let begin = seconds(&summary["started_unix_nano"]);
        let samples = (seconds(&summary["duration_nano"]) / STEP) as usize;
        let events = self.recording.events.iter();
        let worst = events.max_by_key(|event| event.duration_nano);
        let worst = worst.context("a slow write")?;
        let end = (worst.time_unix_nano + worst.duration_nano) as f64 / 1e9;
        let mut csv = "time,p99\n".to_owned();
        for index in 1..samples {
            let time = begin + index as f64 * STEP;
            let is_spike = (end..end + STEP).contains(&time);
            csv += &format!("{time:.3},{}\n", if is_spike { 0.05 } else { 0.001 });
        }
        let series = self.directory.path().join("p99.csv");
        fs::write(&series, csv)?;
        let mut correlate = slowmap::command(["correlate", "--csv"])?;
        succeed({
            correlate.arg(series).arg(&output);
            correlate
        })?;
        self.add_requests(begin)?;
        let mut report = slowmap::command(["report", "--trace-url", TRACE_URL])?;
        succeed({
            report.arg(output);
            report
        })?;
        Ok(samples - 1)
    }

    /// As `--rate-query` leaves them, from a time in seconds on: one a second more each second.
    fn add_requests(&self, begin: f64) -> Result<()> {
        let path = self.directory.path().join("out/spikes.json");
        let mut kept: serde_json::Value = serde_json::from_slice(&fs::read(&path)?)?;
        let points = (0..REQUESTS).map(|second| {
            let time = (begin * 1e9) as u64 + second * 1_000_000_000;
            serde_json::json!({"time": time, "per_second": second})
        });
        let points: Vec<_> = points.collect();
        kept["rate"] = serde_json::json!({"query": "rate", "points": points});
        Ok(fs::write(path, kept.to_string())?)
    }

    pub fn page(&self) -> PathBuf {
        self.directory.path().join("out/report.html")
    }

    /// A recording of its events again and again, reported on and compared with this one.
    pub fn repeated(&self, count: usize) -> Result<TempDir> {
        let repeated = tempfile::tempdir()?;
        let events = fs::read_to_string(self.directory.path().join("out/events.jsonl"))?;
        let mut file = BufWriter::new(File::create(repeated.path().join("events.jsonl"))?);
        for line in events.lines().cycle().take(count) {
            writeln!(file, "{line}")?;
        }
        file.into_inner().context("write the events")?;
        fs::copy(
            self.directory.path().join("out/summary.json"),
            repeated.path().join("summary.json"),
        )?;
        let mut command = slowmap::command(["report"])?;
        command.arg(repeated.path()).arg("--compare");
        command.arg(self.directory.path().join("out"));
        succeed(command)?;
        Ok(repeated)
    }
}

pub fn succeed(command: Command) -> Result<()> {
    let ended = Program::run(command, Duration::from_secs(60))?;
    if ended.code() != Some(0) {
        bail!("slowmap ended with {}: {}", ended.status, ended.stderr);
    }
    Ok(())
}
