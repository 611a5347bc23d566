//! What a comparison needs of a recording.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Side;
use crate::{
    model::{cause::Cause, recorded::RecordedWrite},
    report::{error::ReportError, recording::Recording},
};

#[derive(Debug, Default)]
pub struct Sample {
    /// In nanoseconds, sorted.
    pub durations: Vec<u64>,
    pub duration_nano: Option<u64>,
    /// By the caller's function and the cause: lines move when code is changed.
    pub groups: BTreeMap<(String, Cause), Group>,
    nano: u64,
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
pub struct Group {
    pub count: u64,
    pub nano: u64,
}

impl Sample {
    pub fn of(recording: &Recording) -> Result<Self, ReportError> {
        let summary = recording.summary.as_ref();
        let mut sample = Self {
            duration_nano: summary.map(|summary| summary.duration_nano),
            ..Self::default()
        };
        recording.read(|write| {
            sample.add(write);
            Ok(())
        })?;
        sample.durations.sort_unstable();
        Ok(sample)
    }

    fn add(&mut self, write: &RecordedWrite) {
        self.durations.push(write.duration_nano);
        self.nano = self.nano.saturating_add(write.duration_nano);
        let caller = write
            .stack
            .caller()
            .and_then(|frame| frame.function.as_deref());
        let caller = caller.unwrap_or("(not known)").to_owned();
        let group = self.groups.entry((caller, write.cause)).or_default();
        group.count += 1;
        group.nano = group.nano.saturating_add(write.duration_nano);
    }

    pub fn count(&self) -> u64 {
        self.durations.len() as u64
    }

    pub fn group(&self, key: &(String, Cause)) -> Group {
        self.groups.get(key).copied().unwrap_or_default()
    }

    pub fn side(&self, recording: &Recording) -> Side {
        let minutes = self.duration_nano.filter(|nanos| *nanos > 0);
        let minutes = minutes.map(|nanos| nanos as f64 / 60e9);
        Side {
            directory: recording.directory.display().to_string(),
            count: self.count(),
            nano: self.nano,
            duration_nano: self.duration_nano,
            count_per_minute: minutes.map(|minutes| self.count() as f64 / minutes),
            nano_per_minute: minutes.map(|minutes| self.nano as f64 / minutes),
        }
    }
}
