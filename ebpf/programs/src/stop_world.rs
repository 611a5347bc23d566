//! How long a process's world has been stopped, as a clock that runs only meanwhile.

use aya_ebpf::{helpers::bpf_ktime_get_ns, macros::uprobe, programs::ProbeContext};

use crate::{maps::STOP_CLOCKS, probe, process};

#[uprobe]
pub fn stop_world_enter(ctx: ProbeContext) -> u32 {
    hit(&ctx, true);
    0
}

#[uprobe]
pub fn stop_world_exit(ctx: ProbeContext) -> u32 {
    hit(&ctx, false);
    0
}

/// The clock of a process.
#[inline(always)]
pub fn stopped(pid: u32, now: u64) -> u64 {
    // SAFETY: one world is stopped by one thread at a time; a reader meanwhile may be one step late.
    let Some(clock) = (unsafe { STOP_CLOCKS.get(u64::from(pid)) }) else {
        return 0;
    };
    let open = if clock.since == 0 {
        0
    } else {
        now.saturating_sub(clock.since)
    };
    clock.total + open
}

#[inline(always)]
fn hit(ctx: &ProbeContext, stops: bool) -> Option<()> {
    let now = unsafe { bpf_ktime_get_ns() };
    probe::hit(ctx)?;
    let (thread, _) = process::current_target()?;
    let pid = u64::from(thread.pid);
    // SAFETY: see `stopped`.
    let mut clock = unsafe { STOP_CLOCKS.get(pid) }.copied().unwrap_or_default();
    if stops {
        clock.since = now;
    } else if clock.since != 0 {
        clock.total += now.saturating_sub(clock.since);
        clock.since = 0;
    }
    let _ = STOP_CLOCKS.insert(pid, clock, 0);
    Some(())
}
