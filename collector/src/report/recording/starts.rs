//! When the processes of a recording began.

use std::collections::HashMap;

use crate::model::{
    recorded::{ProcessKey, RecordedWrite},
    summary::Summary,
};

#[derive(Debug, Default)]
pub struct Starts(HashMap<ProcessKey, Vec<u64>>);

impl Starts {
    pub fn new(summary: Option<&Summary>) -> Self {
        let mut starts: HashMap<ProcessKey, Vec<u64>> = HashMap::new();
        for target in summary.iter().flat_map(|summary| &summary.targets) {
            if let Some(started) = target.started_unix_nano {
                let process = (target.recording, target.pid);
                starts.entry(process).or_default().push(started);
            }
        }
        Self(starts)
    }

    /// How long the write's process had been there. `None`: not known.
    pub fn since(&self, write: &RecordedWrite) -> Option<u64> {
        let starts = self.0.get(&write.process())?;
        // A number may have been that of several processes, one after the other. The first begins no later than its writes,
        // but for what the wall clock was set back.
        let before = starts.iter().filter(|start| **start <= write.time.0);
        let start = before.max().or_else(|| starts.iter().min())?;
        Some(write.time.0.saturating_sub(*start))
    }
}
