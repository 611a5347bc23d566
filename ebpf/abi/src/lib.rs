//! The only place where layouts that the BPF programs and the collector share are written.
//!
//! Everything is `repr(C)`, without implicit padding, in native byte order. Times are nanoseconds on
//! `CLOCK_MONOTONIC` (`bpf_ktime_get_ns`); addresses are the target's run-time ones.
#![no_std]

mod cookie;
mod event;
mod table;
mod target;

pub use cookie::{Cookie, NO_REGISTER, Role};
pub use event::{
    EventKind, MAX_FRAMES, PART_COUNT, Part, STATE_CONTEXT_FOUND, STATE_TRUNCATED, WriteEvent,
};
pub use table::{Descheduled, GoroutineKey, InFlight, OffCpu, StopClock};
pub use target::{
    ABSENT, AddressRange, CodeRanges, MAX_ASSIGN_RANGES, MAX_CONTEXT_ITABS, MapKind,
    RuntimeOffsets, SpanSearch, Target,
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
}

/// The number of counters.
pub const COUNTER_COUNT: u32 = 4;

/// The number of probes that have a hit counter of their own (`Cookie::probe`).
pub const MAX_PROBES: u32 = 4096;

#[cfg(feature = "user")]
mod user {
    //! SAFETY: all are `repr(C)`, of integers only, and without padding: `no_padding_anywhere` proves it.
    use super::*;

    unsafe impl bytemuck::Zeroable for WriteEvent {}
    // SAFETY: see the module.
    unsafe impl bytemuck::AnyBitPattern for WriteEvent {}
}
