//! The garbage collector as the true cause: writes are slow because their goroutines have to mark memory.

use super::shares::{Share, percent};
use crate::model::{advice::Advice, cause::Cause};

pub fn advice(service: &str, share: &Share) -> Option<Advice> {
    let (nano, count) = share.of(Cause::GcAssist);
    let confidence = share.confidence(nano, count)?;
    let part = percent(nano, share.nano);
    Some(Advice {
        rule: "gc_assist",
        advice: "Not the maps but the garbage collector takes the time: lower the allocation rate where it is busy, or give \
                 it room by a larger GOGC, with a GOMEMLIMIT near what the service may use as its bound."
            .into(),
        subject: service.to_owned(),
        evidence: vec![format!(
            "GC assist is {part} % of the time lost in {} slow writes, and the cause of {count} of them.",
            share.count
        )],
        confidence,
        nano,
    })
}
