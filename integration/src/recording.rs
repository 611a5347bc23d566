//! The files of `slowmap record`, as a tool outside the project reads them: by the interface's field names,
//! nothing assumed beyond.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    pub monotonic_nano: u64,
    pub time_unix_nano: u64,
    pub duration_nano: u64,
    #[serde(default)]
    pub duration_is_lower_bound: bool,
    pub pid: u32,
    pub target_pid: u32,
    pub container_id: Option<String>,
    pub goid: u64,
    pub function: Option<String>,
    pub map_type: Option<String>,
    pub map_len: Option<u64>,
    pub cause: String,
    pub breakdown_nano: BTreeMap<String, u64>,
    pub stack: Vec<Frame>,
    pub trace_id: Option<String>,
    pub span_id: Option<String>,
    pub correlation: String,
}

/// A call, as recordings and targets write it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Frame {
    pub function: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
}

#[derive(Debug, Clone)]
pub struct Recording {
    pub events: Vec<Event>,
    pub summary: Value,
}

impl Event {
    pub fn end_nano(&self) -> u64 {
        self.monotonic_nano.saturating_add(self.duration_nano)
    }

    /// Whether a function stands anywhere in its stack.
    pub fn has_frame(&self, function: &str) -> bool {
        self.stack
            .iter()
            .any(|frame| frame.function.as_deref() == Some(function))
    }
}

/// Reads a recording; a line that is not a whole event is an error, for the files have to be complete.
pub fn read(directory: &Path) -> Result<Recording> {
    let path = directory.join("events.jsonl");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let event = |line: &str| {
        serde_json::from_str(line).with_context(|| format!("{}: {line}", path.display()))
    };
    let events = text.lines().map(event).collect::<Result<Vec<Event>>>()?;
    let path = directory.join("summary.json");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let summary =
        serde_json::from_str(&text).with_context(|| format!("parse {}", path.display()))?;
    Ok(Recording { events, summary })
}
