//! What a tracer costs that puts its probes where they come to mind: on the entry and each `RET` of the functions
//! that every map write runs through. Never by uretprobes, which crash Go programs.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use integration::{probed, program::Program, truth::TruthTarget};
use serde::Serialize;

use super::{
    PATIENCE, SWISS, Scale,
    figure::{Figures, Samples},
    run::{self, Work},
};
use crate::{interrupt, machine, run as command};

const FUNCTIONS: &str = "^runtime\\.mapassign(_fast64|_faststr)?$";

/// What a bpftrace says that was built without a disassembler, as Debian's is.
const NO_OFFSETS: &str = "compiled without (k|u)probe offset support";

#[derive(Debug, Serialize)]
pub struct Comparison {
    /// On entries.
    pub entries: usize,
    /// On each `RET`; 0 where this bpftrace places no probe within a function.
    pub returns: usize,
    pub figures: Figures,
}

/// `None`: bpftrace is not installed.
pub fn measure(scale: Scale) -> Result<Option<Comparison>> {
    if !machine::has_program("bpftrace") {
        return Ok(None);
    }
    let executable = run::executable(SWISS)?;
    let mut objdump = SWISS.command();
    objdump
        .args(["tool", "objdump", "-s", FUNCTIONS])
        .arg(&executable);
    let mut probes = probes(&command::output(objdump)?);
    let work = Work {
        toolchain: SWISS,
        mode: "torture",
        duration: scale.load,
        control: false,
        entries: None,
    };
    let mut samples = Samples::default();
    for round in 1..=scale.repeats {
        eprintln!("bpftrace, round {round}");
        let without = work.alone()?.outcome.throughput;
        let with = match traced(&executable, &probes, scale.load) {
            Err(error) if format!("{error:#}").contains(NO_OFFSETS) => {
                probes.retain(|probe| matches!(probe, Probe::Entry(_)));
                traced(&executable, &probes, scale.load)?
            }
            traced => traced?,
        };
        samples.add("slower_by_factor", without / with);
        samples.add("throughput_without_per_second", without);
        samples.add("throughput_with_per_second", with);
    }
    let is_entry = |probe: &&Probe| matches!(probe, Probe::Entry(_));
    let entries = probes.iter().filter(is_entry).count();
    Ok(Some(Comparison {
        entries,
        returns: probes.len() - entries,
        figures: samples.figures(),
    }))
}

#[derive(Debug, PartialEq)]
enum Probe {
    Entry(String),
    Return(String),
}

/// Addresses from `go tool objdump`: the first instruction of each function, and each RET.
fn probes(listing: &str) -> Vec<Probe> {
    let (mut probes, mut first) = (Vec::new(), false);
    for line in listing.lines() {
        if line.starts_with("TEXT ") {
            first = true;
            continue;
        }
        let mut words = line.split_whitespace().skip(1);
        let Some(address) = words.next().filter(|word| word.starts_with("0x")) else {
            continue;
        };
        if std::mem::take(&mut first) {
            probes.push(Probe::Entry(address.to_owned()));
        }
        if words.nth(1) == Some("RET") {
            probes.push(Probe::Return(address.to_owned()));
        }
    }
    probes
}

fn program(executable: &Path, probes: &[Probe]) -> String {
    let probe = |probe: &Probe| {
        let (address, does) = match probe {
            Probe::Entry(address) => (address, "{ @begin[tid] = nsecs; }"),
            Probe::Return(address) => (
                address,
                "/@begin[tid]/ { @nano = hist(nsecs - @begin[tid]); delete(@begin[tid]); }",
            ),
        };
        format!("uprobe:{}:{address} {does}\n", executable.display())
    };
    probes.iter().map(probe).collect()
}

fn traced(executable: &Path, probes: &[Probe], duration: Duration) -> Result<f64> {
    interrupt::check()?;
    let directory = tempfile::tempdir()?;
    let mut target = Command::new(executable);
    target.args(["--mode", "torture", "--duration"]);
    target.arg(format!("{}ms", duration.as_millis()));
    let mut target = TruthTarget::start(target, directory.path())?;
    let mut bpftrace = Command::new("bpftrace");
    bpftrace.args(["-p", &target.program.pid().to_string(), "-e"]);
    bpftrace.arg(program(executable, probes));
    let mut bpftrace = Program::start(bpftrace)?;
    wait_attached(&mut bpftrace, target.program.pid(), probes)?;
    target.begin()?;
    let truth = target
        .finish(duration + PATIENCE)
        .context("the traced target")?;
    bpftrace.stop(PATIENCE)?;
    Ok(truth.outcome.throughput)
}

/// It says that it attaches some seconds before it has: what counts is the breakpoints in the target.
fn wait_attached(bpftrace: &mut Program, pid: u32, probes: &[Probe]) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while probed::altered_bytes(pid)? < probes.len() {
        if bpftrace.ended()? || Instant::now() > deadline {
            bail!("bpftrace did not attach: {}", bpftrace.stderr());
        }
        interrupt::sleep(Duration::from_millis(50))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_returns_are_read_from_the_disassembly() {
        let listing = "TEXT runtime.mapassign(SB) /go/map.go\n  \
            map.go:10\t0x401000\t493b6610\tCMPQ SP, 0x10(R14)\n  \
            map.go:20\t0x401010\tc3\tRET\n  \
            map.go:21\t0x401020\te8ffffffff\tCALL runtime.morestack(SB)\n";
        let expected = [
            Probe::Entry("0x401000".into()),
            Probe::Return("0x401010".into()),
        ];
        assert_eq!(probes(listing), expected);
    }
}
