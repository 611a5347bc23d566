//! What a process uses of the machine while something is measured, as `/proc` has it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use procfs::process::Process;

const INTERVAL: Duration = Duration::from_millis(50);

/// The memory that a process has resident now, in bytes.
pub fn resident(pid: u32) -> Result<u64> {
    let status = Process::new(i32::try_from(pid)?)?.status()?;
    Ok(status.vmrss.context("no VmRSS")? * 1024)
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Used {
    /// CPU time over time passed: 1 is one core. Exact to a clock tick (10 ms) of the time measured.
    pub cpu_share: f64,
    /// The most memory that it ever had resident (`VmHWM`).
    pub peak_memory_bytes: u64,
}

/// Follows a process from now on, in a thread of its own.
#[derive(Debug)]
pub struct Follower {
    first: Sample,
    stop: Arc<AtomicBool>,
    last: thread::JoinHandle<Option<Sample>>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    cpu: Duration,
    peak_memory_bytes: u64,
}

impl Follower {
    pub fn start(pid: u32) -> Result<Self> {
        let process = Process::new(i32::try_from(pid).context("a pid fits")?)?;
        let first = sample(&process).context("a process that has just been started has ended")?;
        let stop = Arc::new(AtomicBool::new(false));
        let last = thread::spawn({
            let stop = stop.clone();
            move || follow(&process, &stop)
        });
        Ok(Self { first, stop, last })
    }

    /// What it has used, up to now or its end.
    pub fn finish(self) -> Result<Used> {
        self.stop.store(true, Ordering::Relaxed);
        let last = self.last.join().map_err(|_| anyhow!("the follower died"))?;
        let last = last.context("the process ended before anything was measured")?;
        let passed = last.at.duration_since(self.first.at);
        Ok(Used {
            cpu_share: (last.cpu - self.first.cpu).div_duration_f64(passed),
            peak_memory_bytes: last.peak_memory_bytes,
        })
    }
}

fn follow(process: &Process, stop: &AtomicBool) -> Option<Sample> {
    let mut last = None;
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(INTERVAL);
        match sample(process) {
            Some(sample) => last = Some(sample),
            None => break,
        }
    }
    last
}

/// `None`: it has ended. What is left of it then says no more how much memory it had.
fn sample(process: &Process) -> Option<Sample> {
    let (stat, status) = (process.stat().ok()?, process.status().ok()?);
    let ticks = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
    Some(Sample {
        at: Instant::now(),
        cpu: Duration::from_secs_f64(ticks),
        peak_memory_bytes: status.vmhwm? * 1024,
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::program::Program;

    #[test]
    fn a_program_that_sleeps_uses_less_cpu_than_one_that_works_and_both_have_memory() -> Result<()>
    {
        let share = |script: &str| -> Result<Used> {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            let program = Program::start(command)?;
            let follower = Follower::start(program.pid())?;
            thread::sleep(Duration::from_millis(600));
            let used = follower.finish();
            program.stop(Duration::from_secs(5))?;
            used
        };
        let (asleep, at_work) = (share("exec sleep 60")?, share("while :; do :; done")?);
        assert!(
            asleep.cpu_share < at_work.cpu_share,
            "{asleep:?} {at_work:?}"
        );
        assert!(asleep.peak_memory_bytes > 0 && at_work.peak_memory_bytes > 0);
        Ok(())
    }
}
