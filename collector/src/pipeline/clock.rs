//! The two clocks, read together.

use rustix::{
    param::clock_ticks_per_second,
    time::{ClockId, Timespec, clock_gettime},
};

use crate::model::time::{ClockOffset, Ktime, UnixNanos};

fn nanos(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

pub(super) fn monotonic() -> Ktime {
    Ktime(nanos(clock_gettime(ClockId::Monotonic)))
}

pub(super) fn wall() -> UnixNanos {
    UnixNanos(nanos(clock_gettime(ClockId::Realtime)))
}

/// When a process began, as the kernel tells it: in ticks since the machine was started, with the time that it slept.
pub(super) fn begun(start_ticks: u64) -> UnixNanos {
    let tick = 1_000_000_000 / clock_ticks_per_second().max(1);
    let up = nanos(clock_gettime(ClockId::Boottime));
    let age = up.saturating_sub(start_ticks.saturating_mul(tick));
    UnixNanos(wall().0.saturating_sub(age))
}

/// How the clocks stand to each other now. The wall clock is adjusted now and then, so each batch asks anew.
pub(super) fn offset() -> ClockOffset {
    ClockOffset::new(monotonic(), wall())
}
