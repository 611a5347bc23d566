//! All files that are made of a recording, in one reading of it.

use std::{path::Path, thread};

use super::{
    beside::Beside,
    compare::Comparison,
    error::ReportError,
    html::{Page, TraceUrl},
    metrics::Metrics,
    profile::{FoldedStacks, ProfilePprof, write_flamegraph, write_folded},
    recording::{Recording, Unread},
    tables::{CallsCsv, CallsParquet},
};
use crate::model::{advice::Advice, recorded::RecordedWrite, summary::Summary};

/// What is wanted of the page.
#[derive(Debug, Default)]
pub struct Asked {
    /// Where it links traces to.
    pub trace_url: Option<TraceUrl>,
    /// Times are those since the process began.
    pub since_start: bool,
    /// How many causes and functions are listed in what is told; `None`: a few.
    pub top: Option<u16>,
    /// With another recording, as the one after.
    pub comparison: Option<Comparison>,
}

/// What makes advice of the writes: it gets each of them while they are read.
pub trait Adviser {
    fn add(&mut self, write: &RecordedWrite);
    /// `summary`: of the recording, unless it was cut off.
    fn advice(&mut self, summary: Option<&Summary>) -> Vec<Advice>;
}

/// Nobody.
impl Adviser for () {
    fn add(&mut self, _: &RecordedWrite) {}

    fn advice(&mut self, _: Option<&Summary>) -> Vec<Advice> {
        Vec::new()
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Reported {
    pub unread: Unread,
    pub advice: Vec<Advice>,
}

/// All but the tables.
#[derive(Debug)]
struct Files {
    profile: ProfilePprof,
    stacks: FoldedStacks,
    metrics: Metrics,
    page: Page,
}

/// Writes them into the recording's directory, in the place of what was there.
///
/// # Errors
/// The recording cannot be read, or a file not be written; each file is whole, of this recording or as it was.
pub fn write(
    recording: &Recording,
    asked: &Asked,
    adviser: &mut impl Adviser,
) -> Result<Reported, ReportError> {
    if asked.since_start && !recording.knows_starts() {
        return Err(ReportError::NoStarts {
            directory: recording.directory.clone(),
        });
    }
    let csv = CallsCsv::create(&recording.directory)?;
    let parquet = CallsParquet::create(&recording.directory)?;
    let mut files = Files::create(&recording.directory)?;
    let (unread, csv, parquet) = thread::scope(|scope| {
        // What takes longest, beside the rest.
        let csv = Beside::start(scope, csv, CallsCsv::add);
        let parquet = Beside::start(scope, parquet, CallsParquet::add);
        let unread = recording.read_batches(|batch| {
            if !csv.add(batch) || !parquet.add(batch) {
                // Why not is known where they are waited for.
                return Err(ReportError::Panicked);
            }
            batch.iter().try_for_each(|write| {
                adviser.add(write);
                files.add(write)
            })
        });
        let (csv, parquet) = (csv.wait()?, parquet.wait()?);
        Ok((unread?, csv, parquet))
    })?;
    let reported = Reported {
        unread,
        advice: adviser.advice(recording.summary.as_ref()),
    };
    files.finish(recording, &reported, asked)?;
    csv.finish()?;
    parquet.finish()?;
    Ok(reported)
}

impl Files {
    fn create(directory: &Path) -> Result<Self, ReportError> {
        Ok(Self {
            profile: ProfilePprof::create(directory)?,
            stacks: FoldedStacks::default(),
            metrics: Metrics::default(),
            page: Page::default(),
        })
    }

    fn add(&mut self, write: &RecordedWrite) -> Result<(), ReportError> {
        self.profile.add(write)?;
        self.stacks.add(write);
        self.metrics.add(write);
        self.page.add(write);
        Ok(())
    }

    fn finish(
        self,
        recording: &Recording,
        reported: &Reported,
        asked: &Asked,
    ) -> Result<(), ReportError> {
        let (directory, summary) = (&recording.directory, recording.summary.as_ref());
        self.page.write(recording, reported, asked)?;
        self.profile.finish(summary)?;
        self.metrics.write(directory, summary)?;
        let lines = self.stacks.lines();
        write_folded(directory, &lines)?;
        write_flamegraph(directory, &lines)
    }
}
