//! What several recordings amount to: sums of what can be summed, and from the writes what follows from them.

use std::{collections::BTreeMap, fs};

use crate::{
    model::{
        collision::Collision,
        latency::Durations,
        plan::ProbeRole,
        recorded::RecordedWrite,
        summary::{Counts, FORMAT, Losses, Part, ProbeUse, SkippedProcess, Summary, Target},
        units::Nanos,
    },
    report::{error::ReportError, recording::Recording},
};

/// Their summaries, if sums of them are true.
///
/// # Errors
/// Says why they are not.
pub fn summable(recordings: &[Recording]) -> Result<Vec<&Summary>, ReportError> {
    let mut summaries: Vec<&Summary> = Vec::new();
    for (number, recording) in recordings.iter().enumerate() {
        let summary = by_itself(recording);
        let others = recordings.iter().zip(&summaries).take(number);
        let summary = summary.and_then(|summary| {
            for (other, known) in others {
                with_another(recording, summary, other, known)?;
            }
            Ok(summary)
        });
        summaries.push(summary.map_err(|reason| ReportError::Unmergeable {
            directory: recording.directory.clone(),
            reason,
        })?);
    }
    Ok(summaries)
}

fn by_itself(recording: &Recording) -> Result<&Summary, String> {
    let Some(summary) = &recording.summary else {
        return Err(
            "it was cut off before its end, so its losses, cost and time are not known; report it by itself".into(),
        );
    };
    if !summary.recordings.is_empty() {
        let parts: Vec<&str> = summary
            .recordings
            .iter()
            .map(|part| &*part.directory)
            .collect();
        return Err(format!(
            "it was merged itself; name what it is of instead: {}",
            parts.join(", ")
        ));
    }
    if summary.writes.is_some() {
        return Err(format!(
            "mode {} tells how long all writes took by percentiles, and of two percentiles none of the whole can be made; \
             merge recordings of mode slowpath",
            summary.mode
        ));
    }
    Ok(summary)
}

fn with_another(
    recording: &Recording,
    summary: &Summary,
    other: &Recording,
    known: &Summary,
) -> Result<(), String> {
    let name = other.directory.display();
    let real = |recording: &Recording| fs::canonicalize(&recording.directory).ok();
    let began = (summary.started_unix_nano, summary.duration_nano);
    if real(recording) == real(other) || began == (known.started_unix_nano, known.duration_nano) {
        return Err(format!("it is the same recording as {name}; name it once"));
    }
    if summary.threshold_nano != known.threshold_nano {
        return Err(format!(
            "its writes are slow from {} on, those of {name} from {} on, so they cannot be counted together; record with one \
             --threshold",
            Nanos(summary.threshold_nano),
            Nanos(known.threshold_nano)
        ));
    }
    if summary.mode != known.mode {
        return Err(format!(
            "its writes were found in mode {}, those of {name} in mode {}; record with one --mode",
            summary.mode, known.mode
        ));
    }
    if summary.budget_percent.to_bits() != known.budget_percent.to_bits() {
        return Err(format!(
            "its probes were allowed {} % of a target's CPU time, those of {name} {} %, so not the same was seen; record with \
             one --budget",
            summary.budget_percent, known.budget_percent
        ));
    }
    Ok(())
}

/// What the writes amount to.
#[derive(Debug, Default)]
pub struct Sums {
    counts: Counts,
    durations: Durations,
    unread: u64,
}

impl Sums {
    pub fn add(&mut self, write: &RecordedWrite) {
        self.counts.writes += 1;
        self.counts.in_a_trace += u64::from(write.context.is_some());
        *self.counts.by_cause.entry(write.cause).or_default() += 1;
        let caller = write.stack.caller();
        if let Some(function) = caller.and_then(|caller| caller.function.clone()) {
            *self.counts.by_function.entry(function).or_default() += 1;
        }
        self.durations.add(write.duration_nano);
    }

    /// Lines that are no write: they are lost here.
    pub fn unread(&mut self, lines: u64) {
        self.unread += lines;
    }

    /// Of recordings that [`summable`] lets through: what has to be the same in all is that of the first.
    pub fn summary(self, recordings: &[Recording], summaries: &[&Summary]) -> Summary {
        let parts = recordings.iter().zip(summaries);
        let parts = parts.map(|(recording, summary)| Part {
            directory: recording.directory.display().to_string(),
            started_unix_nano: summary.started_unix_nano,
            duration_nano: summary.duration_nano,
        });
        let probes = probes(summaries);
        let first = summaries.first();
        let mut merged = Summary {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_unix_nano: 0,
            duration_nano: 0,
            threshold_nano: first.map_or(0, |summary| summary.threshold_nano),
            mode: first
                .map(|summary| summary.mode.clone())
                .unwrap_or_default(),
            budget_percent: first.map_or(0.0, |summary| summary.budget_percent),
            targets: targets(summaries),
            skipped: skipped(summaries),
            counts: self.counts,
            losses: losses(summaries, self.unread),
            latency: self.durations.latency(),
            writes: None,
            estimated_cost_nano: sum(probes.iter().map(|probe| probe.estimated_cost_nano)),
            probes,
            collisions: collisions(summaries),
            recordings: parts.collect(),
        };
        let spans = merged.spans();
        merged.started_unix_nano = spans.first().map_or(0, |span| span.0);
        merged.duration_nano = spans
            .iter()
            .map(|(from, until)| until.abs_diff(*from))
            .sum();
        merged
    }
}

fn targets(summaries: &[&Summary]) -> Vec<Target> {
    let numbered = (0..).zip(summaries);
    let targets = numbered.flat_map(|(recording, summary)| {
        summary.targets.iter().map(move |target| Target {
            recording: Some(recording),
            ..target.clone()
        })
    });
    targets.collect()
}

fn collisions(summaries: &[&Summary]) -> Vec<Collision> {
    let numbered = (0..).zip(summaries);
    let collisions = numbered.flat_map(|(recording, summary)| {
        summary.collisions.iter().map(move |collision| Collision {
            recording: Some(recording),
            ..collision.clone()
        })
    });
    collisions.collect()
}

fn skipped(summaries: &[&Summary]) -> Vec<SkippedProcess> {
    let skipped = summaries.iter().flat_map(|summary| &summary.skipped);
    skipped.cloned().collect()
}

fn losses(summaries: &[&Summary], unread: u64) -> Losses {
    let mut losses = Losses::default();
    for summary in summaries {
        for (reason, count) in &summary.losses.by_reason {
            losses.add(reason, *count);
        }
    }
    losses.add("unreadable_line", unread);
    losses
}

/// By function and role.
fn probes(summaries: &[&Summary]) -> Vec<ProbeUse> {
    let mut by_place: BTreeMap<(&str, ProbeRole), ProbeUse> = BTreeMap::new();
    for probe in summaries.iter().flat_map(|summary| &summary.probes) {
        match by_place.get_mut(&(probe.function.as_str(), probe.role)) {
            Some(known) => {
                known.hits = known.hits.saturating_add(probe.hits);
                known.estimated_cost_nano =
                    sum([known.estimated_cost_nano, probe.estimated_cost_nano]);
            }
            None => {
                by_place.insert((&probe.function, probe.role), probe.clone());
            }
        }
    }
    by_place.into_values().collect()
}

/// Known only if each of them is.
fn sum(costs: impl IntoIterator<Item = Option<u64>>) -> Option<u64> {
    let costs = costs.into_iter();
    costs
        .reduce(|sum, cost| Some(sum?.saturating_add(cost?)))
        .flatten()
}
