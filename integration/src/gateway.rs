//! The Collector of `otel-config/collector-gateway.yaml`. Its processors are not to be had for the release that
//! [`crate::collector`] is; Jaeger is a Collector as well, of release 0.140, which has them.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::{jaeger::JAEGER, ports, program::Program, sources};

/// Dropped, it is stopped.
#[derive(Debug)]
pub struct Gateway {
    program: Program,
    http_port: u16,
}

impl Gateway {
    /// Starts it on free ports. `traces`: host and port for gRPC; `metrics`: a URL. Of traces that nothing speaks for it
    /// keeps none.
    pub fn start(traces: &str, metrics: &str, decision_wait: Duration) -> Result<Self> {
        let [grpc_port, http_port, nowhere] = ports::free()?;
        let mut command = Command::new(JAEGER.executable()?);
        command
            .arg("--config")
            .arg(sources::repository().join("otel-config/collector-gateway.yaml"))
            .env("OTLP_GRPC", format!("127.0.0.1:{grpc_port}"))
            .env("OTLP_HTTP", format!("127.0.0.1:{http_port}"))
            .env("TRACES_ENDPOINT", traces)
            .env("METRICS_ENDPOINT", metrics)
            .env("LOGS_ENDPOINT", format!("http://127.0.0.1:{nowhere}"))
            .env("DECISION_WAIT", format!("{}ms", decision_wait.as_millis()))
            .env("SPANMETRICS_INTERVAL", "1s")
            .env("SAMPLING_PERCENTAGE", "0");
        let mut gateway = Self {
            program: Program::start(command)?,
            http_port,
        };
        gateway.wait_ready(Duration::from_secs(60))?;
        Ok(gateway)
    }

    pub fn send(&self, request: &ExportTraceServiceRequest) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/v1/traces", self.http_port);
        let answer = ureq::post(url)
            .content_type("application/x-protobuf")
            .send(request.encode_to_vec().as_slice())?;
        ensure!(answer.status() == 200, "{}", answer.status());
        Ok(())
    }

    fn wait_ready(&mut self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while self.send(&ExportTraceServiceRequest::default()).is_err() {
            if self.program.ended()? || Instant::now() > deadline {
                bail!("the gateway is not ready: {}", self.program.stderr());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}
