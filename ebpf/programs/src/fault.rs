//! Page faults in mid-write: from the exception to the end of its handling.

use aya_ebpf::{
    EbpfContext,
    bindings::bpf_perf_event_data,
    helpers::{bpf_ktime_get_ns, generated::bpf_get_current_task},
    macros::{perf_event, raw_tracepoint},
    programs::{PerfEventContext, RawTracePointContext},
};
use slowmap_abi::{Counter, EventKind, InFlight, Part};

use crate::{
    event, goroutine,
    maps::{FAULTS, IN_FLIGHT, count},
    process,
    registers::UserRegisters,
    stack,
};

#[raw_tracepoint(tracepoint = "page_fault_user")]
pub fn page_fault_enter(_ctx: RawTracePointContext) -> i32 {
    if process::current_target().is_some() {
        let (task, now) = unsafe { (bpf_get_current_task(), bpf_ktime_get_ns()) };
        if FAULTS.insert(task, now, 0).is_err() {
            count(Counter::WaitTableFull);
        }
    }
    0
}

/// Attached to the software events `PAGE_FAULTS_MIN` and `PAGE_FAULTS_MAJ`, which are counted when a fault
/// has been handled: https://github.com/torvalds/linux/blob/v6.12/mm/memory.c#L5859
#[perf_event]
pub fn page_fault_exit(ctx: PerfEventContext) -> u32 {
    let _: *mut bpf_perf_event_data = ctx.as_ptr().cast();
    leave();
    0
}

#[inline(always)]
fn leave() -> Option<()> {
    let (thread, target) = process::current_target()?;
    let (task, now) = unsafe { (bpf_get_current_task(), bpf_ktime_get_ns()) };
    // SAFETY: entries of this thread are touched by itself alone.
    let start = *unsafe { FAULTS.get(task) }?;
    let _ = FAULTS.remove(task);
    let elapsed = now.saturating_sub(start);
    let registers = UserRegisters::at_kernel_entry()?;
    let g = goroutine::user_goroutine(target, registers.g())?;
    if let Some(flight) = IN_FLIGHT.get_ptr_mut(goroutine::key(thread, g)) {
        // SAFETY: the goroutine is on this thread.
        let flight = unsafe { &mut *flight };
        if flight.descheduled_at == 0 {
            flight.parts[Part::PageFault as usize] += elapsed;
        }
        return None;
    }
    if elapsed < target.threshold {
        return None;
    }
    let position = registers.position();
    if stack::in_map_write(target, &position) {
        let mut flight = InFlight::EMPTY;
        flight.parts[Part::PageFault as usize] = elapsed;
        event::emit(
            EventKind::PageFault,
            (start, now),
            &flight,
            0,
            (target, thread, g, &position),
        );
    }
    Some(())
}
