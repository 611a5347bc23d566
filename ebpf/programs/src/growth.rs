//! A map grows: from the entry of the runtime's growth function to its end.

use aya_ebpf::{
    EbpfContext,
    helpers::{bpf_ktime_get_ns, bpf_probe_read_user, generated::bpf_get_attach_cookie},
    macros::uprobe,
    programs::ProbeContext,
};
use slowmap_abi::{Cookie, Counter, EventKind, InFlight, MapKind, NO_REGISTER, Target};

use crate::{
    event, goroutine,
    maps::{IN_FLIGHT, count, count_hit},
    process, registers,
};

#[uprobe]
pub fn growth_enter(ctx: ProbeContext) -> u32 {
    enter(&ctx);
    0
}

#[uprobe]
pub fn growth_exit(ctx: ProbeContext) -> u32 {
    exit(&ctx);
    0
}

#[inline(always)]
fn enter(ctx: &ProbeContext) -> Option<()> {
    // SAFETY: the context is this program's own.
    let (cookie, regs) = unsafe { (Cookie(bpf_get_attach_cookie(ctx.as_ptr())), &*ctx.regs) };
    count_hit(cookie.probe());
    if !cookie.counts(regs.eflags) {
        return None;
    }
    let (thread, target) = process::current_target()?;
    let key = goroutine::key(thread, regs.r14);
    let mut flight = InFlight::EMPTY;
    if cookie.type_register() != NO_REGISTER {
        flight.map_type = registers::argument(regs, cookie.type_register());
    }
    if cookie.map_register() != NO_REGISTER {
        flight.map = registers::argument(regs, cookie.map_register());
        flight.map_len =
            goroutine::read_word(flight.map.wrapping_add(u64::from(target.offsets.map_len)))
                .unwrap_or(u64::MAX);
        flight.map_size = map_size(target, flight.map);
        if cookie.map_register() != 0 && target.offsets.map_kind == MapKind::Swiss as u32 {
            // The receiver is the table then, in the first register.
            flight.table_capacity = table_capacity(target, registers::argument(regs, 0));
        }
    }
    flight.growth_start = unsafe { bpf_ktime_get_ns() };
    if IN_FLIGHT.insert(key, flight, 0).is_err() {
        count(Counter::InFlightFull);
    }
    Some(())
}

#[inline(always)]
fn exit(ctx: &ProbeContext) -> Option<()> {
    let now = unsafe { bpf_ktime_get_ns() };
    // SAFETY: the context is this program's own.
    let (cookie, regs) = unsafe { (Cookie(bpf_get_attach_cookie(ctx.as_ptr())), &*ctx.regs) };
    count_hit(cookie.probe());
    if !cookie.counts(regs.eflags) {
        return None;
    }
    let (thread, target) = process::current_target()?;
    let key = goroutine::key(thread, regs.r14);
    // SAFETY: only this goroutine's thread touches the entry, and it is here.
    let flight = unsafe { IN_FLIGHT.get(key) }?;
    let start = flight.growth_start;
    if start != 0 && now.saturating_sub(start) >= target.threshold {
        let after = if flight.map == 0 {
            0
        } else {
            map_size(target, flight.map)
        };
        let position = registers::position(regs);
        event::emit(
            EventKind::Growth,
            (start, now),
            flight,
            after,
            (target, thread, key.g, &position),
        );
    }
    let _ = IN_FLIGHT.remove(key);
    Some(())
}

#[inline(always)]
fn map_size(target: &Target, map: u64) -> u64 {
    let word =
        goroutine::read_word(map.wrapping_add(u64::from(target.offsets.map_size))).unwrap_or(0);
    if target.offsets.map_kind == MapKind::Hmap as u32 {
        word & 0xff
    } else {
        word
    }
}

#[inline(always)]
fn table_capacity(target: &Target, table: u64) -> u64 {
    let address = table.wrapping_add(u64::from(target.offsets.table_capacity));
    // SAFETY: the helper checks the address and faults nothing in.
    unsafe { bpf_probe_read_user(address as *const u16) }.map_or(0, u64::from)
}
