//! The tables, and the counters of what they could not take.

use core::intrinsics::{AtomicOrdering, atomic_xadd};

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf},
};
use slowmap_abi::{
    COUNTER_COUNT, Counter, Descheduled, Fault, GoroutineKey, InFlight, MAX_PROBES, MAX_WRITERS,
    OffCpu, Pieces, StopClock, Target, WriteHistogram, WriterKey,
};

/// By process id as the agent's pid namespace numbers it.
#[map]
pub static TARGETS: HashMap<u64, Target> = HashMap::with_max_entries(1024, 0);
#[map]
pub static IN_FLIGHT: HashMap<GoroutineKey, InFlight> = HashMap::with_max_entries(8192, 0);
#[map]
pub static DESCHEDULED: HashMap<GoroutineKey, Descheduled> = HashMap::with_max_entries(1024, 0);
/// Nothing takes out what is over: the least recently used makes room.
#[map]
pub static PIECES: LruHashMap<GoroutineKey, Pieces> = LruHashMap::with_max_entries(4096, 0);
/// By `task_struct` address: the switched-in thread's number is not to be had without kernel offsets.
#[map]
pub static OFF_CPU: HashMap<u64, OffCpu> = HashMap::with_max_entries(1024, 0);
/// The fault that this CPU is at: whichever thread's it is, since to find out would cost more than to note it.
#[map]
pub static FAULTS: PerCpuArray<Fault> = PerCpuArray::with_max_entries(1, 0);
/// When this CPU was interrupted last.
#[map]
pub static INTERRUPTED: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);
#[map]
pub static STOP_CLOCKS: HashMap<u64, StopClock> = HashMap::with_max_entries(1024, 0);
pub const EVENT_BYTES: u32 = 4 << 20;
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(EVENT_BYTES, 0);
/// Ids of processes that began or ended: 4,096 of them until the collector has looked.
#[map]
pub static LIVES: RingBuf = RingBuf::with_byte_size(64 << 10, 0);
#[map]
pub static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(COUNTER_COUNT, 0);
/// Hits by `Cookie::probe`.
#[map]
pub static HITS: PerCpuArray<u64> = PerCpuArray::with_max_entries(MAX_PROBES, 0);
/// All zero: what large entries are created from, since they do not fit on the BPF stack.
#[map]
pub static ZERO_OFF_CPU: Array<OffCpu> = Array::with_max_entries(1, 0);
#[map]
pub static ZERO_DESCHEDULED: Array<Descheduled> = Array::with_max_entries(1, 0);

/// Whole writes by who wrote. The collector makes it small where no write is followed.
#[map]
pub static WRITERS: HashMap<WriterKey, WriteHistogram> = HashMap::with_max_entries(MAX_WRITERS, 0);
#[map]
pub static ZERO_WRITER: Array<WriteHistogram> = Array::with_max_entries(1, 0);

#[inline(always)]
fn increment(counters: &PerCpuArray<u64>, index: u32) {
    if let Some(slot) = counters.get_ptr_mut(index) {
        // SAFETY: map values are 8-byte aligned and live as long as the program runs. A relaxed add, because a program
        // may be preempted by another on its CPU. By CPU, because one count for all would go from cache to cache with
        // each hit, which costs more than the rest of an idle program.
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
