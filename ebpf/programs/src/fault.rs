//! Page faults in mid-write: from the exception to the end of its handling.
//!
//! They are frequent and short, on the whole machine: what is done for each is to note when it began, and to see that it
//! was short. All else is for those that take long.

use aya_ebpf::{
    EbpfContext,
    bindings::bpf_perf_event_data,
    helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns},
    macros::{perf_event, raw_tracepoint},
    programs::{PerfEventContext, RawTracePointContext},
};
use slowmap_abi::{EventKind, Fault, InFlight, Part, SHORTEST_FAULT};

use crate::{
    event, goroutine,
    maps::{FAULTS, IN_FLIGHT},
    pieces, process,
    registers::UserRegisters,
    stack,
};

#[raw_tracepoint(tracepoint = "page_fault_user")]
pub fn page_fault_enter(_ctx: RawTracePointContext) -> i32 {
    if let Some(here) = here() {
        here.start = unsafe { bpf_ktime_get_ns() };
        here.thread = bpf_get_current_pid_tgid();
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

/// The fault that the current thread is in goes with it when it sleeps: another may have one on this CPU meanwhile, and
/// it may come back on another CPU.
#[inline(always)]
pub fn take() -> Option<Fault> {
    let here = here()?;
    if here.thread != bpf_get_current_pid_tgid() {
        return None;
    }
    let fault = *here;
    here.thread = 0;
    Some(fault)
}

/// The thread that slept in that fault is on this CPU next.
#[inline(always)]
pub fn put_back(fault: Fault) {
    if let Some(here) = here() {
        *here = fault;
    }
}

#[inline(always)]
fn here() -> Option<&'static mut Fault> {
    let slot = FAULTS.get_ptr_mut(0)?;
    // SAFETY: this CPU's own, and no program that uses it is interrupted by another that does: the scheduler, which is
    // the third to do so, does not switch within one.
    Some(unsafe { &mut *slot })
}

#[inline(always)]
fn leave() -> Option<()> {
    let Fault { start, .. } = take()?;
    let now = unsafe { bpf_ktime_get_ns() };
    let elapsed = now.saturating_sub(start);
    if elapsed < SHORTEST_FAULT {
        return None;
    }
    let (thread, target) = process::current_target()?;
    let registers = UserRegisters::at_kernel_entry()?;
    // A fault of the kernel's own, on behalf of a system call, was not seen to begin.
    if registers.in_syscall() {
        return None;
    }
    let g = goroutine::user_goroutine(target, registers.g())?;
    if let Some(flight) = IN_FLIGHT.get_ptr_mut(goroutine::key(thread, g)) {
        // SAFETY: the goroutine is on this thread.
        let flight = unsafe { &mut *flight };
        if flight.descheduled_at == 0 {
            flight.parts[Part::PageFault as usize] += elapsed;
        }
        return None;
    }
    let position = registers.position();
    let write = stack::map_write(target, &position);
    if write == stack::NO_WRITE {
        return None;
    }
    let mut flight = InFlight::EMPTY;
    flight.parts[Part::PageFault as usize] = elapsed;
    let key = goroutine::key(thread, g);
    let identity = pieces::identity(target, write);
    let start = pieces::add(&key, &identity, start, now, &mut flight.parts);
    if now.saturating_sub(start) >= target.threshold {
        event::emit(
            EventKind::PageFault,
            (start, 0),
            &flight,
            0,
            (target, thread, g, &position),
        );
        pieces::forget(&key);
    }
    Some(())
}
