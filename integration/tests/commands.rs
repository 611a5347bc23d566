//! `slowmap record -- CMD`: nothing of the program is missed, nor of one that it becomes.

use std::{
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use integration::{
    go::{self, Toolchain},
    machine,
    program::{Ended, Program},
    recording::{self, Event},
    requirement, slowmap,
};

/// Fills one map at once, from empty on.
const CASE: [&str; 6] = [
    "--case",
    "large-map",
    "--start-after",
    "1us",
    "--duration",
    "500ms",
];

fn record(output: &Path, command: &[&str]) -> Result<Ended> {
    let mut record: Command = slowmap::command(["record", "--threshold", "1us", "--output"])?;
    record
        .arg(output)
        .args(["--budget", "100", "--since-start"]);
    record.arg("--").args(command);
    Program::run(record, Duration::from_secs(60))
}

fn target() -> Result<String> {
    let target = go::target("misuse", Toolchain::Installed)?;
    Ok(target.to_string_lossy().into_owned())
}

/// How many entries the map had when it was first seen to grow.
fn first_growth(events: &[Event]) -> Result<u64> {
    let growths = events
        .iter()
        .filter(|event| event.cause == "growth" && event.has_frame("main.add"));
    let first = growths.min_by_key(|event| event.monotonic_nano);
    first
        .and_then(|event| event.map_len)
        .context("no growth was seen")
}

#[test]
fn a_command_is_watched_from_its_first_write_on() -> Result<()> {
    if !requirement::root("a_command_is_watched_from_its_first_write_on") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let output = directory.path().join("out");
    let target = target()?;
    let before = SystemTime::UNIX_EPOCH.elapsed()?.as_nanos();
    let ended = record(&output, &[&[&*target], &CASE[..]].concat())?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let recording::Recording { events, summary } = recording::read(&output)?;
    // Known to a hundredth of a second.
    let started = summary["targets"][0]["started_unix_nano"].as_u64();
    let started = u128::from(started.context("a time")?);
    let first = events.iter().map(|event| event.time_unix_nano).min();
    assert!(before <= started + 10_000_000, "{started}");
    assert!(
        Some(started) <= first.map(u128::from),
        "{started} and {first:?}"
    );
    let first = first_growth(&events)?;
    println!(
        "{} slow writes, the first growth at {first} entries",
        events.len()
    );
    // A map of Go 1.24 or later grows at 8 entries first, and then at each doubling of 7/8 of its slots.
    assert!(first <= 16, "{first}");
    Ok(())
}

#[test]
fn a_command_that_executes_a_go_program_is_watched_from_then_on() -> Result<()> {
    if !requirement::root("a_command_that_executes_a_go_program_is_watched_from_then_on") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let script = format!(
        "exec {} --case regrown --start-after 1s --duration 500ms",
        target()?
    );
    let output = directory.path().join("out");
    let ended = record(&output, &["sh", "-c", &script])?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("waiting for the command"),
        "{}",
        ended.stderr
    );
    let recording = recording::read(&output)?;
    assert!(recording.events.len() > 10, "{}", recording.events.len());
    assert_eq!(
        recording.summary["targets"].as_array().map(Vec::len),
        Some(1)
    );
    Ok(())
}

#[test]
fn a_command_that_never_is_a_go_program_is_exit_code_4_with_what_to_do() -> Result<()> {
    if !requirement::root("a_command_that_never_is_a_go_program_is_exit_code_4_with_what_to_do") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let ended = record(
        &directory.path().join("out"),
        &["sh", "-c", "sleep 0.1; true"],
    )?;
    assert_eq!(ended.code(), Some(4), "{}", ended.stderr);
    let last = ended.stderr.lines().last().unwrap_or_default();
    for part in ["not built by Go", "by exec", "--exe"] {
        assert!(last.contains(part), "{part}: {last}");
    }
    Ok(())
}
