//! Go ends a program in which a goroutine comes upon a map that another one is writing to. What does so is told why, and is
//! hit once in a process's life, or never. Which reason it is, the collector sees: the text may not be in memory.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::{bpf_ktime_get_ns, generated::bpf_for_each_map_elem},
    macros::uprobe,
    maps::ring_buf::RingBufEntry,
    programs::ProbeContext,
};
use slowmap_abi::{Counter, EventKind, GoroutineKey, InFlight, Target, WriteEvent};

use crate::{
    event, goroutine,
    maps::{EVENTS, IN_FLIGHT, count},
    probe, process,
    process::Thread,
    registers,
    registers::Position,
    stack,
};

const CONTINUE: i64 = 0;
const STOP: i64 = 1;

#[uprobe]
pub fn fatal(ctx: ProbeContext) -> u32 {
    tell(&ctx);
    0
}

/// A growth of a map by another goroutine than that.
#[repr(C)]
struct Growth {
    map: u64,
    than: GoroutineKey,
    /// Its goroutine; 0: there is none.
    g: u64,
    start: u64,
    position: [u64; 3],
}

#[inline(always)]
fn tell(ctx: &ProbeContext) -> Option<()> {
    let (_, regs) = probe::hit(ctx)?;
    let (thread, target) = process::current_target()?;
    let now = unsafe { bpf_ktime_get_ns() };
    let (g, position) = (registers::g(regs), registers::position(regs));
    let mut entry = filled(EventKind::Fatal, target, thread, g, &position)?;
    // SAFETY: `filled` wrote what is read of it.
    let event = unsafe { &mut *entry.as_mut_ptr() };
    event.scratch[0] = registers::argument(regs, 0);
    event.scratch[1] = registers::argument(regs, 1);
    let mut growth = Growth {
        map: event.map,
        than: goroutine::key(thread, g),
        g: 0,
        start: 0,
        position: [0; 3],
    };
    if growth.map != 0 {
        // SAFETY: the callback gets the state of this frame, which outlives the loop.
        unsafe {
            bpf_for_each_map_elem(
                (&raw const IN_FLIGHT).cast_mut().cast(),
                look_at as *mut c_void,
                (&raw mut growth).cast(),
                0,
            )
        };
    }
    if growth.g != 0 {
        emit_growth(&growth, target, thread, now);
    }
    // Only now: who reads it finds the growth as well, which has its place behind it.
    event::submit(entry, now, now);
    Some(())
}

unsafe extern "C" fn look_at(
    _map: *mut c_void,
    key: *const GoroutineKey,
    flight: *const InFlight,
    state: *mut c_void,
) -> i64 {
    // SAFETY: `tell` passes its state; key and value are the table's.
    let (key, flight, growth) = unsafe { (&*key, &*flight, &mut *state.cast::<Growth>()) };
    if key.pid != growth.than.pid
        || key.g == growth.than.g
        || flight.map != growth.map
        || flight.growth_start == 0
    {
        return CONTINUE;
    }
    growth.g = key.g;
    growth.start = flight.growth_start;
    growth.position = flight.growth_position;
    STOP
}

/// The growing goroutine runs meanwhile: what was read of its stack counts only if it is still at it.
#[inline(always)]
fn emit_growth(growth: &Growth, target: &Target, thread: Thread, now: u64) -> Option<()> {
    let position = Position::restored(growth.position);
    if !goroutine::is_on_stack(target, growth.g, position.sp) {
        return None; // It has moved.
    }
    let mut entry = filled(
        EventKind::GrowthAtFatal,
        target,
        thread,
        growth.g,
        &position,
    )?;
    // SAFETY: `filled` wrote what is read of it.
    unsafe { (*entry.as_mut_ptr()).map = growth.map };
    let key = goroutine::key(thread, growth.g);
    // SAFETY: a copy of a number, which may be of the next growth already.
    let start = unsafe { IN_FLIGHT.get(key) }.map_or(0, |flight| flight.growth_start);
    if start == growth.start {
        event::submit(entry, start, now);
    } else {
        entry.discard(event::NO_WAKEUP);
    }
    Some(())
}

/// An event of a goroutine and its stack, which is no write.
#[inline(always)]
fn filled(
    kind: EventKind,
    target: &Target,
    thread: Thread,
    g: u64,
    position: &Position,
) -> Option<RingBufEntry<WriteEvent>> {
    let Some(mut entry) = EVENTS.reserve::<WriteEvent>(0) else {
        count(Counter::RingFull);
        return None;
    };
    // SAFETY: what is read of such an event is written here, by the callers and by `submit`.
    let event = unsafe { &mut *entry.as_mut_ptr() };
    event.kind = kind as u32;
    event.state = 0;
    event.pid = thread.pid;
    event.tid = thread.tid;
    event.g = g;
    (event.goid, event.parent_goid) = goroutine::numbers(target, g);
    event.map = 0;
    event.map_type = 0;
    event.map_len = u64::MAX;
    event.pointer_count = 0;
    event.origin = 0;
    event.deferred = 0;
    stack::walk(event, target, position);
    // What was called has no frame yet.
    let caller = stack::map_write(target, position);
    if caller > stack::UNKNOWN_CALLER {
        event::describe_map(event, target, caller);
    }
    Some(entry)
}
