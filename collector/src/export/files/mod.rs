//! A recording: a directory with `events.jsonl`, a slow write a line, and `summary.json`. Whatever happens to
//! slowmap, the lines that are there are whole; the summary is there once the recording is complete.

mod event;
mod jsonl;
mod recording;

pub use self::{
    event::EventRecord,
    recording::{Measured, Recording, RecordingError},
};
