//! What goes wrong says so in one line, by the exit code of the interface, and loses nothing.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use integration::{
    go::{self, Toolchain},
    kernel, machine,
    program::{Ended, Program},
    recording, requirement,
    slowmap::{self, PATIENCE},
    truth::TruthTarget,
};
use serde_json::Value;
use tempfile::TempDir;

/// `nobody`
const UNPRIVILEGED: u32 = 65534;

/// Runs it to its end, and expects that exit code with one line on stderr.
fn refused(command: Command, code: i32) -> Result<String> {
    let Ended { status, stderr, .. } = Program::run(command, PATIENCE)?;
    assert_eq!(status.code(), Some(code), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    Ok(stderr)
}

/// A target that waits to be told to begin, and writes no map before.
fn waiting(directory: &Path) -> Result<TruthTarget> {
    TruthTarget::start(
        Command::new(go::target("truth", Toolchain::Installed)?),
        directory,
    )
}

fn record(pid: u32, output: &Path) -> Result<Command> {
    let mut command = slowmap::command(["record", "--pid", &pid.to_string(), "--output"])?;
    command.arg(output);
    Ok(command)
}

#[test]
fn without_privileges_the_missing_capability_is_named() -> Result<()> {
    if !requirement::root("without_privileges_the_missing_capability_is_named") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777))?;
    let copy = directory.path().join("slowmap");
    fs::copy(slowmap::binary()?, &copy)?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
    let target = waiting(directory.path())?;
    let pid = target.program.pid().to_string();
    let output = directory.path().join("out");
    for arguments in [
        vec![
            "record",
            "--pid",
            &pid,
            "--output",
            &output.to_string_lossy(),
        ],
        vec!["run", "--pid", &pid],
    ] {
        let mut command = slowmap::unconfigured(&copy);
        command.args(&arguments).uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        let line = refused(command, 3)?;
        assert!(line.contains("CAP_BPF"), "{arguments:?}: {line}");
    }
    assert!(!output.exists(), "a recording was begun");
    Ok(())
}

#[test]
fn processes_that_are_not_go_are_nothing_to_attach_to_and_are_named_with_the_reason() -> Result<()>
{
    if !requirement::root(
        "processes_that_are_not_go_are_nothing_to_attach_to_and_are_named_with_the_reason",
    ) {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let mut sleep = Command::new("sleep");
    sleep.arg("60");
    let sleep = Program::start(sleep)?;
    let output = directory.path().join("out");
    let line = refused(record(sleep.pid(), &output)?, 4)?;
    for part in [sleep.pid().to_string().as_str(), "sleep", "not built by Go"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let line = refused(record(4_194_305, &directory.path().join("none"))?, 4)?;
    assert!(line.contains("no such process"), "{line}");
    let mut nowhere = slowmap::command(["record", "--exe", "/nowhere/*", "--output"])?;
    nowhere.arg(directory.path().join("nowhere"));
    let line = refused(nowhere, 4)?;
    assert!(line.contains("looked at"), "{line}");
    Ok(())
}

/// A program that cannot be probed but can be run, with what slowmap says of it.
fn unusable(directory: &Path) -> Result<Vec<(PathBuf, &'static str)>> {
    // Without debug information, from which a release that no table has could be read.
    let flags = ["-ldflags=-s -w"];
    let go = fs::read(go::target_with("truth", Toolchain::Installed, &flags)?)?;
    let executable = |name: &str, bytes: &[u8]| -> Result<PathBuf> {
        let path = directory.join(name);
        fs::write(&path, bytes)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    };
    let version = go_version(&go).context("the target's Go version is in it")?;
    let future = version.replacen("go1.", "go9.", 1);
    Ok(vec![
        (
            executable("script", b"#!/bin/sh\nexec sleep 60\n")?,
            "not an ELF file",
        ),
        (
            executable("sleep", &fs::read("/bin/sleep")?)?,
            "not built by Go",
        ),
        (
            executable("truncated", go.get(..go.len() / 2).unwrap_or_default())?,
            "truncated",
        ),
        (
            executable("future", &replaced(&go, &version, &future))?,
            "not verified, no DWARF",
        ),
    ])
}

/// e.g. `go1.26.8`, from the build information.
fn go_version(binary: &[u8]) -> Option<String> {
    let magic = b"\xff Go buildinf:";
    let at = binary
        .windows(magic.len())
        .position(|window| window == magic)?;
    // The header has 32 bytes; then comes a length in one byte and the version.
    let text = binary.get(at + 33..at + 33 + usize::from(*binary.get(at + 32)?))?;
    String::from_utf8(text.to_vec()).ok()
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter_map(|(at, window)| (window == from.as_bytes()).then_some(at))
        .collect();
    for at in places {
        if let Some(place) = bytes.get_mut(at..at + to.len()) {
            place.copy_from_slice(to.as_bytes());
        }
    }
    bytes
}

#[test]
fn a_file_that_cannot_be_probed_is_inspected_with_exit_code_4_and_the_reason() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for (path, reason) in unusable(directory.path())? {
        let mut inspect = slowmap::command(["inspect"])?;
        inspect.arg(&path);
        let line = refused(inspect, 4)?;
        let name = path.to_string_lossy();
        assert!(line.contains(reason) && line.contains(&*name), "{line}");
    }
    Ok(())
}

#[test]
fn a_process_whose_go_version_nothing_is_known_of_is_skipped_with_that_reason() -> Result<()> {
    if !requirement::root(
        "a_process_whose_go_version_nothing_is_known_of_is_skipped_with_that_reason",
    ) {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let of_the_future = unusable(directory.path())?
        .into_iter()
        .find(|(path, _)| path.ends_with("future"));
    let (path, reason) = of_the_future.context("it is in the list")?;
    let future = TruthTarget::start(Command::new(path), directory.path())?;
    let output = directory.path().join("out");
    let line = refused(record(future.program.pid(), &output)?, 4)?;
    assert!(line.contains(reason), "{line}");
    let recording = recording::read(&output)?;
    assert!(recording.events.is_empty());
    let skipped = &recording.summary["skipped"][0];
    assert_eq!(skipped["pid"], future.program.pid());
    assert!(
        skipped["reason"]
            .as_str()
            .is_some_and(|why| why.contains(reason)),
        "{skipped}"
    );
    Ok(())
}

#[test]
fn of_a_target_that_is_killed_in_the_middle_the_files_are_complete() -> Result<()> {
    if !requirement::root("of_a_target_that_is_killed_in_the_middle_the_files_are_complete") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let mut target = Command::new(go::target("truth", Toolchain::Installed)?);
    target.args(["--rate", "400000"]);
    let mut target = TruthTarget::start(target, directory.path())?;
    let output = directory.path().join("out");
    let mut slowmap = slowmap::record(target.program.pid(), &output, &["--duration", "60s"])?;
    kernel::wait_attached(&mut slowmap, PATIENCE)?;
    target.begin()?;
    std::thread::sleep(Duration::from_secs(3));
    target.program.signal(libc::SIGKILL)?;
    let ended = slowmap.wait(Duration::from_secs(10))?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let recording = recording::read(&output)?;
    assert!(
        recording.events.len() > 10,
        "{} events",
        recording.events.len()
    );
    assert_eq!(
        recording.summary["counts"]["writes"],
        recording.events.len()
    );
    let symbolized =
        |event: &recording::Event| event.has_frame("runtime.mapassign") || event.function.is_some();
    let without: Vec<_> = recording
        .events
        .iter()
        .filter(|event| !symbolized(event))
        .collect();
    assert!(
        without.is_empty(),
        "written after the target's end: {without:?}"
    );
    Ok(())
}

#[test]
fn an_interrupted_recording_is_complete() -> Result<()> {
    if !requirement::root("an_interrupted_recording_is_complete") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let target = waiting(directory.path())?;
    let output = directory.path().join("out");
    let mut slowmap = slowmap::record(target.program.pid(), &output, &["--duration", "60s"])?;
    kernel::wait_attached(&mut slowmap, PATIENCE)?;
    slowmap.signal(libc::SIGINT)?;
    let ended = slowmap.wait(Duration::from_secs(10))?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let summary = recording::read(&output)?.summary;
    assert_eq!(summary["latency"], Value::Null, "{summary}");
    Ok(())
}

#[test]
fn an_output_directory_that_cannot_be_written_is_refused_before_the_target_is_touched() -> Result<()>
{
    if !requirement::root(
        "an_output_directory_that_cannot_be_written_is_refused_before_the_target_is_touched",
    ) {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let started = directory.path().join("started");
    let mut command = slowmap::command(["record", "--output", "/proc/slowmap/out", "--"])?;
    command.args(["touch", &started.to_string_lossy()]);
    let line = refused(command, 1)?;
    assert!(line.contains("/proc/slowmap"), "{line}");
    assert!(!started.exists(), "the command was started");
    Ok(())
}

#[test]
fn of_a_recording_whose_disk_fills_up_what_was_written_can_be_reported() -> Result<()> {
    if !requirement::root("of_a_recording_whose_disk_fills_up_what_was_written_can_be_reported") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let [disk, copy] = ["disk", "copy"].map(|name| directory.path().join(name));
    fs::create_dir(&disk)?;
    let mut record = slowmap::command(["record", "--threshold", "20us", "--output"])?;
    record.arg(disk.join("out")).arg("--");
    record.arg(go::target("misuse", Toolchain::Installed)?);
    record.args(["--case", "regrown", "--start-after", "1us"]);
    // The disk is gone with the program that it is for.
    let mut copied = slowmap::unconfigured(Path::new("sh"));
    copied.args([
        "-c",
        "\"$@\"; code=$?; cp -r \"$0\"/out \"${0%disk}copy\"; exit $code",
    ]);
    copied
        .arg(&disk)
        .arg(record.get_program())
        .args(record.get_args());
    let line = refused(slowmap::with_small_disk(&copied, &disk, "128k"), 1)?;
    for part in ["events.jsonl", "No space left", "`slowmap report` reads it"] {
        assert_eq!(line.matches(part).count(), 1, "{part}: {line}");
    }
    let events = fs::read_to_string(copy.join("events.jsonl"))?;
    let whole = events.lines().map(serde_json::from_str::<Value>);
    let count = whole.collect::<Result<Vec<_>, _>>()?.len();
    assert!(count > 5, "{count}");
    assert!(
        line.contains(&format!("the {count} slow writes until then")),
        "{line}"
    );
    assert_eq!(
        fs::read_dir(&copy)?.count(),
        1,
        "nothing half-written beside it"
    );

    let mut report = slowmap::command(["report"])?;
    report.arg(&copy);
    let ended = Program::run(report, PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("cut off before its end"),
        "{}",
        ended.stdout
    );
    assert!(!ended.stdout.contains("unread"), "{}", ended.stdout);
    Ok(())
}

#[test]
fn an_unknown_configuration_key_is_named() -> Result<()> {
    let directory = TempDir::new()?;
    let file = directory.path().join("slowmap.yaml");
    fs::write(&file, "detection:\n  treshold: 1ms\n")?;
    let mut command = slowmap::command(["run", "--config"])?;
    command.arg(&file);
    let line = refused(command, 2)?;
    assert!(line.contains("detection.treshold"), "{line}");
    Ok(())
}
