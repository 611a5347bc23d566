//! What `slowmap correlate` found last of a recording, kept beside it for the page.

use std::{fs, path::Path};

use serde::Serialize;
use serde_json::Value;

use super::{error::ReportError, output::Output};
use crate::model::summary::Summary;

const FILE: &str = "spikes.json";

/// # Errors
/// The file cannot be written.
pub fn keep_spikes(directory: &Path, told: &impl Serialize) -> Result<(), ReportError> {
    let mut output = Output::create(directory, FILE)?;
    let written = serde_json::to_writer(&mut output, told);
    written.map_err(|source| output.failed(source))?;
    output.finish()
}

/// `None`: it was not asked for, or of an earlier recording in the same directory.
pub fn kept(directory: &Path, summary: Option<&Summary>) -> Option<Value> {
    let text = fs::read(directory.join(FILE)).ok()?;
    let told: Value = serde_json::from_slice(&text).ok()?;
    let of = told.get("recorded_from_unix_nano")?.as_u64()?;
    (of == summary?.started_unix_nano).then_some(told)
}
