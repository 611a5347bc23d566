//! Itabs: the pairs of interface and concrete type that the compiler laid down. A word of memory that holds an
//! itab's address tells the type of the word behind it.

use std::ops::Range;

use crate::model::binary::{Itab, VirtualAddress};

use super::{image::Image, moduledata::ItabTable, types::Types};

/// `abi.ITab`: interface, concrete type, hash (padded), methods.
const CONCRETE_TYPE: u64 = 8;
const METHODS: u64 = 24;
/// With its first method, which it has even if it is not used.
const SMALLEST: u64 = 32;

/// Far more than any executable has; a damaged table may claim as many as the file has room for.
const MAX_ITABS: usize = 1 << 20;

/// All itabs of a module that can be read.
pub fn itabs<'a>(
    image: &'a Image,
    types: Types<'a>,
    table: &ItabTable,
) -> impl Iterator<Item = Itab> + use<'a> {
    addresses(image, types, table)
        .into_iter()
        .filter_map(move |address| read(image, types, address))
}

fn read(image: &Image, types: Types<'_>, address: VirtualAddress) -> Option<Itab> {
    let interface = VirtualAddress(image.word(address)?);
    let concrete_type = VirtualAddress(image.word_at(address, CONCRETE_TYPE)?);
    Some(Itab {
        interface: types.qualified_name(interface)?,
        concrete: types.qualified_name(concrete_type)?,
        address,
        concrete_type,
    })
}

fn addresses(image: &Image, types: Types<'_>, table: &ItabTable) -> Vec<VirtualAddress> {
    match table {
        ItabTable::Links { address, count } => (0..*count)
            .map_while(|index| image.word_at(*address, index.checked_mul(8)?))
            .map(VirtualAddress)
            .take(MAX_ITABS)
            .collect(),
        ItabTable::Packed(range) => packed(image, types, range.clone()),
    }
}

/// Each itab is as long as its interface has methods (`abi.ITab.Size`).
fn packed(image: &Image, types: Types<'_>, range: Range<u64>) -> Vec<VirtualAddress> {
    let size_of = |address: VirtualAddress| {
        if image.word_at(address, METHODS)? == 0 {
            return Some(SMALLEST);
        }
        let methods = types.interface_methods(VirtualAddress(image.word(address)?))?;
        methods.max(1).checked_mul(8)?.checked_add(METHODS)
    };
    let mut found = Vec::new();
    let mut at = range.start;
    while at < range.end && found.len() < MAX_ITABS {
        let address = VirtualAddress(at);
        found.push(address);
        let Some(next) = size_of(address).and_then(|size| at.checked_add(size)) else {
            break;
        };
        at = next;
    }
    found
}
