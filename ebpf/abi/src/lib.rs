//! The only place where layouts that the BPF programs and the collector share are written.
//!
//! Everything is `repr(C)`, without implicit padding, in native byte order. Times are nanoseconds on
//! `CLOCK_MONOTONIC` (`bpf_ktime_get_ns`); addresses are the target's run-time ones.
#![no_std]

mod cookie;
mod event;
mod histogram;
mod table;
mod target;

pub use cookie::{Cookie, NO_REGISTER, Role};
pub use event::{
    BY_HOLDER, CARRIED, EventKind, FoundSpan, LABEL, MAX_FRAMES, MAX_POINTERS, MAX_SLOTS,
    MAX_SPANS, NO_BASE, PART_COUNT, Part, SCRATCH, STATE_CONTEXT_FOUND, STATE_DECIMAL_SPAN,
    STATE_OWN_LABELS, STATE_TRACEPARENT, STATE_TRUNCATED, Slot, StackPointer, UNSAMPLED,
    WriteEvent,
};
pub use histogram::{
    BUCKETS_PER_DOUBLING, HISTOGRAM_BUCKETS, MAX_WRITERS, WriteHistogram, WriterKey, bucket,
    bucket_start,
};
pub use table::{
    Descheduled, Fault, GoroutineKey, InFlight, OffCpu, Pieces, StopClock, WriteIdentity,
};
pub use target::{
    ABSENT, AddressRange, CodeRanges, LabelSearch, MAX_ASSIGN_RANGES, MAX_CONTEXT_ITABS, MapGroups,
    MapKind, RequestSearch, RuntimeOffsets, SpanSearch, StringMap, Target, WriteWindow,
};

/// Counters of the BPF side, by index in the `COUNTERS` map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Counter {
    /// Events handed to the ring buffer.
    Emitted = 0,
    /// Events lost because the ring buffer was full.
    RingFull = 1,
    /// Writes not followed because the in-flight table was full.
    InFlightFull = 2,
    /// Waits (thread off CPU, goroutine descheduled, page fault) not followed because a table was full.
    WaitTableFull = 3,
    /// Waits whose end was not seen: they are not reported.
    WaitEndMissed = 4,
    /// Writes that began within their target's `WriteWindow`.
    WritesBegun = 5,
    /// Writes whose caller was not told apart because the table of writers was full.
    WritersFull = 6,
}

/// The number of counters.
pub const COUNTER_COUNT: u32 = 7;

/// Page faults shorter than this, in nanoseconds, are left to what they happen in: nearly all are, and to look at each
/// would cost a good part of what they take themselves.
pub const SHORTEST_FAULT: u64 = 10_000;

/// Waits of one write have less than this between them, in nanoseconds: what it does there is fast.
pub const PIECES_APART: u64 = 10_000;

/// The number of probes that have a hit counter of their own (`Cookie::probe`).
pub const MAX_PROBES: u32 = 16_384;

#[cfg(feature = "user")]
mod user {
    //! SAFETY: all are `repr(C)`, of integers only, and without padding: `no_padding_anywhere` proves it.
    use super::*;

    unsafe impl bytemuck::Zeroable for WriteEvent {}
    // SAFETY: see the module.
    unsafe impl bytemuck::AnyBitPattern for WriteEvent {}
}
