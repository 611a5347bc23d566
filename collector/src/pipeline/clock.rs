//! The two clocks, read together.

use rustix::time::{ClockId, Timespec, clock_gettime};

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

/// How the clocks stand to each other now. The wall clock is adjusted now and then, so each batch asks anew.
pub(super) fn offset() -> ClockOffset {
    ClockOffset::new(monotonic(), wall())
}
