//! A running Loki.

use std::{
    collections::BTreeMap,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::{go_module::GoProgram, ports, program::Program};

pub const LOKI: GoProgram = GoProgram {
    name: "loki",
    module: "github.com/grafana/loki/v3",
    version: "v3.7.8",
    package: "cmd/loki",
    tags: "",
    without: Some("./pkg/push"),
    staged: None,
};

/// All in one process; the ring is in memory, and nothing waits for other instances.
const CONFIGURATION: &str = "
auth_enabled: false
server:
  http_listen_address: 127.0.0.1
  http_listen_port: HTTP_PORT
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: GRPC_PORT
  log_level: warn
common:
  instance_addr: 127.0.0.1
  path_prefix: DIRECTORY
  replication_factor: 1
  ring: { kvstore: { store: inmemory } }
  storage: { filesystem: { chunks_directory: DIRECTORY/chunks, rules_directory: DIRECTORY/rules } }
ingester:
  lifecycler: { min_ready_duration: 0s, final_sleep: 0s }
schema_config:
  configs:
    - { from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13, index: { prefix: index_, period: 24h } }
analytics: { reporting_enabled: false }
";

/// Dropped, it is stopped, and its records are gone.
#[derive(Debug)]
pub struct Loki {
    program: Program,
    port: u16,
    _state: TempDir,
}

/// A log record that a query found.
#[derive(Debug, Clone)]
pub struct Record {
    /// Labels of its stream, and what Loki calls its structured metadata.
    pub labels: BTreeMap<String, String>,
    pub time_unix_nano: u64,
    pub line: String,
}

impl Loki {
    /// Starts it on free ports, and does not wait: that takes a while, in which others can be started.
    pub fn start() -> Result<Self> {
        let executable = LOKI.executable()?;
        let state = tempfile::tempdir()?;
        let [port, grpc_port] = ports::free()?;
        let configuration = CONFIGURATION
            .replace("HTTP_PORT", &port.to_string())
            .replace("GRPC_PORT", &grpc_port.to_string())
            .replace("DIRECTORY", &state.path().to_string_lossy());
        let path = state.path().join("loki.yaml");
        std::fs::write(&path, configuration)?;
        let mut command = Command::new(executable);
        command.arg(format!("-config.file={}", path.display()));
        Ok(Self {
            program: Program::start(command)?,
            port,
            _state: state,
        })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where it takes OTLP; exporters append the signal's path.
    pub fn otlp_endpoint(&self) -> String {
        format!("{}/otlp", self.url())
    }

    pub fn wait_ready(&mut self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while ureq::get(format!("{}/ready", self.url())).call().is_err() {
            if self.program.ended()? || Instant::now() > deadline {
                bail!("Loki is not ready: {}", self.program.stderr());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// The records of the last hour that a LogQL selector finds.
    pub fn records(&self, query: &str) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for stream in self.query_range(query)? {
            let labels: BTreeMap<String, String> =
                serde_json::from_value(stream["stream"].clone())?;
            for entry in stream["values"].as_array().into_iter().flatten() {
                records.push(Record {
                    labels: labels.clone(),
                    time_unix_nano: entry[0].as_str().context("a time")?.parse()?,
                    line: entry[1].as_str().unwrap_or_default().to_owned(),
                });
            }
        }
        Ok(records)
    }

    /// The series or streams of the last hour that a LogQL expression gives.
    pub fn query_range(&self, query: &str) -> Result<Vec<Value>> {
        let url = format!("{}/loki/api/v1/query_range", self.url());
        let request = ureq::get(url).query_pairs([
            ("query", query),
            ("since", "1h"),
            ("limit", "1000"),
            ("step", "15s"),
        ]);
        let answer = request.config().http_status_as_error(false).build().call();
        let mut answer = answer.context("ask Loki")?;
        let said = answer.body_mut().read_to_string()?;
        let body: Value =
            serde_json::from_str(&said).with_context(|| format!("{query}: {said}"))?;
        let result = body["data"]["result"].as_array().cloned();
        result.with_context(|| format!("{query}: {said}"))
    }
}
