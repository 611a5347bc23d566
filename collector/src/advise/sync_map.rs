//! `sync.Map` for keys that keep coming. Until Go 1.23 it holds its entries in the runtime's maps, and writes to one only for
//! a key that it does not have, under its lock; the first such write after it was read much copies all keys. Later it uses no
//! such map, so that none of its writes is in a recording.

use std::collections::HashMap;

use super::site::Site;
use crate::model::{
    advice::{Advice, Confidence},
    recorded::RecordedWrite,
};

const METHODS: &str = "sync.(*Map).";
/// Copies all keys: https://github.com/golang/go/blob/go1.22.12/src/sync/map.go#L493
const COPY: &str = "sync.(*Map).dirtyLocked";
/// Fewer slow writes may be how it was filled first.
const WRITES: u64 = 20;
const WRITES_SURE: u64 = 100;

#[derive(Debug, Default)]
pub struct SyncMaps {
    sites: HashMap<Site, NewKeys>,
}

#[derive(Debug, Default)]
struct NewKeys {
    writes: u64,
    /// Those of them that are of a copy.
    copies: u64,
    nano: u64,
}

impl SyncMaps {
    /// Whether it is such a write.
    pub fn add(&mut self, write: &RecordedWrite) -> bool {
        let caller = write.stack.caller();
        let writer = caller.and_then(|caller| caller.function.as_deref());
        let Some(writer) = writer.filter(|name| name.starts_with(METHODS)) else {
            return false;
        };
        if let Some(site) = Site::outside(write, |name| name.starts_with(METHODS)) {
            let keys = self.sites.entry(site).or_default();
            keys.writes += 1;
            keys.copies += u64::from(writer == COPY);
            keys.nano = keys.nano.saturating_add(write.duration_nano);
        }
        true
    }

    pub fn advice(self) -> Vec<Advice> {
        let sites = self.sites.into_iter();
        let many = sites.filter(|(_, keys)| keys.writes >= WRITES);
        many.map(|(site, keys)| keys.advice(&site)).collect()
    }
}

impl NewKeys {
    fn advice(self, site: &Site) -> Advice {
        let copies = match self.copies {
            0 => String::new(),
            copies => format!(" In {copies} of them it copies all its keys."),
        };
        Advice {
            rule: "sync_map",
            advice: "sync.Map is made for keys that are written once and then read; here new keys keep coming. Use a map \
                     made with its size and a sync.RWMutex, split by key where many write, or build with Go 1.24 or \
                     later, whose sync.Map has no map that grows."
                .into(),
            subject: site.text(),
            evidence: vec![format!(
                "In {} slow writes sync.Map adds a key for this line, under its lock.{copies}",
                self.writes
            )],
            confidence: if self.writes >= WRITES_SURE {
                Confidence::High
            } else {
                Confidence::Medium
            },
            nano: self.nano,
        }
    }
}
