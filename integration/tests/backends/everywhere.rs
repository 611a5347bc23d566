//! The longest slow write that has an exemplar, followed from Prometheus to the others.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use integration::{
    collector::Taken,
    loki::{Loki, Record},
    trace::{
        slow::{SPAN_NAME, SlowSpan},
        span::Span,
    },
};
use serde_json::Value;

use super::{Backends, SERVICE};

const LIMIT: Duration = Duration::from_secs(30);
/// Jaeger keeps times in microseconds, each cut off.
const PRECISION_NANO: u64 = 1_000;

/// What Prometheus says of it.
struct Exemplar {
    trace_id: String,
    span_id: String,
    duration_nano: u64,
}

pub fn follow(backends: Backends) -> Result<()> {
    let exemplar = longest(&backends)?;
    let in_jaeger = in_jaeger(&backends, &exemplar)?;
    let in_loki = in_loki(&backends.loki, &exemplar)?;
    let taken = backends.collector.finish()?;
    let its = |span: &&Span| span.span_id == exemplar.span_id;
    let span = taken
        .spans
        .iter()
        .find(its)
        .context("the Collector has it")?;
    println!("{} in trace {}", exemplar.span_id, exemplar.trace_id);

    assert_eq!(span.duration_nano(), exemplar.duration_nano);
    assert_eq!(in_loki.time_unix_nano, span.start_unix_nano);
    let said = |key: &str| in_loki.labels.get(key).map(String::as_str);
    let duration = exemplar.duration_nano.to_string();
    assert_eq!(said("go_map_assign_duration"), Some(&*duration));
    assert!(in_jaeger.start_unix_nano.abs_diff(span.start_unix_nano) < PRECISION_NANO);
    assert!(in_jaeger.duration_nano().abs_diff(span.duration_nano()) <= PRECISION_NANO);
    for (key, label) in [
        ("code.function.name", "code_function_name"),
        ("code.stacktrace", "code_stacktrace"),
        ("go.map.cause", "go_map_cause"),
        ("go.map.type", "go_map_type"),
    ] {
        let value = span.text(key);
        assert!(value.is_some(), "{key}");
        assert_eq!(in_jaeger.text(key), value, "{key} in Jaeger");
        assert_eq!(said(label), value.as_deref(), "{key} in Loki");
    }
    the_profile_has_its_stack(&taken, span);
    Ok(())
}

fn longest(backends: &Backends) -> Result<Exemplar> {
    let exemplars = backends
        .prometheus
        .exemplars("go_map_assign_slow_duration_seconds")?;
    let value = |exemplar: &Value| exemplar["value"].as_str()?.parse::<f64>().ok();
    let all = exemplars.iter().filter_map(|one| Some((one, value(one)?)));
    let longest = all.max_by(|(_, one), (_, other)| one.total_cmp(other));
    let (exemplar, seconds) = longest.context("Prometheus has an exemplar")?;
    let label = |name: &str| exemplar["labels"][name].as_str().map(str::to_owned);
    Ok(Exemplar {
        trace_id: label("trace_id").context("a trace id")?,
        span_id: label("span_id").context("a span id")?,
        duration_nano: (seconds * 1e9).round() as u64,
    })
}

fn in_jaeger(backends: &Backends, exemplar: &Exemplar) -> Result<Span> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let trace = backends.jaeger.trace(&exemplar.trace_id)?;
        let its = |span: &&Span| span.span_id == exemplar.span_id;
        if let Some(span) = trace.iter().find(its) {
            assert_eq!((&*span.name, span.service()), (SPAN_NAME, SERVICE));
            let parent = span.parent_span_id.as_deref();
            let is_there = |other: &Span| Some(&*other.span_id) == parent;
            assert!(trace.iter().any(is_there), "below the span of its request");
            return Ok(span.clone());
        }
        ensure!(Instant::now() < deadline, "Jaeger does not have it");
        thread::sleep(Duration::from_millis(200));
    }
}

/// By the trace's id alone, as a user comes from the trace.
fn in_loki(loki: &Loki, exemplar: &Exemplar) -> Result<Record> {
    let query = format!(
        "{{service_name=\"{SERVICE}\"}} | trace_id=\"{}\"",
        exemplar.trace_id
    );
    let deadline = Instant::now() + LIMIT;
    loop {
        let records = loki.records(&query)?;
        let its = |record: &&Record| record.labels.get("span_id") == Some(&exemplar.span_id);
        let found: Vec<&Record> = records.iter().filter(its).collect();
        match found.as_slice() {
            [] if Instant::now() < deadline => thread::sleep(Duration::from_millis(200)),
            [record] => {
                assert!(record.line.starts_with("slow write to "), "{}", record.line);
                return Ok((*record).clone());
            }
            other => bail!("{} records of one write in Loki", other.len()),
        }
    }
}

fn the_profile_has_its_stack(taken: &Taken, span: &Span) {
    let mut samples = taken.samples.iter();
    let its = samples.find(|sample| sample.span_id.as_ref() == Some(&span.span_id));
    let its = its.expect("a sample");
    assert_eq!(u64::try_from(its.values[0]), Ok(span.duration_nano()));
    let slow = SlowSpan::of(span).expect("a slow write");
    let top = slow.stack[0].split("(...)").next();
    assert_eq!(its.functions.first().map(String::as_str), top);
}
