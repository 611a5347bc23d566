//! The same of a series in a file, as any monitoring can write it.

use std::{path::Path, time::Duration};

use anyhow::Result;
use integration::{
    program::{Ended, Program},
    slowmap,
};
use serde_json::{Value, json};

use super::refusals::{BEGIN, recording};

fn correlate(csv: &str, more: &[&str]) -> Result<Ended> {
    let directory = tempfile::tempdir()?;
    recording(directory.path())?;
    let file = directory.path().join("p99.csv");
    std::fs::write(&file, csv)?;
    correlate_file(directory.path(), &file, more)
}

fn correlate_file(recording: &Path, file: &Path, more: &[&str]) -> Result<Ended> {
    let mut command = slowmap::command(["correlate", "--csv"])?;
    command.arg(file).arg(recording).args(more);
    Program::run(command, Duration::from_secs(60))
}

/// A sample a second in milliseconds, 100 at the recording's one long write, for longer than was recorded.
fn spike(time: impl Fn(u64) -> String) -> String {
    let value = |second: u64| if second == BEGIN + 21 { 100 } else { 2 };
    let lines =
        (BEGIN - 50..=BEGIN + 250).map(|second| format!("{},{}\n", time(second), value(second)));
    "time,p99\n".to_owned() + &lines.collect::<String>()
}

#[test]
fn a_spike_in_a_file_is_explained_as_one_in_prometheus_is() -> Result<()> {
    let of_day = |second: u64| {
        // The recording began at 22:13:20; an hour further east it is 23:13:20.
        let second = second + 13 * 60 + 20 - BEGIN;
        format!("2023-11-14T23:{:02}:{:02}+01:00", second / 60, second % 60)
    };
    for csv in [spike(|second| second.to_string()), spike(of_day)] {
        let ended = correlate(&csv, &["--unit", "ms", "--format", "json"])?;
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
        let told: Value = serde_json::from_str(&ended.stdout)?;
        let spike = &told["spikes"][0];
        assert_eq!(
            (&spike["explained"], &spike["by"]["goid"]),
            (&json!(true), &json!(9))
        );
        assert!(
            told["csv"]
                .as_str()
                .is_some_and(|file| file.ends_with("p99.csv")),
            "{told}"
        );
        assert_eq!(
            (&told["query"], &told["clock_ahead_nano"]),
            (&Value::Null, &Value::Null)
        );
        // Of the recording's time only, and as far apart as they usually are.
        assert_eq!(told["samples"], 201);
        assert_eq!(told["scrape_interval_nano"], 1_000_000_000_u64);
    }
    let text = correlate(
        &spike(|second| second.to_string()),
        &["--unit", "ms", "--scrape-interval", "2s"],
    )?;
    for words in [
        "clock       not compared",
        "tells of the 2 s before it, give",
        "1 of 1 spikes",
    ] {
        assert!(text.stdout.contains(words), "{words:?}: {}", text.stdout);
    }
    Ok(())
}

#[test]
fn a_file_that_is_no_series_is_refused_in_one_line_with_the_number_of_the_bad_one() -> Result<()> {
    for (csv, words) in [
        (
            spike(|second| format!("{second}000")),
            "line 2: 1699999950000 cannot be a time in seconds; if it is in milliseconds",
        ),
        (
            format!("{BEGIN},1\n{BEGIN},2\n"),
            "line 2: it has the time of line 1 again",
        ),
        (
            format!("{BEGIN},1\n{},2ms\n", BEGIN + 1),
            "line 2: \"2ms\" is no number",
        ),
        (
            "0,1\n1,1\n".to_owned(),
            "no sample in the recording's time (2023-11-14T22:13:20Z",
        ),
        (String::new(), "no sample in the recording's time"),
        (
            format!("{BEGIN},1\n"),
            "has 1 samples in the recording's time, and 8 are needed",
        ),
    ] {
        let ended = correlate(&csv, &[])?;
        let said = ended.stderr.trim_end();
        assert_eq!(ended.code(), Some(1), "{said}");
        assert_eq!((said.lines().count(), &*ended.stdout), (1, ""), "{said}");
        assert!(said.contains(words), "{words:?} is not in {said:?}");
    }
    let directory = tempfile::tempdir()?;
    recording(directory.path())?;
    let ended = correlate_file(directory.path(), &directory.path().join("none.csv"), &[])?;
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("none.csv cannot be read"),
        "{}",
        ended.stderr
    );
    Ok(())
}
