//! A large map that keeps growing: few growths, each longer than the one before, or ever more pieces.
//!
//! Where each growth at a line finds as many entries as the one before or more, it is one map, or several that are filled in
//! turn; where not, the maps are told apart by their addresses, which recordings of earlier versions do not have. Maps before Swiss maps grow as a whole, at twice the
//! entries each time, so that the next growth can be told from those that were measured; Swiss maps of this size grow by one
//! table of many.

use std::collections::HashMap;

use super::{percentiles::usual_and_most, shared_map::Turns, site::Site};
use crate::model::{
    advice::{Advice, Confidence},
    binary::VirtualAddress,
    cause::Cause,
    recorded::{ProcessKey, RecordedWrite},
    time::Ktime,
    units::Nanos,
};

/// From here on a map is large.
const ENTRIES: u64 = 100_000;
/// Slow growths as a whole, and of tables.
const WHOLE: usize = 3;
const WHOLE_SURE: usize = 5;
const TABLES: usize = 50;
const TABLES_SURE: usize = 200;
/// Growths that the next one is told from.
const BASIS: usize = 3;

#[derive(Debug, Default)]
pub struct LargeMaps {
    /// By process as well.
    sites: HashMap<(ProcessKey, Site), Vec<Growth>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Growth {
    start: Ktime,
    entries: u64,
    nano: u64,
    /// Of one table of several.
    of_table: bool,
    pub map: Option<VirtualAddress>,
    pub goid: Option<u64>,
}

impl LargeMaps {
    pub fn add(&mut self, write: &RecordedWrite) {
        if write.breakdown.get(Cause::Growth) == 0 {
            return;
        }
        let (Some(site), Some(entries)) = (Site::of(write), write.map_len) else {
            return;
        };
        let growth = Growth {
            start: write.start,
            entries,
            nano: write.duration_nano,
            of_table: write
                .map_capacity_before
                .is_some_and(|slots| slots < entries),
            map: write.map_address,
            goid: write.goid,
        };
        self.sites
            .entry((write.process(), site))
            .or_default()
            .push(growth);
    }

    pub fn advice(self) -> Vec<Advice> {
        let sites = self.sites.into_iter();
        sites
            .filter_map(|((_, site), growths)| of_all_or_one(&site, growths))
            .collect()
    }
}

/// Where one map comes after the other, of the one that took longest.
fn of_all_or_one(site: &Site, mut growths: Vec<Growth>) -> Option<Advice> {
    growths.sort_unstable();
    if let Some(advice) = advice(site, &growths) {
        return Some(advice);
    }
    let mut maps: HashMap<VirtualAddress, Vec<Growth>> = HashMap::new();
    for growth in growths {
        if let Some(map) = growth.map {
            maps.entry(map).or_default().push(growth);
        }
    }
    let advised = maps.values().filter_map(|growths| advice(site, growths));
    advised.max_by_key(|advice| advice.nano)
}

/// Of growths in their order.
fn advice(site: &Site, growths: &[Growth]) -> Option<Advice> {
    let only_more = growths.is_sorted_by_key(|growth| growth.entries);
    let (first, last) = (*growths.first()?, *growths.last()?);
    let is_large = last.entries >= ENTRIES && last.entries / 4 >= first.entries;
    if !only_more || !is_large {
        return None;
    }
    let (least, sure) = if last.of_table {
        (TABLES, TABLES_SURE)
    } else {
        (WHOLE, WHOLE_SURE)
    };
    if growths.len() < least {
        return None;
    }
    let large = Advice {
        rule: "large_map",
        advice: remedy(site, last),
        subject: site.text(),
        evidence: evidence(growths, last),
        confidence: if growths.len() >= sure {
            Confidence::High
        } else {
            Confidence::Medium
        },
        nano: growths
            .iter()
            .fold(0, |sum, growth| sum.saturating_add(growth.nano)),
    };
    Some(match Turns::of(growths) {
        Some(turns) => turns.advised(site.map_type(), last.entries, large),
        None => large,
    })
}

fn remedy(site: &Site, last: Growth) -> String {
    let (map_type, entries) = (site.map_type(), last.entries);
    let made = format!(
        "Make this map with the size that it will have: make({map_type}, n), with n above {entries}, so that it does not \
         grow while it is written to."
    );
    if last.of_table {
        return made;
    }
    made + " If that is not known, split it by a hash of the key into many maps: each grows by itself, for a part of the time."
}

fn evidence(growths: &[Growth], last: Growth) -> Vec<String> {
    let (usual, _) = usual_and_most(growths.iter().map(|growth| growth.nano).collect());
    let longest = growths.iter().map(|growth| growth.nano).max();
    let seen = format!(
        "In {} slow growths it went from {} entries to {}, never back. They took {} (P50), the longest {}.",
        growths.len(),
        growths[0].entries,
        last.entries,
        Nanos(usual),
        Nanos(longest.unwrap_or(0))
    );
    [Some(seen), next(growths)].into_iter().flatten().collect()
}

/// How long the next growth will take, if the last ones tell: each at about twice the entries of the one before, for about
/// as much time an entry.
fn next(growths: &[Growth]) -> Option<String> {
    let basis = growths.last_chunk::<BASIS>()?;
    let whole = basis.iter().all(|growth| !growth.of_table);
    let doubles = basis.windows(2).all(|pair| {
        let times = pair[1].entries as f64 / pair[0].entries as f64;
        (1.8..=2.2).contains(&times)
    });
    let mut by_entry = basis.map(|growth| growth.nano as f64 / growth.entries as f64);
    by_entry.sort_by(f64::total_cmp);
    let [least, .., most] = by_entry;
    if !whole || !doubles || most > 2.0 * least {
        return None;
    }
    let entries = basis[BASIS - 1].entries.saturating_mul(2);
    let took = |by_entry: f64| Nanos((by_entry * entries as f64).round() as u64);
    Some(format!(
        "The next, at {entries} entries, will take {} to {} if it goes as the last {BASIS}, which took {least:.1} to \
         {most:.1} ns an entry.",
        took(least),
        took(most)
    ))
}
