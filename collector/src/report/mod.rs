//! In: a recording, read back from its directory, and what is asked of it. Out: its reports, as files beside it, and text
//! for a person. Shows nothing that was not measured, says what could not be read, and never changes the recording;
//! several of them it merges into a new one.

mod beside;
mod compare;
mod error;
mod files;
mod html;
mod merge;
mod metrics;
mod output;
mod profile;
mod recording;
mod spikes;
mod tables;
pub mod terminal;

pub use self::{
    compare::{Comparison, compare},
    error::ReportError,
    files::{Adviser, Asked, Reported, write},
    html::TraceUrl,
    merge::merge,
    recording::{Recording, Unread},
    spikes::keep_spikes,
};
