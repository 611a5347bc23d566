//! Parts that the programs measured one by one: GC assist, the stopped world, goroutine preemption, the kernel's
//! run queue, sleep in the kernel, page faults. They do not overlap; still, two clocks read one after the other may
//! differ by a few nanoseconds, so they are held to the duration.

use crate::model::{cause::Breakdown, write::SlowWrite};

pub(super) fn parts(write: &SlowWrite) -> Breakdown {
    let mut breakdown = Breakdown::default();
    let mut left = write.duration_nano;
    for (cause, nanos) in write.parts.iter() {
        let nanos = nanos.min(left);
        breakdown.add(cause, nanos);
        left -= nanos;
    }
    breakdown
}
