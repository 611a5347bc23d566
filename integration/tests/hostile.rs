//! Neighbours that want slowmap to hang, to fill the memory, to end, or to write to somebody's terminal.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use integration::{
    go::{self, Toolchain},
    machine,
    program::{Ended, Program},
    recording, requirement,
    sink::Sink,
    slowmap::{self, PATIENCE},
    trace::span::Attributes,
    usage::{Follower, Used},
};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

/// In which each is declined, on a machine that has other things to do.
const MOMENT: Duration = Duration::from_secs(5);
const MEMORY: u64 = 64 << 20;
const HUGE: u64 = 10 << 30;

/// It clears the screen, begins a line of its own that looks like a message, rings, and is no UTF-8.
const NAME: &[u8] = b"evil\x1b[2J\nERROR slowmap: all is lost\x07\xff";
const SERVICE: &str = "evil\u{1b}[2J\nservice";
const ATTRIBUTES: &str = "deployment.environment.name=a%0Ab\u{1b}[2J";

fn inspect(path: &Path) -> Result<Ended> {
    let mut command = slowmap::command(["inspect"])?;
    command.arg(path);
    Program::run(command, PATIENCE)
}

/// A copy of a Go program.
fn copy(to: &Path) -> Result<PathBuf> {
    fs::copy(go::target("truth", Toolchain::Installed)?, to)?;
    Ok(to.to_owned())
}

/// The same, with a hole at its end.
fn huge(to: &Path) -> Result<PathBuf> {
    let path = copy(to)?;
    File::options().write(true).open(&path)?.set_len(HUGE)?;
    Ok(path)
}

fn pipe(path: &Path) -> Result<()> {
    let mode = Mode::RUSR | Mode::WUSR;
    Ok(mknodat(CWD, path, FileType::Fifo, mode, 0)?)
}

fn is_printable(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || !c.is_control())
}

/// Its texts, down to the last; line breaks too are none of a target's business.
fn is_clean(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains(char::is_control),
        Value::Array(items) => items.iter().all(is_clean),
        Value::Object(fields) => fields.values().all(is_clean),
        _ => true,
    }
}

#[test]
fn what_is_no_executable_is_declined_in_a_moment_and_in_one_line() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let at = |name: &str| directory.path().join(name);
    pipe(&at("pipe\n\u{1b}[2J"))?;
    symlink(at("loop"), at("loop"))?;
    fs::create_dir(at("directory"))?;
    huge(&at("huge\n\u{1b}[2J"))?;
    for name in ["pipe\n\u{1b}[2J", "loop", "directory", "huge\n\u{1b}[2J"] {
        let begin = Instant::now();
        let ended = inspect(&at(name))?;
        assert!(matches!(ended.code(), Some(1..)), "{name}: {ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{name}: {ended:?}");
        assert!(is_printable(&ended.stderr), "{name}: {ended:?}");
        assert!(begin.elapsed() < MOMENT, "{name}: {:?}", begin.elapsed());
    }
    Ok(())
}

#[test]
fn a_file_that_changes_while_it_is_read_is_looked_into_or_declined() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = copy(&directory.path().join("changing"))?;
    let (whole, done) = (fs::read(&path)?, AtomicBool::new(false));
    thread::scope(|scope| {
        let changing = scope.spawn(|| -> Result<()> {
            let file = File::options().write(true).open(&path)?;
            while !done.load(Ordering::Relaxed) {
                file.set_len(4096)?;
                fs::write(&path, &whole)?;
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        });
        let looked_into = (0..100).map(|_| {
            let ended = inspect(&path)?;
            let code = ended.code().with_context(|| format!("{ended:?}"))?;
            Ok(code == 0 || ended.stderr.contains("written to while it was looked into"))
        });
        let told: Result<Vec<bool>> = looked_into.collect();
        done.store(true, Ordering::Relaxed);
        changing.join().expect("the file is written to")?;
        let told = told?.into_iter().filter(|told| *told).count();
        println!(
            "{told} looked into or told to have changed, {} cut short before",
            100 - told
        );
        Ok(())
    })
}

/// Go services that write maps, each with an executable that is made to be trouble.
struct Neighbours {
    services: Vec<Program>,
    pids: Vec<String>,
    directory: tempfile::TempDir,
}

impl Neighbours {
    fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let at = |name: &[u8]| directory.path().join(OsStr::from_bytes(name));
        let executables = [
            copy(&at(NAME))?,
            huge(&at(b"huge"))?,
            copy(&at(b"pipe"))?,
            copy(&at(b"loop"))?,
        ];
        let services: Vec<Program> = executables
            .iter()
            .map(|it| service(it))
            .collect::<Result<_>>()?;
        // What they were started from is not there any more, and what is there must not be opened.
        for replaced in &executables[2..] {
            fs::remove_file(replaced)?;
        }
        pipe(&executables[2])?;
        symlink(&executables[3], &executables[3])?;
        Ok(Self {
            pids: services.iter().map(|it| it.pid().to_string()).collect(),
            services,
            directory,
        })
    }
}

/// Writes maps until it is told to end.
fn service(executable: &Path) -> Result<Program> {
    let mut command = Command::new(executable);
    command.args([
        "--rate",
        "20000",
        "--goroutines",
        "2",
        "--start-after",
        "1ms",
    ]);
    command.args(["--output", "/dev/null"]);
    command.env("OTEL_SERVICE_NAME", SERVICE);
    command.env("OTEL_RESOURCE_ATTRIBUTES", ATTRIBUTES);
    let mut service = Program::start(command)?;
    service.line(PATIENCE, |line| line.starts_with("READY "))?;
    Ok(service)
}

/// Its end, and that it was small until then.
fn ended(
    slowmap: Program,
    follower: Follower,
    end: impl Fn(Program) -> Result<Ended>,
) -> Result<()> {
    let ended = end(slowmap)?;
    let used: Used = follower.finish()?;
    println!("{used:?}");
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert!(is_printable(&ended.stderr), "{:?}", ended.stderr);
    let lines = ended.stderr.lines();
    assert!(
        lines
            .clone()
            .all(|line| !line.starts_with("ERROR slowmap: all")),
        "{}",
        ended.stderr
    );
    assert!(used.peak_memory_bytes < MEMORY, "{used:?}");
    Ok(())
}

#[test]
fn neighbours_that_are_huge_gone_or_named_to_mislead_cost_little_and_are_told_of_safely()
-> Result<()> {
    let test =
        "neighbours_that_are_huge_gone_or_named_to_mislead_cost_little_and_are_told_of_safely";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let neighbours = Neighbours::start()?;
    is_recorded(&neighbours)?;
    is_exported(&neighbours)?;
    for service in neighbours.services {
        service.stop(PATIENCE)?;
    }
    Ok(())
}

fn is_recorded(neighbours: &Neighbours) -> Result<()> {
    let output = neighbours.directory.path().join("out");
    let mut command = slowmap::command([
        "record",
        "--duration",
        "3s",
        "--threshold",
        "20us",
        "--output",
    ])?;
    command.arg(&output).arg("--pid").args(&neighbours.pids);
    command.env("SLOWMAP_LOG", "debug");
    let record = Program::start(command)?;
    let follower = Follower::start(record.pid())?;
    ended(record, follower, |record| record.wait(PATIENCE))?;

    let recorded = recording::read(&output)?;
    assert!(!recorded.events.is_empty(), "{}", recorded.summary);
    assert!(is_clean(&recorded.summary), "{}", recorded.summary);
    let events = fs::read_to_string(output.join("events.jsonl"))?;
    for line in events.lines() {
        assert!(is_clean(&serde_json::from_str(line)?), "{line}");
    }
    assert_eq!(
        recorded.summary["targets"].as_array().map(Vec::len),
        Some(3)
    );
    let skipped = recorded.summary["skipped"].as_array().context("a list")?;
    let [huge] = &skipped[..] else {
        anyhow::bail!("{skipped:?}");
    };
    assert!(
        huge["executable"]
            .as_str()
            .is_some_and(|path| path.ends_with("/huge")),
        "{huge}"
    );
    assert!(
        huge["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("larger than")),
        "{huge}"
    );

    let mut report = slowmap::command(["report"])?;
    report.arg(&output);
    let told = Program::run(report, PATIENCE)?;
    assert!(
        is_printable(&told.stdout) && is_printable(&told.stderr),
        "{told:?}"
    );
    Ok(())
}

fn is_exported(neighbours: &Neighbours) -> Result<()> {
    let sink = Sink::start()?;
    let pids = neighbours.pids.join(",");
    let settings = [
        ("SLOWMAP_PIDS", pids.as_str()),
        ("SLOWMAP_THRESHOLD", "20us"),
        ("SLOWMAP_LOG", "debug"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "500"),
    ];
    let run = slowmap::run(&sink.endpoint(), &settings)?;
    let follower = Follower::start(run.pid())?;
    let received = sink.wait(PATIENCE, "writes and durations", |received| {
        !received.logs.is_empty()
            && received
                .metrics
                .iter()
                .any(|point| point.resource.contains_key("process.executable.name"))
    });
    ended(run, follower, |run| run.stop(PATIENCE))?;
    let received = received?;
    let all = received
        .logs
        .iter()
        .map(|log| (&log.resource, &log.attributes));
    let points = received
        .metrics
        .iter()
        .map(|point| (&point.resource, &point.attributes));
    for (resource, attributes) in all.chain(points) {
        ensure!(
            are_clean(resource) && are_clean(attributes),
            "{resource:?} {attributes:?}"
        );
    }
    Ok(())
}

fn are_clean(attributes: &Attributes) -> bool {
    // A stack is written with line breaks and tabs.
    let own = |key: &str, text: &Value| {
        let text = text.as_str().unwrap_or_default();
        key == "code.stacktrace"
            && text
                .chars()
                .all(|c| c == '\n' || c == '\t' || !c.is_control())
    };
    attributes
        .iter()
        .all(|(key, value)| !key.contains(char::is_control) && (is_clean(value) || own(key, value)))
}
