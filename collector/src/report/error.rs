//! Why there is no report.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::model::summary::FORMAT;

/// Its message has all of it: what went wrong is no source, which would be told twice.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(
        "{directory} is not a recording: it has no events.jsonl; name the directory that `slowmap record --output` wrote",
        directory = directory.display()
    )]
    NotARecording { directory: PathBuf },
    #[error(
        "{directory} was recorded by slowmap {version} in format {found}, and this one reads format {FORMAT}; \
         use slowmap {version} for it, or record again",
        directory = directory.display()
    )]
    Format {
        directory: PathBuf,
        version: String,
        found: String,
    },
    #[error("{path} is damaged: {error}; remove it to report without it, or record again", path = path.display())]
    Summary {
        path: PathBuf,
        error: serde_json::Error,
    },
    #[error(
        "{directory} does not say when its processes began, as it was cut off or is of an earlier slowmap; leave out \
         --since-start, or record again",
        directory = directory.display()
    )]
    NoStarts { directory: PathBuf },
    #[error("{directory} cannot be merged: {reason}", directory = directory.display())]
    Unmergeable { directory: PathBuf, reason: String },
    #[error("{directory} holds a recording already; choose another directory for --output", directory = directory.display())]
    Exists { directory: PathBuf },
    #[error("{path} cannot be read: {error}; check its permissions", path = path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{path} cannot be written: {error}; what was recorded is there and whole", path = path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("a thread that makes the reports has panicked; what was recorded is there and whole")]
    Panicked,
}

impl ReportError {
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Read { path, error }
    }

    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Write { path, error }
    }
}
