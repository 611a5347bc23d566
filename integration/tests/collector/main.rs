//! One slow write goes through a real OpenTelemetry Collector as each of the signals, and they lead to each other.

mod pprof;

use std::{process::Command, time::Duration};

use anyhow::{Context, Result};
use integration::{
    collector::{Collector, Taken},
    go::{self, Toolchain},
    kernel, machine, requirement,
    sink::Sink,
    slowmap::{self, PATIENCE},
    trace::{
        profile::Sample,
        slow::{EVENT_NAME, SPAN_NAME, SlowSpan},
        span::{Exemplar, LogEvent, MetricPoint, Span},
    },
    truth::TruthTarget,
};
use serde_json::Value;

const SERVICE: &str = "correlate-under-test";
const HISTOGRAM: &str = "go.map.assign.slow.duration";

/// The requests of a service, watched by `slowmap run`, both sending to the Collector by that protocol.
fn observe(collector: &Collector, protocol: &str) -> Result<()> {
    let endpoint = match protocol {
        "grpc" => collector.grpc_endpoint(),
        _ => collector.http_endpoint(),
    };
    let directory = tempfile::tempdir()?;
    let mut target = Command::new(go::target("correlate", Toolchain::Installed)?);
    target.args(["--requests", "200"]);
    target
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.grpc_endpoint())
        .env("OTEL_SERVICE_NAME", SERVICE);
    let mut target = TruthTarget::start(target, directory.path())?;
    let pid = target.program.pid().to_string();
    let settings = [
        ("SLOWMAP_PIDS", pid.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "500"),
        ("OTEL_PROFILES_EXPORTER", "otlp"),
        ("SLOWMAP_LOG", "info"),
    ];
    let mut slowmap = slowmap::run(&endpoint, &settings)?;
    kernel::wait_attached(&mut slowmap, PATIENCE)?;
    target.begin()?;
    let truth = target.finish(Duration::from_secs(60))?;
    let ended = slowmap.stop(PATIENCE)?;
    println!("{}", ended.stderr);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert_eq!(truth.outcome.failed, 0);
    Ok(())
}

#[test]
fn a_slow_write_is_the_same_in_all_signals_that_a_real_collector_takes_over_grpc() -> Result<()> {
    let test = "a_slow_write_is_the_same_in_all_signals_that_a_real_collector_takes_over_grpc";
    follow(test, "grpc")
}

#[test]
fn a_slow_write_is_the_same_in_all_signals_that_a_real_collector_takes_over_http() -> Result<()> {
    let test = "a_slow_write_is_the_same_in_all_signals_that_a_real_collector_takes_over_http";
    follow(test, "http/protobuf")
}

fn follow(test: &str, protocol: &str) -> Result<()> {
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let backend = Sink::start()?;
    let collector = Collector::start(&backend.address().to_string())?;
    observe(&collector, protocol)?;
    let is_slow = |span: &Span| span.name == SPAN_NAME;
    backend.wait(Duration::from_secs(30), "slow write", |received| {
        received.spans.iter().any(is_slow)
    })?;
    let taken = collector.finish()?;
    let slow: Vec<&Span> = taken.spans.iter().filter(|span| is_slow(span)).collect();
    println!(
        "{} spans, {} of them slow writes, {} records, {} points, {} samples",
        taken.spans.len(),
        slow.len(),
        taken.logs.len(),
        taken.metrics.len(),
        taken.samples.len(),
    );
    assert!(slow.len() >= 10, "{} slow writes", slow.len());
    every_event_is_one_record_and_one_measurement(&taken);
    let (exemplar, point) = longest(&taken).context("an exemplar")?;
    let span = with_id(&slow, &exemplar)?;
    let its = |record: &&LogEvent| record.span_id == exemplar.span_id;
    let records: Vec<&LogEvent> = taken.logs.iter().filter(its).collect();
    let [record] = records.as_slice() else {
        panic!("{} records of one write", records.len());
    };
    the_span_stands_below_its_request(span, &taken);
    the_record_is_of_the_span(record, span);
    the_measurement_is_of_the_span(&exemplar, point, span);
    let its = |sample: &&Sample| sample.span_id == exemplar.span_id;
    let samples: Vec<&Sample> = taken.samples.iter().filter(its).collect();
    let [sample] = samples.as_slice() else {
        panic!("{} samples of one write", samples.len());
    };
    the_sample_is_of_the_span(sample, span);
    go_reads_the_same(&taken.samples)
}

fn go_reads_the_same(samples: &[Sample]) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let read = pprof::read_by_go(samples, &directory.path().join("profile.pb"))?;
    let values = samples.iter().flat_map(|sample| &sample.values);
    assert_eq!(read, (samples.len(), values.sum()));
    Ok(())
}

fn every_event_is_one_record_and_one_measurement(taken: &Taken) {
    let last = |name: &str| {
        let points = taken.metrics.iter().filter(|point| point.name == name);
        points.map(|point| point.value as usize).max()
    };
    let records = taken
        .logs
        .iter()
        .filter(|record| record.event_name == EVENT_NAME);
    assert_eq!(records.count(), taken.logs.len(), "nothing else is logged");
    assert_eq!(last("slowmap.events"), Some(taken.logs.len()));
    let streams = final_points(taken);
    let measured: u64 = streams.iter().filter_map(|point| point.count).sum();
    assert_eq!(measured, taken.logs.len() as u64);
    assert!(last("slowmap.probe.hits") > Some(0));
    let values = taken.samples.iter().map(|sample| sample.values.len());
    assert_eq!(values.sum::<usize>(), taken.logs.len());
    let dropped = taken
        .metrics
        .iter()
        .filter(|point| point.name == "slowmap.export.dropped");
    let reasons = dropped.filter_map(|point| point.attributes.get("slowmap.reason"));
    let others: Vec<_> = reasons.filter(|reason| *reason != "no_context").collect();
    assert!(others.is_empty(), "{others:?}");
}

/// The last point of each stream of the histogram: cumulative, so it has all.
fn final_points(taken: &Taken) -> Vec<&MetricPoint> {
    let mut streams: Vec<&MetricPoint> = Vec::new();
    for point in taken.metrics.iter().filter(|point| point.name == HISTOGRAM) {
        streams.retain(|known| {
            (&known.attributes, &known.resource) != (&point.attributes, &point.resource)
        });
        streams.push(point);
    }
    streams
}

/// The exemplar of the longest write, and its point.
fn longest(taken: &Taken) -> Option<(Exemplar, &MetricPoint)> {
    let all = taken.metrics.iter().filter(|point| point.name == HISTOGRAM);
    let exemplars = all.flat_map(|point| {
        let of_point = point.exemplars.iter().cloned();
        of_point.map(move |exemplar| (exemplar, point))
    });
    exemplars.max_by(|(one, _), (other, _)| one.value.total_cmp(&other.value))
}

fn with_id<'a>(slow: &[&'a Span], exemplar: &Exemplar) -> Result<&'a Span> {
    let its = |span: &&&Span| Some(&span.span_id) == exemplar.span_id.as_ref();
    let span = slow.iter().find(its);
    span.copied().context("the exemplar leads to a span")
}

fn the_span_stands_below_its_request(span: &Span, taken: &Taken) {
    assert_eq!(span.service(), SERVICE);
    let parent = span.parent_span_id.as_deref();
    let mut all = taken.spans.iter();
    let parent = all.find(|other| Some(other.span_id.as_str()) == parent);
    let parent = parent.expect("the service's own span was taken, too");
    assert_eq!(
        (&parent.trace_id, parent.service()),
        (&span.trace_id, SERVICE)
    );
}

fn the_record_is_of_the_span(record: &LogEvent, span: &Span) {
    assert_eq!(record.trace_id.as_ref(), Some(&span.trace_id));
    assert_eq!(record.time_unix_nano, span.start_unix_nano);
    assert_eq!(record.severity, 13, "WARN");
    assert_eq!(record.resource, span.resource);
    let duration = record.attributes.get("go.map.assign.duration");
    assert_eq!(duration.and_then(Value::as_u64), Some(span.duration_nano()));
    for key in [
        "code.stacktrace",
        "code.function.name",
        "go.map.cause",
        "go.map.type",
    ] {
        assert_eq!(record.attributes.get(key), span.attribute(key), "{key}");
    }
    let stack = SlowSpan::of(span)
        .map(|slow| slow.stack)
        .unwrap_or_default();
    assert!(!stack.is_empty(), "{span:?}");
}

fn the_measurement_is_of_the_span(exemplar: &Exemplar, point: &MetricPoint, span: &Span) {
    assert_eq!(exemplar.trace_id.as_ref(), Some(&span.trace_id));
    assert_eq!(exemplar.value, span.duration_nano() as f64 / 1e9);
    assert_eq!(point.resource, span.resource);
    for key in ["go.map.cause", "go.map.function", "code.function.name"] {
        assert_eq!(point.attributes.get(key), span.attribute(key), "{key}");
    }
}

fn the_sample_is_of_the_span(sample: &Sample, span: &Span) {
    assert_eq!(
        (sample.kind.as_str(), sample.unit.as_str()),
        ("map_assign", "nanoseconds")
    );
    assert_eq!(sample.trace_id.as_ref(), Some(&span.trace_id));
    assert_eq!(sample.times_unix_nano, [span.start_unix_nano]);
    assert_eq!(u64::try_from(sample.values[0]), Ok(span.duration_nano()));
    assert_eq!(sample.resource, span.resource);
    for key in [
        "process.pid",
        "thread.id",
        "go.goroutine.id",
        "go.map.cause",
    ] {
        assert_eq!(sample.attributes.get(key), span.attribute(key), "{key}");
    }
    let stack = span.text("code.stacktrace").unwrap_or_default();
    let of_span = stack.lines().filter_map(|line| line.strip_suffix("(...)"));
    assert_eq!(sample.functions, of_span.collect::<Vec<_>>());
    for kind in ["go", "htlhash"] {
        let key = format!("process.executable.build_id.{kind}");
        assert!(sample.mapping.contains_key(&key), "{key}: {sample:?}");
    }
}
