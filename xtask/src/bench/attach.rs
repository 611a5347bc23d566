//! How long slowmap takes to attach to processes that run already, and to let go of them.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail};
use integration::{program::Program, sink::Sink, slowmap};
use serde::Serialize;
use serde_json::Value;

use super::{
    PATIENCE, SWISS, Scale, bulk,
    figure::{Figures, Samples},
    run,
};
use crate::interrupt;

const PROCESSES: [usize; 3] = [1, 10, 100];

/// Attaching to more is left to the long benchmark: the kernel takes its time over each probe that goes.
const QUICK: usize = 10;

/// How long it may take to detach.
const DETACHING: Duration = Duration::from_secs(600);

/// Attaching to so many processes at once.
#[derive(Debug, Serialize)]
pub struct Attached {
    pub what: &'static str,
    pub processes: usize,
    pub executable_bytes: u64,
    pub figures: Figures,
}

pub fn measure(scale: Scale) -> Result<Vec<Attached>> {
    let ordinary = run::executable(SWISS)?;
    let mut all = Vec::new();
    for processes in PROCESSES {
        if scale.quick && processes > QUICK {
            continue;
        }
        all.push(attached("ordinary binary", &ordinary, processes, scale)?);
    }
    all.push(attached(
        "binary of 100 MB",
        &bulk::executable()?,
        1,
        scale,
    )?);
    Ok(all)
}

fn attached(
    what: &'static str,
    executable: &Path,
    processes: usize,
    scale: Scale,
) -> Result<Attached> {
    let mut samples = Samples::default();
    // What takes minutes does not need repeating to be believed.
    let repeats = if processes > QUICK { 1 } else { scale.repeats };
    for _ in 0..repeats {
        eprintln!("attach, {processes} x {what}");
        interrupt::check()?;
        once(executable, processes, &mut samples)?;
    }
    Ok(Attached {
        what,
        processes,
        executable_bytes: std::fs::metadata(executable)?.len(),
        figures: samples.figures(),
    })
}

fn once(executable: &Path, processes: usize, samples: &mut Samples) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let targets = targets(executable, processes, scratch.path().join("truth.jsonl"))?;
    let sink = Sink::start()?;
    let pids: Vec<String> = targets.iter().map(|t| t.pid().to_string()).collect();
    let settings = [
        ("SLOWMAP_PIDS", pids.join(",")),
        ("SLOWMAP_LOG", "info".into()),
        ("SLOWMAP_LOG_FORMAT", "json".into()),
    ];
    let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let begin = SystemTime::now();
    let mut slowmap = slowmap::run(&sink.endpoint(), &settings)?;
    wait_running(&mut slowmap)?;
    let said = slowmap.stderr();
    let end = Instant::now();
    let ended = slowmap.stop(DETACHING)?;
    let detached = end.elapsed();
    if ended.code() != Some(0) {
        bail!("slowmap ended with {}: {}", ended.status, ended.stderr);
    }
    let attached = moments(&said, "attached");
    if attached.len() != processes {
        bail!("attached to {} of {processes} processes", attached.len());
    }
    let running = *moments(&said, "running").first().context("not running")?;
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    samples.add(
        "start_to_attached_ms",
        running.duration_since(begin).ok().map(millis),
    );
    let between = attached.last().zip(attached.first());
    let between = between.and_then(|(last, first)| last.duration_since(*first).ok());
    let further = (processes > 1).then_some(processes as f64 - 1.0);
    let each = between
        .zip(further)
        .map(|(all, further)| millis(all) / further);
    samples.add("each_further_process_ms", each);
    samples.add("detach_to_exit_ms", millis(detached));
    Ok(())
}

/// Processes that have started and wait.
fn targets(executable: &Path, count: usize, log: PathBuf) -> Result<Vec<Program>> {
    let start = |_| {
        let mut command = Command::new(executable);
        command.arg("--output").arg(&log);
        let mut target = Program::start(command)?;
        target.line(PATIENCE, |line| line.starts_with("READY "))?;
        Ok(target)
    };
    (0..count).map(start).collect()
}

fn wait_running(slowmap: &mut Program) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while moments(&slowmap.stderr(), "running").is_empty() {
        if slowmap.ended()? || Instant::now() > deadline {
            bail!("slowmap did not attach: {}", slowmap.stderr());
        }
        interrupt::sleep(Duration::from_millis(20))?;
    }
    Ok(())
}

/// When slowmap logged a message, by its log as JSON.
fn moments(log: &str, message: &str) -> Vec<SystemTime> {
    let moment = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        let said = line["fields"]["message"] == message;
        let time = humantime::parse_rfc3339(line["timestamp"].as_str()?).ok()?;
        said.then_some(time)
    };
    log.lines().filter_map(moment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_message_and_a_line_that_is_not_whole_is_none() {
        let log = concat!(
            r#"{"timestamp":"2026-01-02T03:04:05.000001Z","level":"INFO","fields":{"message":"attached"}}"#,
            "\n",
            r#"{"timestamp":"2026-01-02T03:04:06.000001Z","level":"INFO","fields":{"message":"running"}}"#,
            "\n",
            r#"{"timestamp":"2026-01-02T03:04:07.0"#,
        );
        let (attached, running) = (moments(log, "attached"), moments(log, "running"));
        assert_eq!((attached.len(), running.len()), (1, 1));
        let between = running[0].duration_since(attached[0]).expect("in order");
        assert_eq!(between, Duration::from_secs(1));
    }
}
