//! What part of the time lost in a service's slow writes each cause has.

use std::{collections::BTreeMap, sync::Arc};

use crate::model::{
    advice::Confidence,
    cause::{Breakdown, Cause},
    recorded::RecordedWrite,
    time::UnixNanos,
};

/// From this part of the lost time on, and so many writes, a cause is the true one.
const PERCENT: u64 = 50;
const WRITES: u64 = 20;
/// Beyond doubt from here on.
const PERCENT_SURE: u64 = 70;

#[derive(Debug, Default)]
pub struct Shares {
    services: BTreeMap<Arc<str>, Share>,
}

#[derive(Debug, Default)]
pub struct Share {
    pub count: u64,
    pub nano: u64,
    parts: Breakdown,
    /// Of the first and the last write.
    began: Option<UnixNanos>,
    ended: UnixNanos,
    /// Writes whose cause it is.
    causes: BTreeMap<Cause, u64>,
}

impl Shares {
    pub fn add(&mut self, write: &RecordedWrite) {
        // A write without a service is of none in particular.
        let Some(service) = &write.service_name else {
            return;
        };
        let share = self.services.entry(service.clone()).or_default();
        share.count += 1;
        share.began = Some(
            share
                .began
                .map_or(write.time, |began| began.min(write.time)),
        );
        share.ended = share.ended.max(write.time);
        share.nano = share.nano.saturating_add(write.duration_nano);
        *share.causes.entry(write.cause).or_default() += 1;
        for (cause, nanos) in write.breakdown.iter() {
            share.parts.add(cause, nanos);
        }
    }

    pub fn by_service(&self) -> impl Iterator<Item = (&str, &Share)> {
        self.services
            .iter()
            .map(|(service, share)| (&**service, share))
    }
}

impl Share {
    /// Nanoseconds of the cause, and the writes that are slow by it.
    pub fn of(&self, cause: Cause) -> (u64, u64) {
        let count = self.causes.get(&cause).copied();
        (self.parts.get(cause), count.unwrap_or(0))
    }

    /// How sure it is that what took `nano`, and made `count` writes slow, is the true cause; `None`: it is not.
    pub fn confidence(&self, nano: u64, count: u64) -> Option<Confidence> {
        let part = percent(nano, self.nano);
        if part < PERCENT || count < WRITES || !self.matters(nano) {
            return None;
        }
        Some(if part >= PERCENT_SURE {
            Confidence::High
        } else {
            Confidence::Medium
        })
    }

    /// Whether it is a hundredth of the time that went by: of less, the cause does not matter.
    fn matters(&self, nano: u64) -> bool {
        let passed = self
            .ended
            .0
            .saturating_sub(self.began.unwrap_or_default().0);
        nano >= passed / 100
    }
}

/// In whole percent.
pub fn percent(part: u64, whole: u64) -> u64 {
    (u128::from(part) * 100 / u128::from(whole.max(1))) as u64
}
