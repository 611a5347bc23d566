//! `runtime.pcHeader`: finding it, and the tables that it names.

use crate::{
    golang::{image::Image, layout::Layout, scalar},
    model::binary::VirtualAddress,
};

/// Magic, two bytes of zero, code quantum and pointer size: what the header begins with.
const QUANTUM: usize = 6;
const POINTER_SIZE: usize = 7;
const FUNCTION_COUNT: usize = 8;
/// Offsets, from the header, of names, compilation units, files, values and functions.
const TABLES: usize = 32;
const SIZE: u64 = 72;

/// A header whose own words make sense. Addresses are without load bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub address: VirtualAddress,
    pub quantum: u8,
    pub function_count: usize,
    pub names: u64,
    pub compilation_units: u64,
    pub files: u64,
    pub values: u64,
    pub functions: u64,
}

impl Header {
    /// Looks at the section that is named for it where there is one, then through the whole image: an external
    /// linker may have merged the table into another section, and a section table may be missing.
    pub fn find(image: &Image, layout: &Layout, section: Option<VirtualAddress>) -> Option<Header> {
        section
            .and_then(|address| Self::read(image, layout, address))
            .or_else(|| Self::scan(image, layout))
    }

    /// Reads the header at an address; `None` if there is none.
    pub fn read(image: &Image, layout: &Layout, address: VirtualAddress) -> Option<Header> {
        let bytes = image.read(address, SIZE)?;
        if !begins_like_a_header(bytes, layout.pclntab_magic) {
            return None;
        }
        let table = |index: usize| {
            let offset = scalar::u64_at(bytes, TABLES + 8 * index)?;
            (offset >= SIZE).then_some(())?;
            address.0.checked_add(offset)
        };
        let header = Header {
            address,
            quantum: *bytes.get(QUANTUM)?,
            function_count: usize::try_from(scalar::u64_at(bytes, FUNCTION_COUNT)?).ok()?,
            names: table(0)?,
            compilation_units: table(1)?,
            files: table(2)?,
            values: table(3)?,
            functions: table(4)?,
        };
        (header.is_ordered() && header.function_count > 0).then_some(header)
    }

    fn scan(image: &Image, layout: &Layout) -> Option<Header> {
        let magic = layout.pclntab_magic.to_le_bytes();
        image.segments().find_map(|(segment, bytes)| {
            let word_aligned = bytes.chunks_exact(8).enumerate();
            word_aligned
                .filter(|(_, word)| word.starts_with(&magic))
                .find_map(|(index, _)| {
                    let offset = u64::try_from(index).ok()?.checked_mul(8)?;
                    let address = segment.address.0.checked_add(offset)?;
                    Self::read(image, layout, VirtualAddress(address))
                })
        })
    }

    fn is_ordered(&self) -> bool {
        self.names < self.compilation_units
            && self.compilation_units < self.files
            && self.files < self.values
            && self.values < self.functions
    }
}

fn begins_like_a_header(bytes: &[u8], magic: u32) -> bool {
    scalar::u32_at(bytes, 0) == Some(magic)
        && bytes.get(4..QUANTUM) == Some(&[0, 0])
        && matches!(bytes.get(QUANTUM), Some(1 | 2 | 4))
        && bytes.get(POINTER_SIZE) == Some(&8)
}
