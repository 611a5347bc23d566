//! In: a symbolized write. Out: the same with the request that it slowed down, and how that was found: the
//! first way that gives a verified answer wins. No answer rather than a wrong one.

mod pprof_labels;
mod stack_scan;
mod traceparent;

use crate::model::{
    binary::GoBinary,
    time::ClockOffset,
    trace::{Correlation, SpanContext},
    write::{CorrelatedWrite, SlowWrite, SymbolizedWrite},
};

/// A way to find the request.
type Step = fn(&SlowWrite) -> Option<SpanContext>;

/// Finds the write's request. `bias`: where the binary is loaded, against what it says itself.
pub fn correlate(
    symbolized: SymbolizedWrite,
    (binary, bias): (&GoBinary, u64),
    clock: &ClockOffset,
) -> CorrelatedWrite {
    let write = &symbolized.attributed.write;
    let on_stack = stack_scan::context(write, binary, bias);
    let steps = [
        (pprof_labels::context as Step, Correlation::PprofLabels),
        (traceparent::context, Correlation::Traceparent),
    ];
    let mut steps = steps.into_iter();
    let found = on_stack
        .map(|context| (context, Correlation::StackScan))
        .or_else(|| steps.find_map(|(step, correlation)| Some((step(write)?, correlation))));
    let (context, correlation) = match found {
        Some((context, correlation)) => (Some(context), correlation),
        None => (None, Correlation::None),
    };
    let time = clock.wall(symbolized.attributed.write.start);
    CorrelatedWrite {
        symbolized,
        time,
        context,
        correlation,
        unobserved: Vec::new(),
    }
}
