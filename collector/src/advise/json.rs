//! JSON that is decoded into maps of anything: encoding/json makes one for each object, from empty, entry by entry.

use std::collections::HashMap;

use super::{percentiles::usual_and_most, site::Site};
use crate::model::{
    advice::{Advice, Confidence},
    recorded::RecordedWrite,
};

/// Fewer slow writes are no reason to change types.
const WRITES: u64 = 20;
const WRITES_SURE: u64 = 100;
/// Objects of more keys than this are seldom meant as structs: their keys are data.
const FIELDS: u64 = 64;
/// As `reflect` writes `map[string]any`.
const MAP_TYPE: &str = "map[string]interface {}";
/// What makes no other maps: https://github.com/golang/go/blob/go1.26.8/src/encoding/json/decode.go#L1078
const OBJECT: &str = "encoding/json.(*decodeState).objectInterface";

#[derive(Debug, Default)]
pub struct Decoded {
    sites: HashMap<Site, Objects>,
}

#[derive(Debug, Default)]
struct Objects {
    writes: u64,
    nano: u64,
    /// Entries at each write, where they are known.
    entries: Vec<u64>,
}

impl Decoded {
    /// Whether it is such a write.
    pub fn add(&mut self, write: &RecordedWrite) -> bool {
        if !is_decoding(write) {
            return false;
        }
        if let Some(site) = Site::outside(write, is_inside) {
            let objects = self.sites.entry(site).or_default();
            objects.writes += 1;
            objects.nano = objects.nano.saturating_add(write.duration_nano);
            objects.entries.extend(write.map_len);
        }
        true
    }

    pub fn advice(self) -> Vec<Advice> {
        let sites = self.sites.into_iter();
        sites
            .filter_map(|(site, objects)| objects.advice(&site))
            .collect()
    }
}

/// encoding/json writes to maps of its own, too: those are not of this type.
fn is_decoding(write: &RecordedWrite) -> bool {
    let mut callers = write.stack.callers().iter();
    let writer = callers.find_map(|frame| {
        let function = frame.function.as_deref()?;
        (!function.starts_with("reflect.")).then_some(function)
    });
    let of_the_type = write.map_type.as_deref() == Some(MAP_TYPE);
    writer.is_some_and(|name| name == OBJECT || (of_the_type && is_json(name)))
}

fn is_json(function: &str) -> bool {
    let inner = function.strip_prefix("encoding/json");
    inner.is_some_and(|inner| inner.starts_with(['.', '/']))
}

fn is_inside(function: &str) -> bool {
    is_json(function) || function.starts_with("reflect.")
}

impl Objects {
    fn advice(self, site: &Site) -> Option<Advice> {
        if self.writes < WRITES || self.entries.is_empty() {
            return None;
        }
        let (half, most) = usual_and_most(self.entries);
        let advice = if most <= FIELDS {
            "Decode into a struct that has the fields which are used, instead of map[string]any: encoding/json makes a map \
             for each object otherwise, and each grows from empty."
        } else {
            "Decode into map[string]T, with a type for the values instead of any, and into a map that was made with its \
             size: encoding/json fills a map that it is given, and lets one grow from empty otherwise."
        };
        Some(Advice {
            rule: "json",
            advice: advice.into(),
            subject: site.text(),
            evidence: vec![
                format!(
                    "In {} slow writes encoding/json fills maps of type map[string]any for this line.",
                    self.writes
                ),
                format!("They had {half} entries then (P50), {most} (P90)."),
            ],
            confidence: if self.writes >= WRITES_SURE {
                Confidence::High
            } else {
                Confidence::Medium
            },
            nano: self.nano,
        })
    }
}
