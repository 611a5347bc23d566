//! Type descriptors with their names and with what they are made of.

use std::collections::BTreeMap;

use super::{align, put, put_long, varint, word};
use crate::model::binary::{GoBinary, VirtualAddress};

const FLAG_UNCOMMON: u8 = 1;
/// How far from the types that were asked for; what is farther is left out.
const DEPTH: usize = 3;

/// Types as they lie in memory, from `base` on.
pub struct Region<'a> {
    binary: &'a GoBinary,
    base: u64,
    pub bytes: Vec<u8>,
    known: BTreeMap<u64, u64>,
}

impl<'a> Region<'a> {
    pub fn new(binary: &'a GoBinary, base: u64) -> Self {
        Self {
            binary,
            base,
            bytes: vec![0; 8], // An offset of zero means no name.
            known: BTreeMap::new(),
        }
    }

    pub fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// Copies a type, by its address in the executable; its new address.
    pub fn add(&mut self, address: u64) -> u64 {
        self.copy(address, DEPTH)
    }

    fn read(&self, address: u64, length: u64) -> &'a [u8] {
        let bytes = self.binary.image.read(VirtualAddress(address), length);
        bytes.expect("a type")
    }

    fn pointer(&self, address: u64) -> u64 {
        self.binary
            .image
            .word(VirtualAddress(address))
            .expect("a pointer")
    }

    fn copy(&mut self, address: u64, depth: usize) -> u64 {
        if let Some(known) = self.known.get(&address) {
            return *known;
        }
        if depth == 0 || address == 0 {
            return 0;
        }
        let layout = self.binary.layout.abi_type;
        let head = self.read(address, layout.size);
        let kind = head[layout.kind] & 31;
        // Offsets of the pointers to other types, and the size of what comes behind the head.
        let (pointers, more): (&[u64], u64) = match kind {
            22 | 23 => (&[0], 8),
            19 => (&[], 8),
            18 => (&[0], 16),
            17 => (&[0, 8], 24),
            25 | 20 => (&[], 32),
            21 => (&[0, 8, 16], self.map_size() - layout.size),
            _ => (&[], 0),
        };
        let uncommon = head[layout.tflag] & FLAG_UNCOMMON != 0;
        let size = layout.size + more + if uncommon { 16 } else { 0 };
        align(&mut self.bytes, 8);
        let at = self.bytes.len();
        let new = self.base + at as u64;
        self.bytes.extend(self.read(address, size));
        self.known.insert(address, new);
        self.rename(at + layout.str);
        if uncommon {
            self.rename(at + (layout.size + more) as usize);
        }
        for offset in pointers {
            let offset = layout.size + offset;
            let other = self.copy(self.pointer(address + offset), depth - 1);
            put_long(&mut self.bytes, at + offset as usize, other);
        }
        if kind == 25 {
            self.fields(address + layout.size, at + layout.size as usize, depth);
        }
        new
    }

    fn map_size(&self) -> u64 {
        let size = self
            .binary
            .layout
            .map_type_size(self.binary.map_implementation);
        size.expect("a map's type")
    }

    /// Copies the name whose offset stands there.
    fn rename(&mut self, at: usize) {
        let offset = word(&self.bytes, at);
        if offset != 0 {
            let new = self.name(self.binary.types.0 + u64::from(offset));
            put(&mut self.bytes, at, (new - self.base) as u32);
        }
    }

    fn name(&mut self, address: u64) -> u64 {
        let (length, start) = varint(self.read(address + 1, 4));
        let new = self.end();
        let name = self.read(address, 1 + start as u64 + length);
        self.bytes.extend(name);
        new
    }

    /// Of a struct, whose own part begins there: the package's name, then the fields.
    fn fields(&mut self, address: u64, at: usize, depth: usize) {
        let (first, count) = (self.pointer(address + 8), self.pointer(address + 16).min(4));
        align(&mut self.bytes, 8);
        let own = self.bytes.len();
        self.bytes.extend(self.read(first, 24 * count));
        put_long(&mut self.bytes, at, 0);
        put_long(&mut self.bytes, at + 8, self.base + own as u64);
        put_long(&mut self.bytes, at + 16, count);
        for index in 0..count {
            let field = first + 24 * index;
            let name = self.name(self.pointer(field));
            let kind = self.copy(self.pointer(field + 8), depth - 1);
            let at = own + 24 * index as usize;
            put_long(&mut self.bytes, at, name);
            put_long(&mut self.bytes, at + 8, kind);
        }
    }
}
