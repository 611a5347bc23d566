//! The kernel takes a thread off its CPU in mid-write, and gives it one again.

use aya_ebpf::{helpers::bpf_ktime_get_ns, macros::raw_tracepoint, programs::RawTracePointContext};
use slowmap_abi::{Counter, EventKind, OffCpu, Part};

use crate::{
    event, goroutine,
    maps::{FAULTS, IN_FLIGHT, OFF_CPU, ZERO_OFF_CPU, count},
    process,
    registers::UserRegisters,
    stack,
};

/// `sched_switch(bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)`
/// https://github.com/torvalds/linux/blob/v6.12/include/trace/events/sched.h#L222
#[raw_tracepoint(tracepoint = "sched_switch")]
pub fn sched_switch(ctx: RawTracePointContext) -> i32 {
    let now = unsafe { bpf_ktime_get_ns() };
    // It runs on behalf of the thread that leaves, so the one that comes is known by its address alone.
    switch_in(ctx.arg::<u64>(2), now);
    let preempted = ctx.arg::<u64>(0) & 1 == 1;
    let running = preempted || ctx.arg::<u64>(3) as u32 == 0;
    switch_out(ctx.arg::<u64>(1), now, running);
    0
}

#[inline(always)]
fn switch_out(task: u64, now: u64, running: bool) -> Option<()> {
    let (thread, target) = process::current_target()?;
    // SAFETY: entries of this thread are touched by itself alone.
    if unsafe { FAULTS.get(task) }.is_some() {
        return None; // The whole of a fault is accounted as one.
    }
    let registers = UserRegisters::at_kernel_entry()?;
    let g = goroutine::user_goroutine(target, registers.g())?;
    let key = goroutine::key(thread, g);
    // SAFETY: the goroutine is on this thread.
    let in_flight = unsafe { IN_FLIGHT.get(key) }.is_some_and(|flight| flight.descheduled_at == 0);
    let position = registers.position();
    if !in_flight {
        let interrupted = running && !registers.in_syscall();
        let text = target.code.text;
        if !interrupted || position.pc < text.start || position.pc >= text.end {
            return None;
        }
        if !stack::in_map_write(target, &position) {
            return None;
        }
    }
    let inserted = ZERO_OFF_CPU
        .get(0)
        .is_some_and(|zero| OFF_CPU.insert(task, zero, 0).is_ok());
    let Some(entry) = (inserted.then(|| OFF_CPU.get_ptr_mut(task))).flatten() else {
        count(Counter::WaitTableFull);
        return None;
    };
    // SAFETY: as above.
    let entry = unsafe { &mut *entry };
    entry.start = now;
    entry.key = key;
    entry.in_flight = u64::from(in_flight);
    entry.slept = u64::from(!running);
    if !in_flight {
        entry.event.kind = EventKind::OffCpu as u32;
        entry.event.map_len = u64::MAX;
        entry.event.start = now;
        event::describe(&mut entry.event, target, thread, g, &position);
    }
    Some(())
}

#[inline(always)]
fn switch_in(task: u64, now: u64) -> Option<()> {
    // SAFETY: entries of a thread are touched by itself alone, and it runs nowhere yet.
    let entry = unsafe { &mut *OFF_CPU.get_ptr_mut(task)? };
    let elapsed = now.saturating_sub(entry.start);
    let part = if entry.slept != 0 {
        Part::Blocked
    } else {
        Part::RunQueue
    } as usize;
    if entry.in_flight != 0 {
        if let Some(flight) = IN_FLIGHT.get_ptr_mut(entry.key) {
            // SAFETY: the goroutine's thread runs nowhere yet.
            add(unsafe { &mut (*flight).parts }, part, elapsed);
        }
    } else {
        finish(entry, part, elapsed, now);
    }
    let _ = OFF_CPU.remove(task);
    Some(())
}

#[inline(always)]
fn add(parts: &mut [u64; slowmap_abi::PART_COUNT], part: usize, elapsed: u64) {
    if part == Part::Blocked as usize {
        parts[Part::Blocked as usize] += elapsed;
    } else {
        parts[Part::RunQueue as usize] += elapsed;
    }
}

#[inline(always)]
fn finish(entry: &mut OffCpu, part: usize, elapsed: u64, now: u64) {
    // SAFETY: entries change only when a target is attached or detached.
    let target = unsafe { crate::maps::TARGETS.get(entry.key.pid) };
    if target.is_some_and(|target| elapsed >= target.threshold) {
        entry.event.end = now;
        add(&mut entry.event.parts, part, elapsed);
        event::emit_filled(&entry.event);
    }
}
