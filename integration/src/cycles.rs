//! slowmap comes and goes, again and again, while its targets work: what it leaves behind would add up.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::{
    go::{Build, Toolchain},
    machine, probed,
    program::{Ended, Program},
    sink::Sink,
    slowmap::{self, PATIENCE},
};

/// Where the code of an executable is, and who moves it there.
const WAYS: [(&str, Build<'_>); 3] = [
    ("default", built(&[], &[])),
    ("PIE", built(&["-buildmode=pie"], &[])),
    (
        "static PIE",
        built(
            &[
                "-buildmode=pie",
                "-ldflags=-linkmode=external -extldflags=-static-pie",
            ],
            &[("CGO_ENABLED", "1")],
        ),
    ),
];

const fn built<'a>(flags: &'a [&'a str], environment: &'a [(&'a str, &'a str)]) -> Build<'a> {
    Build {
        toolchain: Toolchain::Installed,
        flags,
        environment,
    }
}

const SLOWMAPS_NICENESS: i32 = -10;

/// Some stay for no time at all, others long enough to be in the midst of something.
const STAYS_MS: [u64; 5] = [0, 3, 10, 30, 70];

/// What all cycles of one target came to.
#[derive(Debug)]
pub struct Target {
    pub way: &'static str,
    pub outcome: Outcome,
    /// The fewest and the most bytes of its code that were altered while slowmap was there.
    pub altered: (usize, usize),
    program: Option<Program>,
}

/// The last line of a target's output.
#[derive(Debug, Default, Deserialize)]
pub struct Outcome {
    pub writes: u64,
    /// How often a stack was copied because it had become too small, and too large.
    pub grown: u64,
    pub shrunk: u64,
    /// Of garbage.
    pub collections: u64,
    pub checksum_ok: bool,
}

#[derive(Debug)]
pub struct Cycles {
    pub count: usize,
    pub targets: Vec<Target>,
    /// From slowmap's start until it has attached to all, and from its being told to end until it has: sums.
    pub attaching: Duration,
    pub detaching: Duration,
}

/// Attaches to all targets at once and detaches, over and over, as long as `go_on` says so of how often that was done. An
/// error: something was not as it had been before.
pub fn run(mut go_on: impl FnMut(usize) -> bool) -> Result<Cycles> {
    let mut cycles = Cycles {
        count: 0,
        targets: WAYS.iter().map(start).collect::<Result<_>>()?,
        attaching: Duration::ZERO,
        detaching: Duration::ZERO,
    };
    let sink = Sink::start()?;
    // slowmap's start is a second of work that three busy targets would make many; they stay busy.
    machine::before_other_programs(SLOWMAPS_NICENESS)?;
    while go_on(cycles.count) {
        let stay = Duration::from_millis(STAYS_MS[cycles.count % STAYS_MS.len()]);
        cycles
            .once(&sink.endpoint(), stay)
            .with_context(|| format!("after {} cycles", cycles.count))?;
        cycles.count += 1;
    }
    for target in &mut cycles.targets {
        target.finish()?;
    }
    Ok(cycles)
}

fn start((name, build): &(&'static str, Build<'_>)) -> Result<Target> {
    let executable = build.target("cycles").context(*name)?;
    let mut program = Program::start(Command::new(executable))?;
    program.line(PATIENCE, |line| line.starts_with("READY "))?;
    Ok(Target {
        way: name,
        outcome: Outcome::default(),
        altered: (usize::MAX, 0),
        program: Some(program),
    })
}

impl Cycles {
    fn once(&mut self, endpoint: &str, stay: Duration) -> Result<()> {
        let pids: Vec<String> = self.targets.iter().filter_map(Target::pid).collect();
        let begin = Instant::now();
        let settings = [("SLOWMAP_PIDS", &*pids.join(",")), ("SLOWMAP_LOG", "info")];
        let mut slowmap = slowmap::run(endpoint, &settings)?;
        slowmap::wait_attached_log(&mut slowmap, pids.len(), PATIENCE)?;
        self.attaching += begin.elapsed();
        for target in &mut self.targets {
            target.look_while_probed()?;
        }
        thread::sleep(stay);
        let begin = Instant::now();
        let ended = slowmap.stop(PATIENCE)?;
        self.detaching += begin.elapsed();
        ensure!(ended.code() == Some(0), "slowmap: {ended:?}");
        self.targets.iter_mut().try_for_each(Target::look_after)
    }
}

impl Target {
    fn pid(&self) -> Option<String> {
        let program = self.program.as_ref()?;
        Some(program.pid().to_string())
    }

    fn running(&mut self) -> Result<&mut Program> {
        let program = self.program.as_mut();
        let program = program.context("it has ended before")?;
        if program.ended()? {
            bail!("the target ({}) has ended: {}", self.way, program.stderr());
        }
        Ok(program)
    }

    fn look_while_probed(&mut self) -> Result<()> {
        let altered = probed::altered_bytes(self.running()?.pid())?;
        ensure!(altered > 0, "no probe is in the target ({})", self.way);
        let (fewest, most) = self.altered;
        self.altered = (fewest.min(altered), most.max(altered));
        Ok(())
    }

    fn look_after(&mut self) -> Result<()> {
        let altered = probed::altered_bytes(self.running()?.pid())?;
        ensure!(altered == 0, "{altered} bytes stay altered ({})", self.way);
        Ok(())
    }

    /// Tells it to end, and takes what it says of its maps and stacks.
    fn finish(&mut self) -> Result<()> {
        let program = self.program.take().context("it has ended before")?;
        let Ended {
            status,
            stdout,
            stderr,
        } = program.stop(PATIENCE)?;
        let last = stdout.lines().last().unwrap_or_default();
        self.outcome = serde_json::from_str(last)
            .with_context(|| format!("the target ({}) ended: {status} {stderr}", self.way))?;
        let Outcome {
            grown,
            shrunk,
            checksum_ok,
            ..
        } = self.outcome;
        ensure!(status.success() && checksum_ok, "{self:?}: {stderr}");
        ensure!(grown > 0 && shrunk > 0, "its stacks stayed: {self:?}");
        Ok(())
    }
}
