//! What the program itself answers: exit codes, one line of error, help.

use std::{
    fs,
    process::{Command, Output},
};

use tempfile::TempDir;

fn slowmap(arguments: &[&str]) -> Output {
    slowmap_with(arguments, &[])
}

fn slowmap_with(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slowmap"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// The one line on stderr.
fn refusal(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(output.stdout.is_empty());
    stderr
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_slowmap"))
        .args(["run", "--print-config"])
        .stdout(writer)
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn wrong_usage_is_exit_code_2_and_a_line_that_names_what_is_wrong() {
    for (arguments, names) in [
        (&[][..], "no command"),
        (&["recrod"][..], "record"),
        // Not on a terminal here.
        (&["top"][..], "top needs a terminal"),
        (&["top", "--all", "--pid", "1"][..], "--all"),
        (&["record", "--all"][..], "--output"),
        (&["record", "--output", "out"][..], "--pid"),
        (
            &["record", "--output", "out", "--all", "--pid", "1"][..],
            "--all",
        ),
        (
            &["record", "--output", "out", "--all", "--", "ls"][..],
            "--all",
        ),
        (
            &["record", "--output", "out", "--all", "--threshold", "100"][..],
            "--threshold",
        ),
        (
            &["record", "--output", "out", "--all", "--mode", "full"][..],
            "exact",
        ),
        (
            &["record", "--output", "out", "--all", "--sampling", "0"][..],
            "1 to 100",
        ),
        (
            &["record", "--output", "out", "--all", "--sampling", "101"][..],
            "1 to 100",
        ),
        (
            &["record", "--output", "out", "--all", "--threshold", "0s"][..],
            "1us to 10s",
        ),
        (
            &["record", "--output", "out", "--all", "--sampling", "9"][..],
            "--mode sampled",
        ),
        (
            &["record", "--output", "out", "--all", "--threshold", "1h"][..],
            "1us to 10s",
        ),
        (
            &["record", "--output", "out", "--all", "--budget", "0"][..],
            "0.1 to 100",
        ),
        (
            &["run", "--otlp-endpoint", "collector"][..],
            "http://HOST:PORT",
        ),
        (&["run", "--config", "/nowhere.yaml"][..], "/nowhere.yaml"),
        (&["inspect"][..], "--pid"),
        (&["check", "--format", "xml"][..], "json"),
        (&["report"][..], "DIR"),
    ] {
        let line = refusal(&slowmap(arguments), 2);
        assert!(line.contains(names), "{arguments:?}: {line}");
    }
}

#[test]
fn a_series_is_prometheus_or_a_file_and_what_is_neither_is_exit_code_2() {
    let prometheus = ["--prometheus", "http://localhost:9090"];
    for (more, names) in [
        (&[][..], "--csv <FILE>"),
        (&["--query", "a"][..], "--prometheus"),
        (&prometheus[..], "--query"),
        (
            &["--csv", "a", "--prometheus", "http://a", "--query", "b"][..],
            "--csv",
        ),
        (&["--csv", "a", "--query", "b"][..], "--query"),
        (&["--csv", "a", "--step", "1s"][..], "--step"),
        (
            &["--query", "a", "--prometheus", "a:9090"][..],
            prometheus[1],
        ),
    ] {
        let arguments = [&["correlate", "out"][..], more].concat();
        let line = refusal(&slowmap(&arguments), 2);
        assert!(line.contains(names), "{arguments:?}: {line}");
    }
}

#[test]
fn an_alert_that_cannot_be_understood_is_exit_code_2_with_what_is_allowed() {
    let record = |alert| slowmap(&["record", "--output", "out", "--all", "--alert", alert]);
    for alert in [
        "p99 > 5",
        "p100 > 5ms",
        "count > 5",
        "p99 > 5ms for ever",
        "",
    ] {
        let line = refusal(&record(alert), 2);
        assert!(line.contains("count > 100 per minute"), "{alert}: {line}");
    }
    for command in [&["run"][..], &["record", "--output", "out", "--all"]] {
        let arguments = [command, &["--alert-webhook", "http://localhost"]].concat();
        let line = refusal(&slowmap(&arguments), 2);
        assert!(line.contains("say by --alert when"), "{line}");
    }
    let line = refusal(&slowmap(&["run", "--alert-webhook", "here"]), 2);
    assert!(line.contains("http://"), "{line}");
}

#[test]
fn an_unknown_key_in_the_file_is_exit_code_2_and_named_with_the_file() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("slowmap.yaml");
    fs::write(&file, "detection:\n  treshold: 1ms\n").unwrap();
    let path = file.to_str().unwrap();
    let line = refusal(&slowmap(&["run", "--config", path]), 2);
    assert!(
        line.contains(path) && line.contains("detection.treshold"),
        "{line}"
    );
    let line = refusal(&slowmap_with(&["run"], &[("SLOWMAP_CONFIG", path)]), 2);
    assert!(line.contains("detection.treshold"), "{line}");
}

#[test]
fn the_effective_configuration_is_printed_with_secrets_masked() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cret"),
        ("SLOWMAP_PIDS", "1,2"),
    ];
    let arguments = [
        "run",
        "--print-config",
        "--threshold",
        "5ms",
        "--exe",
        "/srv/*",
    ];
    let printed = stdout(&slowmap_with(&arguments, &variables));
    for part in [
        "threshold: 5ms",
        "http://collector:4318/v1/traces",
        "authorization: \"***\"",
        "/srv/*",
    ] {
        assert!(printed.contains(part), "{part} is missing: {printed}");
    }
    assert!(!printed.contains("s3cret"));
    assert!(
        printed.contains("pids: []"),
        "a choice by flags replaces the whole choice: {printed}"
    );
}

#[test]
fn a_file_that_is_no_go_executable_is_nothing_to_attach_to_and_says_why() {
    for (path, reason) in [
        ("/etc/passwd", "not an ELF file"),
        ("/bin/sh", "not built by Go"),
    ] {
        let line = refusal(&slowmap(&["inspect", path]), 4);
        assert!(line.contains(path) && line.contains(reason), "{line}");
    }
    let line = refusal(&slowmap(&["inspect", "/nowhere"]), 1);
    assert_eq!(line.matches("No such file").count(), 1, "{line}");
    let line = refusal(&slowmap(&["inspect", "--pid", "4194305"]), 4);
    assert!(line.contains("no such process"), "{line}");
}

#[test]
fn the_check_says_by_its_exit_code_whether_slowmap_can_run() {
    let output = slowmap(&["check", "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = if answer["ready"] == true { 0 } else { 3 };
    assert_eq!(output.status.code(), Some(expected), "{answer}");
}

#[test]
fn help_teaches_by_examples() {
    for command in [
        "run",
        "record",
        "inspect",
        "check",
        "report",
        "correlate",
        "top",
    ] {
        let help = stdout(&slowmap(&[command, "--help"]));
        assert!(help.contains("Examples:\n  "), "{help}");
        assert!(help.contains(&format!("slowmap {command}")), "{help}");
    }
    assert!(stdout(&slowmap(&["--version"])).starts_with("slowmap "));
}

#[test]
fn a_setting_of_the_export_that_cannot_be_used_is_exit_code_2_and_named() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "no certificate").unwrap();
    let (file, below) = (file.display().to_string(), file.join("queue"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let below = below.display().to_string();
    let over_tls = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost:4317");
    for (variable, value, more) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector", None),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "smtp", None),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "bzip2", None),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization", None),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", &file, Some(over_tls)),
        (
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            "/does/not/exist",
            Some(over_tls),
        ),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", &file, Some(over_tls)),
        ("SLOWMAP_QUEUE_DIRECTORY", &below, None),
        ("SLOWMAP_PROMETHEUS_LISTEN", &address, None),
    ] {
        let variables: Vec<_> = [(variable, value)].into_iter().chain(more).collect();
        let line = refusal(&slowmap_with(&["run"], &variables), 2);
        assert!(line.contains(variable), "{variable}={value}: {line}");
    }
}
