//! Where there is no answer, one line says why, and what to do next. A clock that differs is found and said.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use integration::{
    ports,
    program::{Ended, Program},
    slowmap,
};
use serde_json::{Value, json};

use super::server;

pub const BEGIN: u64 = 1_700_000_000;

/// Recorded 200 s, with a growth of 80 ms 20.5 s after the beginning.
pub fn recording(directory: &Path) -> Result<()> {
    let write = |after: f64, millis: u64| {
        json!({
            "monotonic_nano": 1, "time_unix_nano": BEGIN * 1_000_000_000 + (after * 1e9) as u64,
            "duration_nano": millis * 1_000_000, "duration_is_lower_bound": false,
            "pid": 7, "tid": 8, "target_pid": 7, "target_tid": 8, "goid": 9, "parent_goid": null,
            "service_name": "shop", "executable": null, "go_version": null, "container_id": null,
            "function": null, "map_type": null, "map_len": null,
            "map_capacity_before": null, "map_capacity_after": null, "unobserved": [],
            "cause": "growth", "breakdown_nano": {"growth": millis * 1_000_000}, "stack": [],
            "trace_id": null, "span_id": null, "trace_flags": null, "correlation": "none",
        })
    };
    // The recording was cut off: its first and last write say how long it is known to be.
    let lines = [write(0.0, 1), write(20.5, 80), write(200.0, 1)];
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(directory.join("events.jsonl"), lines.join("\n") + "\n")?;
    Ok(())
}

fn correlate(prometheus: &str, more: &[&str]) -> Result<Ended> {
    let directory = tempfile::tempdir()?;
    recording(directory.path())?;
    let arguments = ["correlate", "--prometheus", prometheus, "--query", "p99"];
    let mut command = slowmap::command(arguments)?;
    command.arg(directory.path()).args(more);
    Program::run(command, Duration::from_secs(60))
}

fn refused(prometheus: &str, code: i32, words: &[&str]) -> Result<()> {
    let ended = correlate(prometheus, &[])?;
    let said = ended.stderr.trim_end();
    assert_eq!(ended.code(), Some(code), "{said}");
    assert_eq!((said.lines().count(), &*ended.stdout), (1, ""), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said:?}");
    }
    Ok(())
}

fn now(ahead: f64) -> Value {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    json!([
        now.as_secs_f64() + ahead,
        format!("{}", now.as_secs_f64() + ahead)
    ])
}

/// Prometheus' answers; `ahead`: seconds by which its clock is.
fn prometheus(target: &str, ahead: f64, series: Value) -> (u16, String) {
    let data = if target.starts_with("/api/v1/query?") {
        json!({"resultType": "scalar", "result": now(ahead)})
    } else if target.starts_with("/api/v1/query_range?") {
        json!({"resultType": "matrix", "result": series})
    } else if target.starts_with("/api/v1/targets?") {
        json!({"activeTargets": [{"labels": {"job": "shop"}, "scrapeInterval": "1s"}]})
    } else {
        return (404, "no such page".to_owned());
    };
    (200, json!({"status": "success", "data": data}).to_string())
}

/// A sample a second, 100 ms at the spike, on a clock that is ahead.
fn spike(job: &str, after: u64, ahead: f64) -> Value {
    let value = |second: u64| if second == after { "0.1" } else { "0.002" };
    let time = |second: u64| (BEGIN + second) as f64 + ahead;
    let values: Vec<Value> = (0..=200)
        .map(|second| json!([time(second), value(second)]))
        .collect();
    json!({"metric": {"job": job}, "values": values})
}

#[test]
fn a_prometheus_that_is_down_refuses_or_is_none_is_said_in_one_line() -> Result<()> {
    let [port] = ports::free()?;
    let down = format!("http://127.0.0.1:{port}");
    refused(&down, 1, &[&down, "does not answer", "--prometheus"])?;
    let page = server::answering(|_| (200, "<html>\u{1b}[2J</html>".to_owned()))?;
    refused(&page, 1, &["does not answer as Prometheus' HTTP API does"])?;
    let down = server::answering(|_| (503, String::new()))?;
    refused(&down, 1, &["status 503"])?;
    let error =
        json!({"status": "error", "error": "parse error: \u{1b}[2J unexpected )"}).to_string();
    let refusing = server::answering(move |target| match target.contains("query_range") {
        true => (400, error.clone()),
        false => prometheus(target, 0.0, json!([])),
    })?;
    refused(
        &refusing,
        1,
        &["parse error: \\u{1b}[2J unexpected )", "correct --query"],
    )?;
    Ok(())
}

#[test]
fn no_series_and_several_are_said_with_what_to_do() -> Result<()> {
    let none = server::answering(|target| prometheus(target, 0.0, json!([])))?;
    refused(&none, 1, &["no such series", "2023-11-14T22:13:20Z"])?;
    let two = json!([spike("a\u{1b}[2J", 9, 0.0), spike("b", 9, 0.0)]);
    let several = server::answering(move |target| prometheus(target, 0.0, two.clone()))?;
    refused(&several, 2, &["has 2 series", r#"{job="a\u{1b}[2J"}"#])?;
    for url in ["localhost:9090", "ftp://localhost"] {
        refused(url, 2, &["--prometheus", "http://localhost:9090"])?;
    }
    let empty = json!([{"metric": {}, "values": [[1, "NaN"]]}]);
    let unknown = server::answering(move |target| prometheus(target, 0.0, empty.clone()))?;
    refused(&unknown, 1, &["has 0 samples"])
}

#[test]
fn a_clock_that_is_ahead_is_measured_said_and_set_right() -> Result<()> {
    for ahead in [90.0, -90.0] {
        let series = json!([spike("shop", 21, ahead)]);
        let skewed = server::answering(move |target| prometheus(target, ahead, series.clone()))?;
        let ended = correlate(&skewed, &["--format", "json"])?;
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
        let told: Value = serde_json::from_str(&ended.stdout)?;
        let found = told["clock_ahead_nano"].as_f64().unwrap_or_default() / 1e9;
        // The answer is on its way for a time that depends on the machine.
        let uncertain = told["clock_uncertainty_nano"].as_f64().unwrap_or_default() / 1e9;
        assert!(
            (found - ahead).abs() <= uncertain + 0.01,
            "{found} +- {uncertain}"
        );
        let spike = &told["spikes"][0];
        assert_eq!(
            (&spike["explained"], &spike["by"]["goid"]),
            (&json!(true), &json!(9))
        );
        assert_eq!(told["scrape_interval_nano"], 1_000_000_000_u64);

        let text = correlate(&skewed, &[])?.stdout;
        let side = if ahead > 0.0 {
            "s ahead of"
        } else {
            "s behind"
        };
        let clock = text.lines().find(|line| line.starts_with("clock"));
        assert!(clock.is_some_and(|line| line.contains(side)), "{text}");
        assert!(
            text.lines()
                .last()
                .is_some_and(|line| line.starts_with("1 of 1 spikes")),
            "{text}"
        );
    }
    Ok(())
}

#[test]
fn spikes_without_a_write_are_not_explained_and_that_is_no_failure() -> Result<()> {
    let series = json!([spike("shop", 60, 0.0)]);
    let real = server::answering(move |target| prometheus(target, 0.0, series.clone()))?;
    let ended = correlate(&real, &[])?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let last = ended.stdout.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("The recording does not explain the spikes: 0 of 1"),
        "{last}"
    );
    Ok(())
}
