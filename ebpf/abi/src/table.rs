//! The entries of the programs' tables. The collector looks only at their keys, to forget what belonged to a
//! process that is gone.

use crate::{PART_COUNT, WriteEvent};

/// A goroutine of a process: `g` is its address, which is reused only after the goroutine's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct GoroutineKey {
    pub pid: u64,
    pub g: u64,
}

/// A slow path that a goroutine is in: a growth, an assist, or an assist within a growth; or the write around them,
/// where writes are followed as a whole.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct InFlight {
    /// 0: not in a growth.
    pub growth_start: u64,
    /// 0: not in an assist.
    pub assist_start: u64,
    /// What the other parts came to when the assist began: they are not the assist's own.
    pub parts_before_assist: u64,
    /// The stop-the-world clock, and what was known of it as a part, when the assist began.
    pub stopped_before_assist: u64,
    pub stop_part_before_assist: u64,
    /// 0: on a thread.
    pub descheduled_at: u64,
    /// The stop-the-world clock when it was taken off its thread.
    pub stopped_before: u64,
    pub parts: [u64; PART_COUNT],
    pub map: u64,
    pub map_type: u64,
    pub map_len: u64,
    pub map_size: u64,
    pub table_capacity: u64,
    /// Where the growth began: program counter, stack pointer and frame pointer.
    pub growth_position: [u64; 3],
    /// What the other parts came to when the growth began, for a growth within a write that is followed.
    pub parts_before_growth: u64,
    /// hmap: `B`; Swiss: length of the directory, at the end of the last growth within a write.
    pub map_size_after: u64,
    /// 0: the write around is not followed.
    pub write_start: u64,
    /// `Cookie::function` of the write, and the return address into its caller.
    pub function: u64,
    pub caller: u64,
    /// Growths within the write, and hits of the probes on them and on assists.
    pub growths: u64,
    pub probe_hits: u64,
}

/// Which write a wait is part of: two waits of a goroutine are of one write if all of this is the same, since a write that
/// adds an entry changes its number, and one follows upon the other at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct WriteIdentity {
    /// Where on the stack the caller of the write begins; 0: not known, and of no other is it known to be the same.
    pub caller: u64,
    pub map: u64,
    /// Entries in the map.
    pub map_len: u64,
}

/// What a write has lost so far in waits and slow paths each of which is shorter than the threshold.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Pieces {
    pub write: WriteIdentity,
    /// When the first of them began and the last one ended.
    pub start: u64,
    pub end: u64,
    pub parts: [u64; PART_COUNT],
}

/// A page fault that a CPU is at, or one that sleeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Fault {
    /// The kernel's own process and thread number, as `bpf_get_current_pid_tgid` has it; 0: none.
    pub thread: u64,
    pub start: u64,
}

/// A thread that is off its CPU.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct OffCpu {
    pub start: u64,
    /// The goroutine, if it is in a slow path; then `event` is not filled.
    pub key: GoroutineKey,
    pub in_flight: u64,
    /// Slept rather than waited for the CPU.
    pub slept: u64,
    /// How long it had waited for CPUs before, as the kernel counts it; 0 where that is not known.
    pub waited: u64,
    /// The fault that it sleeps in; then the rest means nothing.
    pub fault: Fault,
    pub write: WriteIdentity,
    pub event: WriteEvent,
}

/// A goroutine taken off its thread in mid-write, but not in a slow path.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Descheduled {
    pub stopped_before: u64,
    pub write: WriteIdentity,
    pub event: WriteEvent,
}

/// How long a process's world has been stopped, added up.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct StopClock {
    pub total: u64,
    /// 0: the world runs.
    pub since: u64,
}

impl InFlight {
    /// Nothing of a map is known yet, and no time has passed.
    pub const EMPTY: Self = Self {
        growth_start: 0,
        assist_start: 0,
        parts_before_assist: 0,
        stopped_before_assist: 0,
        stop_part_before_assist: 0,
        descheduled_at: 0,
        stopped_before: 0,
        parts: [0; PART_COUNT],
        map: 0,
        map_type: 0,
        map_len: u64::MAX,
        map_size: 0,
        table_capacity: 0,
        growth_position: [0; 3],
        parts_before_growth: 0,
        map_size_after: 0,
        write_start: 0,
        function: 0,
        caller: 0,
        growths: 0,
        probe_hits: 0,
    };
}
