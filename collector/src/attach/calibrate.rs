//! What one hit of a probe costs the target on this machine: measured on a function of this program's own, since it
//! differs twentyfold between machines and between instructions.

use std::{num::NonZeroU32, time::Instant};

use aya::{
    Ebpf,
    programs::uprobe::{UProbeAttachLocation, UProbeScope},
};

use super::{AttachError, uprobe};
use crate::model::{binary::ProbeCost, plan::ProbeRole};

/// Calls per measurement: enough to be well above the clock, few enough to be over in some 20 ms.
const CALLS: u32 = 1_000;
/// The least of this many measurements counts: others were interrupted.
const ROUNDS: u32 = 3;

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

unsafe extern "C" {
    safe fn slowmap_calibration();
}

/// Nanoseconds per hit: the trap, and a program that finds nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HitCost {
    pub emulated: u64,
    pub single_stepped: u64,
}

impl HitCost {
    pub(super) fn of(self, cost: ProbeCost) -> u64 {
        match cost {
            ProbeCost::Emulated => self.emulated,
            ProbeCost::SingleStepped => self.single_stepped,
        }
    }
}

/// Measures, with a probe on this process for some milliseconds.
pub(super) fn measure(ebpf: &mut Ebpf) -> Result<HitCost, AttachError> {
    let without = nanos_per_call();
    let mut with = |offset| -> Result<u64, AttachError> {
        let program = uprobe(ebpf, ProbeRole::StopWorldEnter)?;
        let location = UProbeAttachLocation::SymbolOffset("slowmap_calibration", offset);
        let own = NonZeroU32::new(std::process::id()).map(UProbeScope::OneProcess);
        let scope = own.unwrap_or(UProbeScope::CallingProcess);
        let executable =
            std::env::current_exe().map_err(|error| AttachError::Load(error.to_string()))?;
        let link = program
            .attach(location, executable, scope)
            .map_err(AttachError::program)?;
        let nanos = nanos_per_call();
        program.detach(link).map_err(AttachError::program)?;
        Ok(nanos.saturating_sub(without))
    };
    Ok(HitCost {
        emulated: with(0)?,
        single_stepped: with(1)?,
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
