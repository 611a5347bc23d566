//! The lines that write, each with the stack of its slowest write.

use std::{collections::HashMap, sync::Arc};

use super::statistics::{Row, Sums};
use crate::model::{frame::Frame, text::printable, write::CorrelatedWrite};

/// Lines that are told apart; later ones are left out of the table, but not of the services' sums. A line takes 20 KiB.
const LINES: usize = 500;
/// Frames of a stack that are kept.
const FRAMES: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct CallerId {
    pub service: String,
    pub function: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
}

/// A line, as it is shown: all text is safe to show.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    pub id: CallerId,
    pub row: Row,
    pub slowest: Arc<Slowest>,
}

/// The slowest write of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slowest {
    pub duration_nano: u64,
    pub goid: u64,
    pub pid: u32,
    pub map_type: Option<String>,
    pub map_len: Option<u64>,
    pub trace_id: Option<String>,
    /// Leaf first.
    pub stack: Vec<String>,
}

#[derive(Debug, Default)]
pub struct Callers(HashMap<CallerId, (Sums, Arc<Slowest>)>);

impl Callers {
    pub fn add(&mut self, service: &str, write: &CorrelatedWrite, second: u64) {
        let id = CallerId::of(service, write);
        if self.0.len() >= LINES && !self.0.contains_key(&id) {
            return;
        }
        let (sums, slowest) = self.0.entry(id).or_default();
        sums.add(write, second);
        if write.observed().duration_nano >= slowest.duration_nano {
            *slowest = Arc::new(Slowest::of(write));
        }
    }

    pub fn all(&self, second: u64) -> Vec<Caller> {
        let caller = |(id, (sums, slowest)): (&CallerId, &(Sums, Arc<Slowest>))| Caller {
            id: id.clone(),
            row: sums.row(second),
            slowest: Arc::clone(slowest),
        };
        self.0.iter().map(caller).collect()
    }
}

impl Slowest {
    fn of(write: &CorrelatedWrite) -> Self {
        let observed = write.observed();
        let frames = write.symbolized.stack.iter().take(FRAMES);
        Self {
            duration_nano: observed.duration_nano,
            goid: observed.goid.0,
            pid: observed.process.pid.0,
            map_type: write
                .symbolized
                .map_type
                .as_deref()
                .map(|text| printable(text).into_owned()),
            map_len: observed.map_len,
            trace_id: write.context.map(|context| context.trace_id_text()),
            stack: frames.map(frame).collect(),
        }
    }
}

fn frame(frame: &Frame) -> String {
    let function = frame.function.as_deref().unwrap_or("(unknown)");
    let text = match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{function}  {file}:{line}"),
        _ => function.to_owned(),
    };
    printable(&text).into_owned()
}

impl Caller {
    /// The function, and the last two parts of the file's path with the line: as much as tells where.
    pub fn place(&self) -> String {
        let function = self.id.function.as_deref().unwrap_or("(unknown)");
        let (Some(file), Some(line)) = (&self.id.file, self.id.line) else {
            return function.to_owned();
        };
        let parts: Vec<&str> = file.rsplitn(3, '/').take(2).collect();
        let short: Vec<&str> = parts.into_iter().rev().collect();
        format!("{}:{line} {function}", short.join("/"))
    }

    /// Whether a filter's text is anywhere in what is known of it.
    pub fn has(&self, text: &str) -> bool {
        let known = [
            Some(&self.id.service),
            self.id.function.as_ref(),
            self.id.file.as_ref(),
            self.slowest.map_type.as_ref(),
            self.slowest.trace_id.as_ref(),
        ];
        let text = text.to_lowercase();
        let cause = self.cause().unwrap_or_default();
        let mut known = known
            .into_iter()
            .flatten()
            .map(String::as_str)
            .chain([cause]);
        known.any(|part| part.to_lowercase().contains(&text))
    }

    /// What took most of its time.
    pub fn cause(&self) -> Option<&'static str> {
        let most = self.row.by_cause.iter().max_by_key(|(_, nanos)| **nanos);
        most.map(|(cause, _)| cause.name())
    }
}
