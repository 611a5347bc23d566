//! An executable file in memory.

/// A mapped executable file, addressed by virtual address.
#[derive(Debug, Default)]
pub struct Image {
    _bytes: Vec<u8>,
}
