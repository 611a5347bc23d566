//! The directory that was given for what waits: its own, by one slowmap at a time, and never fuller than it may be.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use crate::export::otlp::settings::SpillSettings;

/// A directory that cannot be used; the message says what to do.
#[derive(Debug, thiserror::Error)]
#[error(
    "export.queue.directory (SLOWMAP_QUEUE_DIRECTORY): {path}: {reason}; give a directory that only slowmap uses and may write to",
    path = path.display()
)]
pub struct DirectoryError {
    path: PathBuf,
    reason: String,
}

#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Bytes.
    limit: u64,
    used: AtomicU64,
    failed: AtomicBool,
    /// Held as long as this value lives.
    _lock: File,
}

impl Directory {
    /// Makes it where it is missing, and keeps other slowmaps out.
    ///
    /// # Errors
    /// It is not a directory that only this user writes to, or somebody uses it.
    pub fn claim(settings: &SpillSettings) -> Result<Self, DirectoryError> {
        let path = settings.directory.clone();
        match claim(&path) {
            Ok(lock) => Ok(Self {
                path,
                limit: settings.limit,
                used: AtomicU64::new(0),
                failed: AtomicBool::new(false),
                _lock: lock,
            }),
            Err(reason) => Err(DirectoryError { path, reason }),
        }
    }

    /// The part of a signal.
    pub fn of_signal(&self, name: &str) -> Result<PathBuf, DirectoryError> {
        let path = self.path.join(name);
        match own(&path) {
            Ok(()) => Ok(path),
            Err(reason) => Err(DirectoryError { path, reason }),
        }
    }

    pub fn error(&self, source: io::Error) -> DirectoryError {
        DirectoryError {
            path: self.path.clone(),
            reason: source.to_string(),
        }
    }

    /// Whether so many bytes more are allowed.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.used.load(Relaxed).saturating_add(bytes) <= self.limit
    }

    pub fn occupy(&self, bytes: u64) {
        self.used.fetch_add(bytes, Relaxed);
    }

    pub fn vacate(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Relaxed);
    }

    /// It is said once that nothing can be written.
    pub fn is_first_failure(&self) -> bool {
        !self.failed.swap(true, Relaxed)
    }
}

/// The lock, or what stands against it.
fn claim(path: &Path) -> Result<File, String> {
    own(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let lock = options
        .open(path.join("lock"))
        .map_err(|error| format!("cannot be written to: {error}"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err("another slowmap uses it".into()),
        Err(fs::TryLockError::Error(error)) => Err(format!("cannot be locked: {error}")),
    }
}

/// A directory of this user, to which nobody else may write: what is in it goes out in the services' names.
fn own(path: &Path) -> Result<(), String> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.map_err(|error| format!("cannot be made: {error}"))?;
    let metadata = fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(format!("belongs to user {owner}, not to user {user}"));
    }
    if metadata.mode() & 0o022 != 0 {
        let mode = metadata.mode() & 0o7777;
        return Err(format!("others may write to it (mode {mode:o})"));
    }
    Ok(())
}
