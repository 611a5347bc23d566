//! In: the ring buffer. Out: the programs' events, in the order in which they were written. It copies each out
//! at once, so that the programs find room again; it never blocks and never waits.

use aya::maps::{MapData, RingBuf};
use slowmap_abi::WriteEvent;

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

    /// Entries that were not of the size of an event: the object is not the one that this program was built with.
    pub fn malformed(&self) -> u64 {
        self.malformed
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
