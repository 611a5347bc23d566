//! Growth: the map allocated a larger table and moved its entries. What happened meanwhile (assist, waits, page
//! faults) has parts of its own, so the rest is the growth's.

use crate::model::{cause::Breakdown, write::SlowWrite};

pub(super) fn own(write: &SlowWrite, others: &Breakdown) -> u64 {
    write.duration_nano.saturating_sub(others.total())
}
