//! What makes writes slow is told apart: targets that provoke one cause each.

use std::{
    collections::BTreeMap,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use integration::{
    agreement,
    cpu_limit::CpuLimit,
    go::{self, Toolchain},
    machine,
    observation::{self, Observation},
    program::Program,
    requirement,
};

const LIMIT: Duration = Duration::from_secs(60);
const SWISS: Toolchain = Toolchain::Installed;
const HMAP: Toolchain = Toolchain::Release("go1.22.12");
/// How long a target writes.
const WRITES: Duration = Duration::from_secs(3);

/// What has to be seen of a target.
struct Provoked {
    cause: &'static str,
    threshold: &'static str,
    /// At least so many events have the cause, and no other cause has as many. The rest of the machine makes some writes slow
    /// by itself.
    events: usize,
}

impl Provoked {
    fn target(&self, name: &str, toolchain: Toolchain) -> Result<Command> {
        let mut command = Command::new(go::target("causes", toolchain)?);
        command.args(["--cause", name, "--threshold", self.threshold]);
        command.args(["--duration", &format!("{}s", WRITES.as_secs())]);
        Ok(command)
    }

    fn observe(&self, target: Command, meanwhile: impl FnOnce(u32) -> Result<()>) -> Result<()> {
        let options = ["--threshold", self.threshold, "--budget", "100"];
        let observed = observation::during(target, &options, LIMIT, meanwhile)?;
        self.verify(&observed);
        Ok(())
    }

    fn verify(&self, observed: &Observation) {
        let events = &observed.recording.events;
        let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
        for event in events {
            *causes.entry(&event.cause).or_default() += 1;
            let parts: u64 = event.breakdown_nano.values().sum();
            assert!(parts <= event.duration_nano, "{event:?}");
        }
        let agreement = agreement::between(&observed.truth.writes, events);
        println!(
            "{}: {} slow writes, {causes:?}, recall {:.3}, precision {:.3}",
            self.cause,
            agreement.true_writes,
            agreement.recall(),
            agreement.precision()
        );
        assert!(observed.truth.outcome.checksum_ok);
        let provoked = causes.get(self.cause).copied().unwrap_or(0);
        assert!(provoked >= self.events, "{causes:?}");
        let most = causes.values().max();
        assert_eq!(most, Some(&provoked), "{causes:?}");
        assert!(agreement.precision() >= 0.98, "{:#?}", agreement.spurious);
    }
}

/// A target that needs nothing from outside.
fn provoked_by_itself(provoked: &Provoked, toolchain: Toolchain) -> Result<()> {
    provoked.observe(provoked.target(provoked.cause, toolchain)?, |_| Ok(()))
}

/// With Swiss maps and with the maps before them.
fn provoked_by_both(provoked: &Provoked) -> Result<()> {
    provoked_by_itself(provoked, SWISS)?;
    provoked_by_itself(provoked, HMAP)
}

#[test]
fn growth_is_told() -> Result<()> {
    if !requirement::root("growth_is_told") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    // A growth as a whole is seldom: beside a build there are more waits for a CPU.
    machine::before_other_programs(-15)?;
    let by_tables = Provoked {
        cause: "growth",
        threshold: "10us",
        events: 50,
    };
    provoked_by_itself(&by_tables, SWISS)?;
    let as_a_whole = Provoked {
        threshold: "30us",
        ..by_tables
    };
    provoked_by_itself(&as_a_whole, HMAP)
}

#[test]
fn an_assist_of_the_collector_is_told() -> Result<()> {
    if !requirement::root("an_assist_of_the_collector_is_told") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    provoked_by_both(&Provoked {
        cause: "gc_assist",
        threshold: "100us",
        events: 20,
    })
}

#[test]
fn a_stopped_world_is_told() -> Result<()> {
    if !requirement::root("a_stopped_world_is_told") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    provoked_by_both(&Provoked {
        cause: "stop_the_world",
        threshold: "500us",
        events: 5,
    })
}

#[test]
fn a_goroutine_that_go_takes_off_its_thread_is_told() -> Result<()> {
    if !requirement::root("a_goroutine_that_go_takes_off_its_thread_is_told") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    provoked_by_both(&Provoked {
        cause: "goroutine_preempted",
        threshold: "1ms",
        events: 5,
    })
}

#[test]
fn memory_that_the_kernel_has_to_zero_first_is_told() -> Result<()> {
    if !requirement::root("memory_that_the_kernel_has_to_zero_first_is_told") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    provoked_by_both(&Provoked {
        cause: "page_fault",
        threshold: "100us",
        events: 50,
    })
}

#[test]
fn a_cpu_that_another_process_takes_is_told() -> Result<()> {
    if !requirement::root("a_cpu_that_another_process_takes_is_told") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let provoked = Provoked {
        cause: "run_queue",
        threshold: "500us",
        events: 20,
    };
    let on_cpu_0 = |command: &Command| {
        let mut pinned = Command::new("taskset");
        pinned.args(["--cpu-list", "0"]);
        pinned.arg(command.get_program()).args(command.get_args());
        pinned
    };
    let mut spin = Command::new("sh");
    spin.args(["-c", "while :; do :; done"]);
    let other = Program::start(on_cpu_0(&spin))?;
    let target = on_cpu_0(&provoked.target("outside", SWISS)?);
    provoked.observe(target, |_| Ok(()))?;
    drop(other);
    Ok(())
}

#[test]
fn a_cpu_limit_that_is_used_up_is_told() -> Result<()> {
    if !requirement::root("a_cpu_limit_that_is_used_up_is_told") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let provoked = Provoked {
        cause: "run_queue",
        threshold: "5ms",
        events: 8,
    };
    let group = CpuLimit::create()?;
    let target = provoked.target("outside", SWISS)?;
    provoked.observe(target, |pid| group.take(pid))
}

#[test]
fn a_thread_that_is_stopped_is_told() -> Result<()> {
    if !requirement::root("a_thread_that_is_stopped_is_told") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let provoked = Provoked {
        cause: "blocked",
        threshold: "1ms",
        events: 10,
    };
    let target = provoked.target("outside", SWISS)?;
    provoked.observe(target, |pid| {
        let deadline = Instant::now() + WRITES - Duration::from_millis(500);
        while Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
            signal(pid, libc::SIGSTOP)?;
            thread::sleep(Duration::from_millis(10));
            signal(pid, libc::SIGCONT)?;
        }
        Ok(())
    })
}

fn signal(pid: u32, signal: i32) -> Result<()> {
    let pid = i32::try_from(pid)?;
    // SAFETY: kill has no preconditions; the process is this test's own child.
    match unsafe { libc::kill(pid, signal) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()).context("kill"),
    }
}
