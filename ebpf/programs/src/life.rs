//! Processes that begin and end, so that nobody has to look for them again and again. What became of one, the collector
//! sees when it looks.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};

use crate::{maps::LIVES, process};

/// The process has its new program already.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn process_exec(_ctx: RawTracePointContext) -> i32 {
    tell();
    0
}

/// Each thread runs through it, and has no memory any more. Of a process only the first is told of: the others are on
/// their way, too, or it goes on without its first, which no Go program does.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn process_exit(_ctx: RawTracePointContext) -> i32 {
    tell();
    0
}

/// What there is no room for is not counted: the collector looks at all processes from time to time anyway.
#[inline(always)]
fn tell() -> Option<()> {
    let thread = process::current_thread()?;
    if thread.pid != thread.tid {
        return None;
    }
    // Wakes the reader, as seldom as processes begin and end.
    LIVES.output::<u32>(thread.pid, 0).ok()
}
