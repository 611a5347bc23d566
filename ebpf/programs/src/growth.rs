//! A map grows: from the entry of the runtime's growth function to its end.

use aya_ebpf::{
    bindings::pt_regs,
    helpers::{bpf_ktime_get_ns, bpf_probe_read_user},
    macros::uprobe,
    programs::ProbeContext,
};
use slowmap_abi::{Cookie, Counter, EventKind, InFlight, MapKind, NO_REGISTER, Part, Target};

use crate::{
    assist, event, exact, goroutine,
    maps::{IN_FLIGHT, count},
    pieces, probe, process, registers, stack,
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
    let (cookie, regs) = probe::hit(ctx)?;
    let (thread, target) = process::current_target()?;
    let key = goroutine::key(thread, registers::g(regs));
    if target.writes.until != 0
        && let Some(flight) = exact::around(key)
    {
        describe_map(flight, cookie, regs, target);
        exact::growth_begins(flight);
        return None;
    }
    let mut flight = InFlight::EMPTY;
    describe_map(&mut flight, cookie, regs, target);
    // The trap is part of the write, too.
    flight.growth_start = unsafe { bpf_ktime_get_ns() } - target.half_trap;
    if IN_FLIGHT.insert(key, flight, 0).is_err() {
        count(Counter::InFlightFull);
    }
    Some(())
}

#[inline(always)]
fn describe_map(flight: &mut InFlight, cookie: Cookie, regs: &pt_regs, target: &Target) {
    flight.growth_position = registers::growth_position(regs);
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
}

#[inline(always)]
fn exit(ctx: &ProbeContext) -> Option<()> {
    let now = unsafe { bpf_ktime_get_ns() };
    let (_, regs) = probe::hit(ctx)?;
    let (thread, target) = process::current_target()?;
    let key = goroutine::key(thread, registers::g(regs));
    // SAFETY: only this goroutine's thread touches the entry, and it is here.
    let flight = unsafe { &mut *IN_FLIGHT.get_ptr_mut(key)? };
    let start = flight.growth_start;
    if flight.write_start != 0 {
        if start != 0 {
            exact::growth_ends(flight, now, map_size(target, flight.map));
        }
        return None;
    }
    let end = now + target.half_trap;
    if start != 0 && event::is_worth_describing(target, end.saturating_sub(start)) {
        let after = if flight.map == 0 {
            0
        } else {
            map_size(target, flight.map)
        };
        let position = registers::position(regs);
        event::emit(
            EventKind::Growth,
            (start, target.half_trap),
            flight,
            after,
            (target, thread, key.g, &position),
        );
    } else if start != 0 && pieces::are_worth_adding(target, end.saturating_sub(start)) {
        let caller = stack::map_write(target, &registers::position(regs));
        let own = (end - start).saturating_sub(assist::sum(&flight.parts));
        flight.parts[Part::Growth as usize] = own;
        let write = pieces::identity(target, caller);
        pieces::add(&key, &write, start, end, &mut flight.parts);
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
