//! The directory of a recording.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{event::EventRecord, jsonl::JsonLines};
use crate::model::{
    collision::Collision,
    latency::Durations,
    summary::{Counts, FORMAT, Losses, ProbeUse, SkippedProcess, Summary, Target},
    write::CorrelatedWrite,
    writes::Writes,
};

const EVENTS: &str = "events.jsonl";
const SUMMARY: &str = "summary.json";

/// Its message has all of it: what went wrong is no source, which would be told twice.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("{path} holds a recording already; choose another directory for --output, or remove it", path = path.display())]
    Exists { path: PathBuf },
    #[error("{path}: cannot be written: {error}; choose another directory for --output", path = path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error(
        "{path}: cannot be written any more: {error}; the {writes} slow writes until then are there: copy the directory to where \
         there is room, and `slowmap report` reads it",
        path = path.display()
    )]
    Interrupted {
        path: PathBuf,
        error: io::Error,
        writes: u64,
    },
}

/// A recording in the making.
#[derive(Debug)]
pub struct Recording {
    directory: PathBuf,
    events: JsonLines,
    counts: Counts,
    durations: Durations,
}

/// What the summary says beside what follows from the writes.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub started_unix_nano: u64,
    pub duration_nano: u64,
    pub threshold_nano: u64,
    pub mode: String,
    pub budget_percent: f64,
    pub targets: Vec<Target>,
    pub skipped: Vec<SkippedProcess>,
    pub losses: Losses,
    pub probes: Vec<ProbeUse>,
    pub writes: Option<Writes>,
    pub collisions: Vec<Collision>,
}

impl Recording {
    /// Makes the directory if it is missing. Called before anything is attached, so that a mistake costs
    /// nothing.
    ///
    /// # Errors
    /// The directory cannot be written, or holds a recording already.
    pub fn create(directory: &Path) -> Result<Self, RecordingError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| RecordingError::Write { path, error }
        };
        fs::create_dir_all(directory).map_err(failed(directory))?;
        let path = directory.join(EVENTS);
        if directory.join(SUMMARY).exists() || fs::metadata(&path).is_ok_and(|file| file.len() > 0)
        {
            return Err(RecordingError::Exists {
                path: directory.to_owned(),
            });
        }
        let events = JsonLines::create(&path).map_err(failed(&path))?;
        Ok(Self {
            directory: directory.to_owned(),
            events,
            counts: Counts::default(),
            durations: Durations::new(),
        })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// The line could not be written; the file still consists of whole lines, and more can be tried.
    pub fn write(&mut self, write: &CorrelatedWrite) -> Result<(), RecordingError> {
        self.events
            .write(&EventRecord::from(write))
            .map_err(|error| RecordingError::Interrupted {
                path: self.directory.join(EVENTS),
                error,
                writes: self.counts.writes,
            })?;
        self.count(write);
        Ok(())
    }

    fn count(&mut self, write: &CorrelatedWrite) {
        self.counts.writes += 1;
        self.counts.in_a_trace += u64::from(write.context.is_some());
        *self.counts.by_cause.entry(write.cause()).or_default() += 1;
        if let Some(function) = write.caller().and_then(|caller| caller.function.clone()) {
            *self.counts.by_function.entry(function).or_default() += 1;
        }
        self.durations.add(write.observed().duration_nano);
    }

    /// Slow writes so far.
    pub fn writes(&self) -> u64 {
        self.counts.writes
    }

    /// Writes the summary, all of it or nothing.
    ///
    /// # Errors
    /// The summary could not be written; the events are there nevertheless.
    pub fn finish(self, measured: Measured) -> Result<Summary, RecordingError> {
        let summary = Summary {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_unix_nano: measured.started_unix_nano,
            duration_nano: measured.duration_nano,
            threshold_nano: measured.threshold_nano,
            mode: measured.mode,
            budget_percent: measured.budget_percent,
            targets: measured.targets,
            skipped: measured.skipped,
            counts: self.counts,
            losses: measured.losses,
            latency: self.durations.latency(),
            writes: measured.writes,
            estimated_cost_nano: total_cost(&measured.probes),
            probes: measured.probes,
            collisions: measured.collisions,
            recordings: Vec::new(),
        };
        let path = self.directory.join(SUMMARY);
        replace(&path, &summary).map_err(|error| RecordingError::Write { path, error })?;
        Ok(summary)
    }
}

/// Known only if the cost of each probe is.
fn total_cost(probes: &[ProbeUse]) -> Option<u64> {
    let costs = probes.iter().map(|probe| probe.estimated_cost_nano);
    costs
        .reduce(|sum, cost| Some(sum?.saturating_add(cost?)))
        .flatten()
}

fn replace(path: &Path, summary: &Summary) -> io::Result<()> {
    let unfinished = path.with_extension("json.part");
    let written = write_whole(&unfinished, summary);
    let replaced = written.and_then(|()| fs::rename(&unfinished, path));
    if replaced.is_err() {
        // Half a summary serves nobody.
        let _ = fs::remove_file(&unfinished);
    }
    replaced
}

fn write_whole(path: &Path, summary: &Summary) -> io::Result<()> {
    let mut file = File::create(path)?;
    serde_json::to_writer_pretty(&mut file, summary)?;
    file.write_all(b"\n")?;
    file.sync_all()
}
