//! Two recordings side by side, before and after a change: what differs, and between which bounds chance leaves it.

mod percentiles;
mod rates;
mod sample;

use std::collections::BTreeSet;

use serde::Serialize;

use self::{
    percentiles::Percentile,
    sample::{Group, Sample},
};
use super::{error::ReportError, recording::Recording};
use crate::model::summary::Summary;

/// Callers and causes beyond these are left to the tables.
const GROUPS: usize = 20;

pub const METHOD: &str = "Brackets are 95 % confidence intervals. Ratios of rates: exact, conditional on the sum, for Poisson \
counts; writes that come in bursts vary more than that. Percentiles are of the slow writes only: bootstrap with 2,000 \
resamples, left out where fewer than five writes lie beyond the percentile.";

/// A value, and where it may lie. `None` upwards: without bound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    pub value: Option<f64>,
    pub low: f64,
    pub high: Option<f64>,
}

#[derive(Debug, Serialize)]
pub struct Comparison {
    pub before: Side,
    pub after: Side,
    /// After, as a multiple of before. `None`: one of them was cut off, or both are empty.
    pub rate_ratio: Option<Interval>,
    pub percentiles: Vec<Percentile>,
    pub groups: Vec<GroupChange>,
    pub groups_more: usize,
    /// What makes the two less comparable.
    pub caveats: Vec<String>,
    pub method: &'static str,
}

#[derive(Debug, Serialize)]
pub struct Side {
    pub directory: String,
    pub count: u64,
    pub nano: u64,
    /// `None`: the recording was cut off.
    pub duration_nano: Option<u64>,
    pub count_per_minute: Option<f64>,
    pub nano_per_minute: Option<f64>,
}

/// The slow writes of a caller with a cause.
#[derive(Debug, Serialize)]
pub struct GroupChange {
    pub caller: String,
    pub cause: &'static str,
    pub before: Group,
    pub after: Group,
    pub rate_ratio: Option<Interval>,
}

/// # Errors
/// One of the two cannot be read.
pub fn compare(before: &Recording, after: &Recording) -> Result<Comparison, ReportError> {
    let (first, second) = (Sample::of(before)?, Sample::of(after)?);
    let ratio = |before: u64, after: u64| {
        let times = first.duration_nano.zip(second.duration_nano)?;
        rates::ratio((before, times.0), (after, times.1))
    };
    let mut groups = changes(&first, &second, ratio);
    let groups_more = groups.len().saturating_sub(GROUPS);
    groups.truncate(GROUPS);
    Ok(Comparison {
        rate_ratio: ratio(first.count(), second.count()),
        percentiles: percentiles::compare(&first.durations, &second.durations),
        groups,
        groups_more,
        caveats: caveats(before.summary.as_ref(), after.summary.as_ref()),
        before: first.side(before),
        after: second.side(after),
        method: METHOD,
    })
}

/// The largest time first, of whichever side.
fn changes(
    before: &Sample,
    after: &Sample,
    ratio: impl Fn(u64, u64) -> Option<Interval>,
) -> Vec<GroupChange> {
    let keys: BTreeSet<_> = before.groups.keys().chain(after.groups.keys()).collect();
    let change = |key: &(String, _)| {
        let (before, after) = (before.group(key), after.group(key));
        GroupChange {
            caller: key.0.clone(),
            cause: key.1.name(),
            before,
            after,
            rate_ratio: ratio(before.count, after.count),
        }
    };
    let mut changes: Vec<GroupChange> = keys.into_iter().map(change).collect();
    changes.sort_by_key(|change| std::cmp::Reverse(change.before.nano.max(change.after.nano)));
    changes
}

fn caveats(before: Option<&Summary>, after: Option<&Summary>) -> Vec<String> {
    let (Some(before), Some(after)) = (before, after) else {
        return vec!["a recording was cut off: rates are not known".into()];
    };
    let mut caveats = Vec::new();
    if before.threshold_nano != after.threshold_nano {
        caveats.push(
            "the two have different thresholds: counts and percentiles are not of the same writes"
                .into(),
        );
    }
    let merged = [before, after].map(|summary| summary.recordings.len().max(1));
    if merged[0] != merged[1] {
        caveats.push(format!(
            "merged of different numbers of recordings, {} and {}: rates are of all of them together",
            merged[0], merged[1]
        ));
    }
    if before.mode != after.mode {
        caveats.push(format!(
            "found in different ways: {} and {}",
            before.mode, after.mode
        ));
    }
    let given_up = |summary: &Summary| {
        let mut pairs = summary
            .targets
            .iter()
            .flat_map(|target| &target.usage.probe_pairs);
        pairs.any(|pair| pair.covered < 1.0)
    };
    if given_up(before) || given_up(after) {
        caveats.push("probes were given up for the budget: some writes were not seen".into());
    }
    if before.losses.total + after.losses.total > 0 {
        caveats.push(format!(
            "lost: {} before, {} after",
            before.losses.total, after.losses.total
        ));
    }
    caveats
}
