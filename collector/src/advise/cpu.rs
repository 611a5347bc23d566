//! Too little CPU as the true cause: threads wait in a run queue, goroutines for a thread. Whether that is for a limit or for
//! neighbours, the service's control group tells.

use super::shares::{Share, percent};
use crate::model::{
    advice::Advice,
    cause::Cause,
    summary::{Target, Throttled},
    units::Nanos,
};

pub fn advice(service: &str, share: &Share, targets: &[Target]) -> Option<Advice> {
    let (queued, by_queue) = share.of(Cause::RunQueue);
    let (preempted, by_scheduler) = share.of(Cause::GoroutinePreempted);
    let (nano, count) = (queued + preempted, by_queue + by_scheduler);
    let confidence = share.confidence(nano, count)?;
    let part = percent(nano, share.nano);
    let waited = format!(
        "Waiting for a CPU is {part} % of the time lost in {} slow writes: {} % in the kernel's run queue, {} % for Go's \
         scheduler. It is the cause of {count} of them.",
        share.count,
        percent(queued, share.nano),
        percent(preempted, share.nano)
    );
    let throttled = throttled(service, targets);
    Some(Advice {
        rule: "cpu",
        advice: remedy(throttled, queued).into(),
        subject: service.to_owned(),
        evidence: std::iter::once(waited)
            .chain(throttled.map(limit))
            .collect(),
        confidence,
        nano,
    })
}

/// Of the service's processes that were stopped most: those of one control group are stopped together.
fn throttled(service: &str, targets: &[Target]) -> Option<Throttled> {
    let its = |target: &&Target| target.service_name.as_deref() == Some(service);
    let throttled = targets.iter().filter(its);
    let throttled = throttled.filter_map(|target| target.usage.throttled);
    throttled.max_by_key(|throttled| throttled.nano)
}

/// The limit is the cause if it stopped the service for at least half as long as its writes have waited for a CPU: a write
/// that waits is not stopped for longer than its group.
fn remedy(throttled: Option<Throttled>, queued: u64) -> &'static str {
    match throttled {
        Some(stopped) if stopped.periods > 0 && stopped.nano >= queued / 2 => {
            "Not the maps but the service's CPU limit takes the time: raise it, and set GOMAXPROCS to what it allows."
        }
        Some(Throttled { periods: 0, .. }) => {
            "Not the maps but waiting for a CPU takes the time, and no limit is in the way: move the service's neighbours \
             or give the machine more CPUs."
        }
        _ => {
            "Not the maps but waiting for a CPU takes the time: raise the service's CPU limit or move its neighbours, and \
             set GOMAXPROCS to what it may use."
        }
    }
}

fn limit(throttled: Throttled) -> String {
    match throttled.periods {
        0 => "Its CPU limit, if it has one, has not stopped it meanwhile.".to_owned(),
        periods => format!(
            "Its CPU limit has stopped it {periods} times meanwhile, for {} in all.",
            Nanos(throttled.nano)
        ),
    }
}
