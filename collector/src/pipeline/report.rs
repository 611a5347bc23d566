//! `slowmap report`, and what `slowmap record` does at its end: the reports of a recording.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    advise::Advisor,
    config::{Merged, ReportOptions},
    failure::Failure,
    model::{advice::Advice, recorded::RecordedWrite, summary::Summary},
    report::{self, Adviser, Asked, Comparison, Recording, ReportError, terminal},
};

/// Writes them, and returns what to tell about the recording.
///
/// # Errors
/// It is no recording, it cannot be read, or its directory not be written.
pub fn report(options: &ReportOptions) -> Result<String, Failure> {
    let directory = match &options.merged {
        Some(merged) => merge(&options.directory, merged)?,
        None => &options.directory,
    };
    let comparison = match &options.compare {
        Some(after) => Some(compare(directory, after)?),
        None => None,
    };
    let compared = comparison.as_ref().map(terminal::comparison);
    let asked = Asked {
        trace_url: options.page.trace_url.clone(),
        since_start: options.page.since_start,
        top: options.page.top,
        comparison,
    };
    let text = write(directory, &asked)?;
    Ok(text + &compared.unwrap_or_default())
}

/// The directory of what the recordings are merged into.
fn merge<'a>(first: &Path, merged: &'a Merged) -> Result<&'a Path, Failure> {
    let directories = std::iter::once(first).chain(merged.others.iter().map(PathBuf::as_path));
    let recordings = directories
        .map(Recording::open)
        .collect::<Result<Vec<_>, _>>()?;
    report::merge(&recordings, &merged.output)?;
    Ok(&merged.output)
}

fn compare(before: &Path, after: &Path) -> Result<Comparison, Failure> {
    let (before, after) = (Recording::open(before)?, Recording::open(after)?);
    Ok(report::compare(&before, &after)?)
}

pub(super) fn write(directory: &Path, asked: &Asked) -> Result<String, Failure> {
    let recording = Recording::open(directory)?.shown_on(progress());
    let mut advising = Advising(Advisor::new(recording.summary.as_ref()));
    let reported = report::write(&recording, asked, &mut advising)?;
    Ok(terminal::recording(&recording, &reported, asked.top))
}

/// Shows nothing unless stderr is a terminal.
fn progress() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "reports {wide_bar} {bytes} of {total_bytes}, {eta} left";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[derive(Debug)]
struct Advising(Advisor);

impl Adviser for Advising {
    fn add(&mut self, write: &RecordedWrite) {
        self.0.add(write);
    }

    fn advice(&mut self, summary: Option<&Summary>) -> Vec<Advice> {
        std::mem::take(&mut self.0).advice(summary)
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        Failure::Other(error.into())
    }
}
