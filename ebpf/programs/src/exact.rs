//! Whole map writes, from entry to exit: modes `exact` and `sampled` only, because these probes are on the hot path.
//!
//! A write that is followed has an entry in the in-flight table, to which the slow paths within it add their parts. It
//! is written by value at each entry: what a write that panicked has left behind is gone then.

use core::intrinsics::{AtomicOrdering, atomic_xadd};

use aya_ebpf::{
    bindings::BPF_NOEXIST, helpers::bpf_ktime_get_ns, macros::uprobe, programs::ProbeContext,
};
use slowmap_abi::{
    Counter, EventKind, GoroutineKey, HISTOGRAM_BUCKETS, InFlight, Part, WriteHistogram, WriterKey,
    bucket,
};

use crate::{
    assist, event, goroutine,
    maps::{IN_FLIGHT, WRITERS, ZERO_WRITER, count},
    probe, process, registers,
};

/// How often the longest write is compared again with one that was stored meanwhile.
const ATTEMPTS: usize = 4;

#[uprobe]
pub fn write_enter(ctx: ProbeContext) -> u32 {
    enter(&ctx);
    0
}

#[uprobe]
pub fn write_exit(ctx: ProbeContext) -> u32 {
    exit(&ctx);
    0
}

#[inline(always)]
fn enter(ctx: &ProbeContext) -> Option<()> {
    let (cookie, regs) = probe::hit(ctx)?;
    let (thread, target) = process::current_target()?;
    // The frame is not set up yet.
    let caller = registers::return_address(regs);
    let now = unsafe { bpf_ktime_get_ns() };
    if now < target.writes.from || now >= target.writes.until {
        return None;
    }
    count(Counter::WritesBegun);
    let flight = InFlight {
        write_start: now,
        map: registers::argument(regs, cookie.map_register()),
        map_type: registers::argument(regs, cookie.type_register()),
        function: u64::from(cookie.function()),
        caller,
        ..InFlight::EMPTY
    };
    if IN_FLIGHT
        .insert(goroutine::key(thread, registers::g(regs)), flight, 0)
        .is_err()
    {
        count(Counter::InFlightFull);
    }
    Some(())
}

#[inline(always)]
fn exit(ctx: &ProbeContext) -> Option<()> {
    let now = unsafe { bpf_ktime_get_ns() };
    let (_, regs) = probe::hit(ctx)?;
    let (thread, target) = process::current_target()?;
    let key = goroutine::key(thread, registers::g(regs));
    // SAFETY: only this goroutine's thread touches the entry, and it is here.
    let flight = unsafe { &mut *IN_FLIGHT.get_ptr_mut(key)? };
    let start = flight.write_start;
    if start == 0 {
        return None;
    }
    let own = target.writes.overhead + target.writes.hit * flight.probe_hits;
    let duration = now.saturating_sub(start).saturating_sub(own);
    let writer = WriterKey {
        pid: thread.pid,
        function: flight.function as u32,
        caller: flight.caller,
    };
    record(writer, duration);
    if duration >= target.threshold {
        if flight.map_len == u64::MAX {
            let length = flight.map.wrapping_add(u64::from(target.offsets.map_len));
            flight.map_len = goroutine::read_word(length).unwrap_or(u64::MAX);
        }
        let kind = if flight.growths == 0 {
            EventKind::Write
        } else {
            EventKind::WriteWithGrowth
        };
        let position = registers::position(regs);
        event::emit_measured(
            kind,
            (start, start + duration),
            flight,
            flight.map_size_after,
            (target, thread, key.g, &position),
        );
    }
    let _ = IN_FLIGHT.remove(key);
    Some(())
}

#[inline(always)]
fn record(writer: WriterKey, duration: u64) {
    let Some(histogram) = histogram_of(writer) else {
        return; // Those without a caller are made when the target is attached.
    };
    // SAFETY: map values are 8-byte aligned and live as long as the program runs; programs on other CPUs add too.
    unsafe {
        // The compiler knows the bounds and would drop the mask that the verifier needs.
        let index = core::hint::black_box(bucket(duration)) & (HISTOGRAM_BUCKETS - 1);
        if let Some(slot) = (*histogram).buckets.get_mut(index) {
            atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(slot, 1);
        }
        atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(&raw mut (*histogram).sum, duration);
        let max = &raw mut (*histogram).max;
        for _ in 0..ATTEMPTS {
            if max.read_volatile() >= duration {
                break;
            }
            max.write_volatile(duration);
        }
    }
}

#[inline(always)]
fn histogram_of(writer: WriterKey) -> Option<*mut WriteHistogram> {
    if let Some(known) = WRITERS.get_ptr_mut(writer) {
        return Some(known);
    }
    let zero = ZERO_WRITER.get(0)?;
    // Another thread may have been quicker.
    let _ = WRITERS.insert(writer, zero, u64::from(BPF_NOEXIST));
    if let Some(new) = WRITERS.get_ptr_mut(writer) {
        return Some(new);
    }
    count(Counter::WritersFull);
    WRITERS.get_ptr_mut(WriterKey {
        caller: 0,
        ..writer
    })
}

/// The entry of the write around, if that is followed.
#[inline(always)]
pub fn around(key: GoroutineKey) -> Option<&'static mut InFlight> {
    // SAFETY: only this goroutine's thread touches the entry, and it is here.
    let flight = unsafe { &mut *IN_FLIGHT.get_ptr_mut(key)? };
    (flight.write_start != 0).then_some(flight)
}

#[inline(always)]
pub fn growth_begins(flight: &mut InFlight) {
    flight.parts_before_growth = assist::sum(&flight.parts);
    flight.probe_hits += 2;
    flight.growth_start = unsafe { bpf_ktime_get_ns() };
}

/// What the growth itself took is a part of the write.
#[inline(always)]
pub fn growth_ends(flight: &mut InFlight, now: u64, map_size: u64) {
    let elapsed = now.saturating_sub(flight.growth_start);
    let others = assist::sum(&flight.parts).saturating_sub(flight.parts_before_growth);
    flight.parts[Part::Growth as usize] += elapsed.saturating_sub(others);
    flight.growth_start = 0;
    flight.growths += 1;
    flight.map_size_after = map_size;
}
