//! The two clocks, kept apart by type.

use serde::Serialize;

/// Nanoseconds on `CLOCK_MONOTONIC`: the clock of `bpf_ktime_get_ns` and of Go's `runtime.nanotime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Ktime(pub u64);

/// Nanoseconds since the Unix epoch: the clock of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct UnixNanos(pub u64);

/// Turns monotonic time into wall time. Taken anew now and then, because the wall clock is adjusted.
#[derive(Debug, Clone, Copy)]
pub struct ClockOffset {
    /// Wall time minus monotonic time, in nanoseconds.
    wall_minus_monotonic: i128,
}

impl ClockOffset {
    /// From the two clocks, read at the same instant.
    pub fn new(monotonic: Ktime, wall: UnixNanos) -> Self {
        Self {
            wall_minus_monotonic: i128::from(wall.0) - i128::from(monotonic.0),
        }
    }

    /// The wall time at a monotonic instant.
    pub fn wall(&self, at: Ktime) -> UnixNanos {
        let nanos = i128::from(at.0) + self.wall_minus_monotonic;
        UnixNanos(u64::try_from(nanos).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_moves_with_monotonic_time() {
        let offset = ClockOffset::new(Ktime(1_000), UnixNanos(5_000_000));
        assert_eq!(offset.wall(Ktime(1_500)), UnixNanos(5_000_500));
        assert_eq!(offset.wall(Ktime(500)), UnixNanos(4_999_500));
    }
}
