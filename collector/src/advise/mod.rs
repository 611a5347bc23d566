//! In: the writes of a recording, one after the other. Out: what would make them faster, each with what was seen and how
//! sure it is. A rule is a file; it says nothing rather than something weak. Never looks at anything but the recording.

mod cpu;
mod gc_assist;
mod regrown;
mod shares;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use self::{regrown::Regrown, shares::Shares};
use crate::model::{advice::Advice, recorded::RecordedWrite};

#[derive(Debug, Default)]
pub struct Advisor {
    regrown: Regrown,
    shares: Shares,
}

impl Advisor {
    pub fn add(&mut self, write: &RecordedWrite) {
        self.regrown.add(write);
        self.shares.add(write);
    }

    /// What matters most first.
    pub fn advice(self) -> Vec<Advice> {
        let mut advice = self.regrown.advice();
        for (service, share) in self.shares.by_service() {
            advice.extend(gc_assist::advice(service, share));
            advice.extend(cpu::advice(service, share));
        }
        advice.sort_by_key(|advice| Reverse((advice.confidence, advice.nano)));
        advice
    }
}
