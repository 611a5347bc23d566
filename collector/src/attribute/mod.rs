//! In: a slow write with the parts of its time that were measured apart. Out: its breakdown and its cause, the
//! largest part. Pure. Time that nothing explains is left over, and a write without any explanation is
//! `unknown`: never a guess.

mod growth;
mod waits;

use crate::model::{
    cause::{Breakdown, Cause},
    write::{AttributedWrite, Observed, SlowWrite},
};

/// Explains a write.
pub fn attribute(write: SlowWrite) -> AttributedWrite {
    let mut breakdown = waits::parts(&write);
    if write.observed == Observed::Growth {
        breakdown.add(Cause::Growth, growth::own(&write, &breakdown));
    }
    AttributedWrite {
        cause: cause(&write, &breakdown),
        breakdown,
        write,
    }
}

/// The largest part, unless what is left over is larger than all that is explained.
fn cause(write: &SlowWrite, breakdown: &Breakdown) -> Cause {
    let left_over = write.duration_nano.saturating_sub(breakdown.total());
    if left_over > breakdown.total() {
        Cause::Unknown
    } else {
        breakdown.largest()
    }
}

#[cfg(test)]
mod tests;
