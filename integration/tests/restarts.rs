//! Processes that come and go beside a slowmap that stays.

use std::{
    collections::HashMap,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use integration::{
    go::{self, Toolchain},
    machine,
    program::Program,
    requirement,
    slowmap::{self, PATIENCE},
    usage,
};

const STARTS: usize = 10;
/// In which a process has to be seen, looked into and attached to: half of the starts, since a busy machine delays some.
const PROMPT: Duration = Duration::from_millis(100);

/// `RESTART_SECONDS` sets another number.
const SECONDS: usize = 20;
const A_SECOND: usize = 10;
const LIFE: Duration = Duration::from_millis(100);
/// One in so many goes on living.
const SURVIVORS: usize = 20;
/// From when on nothing of a life may be missed.
const FIRST_SECOND: Duration = Duration::from_secs(1);
/// Of memory that one life needs and the next one does not.
const ROOM: u64 = 3 << 20;
/// Of files that stay open: the executable, and connections that are tried.
const FILES: usize = 8;

#[test]
fn a_process_is_attached_to_within_a_tenth_of_a_second_of_its_start() -> Result<()> {
    if !requirement::root("a_process_is_attached_to_within_a_tenth_of_a_second_of_its_start") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let mut slowmap = running()?;
    let (mut living, mut waits) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let begin = Instant::now();
        let process = idle()?;
        let attached = format!(" attached pid={} ", process.pid());
        wait_for(&mut slowmap, &attached)?;
        waits.push(begin.elapsed());
        living.push(process);
        thread::sleep(Duration::from_millis(70));
    }
    waits.sort();
    println!("attached to after {waits:?}");
    // The first is looked into, the others are the same file.
    assert!(waits[STARTS / 2] < PROMPT, "{waits:?}");

    let last = living.pop().context("a process")?;
    let detached = format!(" pid={}", last.pid());
    drop(last);
    wait_for(&mut slowmap, &format!("the process has ended{detached}"))?;
    assert_eq!(slowmap.stop(PATIENCE)?.code(), Some(0));
    Ok(())
}

#[test]
fn of_ten_restarts_a_second_each_survivor_is_watched_and_the_others_cost_next_to_nothing()
-> Result<()> {
    if !requirement::root(
        "of_ten_restarts_a_second_each_survivor_is_watched_and_the_others_cost_next_to_nothing",
    ) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let seconds = std::env::var("RESTART_SECONDS").ok();
    let seconds = seconds.map_or(Ok(SECONDS), |seconds| seconds.parse())?;
    let restarts = seconds * A_SECOND;
    let slowmap = running()?;
    let files = open_files(&slowmap)?;
    let (mut survivors, mut warm) = (HashMap::new(), 0);
    let begin = Instant::now();
    let usage = usage::Follower::start(slowmap.pid())?;
    for round in 1..=restarts {
        let process = idle()?;
        // So that it is ten a second, with what starting and ending takes.
        let until = LIFE * u32::try_from(round)?;
        thread::sleep(until.saturating_sub(begin.elapsed()));
        if round % SURVIVORS == 0 {
            survivors.insert(process.pid(), (process, Instant::now()));
        }
        if round == restarts / 4 {
            warm = usage::resident(slowmap.pid())?;
        }
    }
    thread::sleep(FIRST_SECOND);
    let (used, took) = (usage.finish()?, begin.elapsed());
    let last = usage::resident(slowmap.pid())?;
    let said = slowmap.stderr();
    let attached = said.matches(" attached pid=").count();
    println!(
        "{restarts} lives in {took:?}, {attached} attached to; slowmap took {:.2} % of a core, {warm} then {last} bytes",
        used.cpu_share * 100.0,
    );
    for pid in survivors.keys() {
        assert!(
            said.contains(&format!(" attached pid={pid} ")),
            "{pid} is not watched: {said}"
        );
    }
    assert!(
        attached <= survivors.len() + restarts / 10,
        "{attached} lives were attached to"
    );
    assert!(last <= warm + ROOM, "{warm} bytes became {last}");

    drop(survivors);
    let deadline = Instant::now() + PATIENCE;
    while slowmap.stderr().matches("the process has ended").count() < attached {
        ensure!(Instant::now() < deadline, "{}", slowmap.stderr());
        thread::sleep(Duration::from_millis(10));
    }
    // Probes of those that have ended go out one batch after the other.
    let mut left = open_files(&slowmap)?;
    while left > files + FILES && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
        left = open_files(&slowmap)?;
    }
    println!("{files} files were open, {left} are now");
    assert!(left <= files + FILES, "{files} open files became {left}");
    assert_eq!(slowmap.stop(PATIENCE)?.code(), Some(0));
    Ok(())
}

/// Nothing listens where it sends to, and nothing is sent: these programs do nothing.
fn running() -> Result<Program> {
    let mut slowmap = slowmap::run(
        "http://127.0.0.1:9",
        &[("SLOWMAP_EXECUTABLES", "truth"), ("SLOWMAP_LOG", "info")],
    )?;
    wait_for(&mut slowmap, " running ")?;
    Ok(slowmap)
}

/// Probes are among them.
fn open_files(slowmap: &Program) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{}/fd", slowmap.pid()))?.count())
}

/// It waits for the word to begin, which never comes.
fn idle() -> Result<Program> {
    Program::start(Command::new(go::target("truth", Toolchain::Installed)?))
}

fn wait_for(slowmap: &mut Program, text: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !slowmap.stderr().contains(text) {
        if slowmap.ended()? || Instant::now() > deadline {
            bail!("no {text:?} in {}", slowmap.stderr());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
