//! What the programs remember between the probe that begins something and the one that ends it. When one of the two
//! is taken away, what was begun has to be forgotten: it would never end, or end with the next thing of its kind.
//!
//! - **Growth.** The exit of a later growth whose entry was not seen would end the earlier one; until then, all waits
//!   of the goroutine would count as within it. Entries with a growth are removed.
//! - **GC assist.** Likewise; and within a growth, the time between two assists would count as assist. Entries with an
//!   assist are removed, with the growth around it if there is one.
//! - **Descheduling.** A goroutine would seem to be away for good: its lost CPUs and page faults would be left out of a
//!   growth, and the next resume that is seen would end the wait. Entries of goroutines that are away are removed.
//! - **Stop-the-world.** The clock of the stopped world would run on, and explain every wait. It is halted where it
//!   stands; what is away meanwhile is `goroutine_preempted` then, which is true, if less.
//! - **Whole writes.** One that panicked never ends. All entries with a write are removed; a pair above that is taken out
//!   within a write takes that write with it, too, which then counts as unfinished.
//!
//! Begins are gone when this is called, and ends follow (descheduling: the other way round, and this is called again).
//! The kernel has waited for programs that were running, so no new entry of the kind comes; the programs of other pairs
//! that run meanwhile find an entry or none. What is armed in mid-flow sees an end without a begin, which all programs
//! ignore. Where an entry is replaced between reading and removing it, the new one is lost: both are counted.

use aya::{
    Ebpf, Pod,
    maps::{HashMap, MapData},
};
use slowmap_abi::{Descheduled, GoroutineKey, InFlight, OffCpu, StopClock};

use crate::model::{plan::ProbePair, process::Pid};

/// More than the largest table holds: where entries come and go, iterating may begin anew.
const LOOKED_AT: usize = 16_384;

/// A key of the programs' tables by goroutine.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Key(pub GoroutineKey);

// SAFETY: `repr(C)`, two integers of the same size.
unsafe impl Pod for Key {}

#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Flight(pub InFlight);

// SAFETY: `repr(C)`, of 64-bit integers only.
unsafe impl Pod for Flight {}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct Clock(StopClock);

// SAFETY: `repr(C)`, two integers of the same size.
unsafe impl Pod for Clock {}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct Wait(OffCpu);

// SAFETY: `repr(C)`, of integers only.
unsafe impl Pod for Wait {}

/// A value that nobody looks into.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Opaque<const SIZE: usize>([u8; SIZE]);

// SAFETY: bytes.
unsafe impl<const SIZE: usize> Pod for Opaque<SIZE> {}

/// Forgets all of a process that is detached: goroutines that stay in mid-write would keep their entries, and a
/// later process of the same number would inherit them.
pub(super) fn forget_process(ebpf: &mut Ebpf, pid: Pid) {
    remove_flights(ebpf, pid, |_| true);
    remove_descheduled(ebpf, pid);
    remove_off_cpu(ebpf, pid);
    if let Some(mut clocks) = table::<u64, Clock>(ebpf, "STOP_CLOCKS") {
        let _ = clocks.remove(&u64::from(pid.0)); // Its world may never have been stopped.
    }
}

/// Forgets what a pair has begun in a process. Called when its probes are gone. Returns how much was in flight.
pub(super) fn forget_pair(ebpf: &mut Ebpf, pid: Pid, pair: ProbePair) -> u64 {
    match pair {
        ProbePair::Growth => remove_flights(ebpf, pid, |flight| flight.growth_start != 0),
        ProbePair::GcAssist => remove_flights(ebpf, pid, |flight| flight.assist_start != 0),
        ProbePair::Deschedule => {
            remove_flights(ebpf, pid, |flight| flight.descheduled_at != 0)
                + remove_descheduled(ebpf, pid)
        }
        ProbePair::StopTheWorld => {
            halt_stop_clock(ebpf, pid);
            0
        }
        ProbePair::Write => remove_flights(ebpf, pid, |flight| flight.write_start != 0),
        // Page faults are forgotten when they are watched again.
        ProbePair::PageFault | ProbePair::Fatal => 0,
    }
}

pub(super) fn remove_flights(ebpf: &mut Ebpf, pid: Pid, stale: impl Fn(&InFlight) -> bool) -> u64 {
    remove::<Flight>(ebpf, "IN_FLIGHT", pid, |flight| stale(&flight.0))
}

fn remove_descheduled(ebpf: &mut Ebpf, pid: Pid) -> u64 {
    remove::<Opaque<{ size_of::<Descheduled>() }>>(ebpf, "DESCHEDULED", pid, |_| true)
}

/// Threads that ended without the kernel telling of their last switch. Those that slept in a fault stay: nobody knows
/// whose they are, and the next task at their address takes their place.
fn remove_off_cpu(ebpf: &mut Ebpf, pid: Pid) {
    let Some(mut waits) = table::<u64, Wait>(ebpf, "OFF_CPU") else {
        return;
    };
    let entries = waits.iter().filter_map(Result::ok).take(LOOKED_AT);
    let of_process = entries.filter(|(_, wait)| wait.0.key.pid == u64::from(pid.0));
    let tasks: Vec<u64> = of_process.map(|(task, _)| task).collect();
    for task in tasks {
        let _ = waits.remove(&task); // It may have ended by itself meanwhile.
    }
}

fn remove<V: Pod>(ebpf: &mut Ebpf, name: &str, pid: Pid, stale: impl Fn(&V) -> bool) -> u64 {
    let Some(mut table) = table::<Key, V>(ebpf, name) else {
        return 0;
    };
    let keys = table.keys().filter_map(Result::ok).take(LOOKED_AT);
    let of_process: Vec<Key> = keys
        .filter(|key| key.0.pid == u64::from(pid.0))
        .filter(|key| table.get(key, 0).is_ok_and(|value| stale(&value)))
        .collect();
    // It may have ended by itself meanwhile; then nothing was lost.
    let removed = of_process.iter().filter(|key| table.remove(key).is_ok());
    removed.count() as u64
}

/// The time that the world was stopped so far stays: what is away now has noted it.
fn halt_stop_clock(ebpf: &mut Ebpf, pid: Pid) {
    let Some(mut clocks) = table::<u64, Clock>(ebpf, "STOP_CLOCKS") else {
        return;
    };
    let pid = u64::from(pid.0);
    if let Ok(Clock(StopClock { total, .. })) = clocks.get(&pid, 0) {
        let halted = Clock(StopClock { total, since: 0 });
        // The entry is there, so there is room for it.
        let _ = clocks.insert(pid, halted, 0);
    }
}

pub(super) fn table<'a, K: Pod, V: Pod>(
    ebpf: &'a mut Ebpf,
    name: &str,
) -> Option<HashMap<&'a mut MapData, K, V>> {
    HashMap::try_from(ebpf.map_mut(name)?).ok()
}
