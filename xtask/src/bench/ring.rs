//! How many events the ring buffer carries: a torture with ever fewer events a second, until none is lost.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use super::{SWISS, Scale, run::Work};

/// Sizes of the maps: the smaller, the more of the writes are growths of a microsecond or two.
const ENTRIES: [u32; 5] = [64, 256, 1024, 4096, 16_384];

/// Lets all growths through.
const THRESHOLD: &str = "1us";

/// A run with maps of one size.
#[derive(Debug, Serialize)]
pub struct Rate {
    pub entries: u32,
    pub events_per_second: f64,
    pub lost_per_second: f64,
    pub lost_by_reason: BTreeMap<String, u64>,
    pub agent_cpu_percent: f64,
}

/// The last is the first that lost nothing, if any did.
pub fn measure(scale: Scale) -> Result<Vec<Rate>> {
    let mut rates = Vec::new();
    for entries in ENTRIES {
        eprintln!("ring buffer, maps of {entries}");
        let rate = rate(scale, entries)?;
        let lossless = rate.lost_by_reason.is_empty();
        rates.push(rate);
        if lossless {
            break;
        }
    }
    Ok(rates)
}

fn rate(scale: Scale, entries: u32) -> Result<Rate> {
    let work = Work {
        toolchain: SWISS,
        mode: "torture",
        duration: scale.load,
        control: false,
        entries: Some(entries),
    };
    let watched = work.watched(THRESHOLD)?;
    let losses = watched.recording.summary["losses"]["by_reason"].as_object();
    let count = |(reason, count): (&String, &serde_json::Value)| {
        // What was read and found to be no map write was carried.
        let lost = reason != "not_in_a_map_write";
        lost.then(|| Some((reason.clone(), count.as_u64()?)))
            .flatten()
    };
    let lost: BTreeMap<String, u64> = losses.into_iter().flatten().filter_map(count).collect();
    let seconds = watched.truth.outcome.seconds;
    Ok(Rate {
        entries,
        events_per_second: watched.recording.events.len() as f64 / seconds,
        lost_per_second: lost.values().sum::<u64>() as f64 / seconds,
        lost_by_reason: lost,
        agent_cpu_percent: watched.agent.cpu_share * 100.0,
    })
}
