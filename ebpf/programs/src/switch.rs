//! The kernel takes a thread off its CPU in mid-write, and gives it one again.

use aya_ebpf::{
    Global,
    helpers::{bpf_ktime_get_ns, bpf_probe_read_kernel},
    macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use slowmap_abi::{Counter, EventKind, InFlight, OffCpu, Part};

use crate::{
    event, fault, goroutine, interrupt,
    maps::{IN_FLIGHT, OFF_CPU, ZERO_OFF_CPU, count},
    pieces, process,
    registers::UserRegisters,
    stack,
};

/// Where the kernel counts what `waited` reads, in bytes from the task's address; 0: not known.
#[unsafe(no_mangle)]
static RUN_DELAY: Global<u64> = Global::new(0);

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
    forget_what_is_left(task);
    // The whole of a fault is accounted as one.
    if let Some(fault) = fault::take() {
        let entry = new_entry(task)?;
        entry.fault = fault;
        return None;
    }
    let registers = UserRegisters::at_kernel_entry()?;
    let g = goroutine::user_goroutine(target, registers.g())?;
    let key = goroutine::key(thread, g);
    // SAFETY: the goroutine is on this thread.
    let flight = unsafe { IN_FLIGHT.get(key) }.filter(|flight| flight.descheduled_at == 0);
    let in_flight = flight.is_some();
    let position = registers.position();
    let interrupted = !registers.in_syscall();
    let mut caller = stack::NO_WRITE;
    if !in_flight {
        let text = target.code.text;
        if !interrupted || position.pc < text.start || position.pc >= text.end {
            return None;
        }
        caller = stack::map_write(target, &position);
        if caller == stack::NO_WRITE {
            return None;
        }
    }
    let entry = new_entry(task)?;
    let since = if interrupted && running {
        interrupt::began(now)
    } else {
        now
    };
    // The interrupt may have come in the trap of the probe that the flight began with.
    entry.start = flight.map_or(since, |flight| since.max(began(flight)));
    entry.key = key;
    entry.in_flight = u64::from(in_flight);
    entry.slept = u64::from(!running);
    entry.waited = waited(task);
    if !in_flight {
        entry.event.kind = EventKind::OffCpu as u32;
        entry.event.map_len = u64::MAX;
        entry.event.start = entry.start;
        entry.write = pieces::identity(target, caller);
        event::describe(&mut entry.event, target, thread, g, &position);
    }
    Some(())
}

#[inline(always)]
fn new_entry(task: u64) -> Option<&'static mut OffCpu> {
    let inserted = ZERO_OFF_CPU
        .get(0)
        .is_some_and(|zero| OFF_CPU.insert(task, zero, 0).is_ok());
    let Some(entry) = (inserted.then(|| OFF_CPU.get_ptr_mut(task))).flatten() else {
        count(Counter::WaitTableFull);
        return None;
    };
    // SAFETY: entries of a thread are touched by itself alone, and by who puts it on a CPU, which it is on.
    Some(unsafe { &mut *entry })
}

/// A thread that leaves its CPU was on it: an entry that is still there was not ended, and would be taken for a wait from
/// then until this one's end. A kernel need not fire the tracepoint for every switch: one build of Linux 6.18 never did
/// when some tasks were left, the second CPU's idle task among them, so that what came after these had no end. How long
/// a thread waited for its CPU the kernel counts as well; how long it slept, nobody knows any more.
#[inline(always)]
fn forget_what_is_left(task: u64) {
    let Some(entry) = OFF_CPU.get_ptr_mut(task) else {
        return;
    };
    // SAFETY: entries of this thread are touched by itself alone.
    let entry = unsafe { &mut *entry };
    if entry.start != 0 && entry.slept == 0 && RUN_DELAY.load() != 0 {
        let elapsed = waited(task).saturating_sub(entry.waited);
        end(entry, Part::RunQueue as usize, elapsed);
    } else if entry.start != 0 || entry.fault.thread != 0 {
        count(Counter::WaitEndMissed);
    }
    entry.start = 0;
    entry.fault.thread = 0;
}

/// Nanoseconds that a task has waited for a CPU so far: `task_struct.sched_info.run_delay`.
/// https://github.com/torvalds/linux/blob/v6.12/kernel/sched/stats.h#L254
#[inline(always)]
fn waited(task: u64) -> u64 {
    match RUN_DELAY.load() {
        0 => 0,
        // SAFETY: the helper checks the address.
        offset => unsafe { bpf_probe_read_kernel((task + offset) as *const u64) }.unwrap_or(0),
    }
}

#[inline(always)]
fn switch_in(task: u64, now: u64) -> Option<()> {
    // SAFETY: entries of a thread are touched by itself alone, and it runs nowhere yet.
    let entry = unsafe { &mut *OFF_CPU.get_ptr_mut(task)? };
    if entry.fault.thread != 0 {
        fault::put_back(entry.fault);
        entry.fault.thread = 0;
        let _ = OFF_CPU.remove(task);
        return None;
    }
    if entry.start == 0 {
        return None;
    }
    let elapsed = now.saturating_sub(entry.start);
    let part = if entry.slept != 0 {
        Part::Blocked
    } else {
        Part::RunQueue
    } as usize;
    end(entry, part, elapsed);
    // Over, also if the kernel should refuse the removal.
    entry.start = 0;
    let _ = OFF_CPU.remove(task);
    Some(())
}

#[inline(always)]
fn end(entry: &mut OffCpu, part: usize, elapsed: u64) {
    if entry.in_flight == 0 {
        return finish(entry, part, elapsed);
    }
    if let Some(flight) = IN_FLIGHT.get_ptr_mut(entry.key) {
        // SAFETY: the goroutine's thread runs nowhere yet, or leaves its CPU.
        let flight = unsafe { &mut *flight };
        // One that came later has nothing to do with it.
        if began(flight) <= entry.start {
            add(&mut flight.parts, part, elapsed);
        }
    }
}

/// When the outermost of what is in flight began.
#[inline(always)]
fn began(flight: &InFlight) -> u64 {
    if flight.write_start != 0 {
        flight.write_start
    } else if flight.growth_start != 0 {
        flight.growth_start
    } else {
        flight.assist_start
    }
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
fn finish(entry: &mut OffCpu, part: usize, elapsed: u64) {
    // SAFETY: entries change only when a target is attached or detached.
    let target = unsafe { crate::maps::TARGETS.get(entry.key.pid) };
    let end = entry.start + elapsed;
    add(&mut entry.event.parts, part, elapsed);
    let (key, write) = (entry.key, entry.write);
    let start = pieces::add(&key, &write, entry.start, end, &mut entry.event.parts);
    if target.is_some_and(|target| end.saturating_sub(start) >= target.threshold) {
        entry.event.start = start;
        entry.event.end = end;
        event::emit_filled(&entry.event);
        pieces::forget(&key);
    }
}
