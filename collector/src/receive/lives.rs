//! Processes that began or ended.

use std::{collections::BTreeSet, io};

use aya::maps::{MapData, RingBuf};
use tokio::io::{Interest, unix::AsyncFd};

/// The reading end of the ring buffer of process ids.
pub struct Lives {
    ring: AsyncFd<RingBuf<MapData>>,
}

impl std::fmt::Debug for Lives {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lives").finish_non_exhaustive()
    }
}

impl Lives {
    /// To be called within a tokio runtime.
    ///
    /// # Errors
    /// The runtime cannot wait for it.
    pub fn new(ring: RingBuf<MapData>) -> io::Result<Self> {
        // SAFETY: the ring buffer keeps its one descriptor open for as long as it lives, and lives in here.
        let ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }?;
        Ok(Self { ring })
    }

    /// Waits until there are any, and adds their ids. Nothing is lost if it is not waited for to the end.
    ///
    /// # Errors
    /// The runtime waits no more.
    pub async fn next(&mut self, pids: &mut BTreeSet<u32>) -> io::Result<()> {
        let mut ready = self.ring.readable_mut().await?;
        let ring = ready.get_inner_mut();
        while let Some(entry) = ring.next() {
            if let Ok(pid) = bytemuck::try_pod_read_unaligned(&entry) {
                pids.insert(pid);
            }
        }
        ready.clear_ready();
        Ok(())
    }
}
