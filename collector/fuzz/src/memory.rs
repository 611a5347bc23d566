//! Input for readers that find what they read by addresses: a part of an executable's memory, as if it were all of it.
//!
//! The first byte chooses the release, the next seven are numbers that a reader gets from elsewhere; what follows lies at
//! [`BASE`], as data that is not code.

use crate::{
    golang::{
        image::{FileBytes, Image},
        layout::Layout,
        pclntab::{Function, Header, Pclntab},
    },
    model::binary::{FileOffset, Segment, VirtualAddress},
};

pub const BASE: u64 = 0x10_0000;
/// Where code is said to be; nothing is there.
pub const TEXT: u64 = 0x1_0000;
pub const HEADER: usize = 8;

pub struct Memory {
    pub layout: &'static Layout,
    pub image: Image,
    /// The number between release and content.
    pub place: u64,
}

impl Memory {
    pub fn new(input: &[u8]) -> Option<Self> {
        let (header, content) = input.split_at_checked(HEADER)?;
        let place = u64::from(u32::from_le_bytes(header.get(4..8)?.try_into().ok()?));
        let segment = Segment {
            address: VirtualAddress(BASE),
            offset: FileOffset(0),
            file_size: content.len() as u64,
            executable: false,
        };
        let bytes = FileBytes::Owned(content.to_vec());
        Some(Self {
            layout: crate::layout(*header.first()?),
            image: Image::new(bytes, vec![segment], Vec::new()),
            place,
        })
    }

    /// The table of functions at the beginning, with function data at the place that was named.
    pub fn table(&self) -> Option<Pclntab<'_>> {
        let header = Header::read(&self.image, self.layout, VirtualAddress(BASE))?;
        let data = VirtualAddress(BASE + self.place);
        Pclntab::new(&self.image, self.layout, &header, TEXT, data)
    }
}

/// Has the first instructions of the first functions looked at, at most so many of each.
pub fn each_instruction(input: &[u8], most: u64, look: impl Fn(&Function<'_>, u64)) {
    const FUNCTIONS: usize = 16;
    let Some(memory) = Memory::new(input) else {
        return;
    };
    let Some(table) = memory.table() else {
        return;
    };
    for function in table.functions().take(FUNCTIONS) {
        let range = function.range();
        let end = range.end.min(range.start.saturating_add(most));
        (range.start..end).for_each(|address| look(&function, address));
    }
}

/// Input for [`Memory::new`].
pub fn input(layout: &Layout, place: u32, content: &[u8]) -> Vec<u8> {
    let mut input = vec![crate::number_of(layout), 0, 0, 0];
    input.extend(place.to_le_bytes());
    input.extend(content);
    input
}
