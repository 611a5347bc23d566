//! What the probes on every write add to a write, and what of that is in its measured duration: measured with the
//! programs themselves, on a function of this program's own that does nothing.

use std::{
    thread,
    time::{Duration, Instant},
};

use aya::Ebpf;
use slowmap_abi::{Cookie, Target, WriteWindow, WriterKey};

use super::{
    AttachError, HitCost, in_flight, own_code,
    target::{self, TargetEntry},
    uprobes::Uprobes,
    writes::{self, WriterEntry},
};
use crate::model::{plan::ProbeRole, process::Pid};

/// Calls per measurement: some millisecond, which is often enough not interrupted.
const CALLS: u32 = 500;
/// The least of this many measurements counts: what interrupts come on top is no constant to take off.
const ROUNDS: u32 = 50;
/// Between two of them: what makes the machine slow often lasts for longer than a measurement.
const PAUSE: Duration = Duration::from_millis(5);
/// A number that no function of a target has: `model::plan::ProbePlan::map_assign` has a few.
const FUNCTION: u8 = 255;

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".globl slowmap_calibration_write",
    ".type slowmap_calibration_write, @function",
    "slowmap_calibration_write:",
    "push rbp", // As at the entry of a Go function: one byte, emulated.
    "mov rbp, rsp",
    "test rsp, rsp",
    "jne 1f", // As at its exit: emulated, and always taken.
    "1: pop rbp",
    "ret",
    ".size slowmap_calibration_write, . - slowmap_calibration_write",
);

#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(
    ".globl slowmap_calibration_write",
    ".type slowmap_calibration_write, %function",
    "slowmap_calibration_write:",
    "b 1f", // As at the entry of a Go function, a branch: simulated.
    "1: mov x9, x9",
    "ret", // As at its exit: simulated.
    ".size slowmap_calibration_write, . - slowmap_calibration_write",
);

/// Where the exit is, in bytes: on amd64 behind a push, a move and a test.
const EXIT: u64 = if cfg!(target_arch = "x86_64") {
    1 + 3 + 3
} else {
    4 + 4
};

unsafe extern "C" {
    safe fn slowmap_calibration_write();
}

/// In nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteCost {
    /// What the two probes add to the time of a write.
    pub per_write: u64,
    /// How much of that lies between their readings of the clock.
    pub overhead: u64,
    /// What the hit of another probe within a write adds.
    pub hit: u64,
}

/// The programs are loaded; the probes are on this process, for some 300 ms.
pub(super) fn measure(
    uprobes: &Uprobes,
    ebpf: &mut Ebpf,
    hit_cost: Option<HitCost>,
) -> Result<WriteCost, AttachError> {
    let own = Pid(std::process::id());
    let without = nanos_per_call();
    insert_target(ebpf, own)?;
    let measured = with_probes(uprobes, ebpf, own);
    remove_target(ebpf, own);
    let (with, overhead) = measured?;
    Ok(WriteCost {
        per_write: with.saturating_sub(without),
        overhead: overhead.saturating_sub(without),
        hit: hit_cost.map_or(0, |cost| cost.emulated),
    })
}

/// Nanoseconds that a call takes, and that are measured of it.
fn with_probes(uprobes: &Uprobes, ebpf: &mut Ebpf, own: Pid) -> Result<(u64, u64), AttachError> {
    let mut links = Vec::new();
    for (role, at) in [(ProbeRole::WriteEnter, 0), (ProbeRole::WriteExit, EXIT)] {
        let function = slowmap_calibration_write as unsafe extern "C" fn();
        let cookie = Cookie::new(0, None, 1, 0).of_function(FUNCTION).0;
        let link = own_code::attach((uprobes, &mut *ebpf), role, (function, at), cookie)?;
        links.push(link);
    }
    let mut least = (u64::MAX, u64::MAX);
    for _ in 0..ROUNDS {
        thread::sleep(PAUSE);
        let before = measured(ebpf, own);
        let with = nanos_per_call();
        let after = measured(ebpf, own);
        let of_call = after.saturating_sub(before) / u64::from(CALLS);
        least = (least.0.min(with), least.1.min(of_call));
    }
    drop(links);
    Ok(least)
}

/// The sum of all durations so far.
fn measured(ebpf: &mut Ebpf, own: Pid) -> u64 {
    let Ok(writers) = writes::writers(ebpf) else {
        return 0;
    };
    let keys: Vec<WriterKey> = writers
        .keys()
        .filter_map(Result::ok)
        .map(|key| key.0)
        .filter(|key| key.pid == own.0)
        .collect();
    let sum = |key| writers.get(&WriterEntry(key), 0).map_or(0, |row| row.0.sum);
    keys.into_iter().map(sum).sum()
}

fn nanos_per_call() -> u64 {
    let begin = Instant::now();
    for _ in 0..CALLS {
        slowmap_calibration_write();
    }
    u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX) / u64::from(CALLS)
}

fn insert_target(ebpf: &mut Ebpf, own: Pid) -> Result<(), AttachError> {
    let entry = TargetEntry(Target {
        threshold: u64::MAX,
        writes: WriteWindow {
            until: u64::MAX,
            ..WriteWindow::default()
        },
        ..Target::default()
    });
    target::table(ebpf)?
        .insert(u64::from(own.0), entry, 0)
        .map_err(AttachError::map)
}

fn remove_target(ebpf: &mut Ebpf, own: Pid) {
    if let Ok(mut targets) = target::table(ebpf) {
        let _ = targets.remove(&u64::from(own.0));
    }
    in_flight::forget_process(ebpf, own);
    writes::forget(ebpf, own);
}
