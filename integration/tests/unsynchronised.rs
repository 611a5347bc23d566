//! A program that Go ends because its goroutines write to one map at the same time is told why, by the line.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use integration::{
    go::{self, Toolchain},
    machine,
    program::{Ended, Program},
    recording::{self, Frame},
    requirement,
    slowmap::{self, PATIENCE},
};
use serde::Deserialize;
use serde_json::Value;

/// With maps before Swiss maps.
const EARLIER: Toolchain = Toolchain::Release("go1.22.12");
const REMEDY: &str = "This map is shared without a lock";

/// By the interface's field names.
#[derive(Debug, Deserialize)]
struct Collision {
    pid: u32,
    message: String,
    goid: u64,
    map_type: Option<String>,
    map_address: String,
    stack: Vec<Frame>,
    growing: Option<Growing>,
}

#[derive(Debug, Deserialize)]
struct Growing {
    goid: u64,
    stack: Vec<Frame>,
}

/// What was recorded of a target, what was said of it, and how it ended.
struct Recorded {
    pid: u32,
    events: Vec<Value>,
    collisions: Vec<Collision>,
    report: String,
    log: String,
    target: Ended,
}

fn recorded(executable: &Path, repaired: bool) -> Result<Recorded> {
    let mut target = Command::new(executable);
    target.args(["--case", "unsynchronised"]);
    if repaired {
        target.arg("--repaired");
    }
    let directory = tempfile::tempdir()?;
    let output = directory.path().join("out");
    let mut target = Program::start(target)?;
    target.line(PATIENCE, |line| line.starts_with("READY "))?;
    let pid = target.pid();
    let pid_text = pid.to_string();
    let mut record = slowmap::command(["record", "--pid", &pid_text, "--threshold", "20us"])?;
    record.args(["--budget", "100", "--output"]).arg(&output);
    record.env("SLOWMAP_LOG", "info");
    let mut record = Program::start(record)?;
    slowmap::wait_attached_log(&mut record, 1, PATIENCE)?;
    target.say("begin")?;
    let record = record.wait(PATIENCE)?;
    assert_eq!(record.code(), Some(0), "{}", record.stderr);
    let mut report = slowmap::command(["report"])?;
    report.arg(&output);
    let collisions = recording::read(&output)?.summary["collisions"].take();
    let events = std::fs::read_to_string(output.join("events.jsonl"))?;
    let events = events.lines().map(serde_json::from_str);
    Ok(Recorded {
        pid,
        events: events.collect::<Result<_, _>>()?,
        collisions: serde_json::from_value(collisions)?,
        report: Program::run(report, Duration::from_secs(60))?.stdout,
        log: record.stderr,
        target: target.wait(PATIENCE)?,
    })
}

/// The goroutine that Go's own message is of, and its stack.
fn traceback(stderr: &str) -> Option<(u64, Vec<Frame>)> {
    let mut lines = stderr.lines();
    let goid = lines.find_map(|line| line.strip_prefix("goroutine ")?.split_once(' '))?;
    let mut stack = Vec::new();
    while let Some(call) = lines.next().filter(|line| !line.starts_with("created by ")) {
        let (function, _) = call.rsplit_once('(')?;
        let place = lines.next()?.split_whitespace().next()?;
        let (file, line) = place.rsplit_once(':')?;
        stack.push(Frame {
            function: Some(function.to_owned()),
            file: Some(file.to_owned()),
            line: Some(line.parse().ok()?),
        });
    }
    // Go's own parts are shown from some releases on.
    stack.retain(|frame| !is_of_go(frame));
    Some((goid.0.parse().ok()?, stack))
}

fn is_of_go(frame: &Frame) -> bool {
    let function = frame.function.as_deref().unwrap_or_default();
    function.starts_with("runtime.") || function.starts_with("internal/")
}

fn own(stack: &[Frame]) -> Vec<Frame> {
    let own = stack.iter().filter(|frame| !is_of_go(frame));
    own.cloned().collect()
}

fn writes_of_two_goroutines(toolchain: Toolchain, flags: &[&str]) -> Result<()> {
    let executable = go::target_with("misuse", toolchain, flags)?;
    let unlocked = recorded(&executable, false)?;
    let (report, log) = (&unlocked.report, &unlocked.log);
    let said = &unlocked.target.stderr;
    println!("{report}{log}");
    assert!(
        said.contains("fatal error: concurrent map writes"),
        "{said}"
    );
    let (goid, stack) = traceback(said).context("Go says where")?;
    let [collision, ..] = &unlocked.collisions[..] else {
        panic!("nothing was recorded: {report}");
    };
    assert_eq!(collision.pid, unlocked.pid);
    assert_eq!(collision.message, "concurrent map writes");
    assert_eq!(
        (collision.goid, own(&collision.stack)),
        (goid, stack.clone())
    );
    assert_eq!(collision.map_type.as_deref(), Some("map[int]main.order"));
    let line = |frame: &Frame| {
        let (file, line) = (frame.file.as_deref(), frame.line);
        let function = frame.function.as_deref().unwrap_or_default();
        format!(
            "{function} {}:{}",
            file.unwrap_or_default(),
            line.unwrap_or_default()
        )
    };
    let here = line(&stack[0]);
    // Which of the two it is depends on who is held up.
    let known = ["main.correct ", "main.(*ledger).add "];
    assert!(known.iter().any(|name| here.starts_with(name)), "{here}");
    assert!(
        report.contains(&format!("  advice     {here}: {REMEDY}")),
        "{report}"
    );
    assert!(
        log.contains(&here) && log.contains("shared without a lock"),
        "{log}"
    );
    let by_another = |event: &&Value| {
        event["map_address"] == collision.map_address.as_str() && event["goid"] != collision.goid
    };
    if let Some(event) = unlocked.events.iter().find(by_another) {
        let growths = format!("Goroutine {} had the same map grow in", event["goid"]);
        assert!(report.contains(&growths), "{report}");
    }
    if let Some(Growing { goid, stack }) = &collision.growing {
        assert_ne!(*goid, collision.goid);
        let functions: Vec<_> = own(stack).into_iter().map(|frame| frame.function).collect();
        let expected = ["main.(*ledger).add", "main.unsynchronised", "main.main"];
        assert_eq!(functions, expected.map(|name| Some(name.to_owned())));
    }
    let locked = recorded(&executable, true)?;
    assert_eq!(locked.target.code(), Some(0), "{}", locked.target.stderr);
    assert!(locked.collisions.is_empty(), "{:?}", locked.collisions);
    assert!(!locked.report.contains(REMEDY), "{}", locked.report);
    Ok(())
}

#[test]
fn goroutines_that_write_to_one_map_without_a_lock_are_told_of_by_the_line() -> Result<()> {
    if !requirement::root("goroutines_that_write_to_one_map_without_a_lock_are_told_of_by_the_line")
    {
        return Ok(());
    }
    let _alone = machine::alone()?;
    writes_of_two_goroutines(Toolchain::Installed, &[])
}

#[test]
fn so_are_those_of_a_stripped_program_with_maps_before_swiss_maps() -> Result<()> {
    if !requirement::root("so_are_those_of_a_stripped_program_with_maps_before_swiss_maps") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    writes_of_two_goroutines(EARLIER, &["-ldflags=-s -w"])
}
