//! An executable file, addressed as the process would address it.

use std::{fmt, fs::File, io, path::Path, sync::Arc, time::SystemTime};

use memmap2::{Mmap, UncheckedAdvice};

use crate::model::binary::{FileOffset, Segment, VirtualAddress};

use super::scalar;

/// A word that the dynamic linker will set to `value` plus the load bias (`R_*_RELATIVE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relocation {
    pub address: VirtualAddress,
    pub value: VirtualAddress,
}

/// An executable file's loadable segments, addressed by virtual address (without load bias).
#[derive(Default)]
pub struct Image {
    bytes: FileBytes,
    segments: Vec<Segment>,
    relocations: Vec<Relocation>,
}

impl Image {
    /// Segments and relocations may come in any order.
    pub fn new(
        bytes: FileBytes,
        mut segments: Vec<Segment>,
        mut relocations: Vec<Relocation>,
    ) -> Self {
        segments.sort_by_key(|segment| segment.address);
        relocations.sort();
        Self {
            bytes,
            segments,
            relocations,
        }
    }

    /// `length` bytes at an address, as they are in the file.
    pub fn read(&self, address: VirtualAddress, length: u64) -> Option<&[u8]> {
        self.read_to_segment_end(address)?
            .get(..usize::try_from(length).ok()?)
    }

    /// All bytes from an address to the end of its segment's part of the file.
    pub fn read_to_segment_end(&self, address: VirtualAddress) -> Option<&[u8]> {
        let segment = self.segment_of(address)?;
        let bytes = self.segment_bytes(segment)?;
        bytes.get(usize::try_from(address.0.checked_sub(segment.address.0)?).ok()?..)
    }

    /// A pointer-sized word as the process would see it without load bias: a relocation's value where there is
    /// one, because a linker may leave the word itself zero.
    pub fn word(&self, address: VirtualAddress) -> Option<u64> {
        let found = self
            .relocations
            .binary_search_by_key(&address, |known| known.address);
        match found.ok().and_then(|index| self.relocations.get(index)) {
            Some(relocation) => Some(relocation.value.0),
            None => scalar::u64_at(self.read(address, 8)?, 0),
        }
    }

    /// The word at `base + offset`.
    pub fn word_at(&self, base: VirtualAddress, offset: u64) -> Option<u64> {
        self.word(VirtualAddress(base.0.checked_add(offset)?))
    }

    /// Where uprobes on this address go.
    pub fn offset_of(&self, address: VirtualAddress) -> Option<FileOffset> {
        let segment = self.segment_of(address)?;
        let within = address.0.checked_sub(segment.address.0)?;
        Some(FileOffset(segment.offset.0.checked_add(within)?))
    }

    /// The address at which a position in the file is loaded.
    pub fn address_of(&self, offset: FileOffset) -> Option<VirtualAddress> {
        self.segments.iter().find_map(|segment| {
            let within = offset.0.checked_sub(segment.offset.0)?;
            let address = segment.address.0.checked_add(within)?;
            (within < segment.file_size).then_some(VirtualAddress(address))
        })
    }

    /// Segments with their bytes, by address; those that the file does not hold in full are left out.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = (&Segment, &[u8])> {
        self.segments
            .iter()
            .filter_map(|segment| Some((segment, self.segment_bytes(segment)?)))
    }

    /// The whole file, loaded or not.
    pub fn file(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    pub fn relocations(&self) -> &[Relocation] {
        &self.relocations
    }

    /// Lets go of the memory that reading it took; what is read again comes from the file again.
    pub fn forget_pages(&self) {
        self.bytes.forget_pages();
    }

    /// Whether the file still is what was mapped. Where it was cut short, what is missing reads as zeros (`cut_short`), so
    /// ask before reading an image that was opened a while ago.
    pub fn is_unchanged(&self) -> bool {
        let original = self.bytes.original();
        original.is_none_or(|original| original.is_unchanged())
    }

    fn segment_of(&self, address: VirtualAddress) -> Option<&Segment> {
        let after = self
            .segments
            .partition_point(|segment| segment.address <= address);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        (address.0.checked_sub(segment.address.0)? < segment.file_size).then_some(segment)
    }

    fn segment_bytes(&self, segment: &Segment) -> Option<&[u8]> {
        let start = usize::try_from(segment.offset.0).ok()?;
        let end = start.checked_add(usize::try_from(segment.file_size).ok()?)?;
        self.bytes.as_slice().get(start..end)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("bytes", &self.bytes.as_slice().len())
            .field("segments", &self.segments)
            .field("relocations", &self.relocations.len())
            .finish()
    }
}

/// A file's content.
pub enum FileBytes {
    Owned(Vec<u8>),
    Mapped { map: Mmap, original: Arc<Original> },
}

/// A file as it was when it was mapped.
#[derive(Debug)]
pub struct Original {
    file: File,
    length: u64,
    modified: Option<SystemTime>,
}

impl Original {
    /// Whether it still is as it was, by its length and its time.
    pub fn is_unchanged(&self) -> bool {
        self.file
            .metadata()
            .is_ok_and(|now| now.len() == self.length && now.modified().ok() == self.modified)
    }
}

impl FileBytes {
    /// Maps a file for reading.
    pub fn map(path: &Path) -> io::Result<Self> {
        // Before it is opened: opening a pipe waits for its writer.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let file = File::open(path)?;
        // SAFETY: the mapping is private and only read. Another process may still change or cut the file: what
        // it changes is judged like any other input, `cut_short` has the process live on, and `is_unchanged` tells.
        let map = unsafe { Mmap::map(&file)? };
        let modified = file.metadata()?.modified().ok();
        let original = Arc::new(Original {
            length: map.len() as u64,
            file,
            modified,
        });
        Ok(Self::Mapped { map, original })
    }

    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Mapped { map, .. } => map,
        }
    }

    fn forget_pages(&self) {
        if let Self::Mapped { map, .. } = self {
            // SAFETY: the mapping is of a file and never written to, so its pages can be had again.
            // Where the kernel does not take the advice, the pages stay.
            let _ = unsafe { map.unchecked_advise(UncheckedAdvice::DontNeed) };
        }
    }

    /// The file that is mapped; `None`: it is in memory, where it does not change.
    pub fn original(&self) -> Option<Arc<Original>> {
        match self {
            Self::Owned(_) => None,
            Self::Mapped { original, .. } => Some(Arc::clone(original)),
        }
    }
}

impl Default for FileBytes {
    fn default() -> Self {
        Self::Owned(Vec::new())
    }
}

impl fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileBytes({} bytes)", self.as_slice().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        let segment = |address, offset, file_size| Segment {
            address: VirtualAddress(address),
            offset: FileOffset(offset),
            file_size,
            executable: false,
        };
        let relocation = Relocation {
            address: VirtualAddress(0x2000),
            value: VirtualAddress(0x1010),
        };
        Image::new(
            FileBytes::Owned((0..64).collect()),
            vec![
                segment(0x2000, 32, 32),
                segment(0x1000, 0, 32),
                segment(u64::MAX, 0, 8),
            ],
            vec![relocation],
        )
    }

    #[test]
    fn a_read_stays_within_its_segment() {
        let image = image();
        assert_eq!(image.read(VirtualAddress(0x101e), 2), Some(&[30, 31][..]));
        assert_eq!(image.read(VirtualAddress(0x101e), 3), None);
        assert_eq!(image.read(VirtualAddress(0x1020), 1), None);
        assert_eq!(image.read(VirtualAddress(0xfff), 1), None);
        assert_eq!(image.read(VirtualAddress(u64::MAX), u64::MAX), None);
    }

    #[test]
    fn a_relocated_word_reads_as_the_dynamic_linker_would_set_it() {
        assert_eq!(image().word(VirtualAddress(0x2000)), Some(0x1010));
        assert_eq!(
            image().word(VirtualAddress(0x2008)),
            Some(0x2f2e_2d2c_2b2a_2928)
        );
    }

    #[test]
    fn addresses_and_file_offsets_are_two_names_of_one_place() {
        let image = image();
        assert_eq!(
            image.offset_of(VirtualAddress(0x2004)),
            Some(FileOffset(36))
        );
        assert_eq!(
            image.address_of(FileOffset(36)),
            Some(VirtualAddress(0x2004))
        );
        assert_eq!(image.address_of(FileOffset(64)), None);
    }

    #[test]
    fn a_file_that_was_cut_short_is_noticed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [1u8; 100]).unwrap();
        let image = Image::new(FileBytes::map(file.path()).unwrap(), vec![], vec![]);
        assert!(image.is_unchanged());
        file.as_file().set_len(10).unwrap();
        assert!(!image.is_unchanged());
    }
}
