//! Executables as large as they come, and many processes of one.

use std::{
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use integration::{
    go::{self, Toolchain},
    loki, machine, requirement,
    slowmap::{self, PATIENCE},
    truth::TruthTarget,
    usage::Follower,
};

const LARGE: u64 = 100_000_000;
/// What is promised of executables of that size.
const TIME: Duration = Duration::from_millis(300);
const MEMORY: u64 = 64 << 20;
const RUNS: usize = 5;

const PROCESSES: usize = 200;

/// What a run of `slowmap inspect` took.
#[derive(Debug, Clone, Copy)]
struct Took {
    time: Duration,
    /// Without what it waits for a busy machine.
    cpu: Duration,
    /// The most bytes that it had resident.
    memory: u64,
}

#[test]
fn an_executable_of_a_hundred_megabytes_is_looked_into_in_a_moment_and_in_little_memory()
-> Result<()> {
    let _alone = machine::alone()?;
    let large = loki::LOKI.executable()?;
    let size = std::fs::metadata(&large)?.len();
    ensure!(size >= LARGE, "{} has {size} bytes", large.display());
    let usual = inspections(&go::target("truth", Toolchain::Installed)?)?;
    let large = inspections(&large)?;
    for took in usual.iter().chain(&large) {
        let Took { time, cpu, memory } = took;
        println!("{time:?}, of which CPU {cpu:?}; {memory} bytes resident");
    }
    let cpu = large.iter().map(|took| took.cpu).min();
    let memory = large.iter().map(|took| took.memory).max();
    let usual = usual.iter().map(|took| took.memory).min();
    assert!(cpu.is_some_and(|cpu| cpu < TIME));
    assert!(
        memory
            .zip(usual)
            .is_some_and(|(large, usual)| large < usual + MEMORY)
    );
    Ok(())
}

fn inspections(executable: &Path) -> Result<Vec<Took>> {
    (0..RUNS).map(|_| inspect(executable)).collect()
}

fn inspect(executable: &Path) -> Result<Took> {
    let mut command = slowmap::command(["inspect"])?;
    command.arg(executable).stdout(Stdio::null());
    let begin = Instant::now();
    let (status, usage) = run(command)?;
    ensure!(status == 0, "slowmap inspect ended with {status}");
    Ok(Took {
        time: begin.elapsed(),
        cpu: duration(usage.ru_utime)? + duration(usage.ru_stime)?,
        memory: u64::try_from(usage.ru_maxrss)? * 1024,
    })
}

/// Waits as the standard library does, and takes what the kernel says of the child.
fn run(mut command: Command) -> Result<(i32, libc::rusage)> {
    let child = command.spawn().context("start slowmap")?;
    let pid = i32::try_from(child.id())?;
    let mut status = 0;
    // SAFETY: all zero is a value of a struct of integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values; nobody else waits for this child.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    ensure!(waited == pid, "wait for slowmap");
    Ok((status, usage))
}

fn duration(time: libc::timeval) -> Result<Duration> {
    let micros = u64::try_from(time.tv_usec)?;
    Ok(Duration::from_secs(u64::try_from(time.tv_sec)?) + Duration::from_micros(micros))
}

#[test]
fn two_hundred_processes_of_one_executable_are_looked_into_once() -> Result<()> {
    if !requirement::root("two_hundred_processes_of_one_executable_are_looked_into_once") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let executable = go::target("truth", Toolchain::Installed)?;
    let targets: Vec<TruthTarget> = (0..PROCESSES)
        .map(|_| TruthTarget::start(Command::new(&executable), directory.path()))
        .collect::<Result<_>>()?;
    let pids: Vec<String> = targets
        .iter()
        .map(|target| target.program.pid().to_string())
        .collect();
    let begin = Instant::now();
    let mut slowmap = slowmap::run(
        "http://127.0.0.1:9",
        &[("SLOWMAP_PIDS", &pids.join(",")), ("SLOWMAP_LOG", "debug")],
    )?;
    slowmap::wait_attached_log(&mut slowmap, PROCESSES, PATIENCE)?;
    println!("attached to {PROCESSES} in {:?}", begin.elapsed());
    let follower = Follower::start(slowmap.pid())?;
    thread::sleep(Duration::from_secs(3));
    println!("{:?}", follower.finish()?);
    let begin = Instant::now();
    let ended = slowmap.stop(PATIENCE)?;
    println!("detached in {:?}", begin.elapsed());
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches(" looked into ").count(), 1);
    Ok(())
}
