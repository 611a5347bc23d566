//! A real Prometheus scrapes slowmap and takes OTLP from it, and its exemplars lead to the traces.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use integration::{
    go::{self, Toolchain},
    kernel, machine, ports,
    program::Program,
    prometheus::Prometheus,
    requirement,
    sink::Sink,
    slowmap::{self, PATIENCE},
    sources,
    trace::{slow::SPAN_NAME, span::Span},
    truth::TruthTarget,
};
use serde_json::Value;

const SERVICE: &str = "correlate-under-test";
const SCRAPED: &str = "slowmap_map_assign_duration_seconds";
const BY_OTLP: &str = "go_map_assign_slow_duration_seconds";
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn prometheus_has_the_histogram_and_exemplars_of_traces_from_scrapes_and_by_otlp() -> Result<()> {
    let test = "prometheus_has_the_histogram_and_exemplars_of_traces_from_scrapes_and_by_otlp";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let [port] = ports::free()?;
    let directory = tempfile::tempdir()?;
    let prometheus = Prometheus::shipped(directory.path(), port)?;
    let sink = Sink::start()?;
    let target = serving(&sink, directory.path())?;
    let slowmap = watch(&target, &sink, &prometheus, port)?;
    let load = target.load(&["/nested", "/middleware"], Duration::from_secs(2));
    assert_eq!(load.run().failed, 0);

    health(port)?;
    let by_otlp = prometheus.wait(&format!("histogram_count({BY_OTLP})"), LIMIT)?;
    let own = |name: &str| format!("{name}{{job=\"slowmap\",instance=\"localhost:{port}\"}}");
    let found = prometheus.wait(&format!("{} > 0", own("slowmap_events_total")), LIMIT)?;
    println!(
        "{} events, {} series by OTLP",
        found[0].value,
        by_otlp.len()
    );
    let durations = format!(
        "sum({SCRAPED}_count) - sum({})",
        own("slowmap_events_total")
    );
    let missing = prometheus.query(&durations)?;
    assert_eq!(missing[0].value, 0.0, "each event is in the histogram");
    assert!(
        by_otlp
            .iter()
            .all(|series| series.labels["service_name"] == SERVICE)
    );
    let attached = prometheus.query(&own("slowmap_processes_attached"))?;
    assert_eq!(attached[0].value, 1.0);
    let up = prometheus.query(&own("up"))?;
    assert_eq!(up[0].value, 1.0);

    let ended = slowmap.stop(PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let spans = sink.received().spans;
    for name in [&format!("{SCRAPED}_bucket"), BY_OTLP] {
        let exemplars = prometheus.exemplars(name)?;
        println!("{} exemplars of {name}", exemplars.len());
        assert!(!exemplars.is_empty(), "{name}");
        for exemplar in exemplars {
            leads_to_its_span(&exemplar, &spans).with_context(|| format!("{name}: {exemplar}"))?;
        }
    }
    Ok(())
}

#[test]
fn prometheus_takes_the_alert_rules_and_can_evaluate_them() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let [port] = ports::free()?;
    let prometheus = Prometheus::shipped(directory.path(), port)?;
    let rules = prometheus.rules()?;
    let text =
        std::fs::read_to_string(sources::repository().join("otel-config/prometheus-rules.yaml"))?;
    assert_eq!(rules.len(), text.matches("- alert:").count());
    for rule in rules {
        let expression = rule["query"].as_str().context("an expression")?;
        prometheus.query(expression)?;
        assert_eq!(rule["type"], "alerting");
    }
    Ok(())
}

/// A service that serves requests until it is told to end, and sends its spans.
fn serving(sink: &Sink, directory: &Path) -> Result<TruthTarget> {
    let mut target = Command::new(go::target("correlate", Toolchain::Installed)?);
    target.args(["--requests", "0"]);
    target
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", sink.endpoint())
        .env("OTEL_SERVICE_NAME", SERVICE);
    let mut target = TruthTarget::start(target, directory)?;
    target.begin()?;
    Ok(target)
}

/// slowmap, attached to it; metrics go to Prometheus both ways.
fn watch(target: &TruthTarget, sink: &Sink, prometheus: &Prometheus, port: u16) -> Result<Program> {
    let endpoint = format!("{}/v1/metrics", prometheus.otlp_endpoint());
    let settings = [
        ("SLOWMAP_PIDS", &*target.program.pid().to_string()),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &endpoint),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
        ("OTEL_METRICS_EXPORTER", "otlp,prometheus"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", &port.to_string()),
    ];
    let mut slowmap = slowmap::run(&sink.endpoint(), &settings)?;
    kernel::wait_attached(&mut slowmap, PATIENCE)?;
    Ok(slowmap)
}

fn health(port: u16) -> Result<()> {
    for path in ["healthz", "readyz"] {
        let answer = ureq::get(format!("http://127.0.0.1:{port}/{path}")).call()?;
        assert_eq!(answer.status(), 200, "{path}");
    }
    Ok(())
}

fn leads_to_its_span(exemplar: &Value, spans: &[Span]) -> Result<()> {
    let label = |name: &str| exemplar["labels"][name].as_str().unwrap_or_default();
    let its = |span: &&Span| span.span_id == label("span_id");
    let span = spans.iter().find(its).context("no span")?;
    assert_eq!(
        (&*span.name, &*span.trace_id),
        (SPAN_NAME, label("trace_id"))
    );
    let value: f64 = exemplar["value"].as_str().context("a value")?.parse()?;
    assert!((value - span.duration_nano() as f64 / 1e9).abs() < 1e-9);
    Ok(())
}
