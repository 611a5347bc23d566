//! In: the writes of a recording, one after the other, and its summary. Out: what would make them faster, each with what was
//! seen and how sure it is. A rule is a file; it says nothing rather than something weak. Never looks at anything but the
//! recording.

mod cpu;
mod gc_assist;
mod json;
mod large_entries;
mod large_map;
mod per_request;
mod percentiles;
mod regrown;
mod shared_map;
mod shares;
mod site;
mod sync_map;
#[cfg(test)]
mod tests;
mod unsynchronised;

use std::cmp::Reverse;

use self::{
    json::Decoded, large_entries::LargeEntries, large_map::LargeMaps, regrown::Regrown,
    shares::Shares, sync_map::SyncMaps, unsynchronised::Unsynchronised,
};
use crate::model::{advice::Advice, recorded::RecordedWrite, summary::Summary};

#[derive(Debug, Default)]
pub struct Advisor {
    unsynchronised: Unsynchronised,
    json: Decoded,
    sync_maps: SyncMaps,
    regrown: Regrown,
    large_maps: LargeMaps,
    large_entries: LargeEntries,
    shares: Shares,
}

impl Advisor {
    /// `summary`: of the recording, unless it was cut off.
    pub fn new(summary: Option<&Summary>) -> Self {
        Self {
            unsynchronised: Unsynchronised::of(summary),
            ..Self::default()
        }
    }

    pub fn add(&mut self, write: &RecordedWrite) {
        self.unsynchronised.add(write);
        self.shares.add(write);
        // Whoever calls a library cannot say how it makes its maps.
        let is_library = self.json.add(write) || self.sync_maps.add(write);
        if !is_library {
            self.regrown.add(write);
            self.large_maps.add(write);
            self.large_entries.add(write);
        }
    }

    /// What matters most first. `summary`: of the recording, unless it was cut off.
    pub fn advice(self, summary: Option<&Summary>) -> Vec<Advice> {
        let mut advice = self.regrown.advice();
        // A line that makes large maps again and again needs one remedy.
        let mut large = self.large_maps.advice();
        large.retain(|large| advice.iter().all(|again| again.subject != large.subject));
        advice.append(&mut large);
        advice.extend(self.large_entries.advice());
        advice.extend(self.json.advice());
        advice.extend(self.sync_maps.advice());
        let targets = summary.map_or(&[][..], |summary| &summary.targets);
        for (service, share) in self.shares.by_service() {
            advice.extend(gc_assist::advice(service, share));
            advice.extend(cpu::advice(service, share, targets));
        }
        advice.sort_by_key(|advice| Reverse((advice.confidence, advice.nano)));
        // A program that ends is worse than one that is slow.
        let mut all = self.unsynchronised.advice();
        all.append(&mut advice);
        all
    }
}
