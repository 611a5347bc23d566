//! The kernel interrupts a CPU: what a thread loses of it begins here, and not with the switch to another thread that
//! the interrupt leads to some ten microseconds later.

use aya_ebpf::{helpers::bpf_ktime_get_ns, macros::raw_tracepoint, programs::RawTracePointContext};

use crate::maps::INTERRUPTED;

/// An interrupt that is longer ago has nothing to do with the switch, in nanoseconds: the thread may have been back
/// since. Handling one takes less, unless much is put off until its end (soft interrupts), of which nothing is claimed.
const LATELY: u64 = 50_000;

/// Attached to whatever the kernel has to say that an interrupt begins.
#[raw_tracepoint]
pub fn interrupt_enter(_ctx: RawTracePointContext) -> i32 {
    if let Some(slot) = INTERRUPTED.get_ptr_mut(0) {
        // SAFETY: this CPU's own, and interrupts do not interrupt each other.
        unsafe { *slot = bpf_ktime_get_ns() };
    }
    0
}

/// Since when a thread is without its CPU that an interrupt takes from it now.
#[inline(always)]
pub fn began(now: u64) -> u64 {
    match INTERRUPTED.get(0) {
        Some(&at) if at <= now && now - at <= LATELY => at,
        _ => now,
    }
}
