//! `--since-start`: times as those since the process began.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::source;

const SECOND: u64 = 1_000_000_000;

fn report(directory: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slowmap"))
        .arg("report")
        .arg(directory)
        .args(more)
        .env_clear()
        .output()
        .unwrap()
}

/// The rows of the page.
fn rows(directory: &Path) -> Value {
    let page = fs::read_to_string(directory.join("report.html")).unwrap();
    let data = page.split("id=\"data\">").nth(1).unwrap();
    let data = data.split("</script>").next().unwrap();
    serde_json::from_str::<Value>(data).unwrap()["rows"].take()
}

/// Of the target that was started 5 s before the first write, and of one whose number had another process before.
fn record(directory: &Path) {
    let mut writes = source::writes();
    writes.retain(|write| write.observed().process.pid.0 == 1);
    for (index, write) in (0..).zip(&mut writes) {
        write.time.0 += index * SECOND;
    }
    source::record(directory, &writes);
}

fn change(directory: &Path, change: impl FnOnce(&mut Value)) {
    let path = directory.join("summary.json");
    let mut summary = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut summary);
    fs::write(path, summary.to_string()).unwrap();
}

#[test]
fn the_page_and_the_tables_tell_how_long_a_process_had_been_there() {
    let directory = TempDir::new().unwrap();
    record(directory.path());
    // A process with the same number, after the eleventh write.
    change(directory.path(), |summary| {
        let mut later = summary["targets"][0].clone();
        let started = later["started_unix_nano"].as_u64().unwrap();
        later["started_unix_nano"] = (started + 16 * SECOND).into();
        summary["targets"].as_array_mut().unwrap().push(later);
    });
    assert!(
        report(directory.path(), &["--since-start"])
            .status
            .success()
    );
    let found = rows(directory.path());
    assert_eq!(found["origin_unix_nano"], Value::Null);
    let at: Vec<u64> = serde_json::from_value(found["at"].clone()).unwrap();
    // 5 s to 15 s of the first one, and from 0 s on of the second.
    let second = (0..at.len() as u64 - 11).map(|index| index * SECOND);
    let mut expected: Vec<u64> = (5..16).map(|index| index * SECOND).chain(second).collect();
    expected.sort_unstable();
    assert_eq!(at, expected);

    let mut csv = csv::Reader::from_path(directory.path().join("calls.csv")).unwrap();
    let column = csv
        .headers()
        .unwrap()
        .iter()
        .position(|name| name == "since_start_nano");
    let first = csv.records().next().unwrap().unwrap();
    assert_eq!(first.get(column.unwrap()), Some("5000000000"));

    assert!(report(directory.path(), &[]).status.success());
    assert!(
        rows(directory.path())["origin_unix_nano"].is_string(),
        "only where asked for"
    );
}

#[test]
fn a_recording_that_does_not_say_when_its_processes_began_is_refused_for_it() {
    let directory = TempDir::new().unwrap();
    record(directory.path());
    change(directory.path(), |summary| {
        let target = summary["targets"][0].as_object_mut().unwrap();
        target.remove("started_unix_nano");
    });
    let output = report(directory.path(), &["--since-start"]);
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{line}");
    assert!(line.contains("leave out --since-start"), "{line}");
    assert!(report(directory.path(), &[]).status.success());
}
