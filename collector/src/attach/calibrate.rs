//! What one hit of a probe costs the target on this machine: measured on a function of this program's own, since it
//! differs twentyfold between machines and between instructions.

use std::{thread, time::Instant};

use aya::Ebpf;

use super::{AttachError, OBJECT, counts, own_code, uprobes::Uprobes};
use crate::model::{binary::ProbeCost, plan::ProbeRole};

/// Calls per measurement: enough to be well above the clock, few enough to be over in some 2 ms, which a thread has
/// its CPU for also where others wait for it.
const CALLS: u32 = 100;
/// The least of this many measurements counts: others were interrupted.
const ROUNDS: u32 = 30;
/// The program to measure with; on this process it finds nothing to do.
const PROGRAM: ProbeRole = ProbeRole::StopWorldEnter;

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".globl slowmap_calibration",
    ".type slowmap_calibration, @function",
    "slowmap_calibration:",
    "push rbp", // One byte, emulated by the kernel.
    "pop rbp",  // Single-stepped.
    "ret",
    ".size slowmap_calibration, . - slowmap_calibration",
);

#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(
    ".globl slowmap_calibration",
    ".type slowmap_calibration, %function",
    "slowmap_calibration:",
    "b 1f",          // Simulated by the kernel.
    "1: mov x9, x9", // Single-stepped.
    "ret",
    ".size slowmap_calibration, . - slowmap_calibration",
);

/// Where the second instruction is, in bytes.
const SECOND: u64 = if cfg!(target_arch = "x86_64") { 1 } else { 4 };

unsafe extern "C" {
    safe fn slowmap_calibration();
}

/// Nanoseconds per hit: the trap, and a program that finds nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HitCost {
    /// On an instruction that the kernel emulates: where slowmap's probes are, if there is a choice.
    pub emulated: u64,
    /// On any other: the kernel executes a copy of it, step by step.
    pub single_stepped: u64,
}

impl HitCost {
    /// To protect the target by, where measuring failed; never shown. Somewhat above what was measured in a virtual
    /// machine, where traps are dear (docs/probes.md).
    pub(super) const ASSUMED: Self = Self {
        emulated: 1_000,
        single_stepped: 20_000,
    };

    pub(super) fn of(self, cost: ProbeCost) -> u64 {
        match cost {
            ProbeCost::Emulated => self.emulated,
            ProbeCost::SingleStepped => self.single_stepped,
        }
    }
}

/// Loads the one program that it takes and measures, with a probe on this process for some milliseconds.
///
/// # Errors
/// The kernel refuses, for want of a privilege or a feature.
pub fn hit_cost() -> Result<HitCost, AttachError> {
    let mut ebpf = Ebpf::load(OBJECT).map_err(AttachError::load)?;
    let uprobes = Uprobes::load(&mut ebpf, &[PROGRAM])?;
    measure(&uprobes, &mut ebpf)
}

/// Whether a probe in this process is hit by another thread than its first, which kernels that take the process's number
/// for the thread's would not do: https://github.com/torvalds/linux/commit/46ba0e49b642.
pub(super) fn is_hit_by_all_threads(
    uprobes: &Uprobes,
    ebpf: &mut Ebpf,
) -> Result<bool, AttachError> {
    let function = slowmap_calibration as unsafe extern "C" fn();
    let link = own_code::attach((uprobes, &mut *ebpf), PROGRAM, (function, 0), 0)?;
    let before = counts::hits(ebpf, 0);
    let called = thread::spawn(|| slowmap_calibration()).join();
    let after = counts::hits(ebpf, 0);
    drop(link);
    Ok(called.is_ok() && after > before)
}

/// Measures with programs that are loaded, as [`hit_cost`] does.
pub(super) fn measure(uprobes: &Uprobes, ebpf: &mut Ebpf) -> Result<HitCost, AttachError> {
    let without = nanos_per_call();
    let mut with = |at| -> Result<u64, AttachError> {
        let function = slowmap_calibration as unsafe extern "C" fn();
        let link = own_code::attach((uprobes, &mut *ebpf), PROGRAM, (function, at), 0)?;
        let nanos = nanos_per_call();
        drop(link);
        Ok(nanos.saturating_sub(without))
    };
    Ok(HitCost {
        emulated: with(0)?,
        single_stepped: with(SECOND)?,
    })
}

fn nanos_per_call() -> u64 {
    let round = || {
        let begin = Instant::now();
        for _ in 0..CALLS {
            slowmap_calibration();
        }
        u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX) / u64::from(CALLS)
    };
    (0..ROUNDS).map(|_| round()).min().unwrap_or(0)
}
