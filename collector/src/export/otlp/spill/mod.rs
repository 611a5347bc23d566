//! Where the writes of a signal wait on disk while its endpoint is down: in files of one request each, which are
//! read back oldest first, also by the next slowmap. Files are complete or not there; they are not forced to the disk, so a
//! machine that crashes may leave torn ones behind. What can be read of them is sent, and the rest counted.
//! Never blocks the runtime: files are written and read on threads of their own.

mod directory;
mod file;

use std::{
    collections::VecDeque, fs, io, marker::PhantomData, path::Path, path::PathBuf, sync::Arc,
    time::Duration,
};

use prost::{Message, bytes::Bytes};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};
use tracing::{info, warn};

pub use self::directory::{Directory, DirectoryError};
use self::file::Frame;
use super::{
    counts::{Counters, Dropped},
    signal::Signal,
};

/// For what is still to be written at the end: a disk that takes longer has failed.
const LAST_WRITES: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Spill<S: Signal> {
    directory: Arc<Directory>,
    /// Of this signal.
    path: PathBuf,
    /// Oldest first.
    stored: VecDeque<Stored>,
    sequence: u64,
    /// Files to be written.
    waiting: VecDeque<(Stored, Vec<u8>)>,
    writing: Option<(Stored, JoinHandle<io::Result<()>>)>,
    counters: Arc<Counters>,
    /// The files are of it.
    signal: PhantomData<fn() -> S>,
}

/// A file.
#[derive(Debug, Clone)]
struct Stored {
    path: PathBuf,
    bytes: u64,
    /// Counted things in it that can be read, as far as that is known.
    size: usize,
}

/// What the oldest file holds.
#[derive(Debug)]
pub struct Loaded {
    pub request: Bytes,
    pub size: usize,
}

impl<S: Signal> Spill<S> {
    /// Takes over what an earlier run has left, and counts it.
    ///
    /// # Errors
    /// The signal's directory cannot be made or listed.
    pub fn open(
        directory: Arc<Directory>,
        counters: Arc<Counters>,
    ) -> Result<Self, DirectoryError> {
        let path = directory.of_signal(S::NAME)?;
        let mut spill = Self {
            directory,
            path,
            stored: VecDeque::new(),
            sequence: 0,
            waiting: VecDeque::new(),
            writing: None,
            counters,
            signal: PhantomData,
        };
        let listed = spill.recover();
        listed.map_err(|source| spill.directory.error(source))?;
        Ok(spill)
    }

    fn recover(&mut self) -> io::Result<()> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if let Some(name) = file::Name::of(&path) {
                found.push((name, path));
            }
        }
        found.sort();
        for (name, path) in found {
            self.counters.recovered(name.size);
            self.sequence = self.sequence.max(name.sequence + 1);
            if name.partial {
                // Its writing was cut off.
                self.counters.dropped(Dropped::Corrupt, name.size);
                remove(&path);
                continue;
            }
            let bytes = fs::metadata(&path)?.len();
            self.directory.occupy(bytes);
            self.counters.onto_disk(name.size);
            let size = name.size;
            self.stored.push_back(Stored { path, bytes, size });
        }
        if !self.stored.is_empty() {
            let files = self.stored.len();
            info!(files, "{} of an earlier run are on disk", S::NAME);
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// Prepares items for their writing. Each is accounted for from now on.
    pub fn put(&mut self, items: &[S::Item]) {
        let frames = items.chunks(S::IN_FRAME).map(|items| Frame {
            size: items.iter().map(S::size).sum(),
            request: S::request(items).encode_to_vec(),
        });
        for frames in file::grouped(frames, S::ADDS_UP) {
            let (size, content) = (
                frames.iter().map(|frame| frame.size).sum(),
                file::encode(&frames),
            );
            let bytes = content.len() as u64;
            let name = file::Name {
                sequence: self.sequence,
                size,
                partial: false,
            };
            self.sequence += 1;
            let path = self.path.join(name.to_string());
            self.waiting
                .push_back((Stored { path, bytes, size }, content));
        }
    }

    /// Writes what was put. Losing the future loses nothing.
    pub async fn flush(&mut self) {
        loop {
            if let Some((_, task)) = &mut self.writing {
                let outcome = task.await;
                if let Some((stored, _)) = self.writing.take() {
                    self.written(stored, outcome.unwrap_or_else(|error| Err(error.into())));
                }
            } else if let Some((stored, content)) = self.waiting.pop_front() {
                if !self.directory.has_room(stored.bytes) {
                    self.counters.dropped(Dropped::DiskFull, stored.size);
                    continue;
                }
                self.directory.occupy(stored.bytes);
                let path = stored.path.clone();
                let task = spawn_blocking(move || file::write(&path, &content));
                self.writing = Some((stored, task));
            } else {
                return;
            }
        }
    }

    /// [`Spill::flush`], but not for ever; what is not written then is dropped.
    pub async fn finish(&mut self) {
        if timeout(LAST_WRITES, self.flush()).await.is_ok() {
            return;
        }
        let writing = self.writing.take().map(|(stored, _)| stored);
        let waiting = self.waiting.drain(..).map(|(stored, _)| stored);
        let left: usize = writing.into_iter().chain(waiting).map(|one| one.size).sum();
        self.counters.dropped(Dropped::DiskFailed, left);
    }

    fn written(&mut self, stored: Stored, outcome: io::Result<()>) {
        match outcome {
            Ok(()) => {
                self.counters.onto_disk(stored.size);
                self.stored.push_back(stored);
            }
            Err(error) => {
                self.directory.vacate(stored.bytes);
                let reason = match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Dropped::DiskFull,
                    _ => Dropped::DiskFailed,
                };
                if self.directory.is_first_failure() {
                    let path = self.path.display();
                    warn!(%path, %error, "{} cannot be kept on disk; they are dropped and counted", S::NAME);
                }
                self.counters.dropped(reason, stored.size);
            }
        }
    }

    /// What has waited longest; files of which nothing can be read are gone over, and all that is lost counted.
    pub async fn oldest(&mut self) -> Option<Loaded> {
        loop {
            let path = self.stored.front()?.path.clone();
            let content = spawn_blocking(move || fs::read(path)).await;
            let content = content.unwrap_or_else(|error| Err(error.into()));
            let frames = file::decode(&content.unwrap_or_default());
            let readable: usize = frames.iter().map(|frame| frame.size).sum();
            let oldest = self.stored.front_mut()?;
            let lost = oldest.size.saturating_sub(readable);
            oldest.size -= lost;
            self.counters.off_disk(lost);
            self.counters.dropped(Dropped::Corrupt, lost);
            let size = oldest.size;
            if size == 0 {
                self.remove_oldest();
                continue;
            }
            let request: Vec<u8> = frames.into_iter().flat_map(|frame| frame.request).collect();
            let request = request.into();
            return Some(Loaded { request, size });
        }
    }

    /// It is settled what becomes of it.
    pub fn remove_oldest(&mut self) {
        if let Some(stored) = self.stored.pop_front() {
            self.counters.off_disk(stored.size);
            self.directory.vacate(stored.bytes);
            // Nobody waits for it: the runtime does at its end.
            drop(spawn_blocking(move || remove(&stored.path)));
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        let path = path.display();
        warn!(%path, %error, "cannot be removed; the next slowmap will send it once more");
    }
}
