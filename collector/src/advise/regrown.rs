//! Maps that grow from small at the same line again and again: their size could have been said.
//!
//! Events have no identity of the map. But a map only grows: where a goroutine's next growth at a line is of a map with half
//! the entries or fewer, or where a goroutine begins with one of half the entries that others have reached, it is another
//! map. One map that many goroutines fill is so never taken for many.

use std::{collections::HashMap, sync::Arc};

use crate::model::{
    advice::{Advice, Confidence},
    cause::Cause,
    frame::Frame,
    recorded::RecordedWrite,
};

/// Fewer maps are no habit.
const MAPS: usize = 5;
/// From so many on, of sizes that differ little, there is no doubt.
const MAPS_SURE: usize = 20;

#[derive(Debug, Default)]
pub struct Regrown {
    sites: HashMap<Site, Growths>,
}

/// A line of code and the map's type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Site {
    function: Option<String>,
    file: Option<String>,
    line: Option<u32>,
    map_type: Option<Arc<str>>,
}

#[derive(Debug, Default)]
struct Growths {
    largest: u64,
    /// By process and goroutine.
    growing: HashMap<(u32, Option<u64>), Growing>,
    /// Entries of maps that are complete.
    sizes: Vec<u64>,
    writes: u64,
    nano: u64,
}

#[derive(Debug, Clone, Copy)]
struct Growing {
    entries: u64,
    /// Whether it is known to be a map of its own.
    own: bool,
}

impl Regrown {
    pub fn add(&mut self, write: &RecordedWrite) {
        // The length is known of writes that waited, too; their maps may have had room.
        if write.breakdown.get(Cause::Growth) == 0 {
            return;
        }
        let (Some(caller), Some(entries)) = (write.stack.caller(), write.map_len) else {
            return;
        };
        let growths = self.sites.entry(Site::new(caller, write)).or_default();
        growths.add((write.pid, write.goid), entries);
        growths.writes += 1;
        growths.nano = growths.nano.saturating_add(write.duration_nano);
    }

    pub fn advice(self) -> Vec<Advice> {
        let sites = self.sites.into_iter();
        sites
            .filter_map(|(site, growths)| growths.advice(&site))
            .collect()
    }
}

impl Site {
    fn new(caller: &Frame, write: &RecordedWrite) -> Self {
        Self {
            function: caller.function.clone(),
            file: caller.file.clone(),
            line: caller.line,
            map_type: write.map_type.clone(),
        }
    }

    fn text(&self) -> String {
        let function = self.function.as_deref().unwrap_or("(not known)");
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{function} {file}:{line}"),
            _ => function.to_owned(),
        }
    }
}

impl Growths {
    fn add(&mut self, goroutine: (u32, Option<u64>), entries: u64) {
        let fewer_than_half = |of: u64| entries.saturating_mul(2) <= of;
        let own = fewer_than_half(self.largest);
        self.largest = self.largest.max(entries);
        let Some(growing) = self.growing.get_mut(&goroutine) else {
            self.growing.insert(goroutine, Growing { entries, own });
            return;
        };
        if fewer_than_half(growing.entries) {
            self.sizes.push(growing.entries);
            *growing = Growing { entries, own: true };
        } else {
            growing.entries = growing.entries.max(entries);
        }
    }

    fn advice(mut self, site: &Site) -> Option<Advice> {
        let own = self.growing.values().filter(|growing| growing.own);
        self.sizes.extend(own.map(|growing| growing.entries));
        if self.sizes.len() < MAPS {
            return None;
        }
        self.sizes.sort_unstable();
        let [half, most] =
            [50, 90].map(|percent| self.sizes[(self.sizes.len() - 1) * percent / 100]);
        let alike = most <= half.saturating_mul(2);
        let map_type = site.map_type.as_deref().unwrap_or("map[K]V");
        Some(Advice {
            rule: "regrown",
            advice: format!(
                "Say the size when the map is made: make({map_type}, n), with n from what it is filled from, or {most} \
                 where that is not known."
            ),
            subject: site.text(),
            evidence: vec![
                format!(
                    "At least {} maps grew here from small, in {} slow writes.",
                    self.sizes.len(),
                    self.writes
                ),
                format!(
                    "At their last slow growth they had {half} entries (P50), {most} (P90); they may have got more."
                ),
            ],
            confidence: if self.sizes.len() >= MAPS_SURE && alike {
                Confidence::High
            } else {
                Confidence::Medium
            },
            nano: self.nano,
        })
    }
}
