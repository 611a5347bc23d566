//! Maps whose keys or values take so many bytes that most of a growth is allocating and moving them.
//!
//! Up to 128 bytes keys and values are in the map itself, in both implementations; larger ones are outside of it, each in
//! memory of its own, and a growth moves pointers: https://github.com/golang/go/blob/go1.26.8/src/internal/abi/map.go#L22

use std::collections::HashMap;

use super::{percentiles::usual_and_most, site::Site};
use crate::model::{
    advice::{Advice, Confidence},
    cause::Cause,
    recorded::RecordedWrite,
};

/// Bytes of a key or a value that are worth a pointer: eight times as many as one takes.
const LARGE: u64 = 64;
const LARGEST_INSIDE: u64 = 128;
/// Fewer slow growths are no reason to change types.
const GROWTHS: usize = 20;
const GROWTHS_SURE: usize = 100;

#[derive(Debug, Default)]
pub struct LargeEntries {
    sites: HashMap<Site, Growths>,
}

#[derive(Debug, Default)]
struct Growths {
    key: u64,
    value: u64,
    count: usize,
    /// Slots that growths made, where that is known: of the tables that a Swiss map is split into it is not.
    slots: Vec<u64>,
    nano: u64,
}

impl LargeEntries {
    pub fn add(&mut self, write: &RecordedWrite) {
        let (Some(key), Some(value)) = (write.map_key_size, write.map_value_size) else {
            return;
        };
        let Some(site) = Site::of(write) else {
            return;
        };
        if write.breakdown.get(Cause::Growth) == 0 || !(is_large(key) || is_large(value)) {
            return;
        }
        let growths = self.sites.entry(site).or_default();
        (growths.key, growths.value) = (key, value);
        growths.count += 1;
        growths.slots.extend(write.map_capacity_after);
        growths.nano = growths.nano.saturating_add(write.duration_nano);
    }

    pub fn advice(self) -> Vec<Advice> {
        let sites = self.sites.into_iter();
        let many = sites.filter(|(_, growths)| growths.count >= GROWTHS);
        many.map(|(site, growths)| growths.advice(&site)).collect()
    }
}

fn is_large(bytes: u64) -> bool {
    (LARGE..=LARGEST_INSIDE).contains(&bytes)
}

/// What it takes within the map.
fn inside(bytes: u64) -> u64 {
    if bytes > LARGEST_INSIDE { 8 } else { bytes }
}

impl Growths {
    fn advice(self, site: &Site) -> Advice {
        let (key, value, count) = (self.key, self.value, self.count);
        let slot = inside(key) + inside(value);
        let kib = |slots: u64| slots.saturating_mul(slot) / 1024;
        let (large, smaller, advice) = if is_large(value) {
            (
                "value",
                inside(key) + 8,
                "Keep pointers to the values in this map, not the values: it grows for a part of the time, and each value is \
                 allocated once and never moved.",
            )
        } else {
            (
                "key",
                8 + inside(value),
                "Use a smaller key, such as a number or a part of it: each growth moves all keys.",
            )
        };
        let size = if self.slots.is_empty() {
            String::new()
        } else {
            let (known, (usual, most)) = (self.slots.len(), usual_and_most(self.slots));
            let (usual, most) = (kib(usual), kib(most));
            format!("; {known} of them made {usual} KiB of slots (P50), {most} KiB (P90)")
        };
        let millis = self.nano / 1_000_000;
        Advice {
            rule: "large_entries",
            advice: advice.into(),
            subject: site.text(),
            evidence: vec![
                format!(
                    "A key of {} takes {key} bytes, a value {value}: {slot} bytes a slot, and {smaller} if the {large} were a \
                     pointer.",
                    site.map_type()
                ),
                format!("{count} slow growths here took {millis} ms in all{size}."),
            ],
            confidence: if count >= GROWTHS_SURE {
                Confidence::High
            } else {
                Confidence::Medium
            },
            nano: self.nano,
        }
    }
}
