//! Writes that were slow.

use std::{
    future::pending,
    io,
    os::fd::{AsFd, OwnedFd},
};

use aya::maps::{MapData, RingBuf};
use slowmap_abi::WriteEvent;
use tokio::io::{Interest, unix::AsyncFd};

/// The reading end of the ring buffer.
pub struct Events {
    ring: RingBuf<MapData>,
    malformed: u64,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events")
            .field("malformed", &self.malformed)
            .finish_non_exhaustive()
    }
}

impl Events {
    pub fn new(ring: RingBuf<MapData>) -> Self {
        Self { ring, malformed: 0 }
    }

    /// To wait for what should not wait for the next look. To be called within a tokio runtime.
    ///
    /// # Errors
    /// No descriptor is left, or the runtime cannot wait for it.
    pub fn pressing(&self) -> io::Result<Pressing> {
        let descriptor = self.ring.as_fd().try_clone_to_owned()?;
        // SAFETY: it is an own descriptor, which stays open for as long as it is waited for.
        let ring = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?;
        Ok(Pressing { ring })
    }

    /// Entries that were not of the size of an event: the object is not the one that this program was built with.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }
}

/// The ring buffer filling up.
#[derive(Debug)]
pub struct Pressing {
    ring: AsyncFd<OwnedFd>,
}

impl Pressing {
    /// Waits until the programs ask for the events to be fetched at once. Nothing is lost if it is not waited for to the
    /// end.
    pub async fn next(&mut self) {
        match self.ring.readable().await {
            // Only the programs make it ready again, and only when they ask.
            Ok(mut ready) => ready.clear_ready(),
            // The runtime waits no more: it ends.
            Err(_) => pending().await,
        }
    }
}

impl Iterator for Events {
    type Item = WriteEvent;

    /// The next event that is there; `None` when there is none now.
    fn next(&mut self) -> Option<WriteEvent> {
        while let Some(entry) = self.ring.next() {
            match bytemuck::try_pod_read_unaligned(&entry) {
                Ok(event) => return Some(event),
                Err(_) => self.malformed += 1,
            }
        }
        None
    }
}
