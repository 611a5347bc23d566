//! A running Jaeger.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use super::{JAEGER, query};
use crate::{ports, program::Program, trace::span::Span};

/// Everything that Jaeger needs to take OTLP by gRPC and answer queries; no other port is opened.
const CONFIGURATION: &str = r#"
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: { receivers: [otlp], exporters: [jaeger_storage_exporter] }
  telemetry:
    metrics: { level: none }
    logs: { level: warn }
extensions:
  jaeger_query:
    storage: { traces: memory }
    http: { endpoint: "127.0.0.1:HTTP_PORT" }
    grpc: { endpoint: "127.0.0.1:GRPC_PORT" }
  jaeger_storage:
    backends:
      memory: { memory: { max_traces: 100000 } }
receivers:
  otlp:
    protocols:
      grpc: { endpoint: "127.0.0.1:OTLP_PORT" }
exporters:
  jaeger_storage_exporter: { trace_storage: memory }
"#;

/// The longest answer that is read. A trace of hundreds of spans has some 500 kB of JSON.
const ANSWER_BYTES: u64 = 256 << 20;

/// Dropped, it is stopped, and its traces are gone.
#[derive(Debug)]
pub struct Jaeger {
    program: Program,
    otlp_port: u16,
    http_port: u16,
    _state: TempDir,
}

impl Jaeger {
    /// Starts it on free ports and waits until it answers. Builds it if the cache has none.
    pub fn start() -> Result<Self> {
        let executable = JAEGER.executable()?;
        let state = tempfile::tempdir()?;
        let [otlp_port, http_port, grpc_port] = ports::free()?;
        let configuration = CONFIGURATION
            .replace("OTLP_PORT", &otlp_port.to_string())
            .replace("HTTP_PORT", &http_port.to_string())
            .replace("GRPC_PORT", &grpc_port.to_string());
        let path = state.path().join("jaeger.yaml");
        std::fs::write(&path, configuration)?;
        let mut command = Command::new(executable);
        command.arg("--config").arg(&path);
        let program = Program::start(command)?;
        let mut jaeger = Self {
            program,
            otlp_port,
            http_port,
            _state: state,
        };
        jaeger.wait_ready(Duration::from_secs(30))?;
        Ok(jaeger)
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.otlp_port)
    }

    /// Where a Collector sends to: host and port.
    pub fn otlp_address(&self) -> String {
        format!("127.0.0.1:{}", self.otlp_port)
    }

    /// Where its API and its page are.
    pub fn query_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http_port)
    }

    /// The spans of a trace; empty where Jaeger does not know it.
    pub fn trace(&self, trace_id: &str) -> Result<Vec<Span>> {
        match ureq::get(format!("{}/api/traces/{trace_id}", self.query_url())).call() {
            Ok(mut response) => Ok(query::spans(&response.body_mut().read_json()?)),
            Err(ureq::Error::StatusCode(404)) => Ok(Vec::new()),
            Err(error) => Err(error).context("ask Jaeger for a trace"),
        }
    }

    /// The spans of a service's latest traces.
    pub fn latest(&self, service: &str, traces: usize) -> Result<Vec<Span>> {
        self.search(&format!("service={service}&limit={traces}"))
    }

    /// The spans of its latest traces that have a span of that name.
    pub fn latest_with(&self, service: &str, name: &str, traces: usize) -> Result<Vec<Span>> {
        let name = name.replace(' ', "%20");
        self.search(&format!(
            "service={service}&operation={name}&limit={traces}"
        ))
    }

    fn search(&self, query: &str) -> Result<Vec<Span>> {
        let url = format!("{}/api/traces?{query}&lookback=1h", self.query_url());
        let mut response = ureq::get(url)
            .call()
            .context("ask Jaeger for a service's traces")?;
        let answer: Value = response
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES)
            .read_json()?;
        Ok(query::spans(&answer))
    }

    fn wait_ready(&mut self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while ureq::get(format!("{}/api/services", self.query_url()))
            .call()
            .is_err()
        {
            if self.program.ended()? || Instant::now() > deadline {
                bail!("Jaeger does not answer: {}", self.program.stderr());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}
