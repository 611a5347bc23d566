//! What `slowmap record -- CMD` writes is what the interface promises to users' tools, field by field.

use std::{collections::BTreeSet, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use integration::{
    go::{self, Toolchain},
    machine,
    program::Program,
    requirement, slowmap, sources,
};
use serde_json::Value;

/// The type of a field, as the interface's table has it.
#[derive(Debug, Clone, Copy)]
enum Type {
    Int,
    Bool,
    Text,
    Hex(usize),
    Object,
    Array,
    OrNull(&'static Type),
}

use Type::{Array, Bool, Hex, Int, Object, OrNull, Text};

const EVENT: [(&str, Type); 30] = [
    ("monotonic_nano", Int),
    ("time_unix_nano", Int),
    ("duration_nano", Int),
    ("duration_is_lower_bound", Bool),
    ("pid", Int),
    ("tid", Int),
    ("target_pid", Int),
    ("target_tid", Int),
    ("goid", OrNull(&Int)),
    ("parent_goid", OrNull(&Int)),
    ("service_name", OrNull(&Text)),
    ("executable", OrNull(&Text)),
    ("go_version", OrNull(&Text)),
    ("container_id", OrNull(&Text)),
    ("function", OrNull(&Text)),
    ("map_type", OrNull(&Text)),
    ("map_key_size", OrNull(&Int)),
    ("map_value_size", OrNull(&Int)),
    ("map_address", OrNull(&Text)),
    ("map_len", OrNull(&Int)),
    ("map_capacity_before", OrNull(&Int)),
    ("map_capacity_after", OrNull(&Int)),
    ("cause", Text),
    ("breakdown_nano", Object),
    ("stack", Array),
    ("trace_id", OrNull(&Hex(32))),
    ("span_id", OrNull(&Hex(16))),
    ("trace_flags", OrNull(&Int)),
    ("correlation", Text),
    ("unobserved", Array),
];

const FRAME: [(&str, Type); 5] = [
    ("function", OrNull(&Text)),
    ("file", OrNull(&Text)),
    ("line", OrNull(&Int)),
    ("inlined", Bool),
    ("address", Text),
];

const CAUSES: [&str; 10] = [
    "growth",
    "evacuation",
    "gc_assist",
    "allocation",
    "stop_the_world",
    "goroutine_preempted",
    "run_queue",
    "page_fault",
    "blocked",
    "unknown",
];

/// What `record` writes beside events and summary.
const REPORTS: [&str; 6] = [
    "calls.csv",
    "calls.parquet",
    "flamegraph.svg",
    "metrics.prom",
    "profile.pb.gz",
    "stacks.folded",
];

const CORRELATIONS: [&str; 6] = [
    "stack_scan",
    "parent_stack_scan",
    "pprof_labels",
    "sdk_probe",
    "traceparent",
    "none",
];

impl Type {
    fn is_of(self, value: &Value) -> bool {
        match self {
            Int => value.is_u64(),
            Bool => value.is_boolean(),
            Text => value.is_string(),
            Hex(digits) => value.as_str().is_some_and(|text| is_hex(text, digits)),
            Object => value.is_object(),
            Array => value.is_array(),
            OrNull(inner) => value.is_null() || inner.is_of(value),
        }
    }
}

/// Lower-case, and not the id that W3C and OpenTelemetry call invalid: all zeros.
fn is_hex(text: &str, digits: usize) -> bool {
    let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    text.len() == digits && text.chars().all(digit) && text.chars().any(|c| c != '0')
}

fn check_object(object: &Value, fields: &[(&str, Type)]) -> Result<()> {
    for (name, kind) in fields {
        let value = object
            .get(name)
            .with_context(|| format!("no {name} in {object}"))?;
        assert!(kind.is_of(value), "{name} is no {kind:?}: {value}");
    }
    Ok(())
}

#[test]
fn a_recording_has_every_field_of_the_interface_in_its_type() -> Result<()> {
    if !requirement::root("a_recording_has_every_field_of_the_interface_in_its_type") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let output = directory.path().join("out");
    let ended = Program::run(record(directory.path(), &output)?, Duration::from_secs(60))?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert_eq!(ended.stderr, "", "quiet when piped");

    let text = std::fs::read_to_string(output.join("events.jsonl"))?;
    assert!(text.ends_with('\n'));
    let events: Vec<Value> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert!(events.len() > 20, "{} events", events.len());
    let schema = std::fs::read_to_string(sources::repository().join("docs/events.schema.json"))?;
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema)?)?;
    for event in &events {
        check_event(event)?;
        if let Err(error) = schema.validate(event) {
            panic!("not as docs/events.schema.json says: {error}: {event}");
        }
    }
    for name in REPORTS {
        let file = std::fs::metadata(output.join(name)).with_context(|| format!("no {name}"))?;
        assert!(file.len() > 0, "{name} is empty");
    }
    let in_a_trace = events
        .iter()
        .filter(|event| event["trace_id"].is_string())
        .count();
    assert!(in_a_trace > 0);
    let text = std::fs::read_to_string(output.join("summary.json"))?;
    check_summary(&serde_json::from_str(&text)?, &events)
}

fn record(directory: &Path, output: &Path) -> Result<Command> {
    let mut command = slowmap::command(["record", "--duration", "30s", "--threshold", "50us"])?;
    command.arg("--output").arg(output).arg("--");
    command.arg(go::target("correlate", Toolchain::Installed)?);
    command.args(["--requests", "400", "--start-after", "2s", "--output"]);
    command.arg(directory.join("truth.jsonl"));
    command
        .env("OTEL_SERVICE_NAME", "shop")
        .env("OTEL_RESOURCE_ATTRIBUTES", "a=b");
    Ok(command)
}

fn check_event(event: &Value) -> Result<()> {
    check_object(event, &EVENT)?;
    let known: BTreeSet<&str> = EVENT.iter().map(|(name, _)| *name).collect();
    let fields = event.as_object().context("an object")?;
    assert!(
        fields.keys().all(|name| known.contains(name.as_str())),
        "{event}"
    );
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    assert!(CAUSES.contains(&text("cause")), "{event}");
    assert!(CORRELATIONS.contains(&text("correlation")), "{event}");
    assert_eq!(
        text("correlation") == "none",
        event["trace_id"].is_null(),
        "{event}"
    );
    assert_eq!(
        event["span_id"].is_null(),
        event["trace_id"].is_null(),
        "{event}"
    );
    assert_eq!(event["service_name"], "shop");
    assert!(text("go_version").starts_with("go1."), "{event}");

    let duration = event["duration_nano"].as_u64().unwrap_or_default();
    assert!(duration >= 50_000, "below the threshold: {event}");
    check_breakdown(event, duration)?;
    let stack = event["stack"].as_array().context("an array")?;
    assert!(!stack.is_empty(), "{event}");
    stack
        .iter()
        .try_for_each(|frame| check_object(frame, &FRAME))
}

/// The parts do not exceed the duration, and the cause is the largest of them, or not known where more is left over than they
/// explain.
fn check_breakdown(event: &Value, duration: u64) -> Result<()> {
    let breakdown = event["breakdown_nano"].as_object().context("an object")?;
    let mut sum = 0;
    for (cause, nanos) in breakdown {
        assert!(CAUSES.contains(&cause.as_str()), "{event}");
        sum += nanos
            .as_u64()
            .with_context(|| format!("{cause} is no number: {event}"))?;
    }
    assert!(sum <= duration, "{sum} of {duration}: {event}");
    if event["cause"] == "unknown" {
        assert!(duration - sum > sum, "{event}");
        return Ok(());
    }
    let of = |name: &str| breakdown.get(name).and_then(Value::as_u64).unwrap_or(0);
    let cause = of(event["cause"].as_str().unwrap_or_default());
    assert!(
        breakdown.values().all(|part| part.as_u64() <= Some(cause)),
        "{event}"
    );
    Ok(())
}

fn check_summary(summary: &Value, events: &[Value]) -> Result<()> {
    let fields = [
        ("format", Int),
        ("counts", Object),
        ("losses", Object),
        ("latency", Object),
        ("probes", Array),
        ("targets", Array),
        ("skipped", Array),
    ];
    check_object(summary, &fields)?;
    assert_eq!(summary["counts"]["writes"], events.len());
    let latency = &summary["latency"];
    assert_eq!(latency["count"], events.len());
    let percentiles: Vec<f64> = ["p50", "p90", "p99", "max"]
        .iter()
        .filter_map(|name| latency[name].as_f64())
        .collect();
    assert_eq!(percentiles.len(), 4, "{latency}");
    assert!(percentiles.is_sorted(), "{latency}");
    let longest = events
        .iter()
        .filter_map(|event| event["duration_nano"].as_u64())
        .max();
    let longest = longest.unwrap_or_default() as f64 / 1_000.0;
    assert!(
        (latency["max"].as_f64().unwrap_or_default() - longest).abs() < 0.01,
        "in us: {latency}"
    );
    let probes = summary["probes"].as_array().context("an array")?;
    let fields = [
        ("function", Text),
        ("role", Text),
        ("hits", Int),
        ("estimated_cost_nano", OrNull(&Int)),
    ];
    probes
        .iter()
        .try_for_each(|probe| check_object(probe, &fields))?;
    assert!(
        probes.iter().any(|probe| probe["hits"].as_u64() > Some(0)),
        "{summary}"
    );
    check_object(summary, &[("estimated_cost_nano", Int)])
}
