//! In: a symbolized write. Out: the same with the request that it slowed down, and how that was found: the
//! first way that gives a verified answer wins. No answer rather than a wrong one.

mod stack_scan;

use crate::model::{
    time::ClockOffset,
    trace::Correlation,
    write::{CorrelatedWrite, SymbolizedWrite},
};

/// Finds the write's request.
pub fn correlate(symbolized: SymbolizedWrite, clock: &ClockOffset) -> CorrelatedWrite {
    let found = stack_scan::context(&symbolized.attributed.write);
    let (context, correlation) = match found {
        Some(context) => (Some(context), Correlation::StackScan),
        None => (None, Correlation::None),
    };
    let time = clock.wall(symbolized.attributed.write.start);
    CorrelatedWrite {
        symbolized,
        time,
        context,
        correlation,
    }
}
