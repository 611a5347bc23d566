//! The tables, and the counters of what they could not take.

use core::intrinsics::{AtomicOrdering, atomic_xadd};

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, RingBuf},
};
use slowmap_abi::{
    COUNTER_COUNT, Counter, Descheduled, GoroutineKey, InFlight, MAX_PROBES, OffCpu, StopClock,
    Target,
};

/// By process id as the agent's pid namespace numbers it.
#[map]
pub static TARGETS: HashMap<u64, Target> = HashMap::with_max_entries(1024, 0);
#[map]
pub static IN_FLIGHT: HashMap<GoroutineKey, InFlight> = HashMap::with_max_entries(8192, 0);
#[map]
pub static DESCHEDULED: HashMap<GoroutineKey, Descheduled> = HashMap::with_max_entries(1024, 0);
/// By `task_struct` address: the switched-in thread's number is not to be had without kernel offsets.
#[map]
pub static OFF_CPU: HashMap<u64, OffCpu> = HashMap::with_max_entries(1024, 0);
/// By `task_struct` address: when the fault in progress began.
#[map]
pub static FAULTS: HashMap<u64, u64> = HashMap::with_max_entries(4096, 0);
#[map]
pub static STOP_CLOCKS: HashMap<u64, StopClock> = HashMap::with_max_entries(1024, 0);
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(4 << 20, 0);
#[map]
pub static COUNTERS: Array<u64> = Array::with_max_entries(COUNTER_COUNT, 0);
/// Hits by `Cookie::probe`.
#[map]
pub static HITS: Array<u64> = Array::with_max_entries(MAX_PROBES, 0);
/// All zero: what large entries are created from, since they do not fit on the BPF stack.
#[map]
pub static ZERO_OFF_CPU: Array<OffCpu> = Array::with_max_entries(1, 0);
#[map]
pub static ZERO_DESCHEDULED: Array<Descheduled> = Array::with_max_entries(1, 0);

#[inline(always)]
fn increment(counters: &Array<u64>, index: u32) {
    if let Some(slot) = counters.get_ptr_mut(index) {
        // SAFETY: map values are 8-byte aligned and live as long as the program runs. A relaxed add, because
        // programs on other CPUs, and on this one by preemption, count in the same slot.
        unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(slot, 1) };
    }
}

#[inline(always)]
pub fn count(counter: Counter) {
    increment(&COUNTERS, counter as u32);
}

#[inline(always)]
pub fn count_hit(probe: u32) {
    increment(&HITS, probe);
}
