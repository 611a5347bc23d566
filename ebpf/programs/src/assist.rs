//! The collector makes a goroutine pay for what it allocates: marking (on the thread's own stack), or waiting
//! until others have marked enough.

use aya_ebpf::{
    EbpfContext,
    bindings::pt_regs,
    helpers::{bpf_ktime_get_ns, generated::bpf_get_attach_cookie},
    macros::uprobe,
    programs::ProbeContext,
};
use slowmap_abi::{Cookie, Counter, EventKind, InFlight, PART_COUNT, Part};

use crate::{
    event, goroutine,
    maps::{IN_FLIGHT, count, count_hit},
    process, registers, stack,
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
fn hit(ctx: &ProbeContext) -> Option<&pt_regs> {
    // SAFETY: the context is this program's own.
    let (cookie, regs) = unsafe { (Cookie(bpf_get_attach_cookie(ctx.as_ptr())), &*ctx.regs) };
    count_hit(cookie.probe());
    cookie.counts(regs.eflags).then_some(regs)
}

#[inline(always)]
fn enter(ctx: &ProbeContext) -> Option<()> {
    let regs = hit(ctx)?;
    let (thread, target) = process::current_target()?;
    let key = goroutine::key(thread, goroutine::user_goroutine(target, regs.r14)?);
    let now = unsafe { bpf_ktime_get_ns() };
    if let Some(flight) = IN_FLIGHT.get_ptr_mut(key) {
        // SAFETY: only this goroutine's thread touches the entry, and it is here.
        let flight = unsafe { &mut *flight };
        if flight.growth_start != 0 {
            flight.assist_start = now;
            flight.parts_before_assist = sum(&flight.parts);
            return None;
        }
    }
    let flight = InFlight {
        assist_start: now,
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
    let regs = hit(ctx)?;
    let (thread, target) = process::current_target()?;
    let g = goroutine::user_goroutine(target, regs.r14)?;
    let key = goroutine::key(thread, g);
    // SAFETY: only this goroutine's thread touches the entry, and it is here.
    let flight = unsafe { &mut *IN_FLIGHT.get_ptr_mut(key)? };
    let start = flight.assist_start;
    if start == 0 {
        return None;
    }
    let elapsed = now.saturating_sub(start);
    let others = sum(&flight.parts).saturating_sub(flight.parts_before_assist);
    flight.parts[Part::Assist as usize] += elapsed.saturating_sub(others);
    flight.assist_start = 0;
    if flight.growth_start != 0 {
        return None;
    }
    let position = registers::position(regs);
    if elapsed >= target.threshold && stack::in_map_write(target, &position) {
        event::emit(
            EventKind::Assist,
            (start, now),
            flight,
            0,
            (target, thread, g, &position),
        );
    }
    let _ = IN_FLIGHT.remove(key);
    Some(())
}

#[inline(always)]
fn sum(parts: &[u64; PART_COUNT]) -> u64 {
    parts[0] + parts[1] + parts[2] + parts[3] + parts[4] + parts[5]
}
