//! A recording, read back: as much of it as can be.

mod line;
mod lines;
mod shared;
mod starts;

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
};

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use self::{lines::Lines, starts::Starts};
use super::error::ReportError;
use crate::model::{
    recorded::RecordedWrite,
    summary::{FORMAT, Summary},
};

/// Writes that pass from the thread that parses to the one that reports at once, and how many such batches may wait.
const BATCH: usize = 512;
pub const WAITING: usize = 4;

/// Writes of a recording that follow each other; any number of threads may have them.
pub type Batch = Arc<Vec<RecordedWrite>>;

#[derive(Debug)]
pub struct Recording {
    pub directory: PathBuf,
    /// `None`: it was cut off before its end.
    pub summary: Option<Summary>,
    events: PathBuf,
    /// In bytes.
    progress: ProgressBar,
}

/// What of `events.jsonl` could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Unread {
    /// Lines that are no slow write.
    pub lines: u64,
    /// The last line has no end: whoever wrote it was cut off.
    pub cut_off: bool,
}

/// What a summary of any format has.
#[derive(Debug, Deserialize)]
struct Header {
    #[serde(default)]
    format: serde_json::Value,
    #[serde(default)]
    version: String,
}

impl Recording {
    /// # Errors
    /// The directory is none of a recording, or of one in a format that is not read here.
    pub fn open(directory: &Path) -> Result<Self, ReportError> {
        let events = directory.join("events.jsonl");
        if !events.is_file() {
            return Err(ReportError::NotARecording {
                directory: directory.to_owned(),
            });
        }
        Ok(Self {
            summary: summary(directory)?,
            directory: directory.to_owned(),
            events,
            progress: ProgressBar::hidden(),
        })
    }

    /// Has it show how much of it has been read, while it is read.
    #[must_use]
    pub fn shown_on(mut self, progress: ProgressBar) -> Self {
        self.progress = progress;
        self
    }

    /// Hands each write to `each`, in the recording's order, without when its process began.
    ///
    /// # Errors
    /// The file cannot be read, or what `each` says.
    pub fn read(
        &self,
        mut each: impl FnMut(&RecordedWrite) -> Result<(), ReportError>,
    ) -> Result<Unread, ReportError> {
        self.parsed(Starts::default(), |batch| {
            batch.iter().try_for_each(&mut each)
        })
    }

    /// The same, many at a time, with when their processes began.
    ///
    /// # Errors
    /// The file cannot be read, or what `each` says.
    pub fn read_batches(
        &self,
        each: impl FnMut(&Batch) -> Result<(), ReportError>,
    ) -> Result<Unread, ReportError> {
        self.parsed(Starts::new(self.summary.as_ref()), each)
    }

    /// While `each` has some writes, the next ones are parsed beside it. Memory does not grow with the number of writes, only
    /// with that of distinct stacks.
    fn parsed(
        &self,
        starts: Starts,
        mut each: impl FnMut(&Batch) -> Result<(), ReportError>,
    ) -> Result<Unread, ReportError> {
        let file = self.events()?;
        let size = file.metadata().map(|about| about.len());
        self.progress.set_length(size.unwrap_or(0));
        let file = self.progress.wrap_read(file);
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let read = thread::scope(|scope| {
            let parser = scope.spawn(move || parse(file, &starts, &sender));
            let outcome = receiver.iter().try_for_each(|batch| each(&batch));
            // The parser stops when nobody listens.
            drop(receiver);
            let parsed = parser
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the thread that reads it has panicked")));
            outcome?;
            parsed.map_err(|error| self.unread(error))
        });
        self.progress.finish_and_clear();
        read
    }

    /// Whether it is known of each process when it began.
    pub fn knows_starts(&self) -> bool {
        let knows = |summary: &Summary| {
            let mut targets = summary.targets.iter();
            targets.all(|target| target.started_unix_nano.is_some())
        };
        self.summary.as_ref().is_some_and(knows)
    }

    /// The file with its writes.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn events(&self) -> Result<File, ReportError> {
        File::open(&self.events).map_err(ReportError::read(&self.events))
    }

    /// Hands each write to `each`, with where it stands in that file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read_places(
        &self,
        mut each: impl FnMut(&RecordedWrite, (u64, usize)),
    ) -> Result<Unread, ReportError> {
        let mut lines = Lines::new(BufReader::with_capacity(1 << 16, self.events()?));
        while let Some(write) = lines.next_write().map_err(|error| self.unread(error))? {
            each(&write, lines.place());
        }
        Ok(lines.unread())
    }

    /// The error that a failed reading of it is.
    pub fn unread(&self, error: io::Error) -> ReportError {
        ReportError::read(&self.events)(error)
    }
}

fn parse(file: impl Read, starts: &Starts, to: &mpsc::SyncSender<Batch>) -> io::Result<Unread> {
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, file));
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(mut write) = lines.next_write()? {
        write.since_start_nano = starts.since(&write);
        batch.push(write);
        if batch.len() == BATCH {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            if to.send(Arc::new(full)).is_err() {
                return Ok(Unread::default());
            }
        }
    }
    // Nobody may listen any more: then the reason is known there.
    let _ = to.send(Arc::new(batch));
    Ok(lines.unread())
}

fn summary(directory: &Path) -> Result<Option<Summary>, ReportError> {
    let path = directory.join("summary.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ReportError::read(&path)(error)),
    };
    let damaged = |error| ReportError::Summary {
        path: path.clone(),
        error,
    };
    let header: Header = serde_json::from_str(&text).map_err(damaged)?;
    if header.format != FORMAT {
        return Err(ReportError::Format {
            directory: directory.to_owned(),
            version: header.version,
            found: match header.format {
                serde_json::Value::Null => "0".into(),
                found => found.to_string(),
            },
        });
    }
    serde_json::from_str(&text).map(Some).map_err(damaged)
}
