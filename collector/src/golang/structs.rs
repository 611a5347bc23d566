//! What type descriptors say of a type's inside: fields of structs and their offsets, what pointers and arrays hold, and how
//! a map lays out its entries. So an executable without debug information tells where its fields are.

use crate::model::binary::VirtualAddress;

use super::types::{KIND_ARRAY, KIND_MAP, KIND_POINTER, KIND_STRUCT, Types};

/// More fields than any struct that is looked into.
const MAX_FIELDS: u64 = 1024;
/// `abi.StructField`: name, type, offset.
const FIELD: u64 = 24;
/// `abi.StructType`: the type, the package's name, then the slice of fields.
const FIELDS: u64 = 8;
/// `abi.MapType`: the type, then key, element, and what it keeps its entries in.
const GROUP: u64 = 16;

/// A field of a struct type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// In bytes, from the struct's beginning.
    pub offset: u64,
    pub type_address: VirtualAddress,
}

impl Types<'_> {
    /// What a pointer type points to.
    pub fn pointee(&self, pointer: VirtualAddress) -> Option<VirtualAddress> {
        self.element(pointer, KIND_POINTER)
    }

    /// The type of an array's elements.
    pub fn array_element(&self, array: VirtualAddress) -> Option<VirtualAddress> {
        self.element(array, KIND_ARRAY)
    }

    /// The type in which a map type keeps eight entries: a bucket, or a group of a Swiss map.
    pub fn map_group(&self, map: VirtualAddress) -> Option<VirtualAddress> {
        let is_map = self.descriptor(map)?.kind == KIND_MAP;
        let group = self.layout.abi_type.size.checked_add(GROUP)?;
        let word = is_map.then(|| self.image.word_at(map, group))?;
        word.map(VirtualAddress)
    }

    /// The types of a map type's keys and values.
    pub fn map_entry(&self, map: VirtualAddress) -> Option<(VirtualAddress, VirtualAddress)> {
        let is_map = self.descriptor(map)?.kind == KIND_MAP;
        let key = self.layout.abi_type.size;
        let value = key.checked_add(8)?;
        let word = |offset| self.image.word_at(map, offset).map(VirtualAddress);
        is_map.then(|| Some((word(key)?, word(value)?)))?
    }

    /// How many bytes a value of the type takes.
    pub fn size_of(&self, address: VirtualAddress) -> Option<u64> {
        self.image.word(address)
    }

    /// A field of a struct type by its name.
    pub fn field(&self, of: VirtualAddress, name: &str) -> Option<Field> {
        self.fields(of)?
            .find(|(known, _)| *known == name)
            .map(|(_, field)| field)
    }

    /// The fields of a struct type, as far as they can be read.
    pub fn fields(&self, of: VirtualAddress) -> Option<impl Iterator<Item = (&str, Field)>> {
        if self.descriptor(of)?.kind != KIND_STRUCT {
            return None;
        }
        let slice = self.layout.abi_type.size.checked_add(FIELDS)?;
        let first = self.image.word_at(of, slice)?;
        let count = self.image.word_at(of, slice.checked_add(8)?)?;
        let shift = self.layout.field_offset_shift;
        Some((0..count.min(MAX_FIELDS)).map_while(move |index| {
            let at = VirtualAddress(first.checked_add(index.checked_mul(FIELD)?)?);
            let name = VirtualAddress(self.image.word(at)?);
            let field = Field {
                offset: self.image.word_at(at, 16)?.checked_shr(shift)?,
                type_address: VirtualAddress(self.image.word_at(at, 8)?),
            };
            Some((self.text_at(name)?, field))
        }))
    }

    fn element(&self, of: VirtualAddress, kind: u8) -> Option<VirtualAddress> {
        let is_of_kind = self.descriptor(of)?.kind == kind;
        let word = is_of_kind.then(|| self.image.word_at(of, self.layout.abi_type.size))?;
        word.map(VirtualAddress)
    }
}
