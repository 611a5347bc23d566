//! The collector makes a goroutine pay for what it allocates: marking (on the thread's own stack), waiting until
//! others have marked enough, beginning a cycle or ending one. While the world is stopped meanwhile, by this goroutine
//! or by another, that is no assist.

use aya_ebpf::{helpers::bpf_ktime_get_ns, macros::uprobe, programs::ProbeContext};
use slowmap_abi::{Counter, EventKind, InFlight, PART_COUNT, Part};

use crate::{
    event, goroutine,
    maps::{IN_FLIGHT, count},
    pieces, probe, process, registers, stack,
    stop_world::stopped,
};

#[uprobe]
pub fn assist_enter(ctx: ProbeContext) -> u32 {
    enter(&ctx);
    0
}

#[uprobe]
pub fn assist_exit(ctx: ProbeContext) -> u32 {
    exit(&ctx);
    0
}

#[inline(always)]
fn enter(ctx: &ProbeContext) -> Option<()> {
    let (_, regs) = probe::hit(ctx)?;
    let (thread, target) = process::current_target()?;
    let key = goroutine::key(
        thread,
        goroutine::user_goroutine(target, registers::g(regs))?,
    );
    let now = unsafe { bpf_ktime_get_ns() };
    if let Some(flight) = IN_FLIGHT.get_ptr_mut(key) {
        // SAFETY: only this goroutine's thread touches the entry, and it is here.
        let flight = unsafe { &mut *flight };
        if flight.growth_start | flight.write_start != 0 {
            flight.probe_hits += 2;
            flight.assist_start = now;
            flight.parts_before_assist = sum(&flight.parts);
            flight.stopped_before_assist = stopped(thread.pid, now);
            flight.stop_part_before_assist = flight.parts[Part::StopTheWorld as usize];
            return None;
        }
    }
    let flight = InFlight {
        assist_start: now,
        stopped_before_assist: stopped(thread.pid, now),
        ..InFlight::EMPTY
    };
    if IN_FLIGHT.insert(key, flight, 0).is_err() {
        count(Counter::InFlightFull);
    }
    Some(())
}

#[inline(always)]
fn exit(ctx: &ProbeContext) -> Option<()> {
    let now = unsafe { bpf_ktime_get_ns() };
    let (_, regs) = probe::hit(ctx)?;
    let (thread, target) = process::current_target()?;
    let g = goroutine::user_goroutine(target, registers::g(regs))?;
    let key = goroutine::key(thread, g);
    // SAFETY: only this goroutine's thread touches the entry, and it is here.
    let flight = unsafe { &mut *IN_FLIGHT.get_ptr_mut(key)? };
    let start = flight.assist_start;
    if start == 0 {
        return None;
    }
    let elapsed = now.saturating_sub(start);
    let world = stopped(thread.pid, now).saturating_sub(flight.stopped_before_assist);
    let known = flight.parts[Part::StopTheWorld as usize] - flight.stop_part_before_assist;
    flight.parts[Part::StopTheWorld as usize] += world.saturating_sub(known);
    let others = sum(&flight.parts).saturating_sub(flight.parts_before_assist);
    flight.parts[Part::Assist as usize] += elapsed.saturating_sub(others);
    flight.assist_start = 0;
    if flight.growth_start | flight.write_start != 0 {
        return None;
    }
    let position = registers::position(regs);
    let with_traps = elapsed + 2 * target.half_trap;
    if event::is_worth_describing(target, with_traps) && stack::in_map_write(target, &position) {
        event::emit(
            EventKind::Assist,
            (start - target.half_trap, target.half_trap),
            flight,
            0,
            (target, thread, g, &position),
        );
    } else if pieces::are_worth_adding(target, with_traps) {
        let write = pieces::identity(target, stack::map_write(target, &position));
        pieces::add(&key, &write, start, now, &mut flight.parts);
    }
    let _ = IN_FLIGHT.remove(key);
    Some(())
}

/// Of what is not a growth's own.
#[inline(always)]
pub fn sum(parts: &[u64; PART_COUNT]) -> u64 {
    parts[0] + parts[1] + parts[2] + parts[3] + parts[4] + parts[5]
}
