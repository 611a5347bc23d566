//! Alerts of `slowmap record`: the exit code for CI, the line on stderr, and the webhook.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use integration::{
    go::{self, Toolchain},
    machine,
    program::{Ended, Program},
    recording, requirement, slowmap,
};
use serde_json::Value;

/// Records a target whose maps grow all the time.
fn record(output: &Path, more: &[&str]) -> Result<Ended> {
    let mut record: Command = slowmap::command(["record", "--threshold", "20us", "--output"])?;
    record.arg(output).args(more).arg("--");
    record.arg(go::target("misuse", Toolchain::Installed)?);
    record.args(["--case", "regrown", "--start-after", "2s"]);
    Program::run(record, Duration::from_secs(60))
}

/// Answers so many requests with these statuses, in turn; returns their bodies.
fn answer(listener: &TcpListener, statuses: &[&str]) -> Result<Vec<Value>> {
    let mut bodies = Vec::new();
    for status in statuses {
        let (stream, _) = listener.accept()?;
        bodies.push(body(&stream)?);
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        (&stream).write_all(answer.as_bytes())?;
    }
    Ok(bodies)
}

fn body(stream: &TcpStream) -> Result<Value> {
    let (mut reader, mut length) = (BufReader::new(stream), 0);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        let lower = line.to_lowercase();
        if let Some(text) = lower.strip_prefix("content-length:") {
            length = text.trim().parse()?;
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    serde_json::from_slice(&body).context("the body is JSON")
}

#[test]
fn an_alert_that_fires_is_exit_code_5_and_is_sent_until_the_webhook_takes_it() -> Result<()> {
    if !requirement::root(
        "an_alert_that_fires_is_exit_code_5_and_is_sent_until_the_webhook_takes_it",
    ) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/secret", listener.local_addr()?);
    let server = thread::spawn(move || answer(&listener, &["503 Busy", "204 No Content"]));
    let directory = tempfile::tempdir()?;
    let output = directory.path().join("out");
    let asked = "count > 10 per minute";
    let ended = record(&output, &["--alert", asked, "--alert-webhook", &url])?;
    assert_eq!(ended.code(), Some(5), "{}", ended.stderr);
    assert!(ended.stderr.contains("an alert fires"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    assert!(recording::read(&output)?.events.len() > 10);
    let bodies = server.join().expect("the server does not panic")?;
    assert_eq!(bodies[0], bodies[1], "the same again after the refusal");
    assert_eq!(bodies[0]["alert"], asked);
    assert_eq!(bodies[0]["unit"], "writes");
    assert!(bodies[0]["value"].as_u64() > Some(10), "{bodies:?}");
    Ok(())
}

#[test]
fn an_alert_that_does_not_fire_changes_nothing() -> Result<()> {
    if !requirement::root("an_alert_that_does_not_fire_changes_nothing") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let asked = ["--alert", "max > 10s", "--alert", "p50 > 1s for 1s"];
    let ended = record(&directory.path().join("out"), &asked)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("an alert"), "{}", ended.stderr);
    Ok(())
}
