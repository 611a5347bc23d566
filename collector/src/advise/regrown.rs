//! Maps that grow from small at the same line again and again: their size could have been said.
//!
//! A map only grows: where the next growth of a map at the same address has half the entries or fewer, it is another map. One at
//! an address that was not seen before is another one, too, unless it could be a map that has moved with its goroutine's
//! stack. A growth that is told of by a wait within it has no address, and counts for no map. Recordings of earlier
//! versions have no addresses at all: there a goroutine's next growth is of another map if it has half the entries or fewer,
//! and its first one if it has half of what others have reached. One map that many goroutines fill is so never taken for
//! many.

use std::collections::{HashMap, HashSet};

use super::{per_request, percentiles::usual_and_most, site::Site};
use crate::model::{
    advice::{Advice, Confidence},
    binary::VirtualAddress,
    cause::Cause,
    recorded::{ProcessKey, RecordedWrite},
};

/// Fewer maps are no habit.
pub const MAPS: usize = 5;
/// From so many on, of sizes that differ little, there is no doubt.
const MAPS_SURE: usize = 20;

#[derive(Debug, Default)]
pub struct Regrown {
    sites: HashMap<Site, Growths>,
}

type TraceId = [u8; 16];
type Goroutine = (ProcessKey, Option<u64>);

/// Which map it is, as far as can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Which {
    At(ProcessKey, VirtualAddress),
    Of(Goroutine),
}

#[derive(Debug, Default)]
struct Growths {
    largest: u64,
    /// Whether maps are told apart by their addresses.
    addressed: bool,
    growing: HashMap<Which, Growing>,
    /// Entries at a goroutine's last growth of a map whose address is known.
    last: HashMap<Goroutine, u64>,
    /// Maps that are complete.
    grown: Vec<Growing>,
    writes: u64,
    nano: u64,
}

#[derive(Debug, Clone, Copy)]
struct Growing {
    entries: u64,
    /// Whether it is known to be a map of its own.
    own: bool,
    /// The trace that all its growths are in; `None`: there are several, or none.
    request: Option<TraceId>,
}

/// What is done at a line again and again.
#[derive(Debug)]
pub struct Habit {
    pub site: Site,
    pub maps: usize,
    /// Traces in which a map grew.
    pub requests: usize,
    /// Entries at a map's last growth that was seen: P50, P90.
    pub entries: (u64, u64),
    pub writes: u64,
    pub nano: u64,
}

impl Regrown {
    pub fn add(&mut self, write: &RecordedWrite) {
        // The length is known of writes that waited, too; their maps may have had room.
        if write.breakdown.get(Cause::Growth) == 0 {
            return;
        }
        let (Some(site), Some(entries)) = (Site::of(write), write.map_len) else {
            return;
        };
        let request = write.context.map(|context| context.trace_id);
        let growths = self.sites.entry(site).or_default();
        let goroutine = (write.process(), write.goid);
        growths.add(goroutine, write.map_address, entries, request);
        growths.writes += 1;
        growths.nano = growths.nano.saturating_add(write.duration_nano);
    }

    pub fn advice(self) -> Vec<Advice> {
        let sites = self.sites.into_iter();
        let habits = sites.filter_map(|(site, growths)| growths.habit(site));
        habits
            .map(|habit| per_request::advice(&habit).unwrap_or_else(|| habit.advice()))
            .collect()
    }
}

impl Growths {
    fn add(
        &mut self,
        goroutine: Goroutine,
        address: Option<VirtualAddress>,
        entries: u64,
        request: Option<TraceId>,
    ) {
        let fewer_than_half = |of: u64| entries.saturating_mul(2) <= of;
        let (which, own) = match address {
            Some(address) => {
                if !std::mem::replace(&mut self.addressed, true) {
                    // What came before is of one of these maps, and not known of which.
                    self.growing.clear();
                    self.grown.clear();
                }
                let last = self.last.insert(goroutine, entries);
                let which = Which::At(goroutine.0, address);
                (which, last.is_none_or(fewer_than_half))
            }
            None if self.addressed => return,
            None => (Which::Of(goroutine), fewer_than_half(self.largest)),
        };
        self.largest = self.largest.max(entries);
        let map = |own| Growing {
            entries,
            own,
            request,
        };
        let Some(growing) = self.growing.get_mut(&which) else {
            self.growing.insert(which, map(own));
            return;
        };
        if fewer_than_half(growing.entries) {
            // Another goroutine's may be the same map only where no address says which one it is.
            if growing.own || address.is_none() {
                self.grown.push(*growing);
            }
            *growing = map(true);
        } else {
            growing.entries = growing.entries.max(entries);
            growing.request = growing.request.filter(|known| request == Some(*known));
        }
    }

    fn habit(mut self, site: Site) -> Option<Habit> {
        let own = self.growing.values().filter(|growing| growing.own);
        self.grown.extend(own);
        let requests = self.grown.iter().filter_map(|map| map.request);
        let requests: HashSet<TraceId> = requests.collect();
        let entries = self.grown.iter().map(|map| map.entries).collect();
        (self.grown.len() >= MAPS).then(|| Habit {
            site,
            maps: self.grown.len(),
            requests: requests.len(),
            entries: usual_and_most(entries),
            writes: self.writes,
            nano: self.nano,
        })
    }
}

impl Habit {
    fn advice(&self) -> Advice {
        let (map_type, (_, most)) = (self.site.map_type(), self.entries);
        let advice = format!(
            "Say the size when the map is made: make({map_type}, n), with n from what it is filled from, or {most} where \
             that is not known."
        );
        let seen = format!(
            "At least {} maps grew here from small, in {} slow writes.",
            self.maps, self.writes
        );
        self.advised("regrown", advice, seen)
    }

    /// `seen`: what it goes by, beside the sizes.
    pub fn advised(&self, rule: &'static str, advice: String, seen: String) -> Advice {
        let (half, most) = self.entries;
        let alike = most <= half.saturating_mul(2);
        let sizes = format!(
            "At their last slow growth they had {half} entries (P50), {most} (P90); they may have got more."
        );
        Advice {
            rule,
            advice,
            subject: self.site.text(),
            evidence: vec![seen, sizes],
            confidence: if self.maps >= MAPS_SURE && alike {
                Confidence::High
            } else {
                Confidence::Medium
            },
            nano: self.nano,
        }
    }
}
