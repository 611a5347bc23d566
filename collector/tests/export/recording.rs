//! The files of a recording.

use std::{fs, path::Path};

use serde_json::Value;
use slowmap::{
    export::files::{Measured, Recording, RecordingError},
    model::{
        plan::ProbeRole,
        summary::{Losses, ProbeUse, Summary},
        write::CorrelatedWrite,
    },
};
use tempfile::TempDir;

use crate::sample;

/// As the interface lists them.
const FIELDS: [&str; 30] = [
    "monotonic_nano",
    "time_unix_nano",
    "duration_nano",
    "duration_is_lower_bound",
    "pid",
    "tid",
    "target_pid",
    "target_tid",
    "goid",
    "parent_goid",
    "service_name",
    "executable",
    "go_version",
    "container_id",
    "function",
    "map_type",
    "map_key_size",
    "map_value_size",
    "map_address",
    "map_len",
    "map_capacity_before",
    "map_capacity_after",
    "unobserved",
    "cause",
    "breakdown_nano",
    "stack",
    "trace_id",
    "span_id",
    "trace_flags",
    "correlation",
];

fn slow_write() -> CorrelatedWrite {
    sample::write(&sample::process(1, "shop"))
}

fn measured() -> Measured {
    let mut losses = Losses::default();
    losses.add("ring_buffer_full", 3);
    let probe = |function: &str, cost| ProbeUse {
        function: function.into(),
        role: ProbeRole::GrowthEnter,
        hits: 1_000,
        estimated_cost_nano: cost,
    };
    Measured {
        started_unix_nano: 5,
        duration_nano: 10_000_000_000,
        threshold_nano: 100_000,
        mode: "slowpath".into(),
        budget_percent: 1.0,
        targets: Vec::new(),
        skipped: Vec::new(),
        losses,
        probes: vec![probe("a", Some(500_000)), probe("b", Some(700_000))],
        writes: None,
        collisions: Vec::new(),
    }
}

fn record(directory: &Path, writes: &[CorrelatedWrite]) -> Summary {
    let mut recording = Recording::create(directory).unwrap();
    for write in writes {
        recording.write(write).unwrap();
    }
    recording.finish(measured()).unwrap()
}

fn lines(directory: &Path) -> Vec<String> {
    let text = fs::read_to_string(directory.join("events.jsonl")).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn an_event_is_a_line_with_the_fields_of_the_interface_in_their_order() {
    let directory = TempDir::new().unwrap();
    record(
        directory.path(),
        &[slow_write(), sample::bare(slow_write())],
    );
    let lines = lines(directory.path());
    assert_eq!(lines.len(), 2);
    for line in &lines {
        let positions: Vec<_> = FIELDS
            .iter()
            .map(|field| line.find(&format!("\"{field}\":")).unwrap())
            .collect();
        assert!(positions.is_sorted(), "{line}");
        let object: Value = serde_json::from_str(line).unwrap();
        assert_eq!(object.as_object().unwrap().len(), FIELDS.len(), "{line}");
    }
    let event: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(event["trace_id"], "a1".repeat(16));
    assert_eq!(event["span_id"], "b2".repeat(8));
    assert_eq!(event["trace_flags"], 1);
    assert_eq!(event["correlation"], "stack_scan");
    assert_eq!(event["cause"], "growth");
    assert_eq!(event["breakdown_nano"]["gc_assist"], 300_000);
    assert_eq!(
        (&event["pid"], &event["target_pid"]),
        (&Value::from(1), &Value::from(7))
    );
    assert_eq!(event["executable"], "/srv/bin/shop");
    assert_eq!(
        (&event["map_key_size"], &event["map_value_size"]),
        (&Value::from(16), &Value::from(8))
    );
    assert_eq!(event["map_address"], "0xc000010040");
    let leaf = &event["stack"][0];
    assert_eq!(leaf["function"], "internal/runtime/maps.(*table).rehash");
    assert_eq!(leaf["line"], 1_100);
    assert_eq!(leaf["inlined"], false);
    assert_eq!(leaf["address"], "0x40144c");
}

#[test]
fn what_is_not_known_of_an_event_is_null() {
    let directory = TempDir::new().unwrap();
    record(directory.path(), &[sample::bare(slow_write())]);
    let event: Value = serde_json::from_str(&lines(directory.path())[0]).unwrap();
    for field in [
        "parent_goid",
        "container_id",
        "function",
        "map_type",
        "map_key_size",
        "map_value_size",
        "map_address",
        "map_len",
        "trace_id",
        "trace_flags",
    ] {
        assert_eq!(event[field], Value::Null, "{field}");
    }
    assert_eq!(
        event["service_name"], "unknown_service:shop",
        "as the SDK would name it"
    );
    assert_eq!(event["correlation"], "none");
    assert_eq!(event["stack"], Value::Array(Vec::new()));
}

#[test]
fn the_summary_counts_what_was_written_and_what_was_lost() {
    let directory = TempDir::new().unwrap();
    record(
        directory.path(),
        &[slow_write(), slow_write(), sample::bare(slow_write())],
    );
    let text = fs::read_to_string(directory.path().join("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["counts"]["writes"], 3);
    assert_eq!(summary["counts"]["in_a_trace"], 2);
    assert_eq!(summary["counts"]["by_cause"]["growth"], 3);
    assert_eq!(summary["counts"]["by_function"]["main.(*shop).fill"], 2);
    assert_eq!(summary["losses"]["total"], 3);
    assert_eq!(summary["losses"]["by_reason"]["ring_buffer_full"], 3);
    assert_eq!(summary["latency"]["count"], 3);
    assert_eq!(summary["latency"]["max"], 2_500.0, "microseconds");
    assert_eq!(summary["probes"][0]["hits"], 1_000);
    assert_eq!(summary["probes"][0]["role"], "growth_enter");
    assert_eq!(summary["estimated_cost_nano"], 1_200_000);
    let mut names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["events.jsonl", "summary.json"],
        "nothing unfinished is left"
    );
}

#[test]
fn what_was_not_measured_is_not_shown_as_zero() {
    let directory = TempDir::new().unwrap();
    let recording = Recording::create(directory.path()).unwrap();
    let mut measured = measured();
    measured.probes[1].estimated_cost_nano = None;
    let summary = serde_json::to_value(recording.finish(measured).unwrap()).unwrap();
    assert_eq!(summary["latency"], Value::Null);
    assert_eq!(
        summary["estimated_cost_nano"],
        Value::Null,
        "one price is missing"
    );
}

#[test]
fn a_recording_that_is_cut_off_has_whole_lines() {
    let directory = TempDir::new().unwrap();
    let mut recording = Recording::create(&directory.path().join("deep/er")).unwrap();
    for _ in 0..5 {
        recording.write(&slow_write()).unwrap();
    }
    // As after SIGKILL: no destructor runs, nothing is flushed.
    std::mem::forget(recording);
    let lines = lines(&directory.path().join("deep/er"));
    assert_eq!(lines.len(), 5);
    assert!(
        lines
            .iter()
            .all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
}

#[test]
fn an_existing_recording_is_not_overwritten() {
    let directory = TempDir::new().unwrap();
    record(directory.path(), &[slow_write()]);
    let error = Recording::create(directory.path()).unwrap_err();
    assert!(matches!(error, RecordingError::Exists { .. }));
    assert!(error.to_string().contains("--output"), "{error}");
    assert_eq!(lines(directory.path()).len(), 1);
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Recording::create(&file.join("out"))
        .unwrap_err()
        .to_string();
    assert!(error.contains(file.to_str().unwrap()), "{error}");
}
