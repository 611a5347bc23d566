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

fn succeed(command: Command) -> Result<()> {
    let ended = Program::run(command, Duration::from_secs(60))?;
    if ended.code() != Some(0) {
        bail!("slowmap ended with {}: {}", ended.status, ended.stderr);
    }
    Ok(())
}
