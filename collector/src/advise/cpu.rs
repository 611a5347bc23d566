//! Too little CPU as the true cause: threads wait in a run queue, goroutines for a thread.

use super::shares::{Share, percent};
use crate::model::{advice::Advice, cause::Cause};

pub fn advice(service: &str, share: &Share) -> Option<Advice> {
    let (queued, by_queue) = share.of(Cause::RunQueue);
    let (preempted, by_scheduler) = share.of(Cause::GoroutinePreempted);
    let (nano, count) = (queued + preempted, by_queue + by_scheduler);
    let confidence = share.confidence(nano, count)?;
    let part = percent(nano, share.nano);
    Some(Advice {
        rule: "cpu",
        advice: "Not the maps but waiting for a CPU takes the time: raise the service's CPU limit or move its \
                 neighbours, and set GOMAXPROCS to what it may use."
            .into(),
        subject: service.to_owned(),
        evidence: vec![format!(
            "Waiting for a CPU is {part} % of the time lost in {} slow writes: {} % in the kernel's run queue, {} % for \
             Go's scheduler. It is the cause of {count} of them.",
            share.count,
            percent(queued, share.nano),
            percent(preempted, share.nano)
        )],
        confidence,
        nano,
    })
}
