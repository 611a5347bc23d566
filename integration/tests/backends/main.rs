//! slowmap, a Collector, and behind it Jaeger, Loki and Prometheus, all of them real: one slow write is the same
//! everywhere, and the dashboard that users are given shows it.

mod dashboard;
mod everywhere;

use std::{process::Command, time::Duration};

use anyhow::Result;
use integration::{
    collector::Collector,
    go::{self, Toolchain},
    jaeger::Jaeger,
    kernel,
    loki::Loki,
    machine, ports,
    prometheus::Prometheus,
    requirement,
    slowmap::{self, PATIENCE},
    truth::TruthTarget,
};

const SERVICE: &str = "correlate-under-test";

struct Backends {
    prometheus: Prometheus,
    jaeger: Jaeger,
    loki: Loki,
    collector: Collector,
}

impl Backends {
    fn start(directory: &std::path::Path) -> Result<Self> {
        // Loki takes longest.
        let mut loki = Loki::start()?;
        let [nobody] = ports::free()?;
        let prometheus = Prometheus::shipped(directory, nobody)?;
        let jaeger = Jaeger::start()?;
        let behind = [&*loki.otlp_endpoint(), &*prometheus.otlp_endpoint()];
        let collector = Collector::before(&jaeger.otlp_address(), behind, ports::free()?)?;
        loki.wait_ready(Duration::from_secs(120))?;
        Ok(Self {
            prometheus,
            jaeger,
            loki,
            collector,
        })
    }
}

#[test]
fn one_slow_write_is_the_same_in_collector_jaeger_loki_and_prometheus_and_on_the_dashboard()
-> Result<()> {
    let test =
        "one_slow_write_is_the_same_in_collector_jaeger_loki_and_prometheus_and_on_the_dashboard";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let backends = Backends::start(directory.path())?;
    observe(&backends.collector, directory.path())?;
    dashboard::every_query_has_an_answer(&backends)?;
    everywhere::follow(backends)
}

/// A service under load, watched by slowmap, both sending to the Collector.
fn observe(collector: &Collector, directory: &std::path::Path) -> Result<()> {
    let mut target = Command::new(go::target("correlate", Toolchain::Installed)?);
    target.args(["--requests", "0"]);
    target
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.grpc_endpoint())
        .env("OTEL_SERVICE_NAME", SERVICE);
    let mut target = TruthTarget::start(target, directory)?;
    target.begin()?;
    let settings = [
        ("SLOWMAP_PIDS", &*target.program.pid().to_string()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
        ("OTEL_PROFILES_EXPORTER", "otlp"),
    ];
    let mut slowmap = slowmap::run(&collector.grpc_endpoint(), &settings)?;
    kernel::wait_attached(&mut slowmap, PATIENCE)?;
    // Longer than metrics are apart: a rate needs two points.
    let load = target.load(&["/nested", "/middleware"], Duration::from_secs(4));
    assert_eq!(load.run().failed, 0);
    let ended = slowmap.stop(PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    target.stop(PATIENCE)?;
    Ok(())
}
