//! A running Collector.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::{
    build,
    taken::{self, Taken},
};
use crate::{ports, program::Program, sources};

/// Beside the configuration that users are given: what each signal's pipeline takes is written to a file as well.
const TO_FILES: &str = "
exporters:
  file/traces: { path: DIRECTORY/traces, format: proto, flush_interval: 100ms }
  file/logs: { path: DIRECTORY/logs, format: proto, flush_interval: 100ms }
  file/metrics: { path: DIRECTORY/metrics, format: proto, flush_interval: 100ms }
  file/profiles: { path: DIRECTORY/profiles, format: proto, flush_interval: 100ms }
service:
  pipelines:
    traces/file: { receivers: [otlp], exporters: [file/traces] }
    logs/file: { receivers: [otlp], exporters: [file/logs] }
    metrics/file: { receivers: [otlp], exporters: [file/metrics] }
    profiles/file: { receivers: [otlp], exporters: [file/profiles] }
";

/// Takes traces, and does nothing with them but write them to a file: at once, since it is one that would be rotated, so
/// that all that was acknowledged is there even if it is killed.
const ONLY_FILES: &str = "
receivers:
  otlp:
    protocols:
      grpc: { endpoint: \"${env:OTLP_GRPC}\" }
      http: { endpoint: \"${env:OTLP_HTTP}\" }
exporters:
  file/traces: { path: DIRECTORY/traces, format: proto, rotation: { max_megabytes: 4096 } }
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [file/traces] }
  telemetry:
    metrics: { level: none }
";

/// Dropped, it is stopped, and what it took is gone.
#[derive(Debug)]
pub struct Collector {
    program: Program,
    grpc_port: u16,
    http_port: u16,
    state: TempDir,
}

impl Collector {
    /// Starts it on free ports, with all of `otel-config/` that is for a Collector, and waits until it is ready. Traces go
    /// on to `backend`, a host and port; for the other signals there is none. Builds it if the cache has none.
    pub fn start(backend: &str) -> Result<Self> {
        Self::start_on(backend, ports::free()?)
    }

    /// The same, on these ports, for gRPC and HTTP.
    pub fn start_on(backend: &str, ports: [u16; 2]) -> Result<Self> {
        let [nowhere] = ports::free()?;
        let nowhere = format!("http://127.0.0.1:{nowhere}");
        Self::before(backend, [&nowhere, &nowhere], ports)
    }

    /// The same, with backends also for logs and metrics, by HTTP.
    pub fn before(
        traces: &str,
        [logs, metrics]: [&str; 2],
        [grpc_port, http_port]: [u16; 2],
    ) -> Result<Self> {
        let executable = build::executable()?;
        let state = tempfile::tempdir()?;
        let [nowhere] = ports::free()?;
        let to_files = state.path().join("to-files.yaml");
        let directory = state.path().to_string_lossy();
        std::fs::write(&to_files, TO_FILES.replace("DIRECTORY", &directory))?;
        let shipped = sources::repository().join("otel-config");
        let configured = [
            shipped.join("collector.yaml"),
            shipped.join("collector-profiles.yaml"),
            to_files,
        ];
        let mut command = Command::new(executable);
        command.arg("--feature-gates=service.profilesSupport");
        for path in configured {
            command.arg("--config").arg(path);
        }
        command
            .env("OTLP_GRPC", format!("127.0.0.1:{grpc_port}"))
            .env("OTLP_HTTP", format!("127.0.0.1:{http_port}"))
            .env("TRACES_ENDPOINT", traces)
            .env("PROFILES_ENDPOINT", format!("127.0.0.1:{nowhere}"))
            .env("LOGS_ENDPOINT", logs)
            .env("METRICS_ENDPOINT", metrics);
        let mut collector = Self {
            program: Program::start(command)?,
            grpc_port,
            http_port,
            state,
        };
        collector.wait_ready(Duration::from_secs(60))?;
        Ok(collector)
    }

    /// Starts one on these ports, for gRPC and HTTP, that keeps traces and sends nothing on.
    pub fn keeping_traces([grpc_port, http_port]: [u16; 2]) -> Result<Self> {
        let state = tempfile::tempdir()?;
        let path = state.path().join("only-files.yaml");
        let directory = state.path().to_string_lossy();
        std::fs::write(&path, ONLY_FILES.replace("DIRECTORY", &directory))?;
        let mut command = Command::new(build::executable()?);
        command
            .arg("--config")
            .arg(path)
            .env("OTLP_GRPC", format!("127.0.0.1:{grpc_port}"))
            .env("OTLP_HTTP", format!("127.0.0.1:{http_port}"));
        let mut collector = Self {
            program: Program::start(command)?,
            grpc_port,
            http_port,
            state,
        };
        collector.wait_ready(Duration::from_secs(60))?;
        Ok(collector)
    }

    /// Kills it; the ids of the spans in its file, which may break off.
    pub fn kill(mut self) -> Result<Vec<Vec<u8>>> {
        self.program.signal(libc::SIGKILL)?;
        self.program.wait(Duration::from_secs(60))?;
        taken::span_ids(&self.state.path().join("traces"))
    }

    /// The ids of all spans that it has taken, once it has ended.
    pub fn finish_ids(self) -> Result<Vec<Vec<u8>>> {
        self.program.stop(Duration::from_secs(60))?;
        taken::span_ids(&self.state.path().join("traces"))
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to for gRPC.
    pub fn grpc_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.grpc_port)
    }

    /// The same for HTTP.
    pub fn http_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.http_port)
    }

    /// All that it has taken, once it has ended: only then all of it is in the files.
    pub fn finish(self) -> Result<Taken> {
        let ended = self.program.stop(Duration::from_secs(60))?;
        let state = self.state;
        let taken = Taken::read(state.path());
        taken.with_context(|| format!("what the Collector took; it said: {}", ended.stderr))
    }

    fn wait_ready(&mut self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while !self.program.stderr().contains("Everything is ready") {
            if self.program.ended()? || Instant::now() > deadline {
                bail!("the Collector is not ready: {}", self.program.stderr());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
