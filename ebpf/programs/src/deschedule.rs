//! The Go scheduler takes a goroutine off its thread, and puts it on one again.

use aya_ebpf::{helpers::bpf_ktime_get_ns, macros::uprobe, programs::ProbeContext};
use slowmap_abi::{Counter, EventKind, GoroutineKey, Part, Target};

use crate::{
    event, goroutine,
    maps::{DESCHEDULED, IN_FLIGHT, ZERO_DESCHEDULED, count},
    pieces, probe, process, registers, stack,
    stop_world::stopped,
};

#[uprobe]
pub fn deschedule(ctx: ProbeContext) -> u32 {
    leave(&ctx);
    0
}

#[uprobe]
pub fn resume(ctx: ProbeContext) -> u32 {
    come_back(&ctx);
    0
}

#[inline(always)]
fn leave(ctx: &ProbeContext) -> Option<()> {
    let now = unsafe { bpf_ktime_get_ns() };
    let (_, regs) = probe::hit(ctx)?;
    let (thread, target) = process::current_target()?;
    let g = registers::first_argument(regs);
    let key = goroutine::key(thread, g);
    if let Some(flight) = IN_FLIGHT.get_ptr_mut(key) {
        // SAFETY: the goroutine is being taken off this thread, so nobody else touches its entry.
        let flight = unsafe { &mut *flight };
        flight.descheduled_at = now;
        flight.stopped_before = stopped(thread.pid, now);
        return None;
    }
    let position = registers::saved_position(target, g)?;
    let caller = stack::map_write(target, &position);
    if caller == stack::NO_WRITE {
        return None;
    }
    let inserted = ZERO_DESCHEDULED
        .get(0)
        .is_some_and(|zero| DESCHEDULED.insert(key, zero, 0).is_ok());
    let Some(entry) = (inserted.then(|| DESCHEDULED.get_ptr_mut(key))).flatten() else {
        count(Counter::WaitTableFull);
        return None;
    };
    // SAFETY: as above.
    let entry = unsafe { &mut *entry };
    entry.stopped_before = stopped(thread.pid, now);
    entry.event.kind = EventKind::Deschedule as u32;
    entry.event.map_len = u64::MAX;
    entry.event.start = now - target.half_trap;
    entry.write = pieces::identity(target, caller);
    event::describe(&mut entry.event, target, thread, g, &position);
    Some(())
}

#[inline(always)]
fn come_back(ctx: &ProbeContext) -> Option<()> {
    let now = unsafe { bpf_ktime_get_ns() };
    let (_, regs) = probe::hit(ctx)?;
    let (thread, target) = process::current_target()?;
    let key = goroutine::key(thread, registers::first_argument(regs));
    if let Some(flight) = IN_FLIGHT.get_ptr_mut(key) {
        // SAFETY: the goroutine runs nowhere yet.
        let flight = unsafe { &mut *flight };
        if flight.descheduled_at != 0 {
            let away = (
                now.saturating_sub(flight.descheduled_at),
                flight.stopped_before,
            );
            add_away(&mut flight.parts, away, thread.pid, now);
            flight.descheduled_at = 0;
        }
        return None;
    }
    finish(key, now, target, thread.pid)
}

/// Divides the time away into what the stopped world explains and what it does not.
#[inline(always)]
fn add_away(parts: &mut [u64; slowmap_abi::PART_COUNT], away: (u64, u64), pid: u32, now: u64) {
    let (elapsed, stopped_before) = away;
    let world = stopped(pid, now)
        .saturating_sub(stopped_before)
        .min(elapsed);
    parts[Part::StopTheWorld as usize] += world;
    parts[Part::GoroutinePreempted as usize] += elapsed - world;
}

#[inline(always)]
fn finish(key: GoroutineKey, now: u64, target: &Target, pid: u32) -> Option<()> {
    // SAFETY: the goroutine runs nowhere yet.
    let entry = unsafe { &mut *DESCHEDULED.get_ptr_mut(key)? };
    let end = now + target.half_trap;
    let elapsed = end.saturating_sub(entry.event.start);
    let (start, away) = (entry.event.start, (elapsed, entry.stopped_before));
    add_away(&mut entry.event.parts, away, pid, now);
    let write = entry.write;
    let start = pieces::add(&key, &write, start, end, &mut entry.event.parts);
    if end.saturating_sub(start) >= target.threshold {
        entry.event.start = start;
        entry.event.end = end;
        event::emit_filled(&entry.event);
        pieces::forget(&key);
    }
    let _ = DESCHEDULED.remove(key);
    Some(())
}
