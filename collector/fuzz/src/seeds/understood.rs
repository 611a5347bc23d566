//! Whether a seed is read to its end: one that is declined at its beginning leads nowhere.

use std::path::Path;

use super::{FIELDS, FUNCTIONS};
use crate::{
    golang::{
        buildinfo::BuildInfo,
        image::FileBytes,
        moduledata::Moduledata,
        pclntab::{FrameWord, Function, Header},
        types::Types,
    },
    inspect::{Wanted, debug_information, inspect_bytes},
    memory::{BASE, Memory},
    model::binary::{MapImplementation, VirtualAddress},
};

/// Of a target that a seed is for. Machine code always is.
pub fn understood(target: &str, seed: &[u8]) -> bool {
    let read = match target {
        "elf" => executable(seed),
        "dwarf" => debug_information(seed, &FIELDS[..3])
            .get(FIELDS[2])
            .map(drop),
        "build_info" => memory(seed, |memory| {
            BuildInfo::find(&memory.image, None).map(drop)
        }),
        "pclntab" | "stack_maps" | "inline_trees" => memory(seed, |memory| {
            let table = memory.table()?;
            let mut functions = table.functions();
            functions
                .any(|function| has(target, &function))
                .then_some(())
        }),
        "moduledata" => memory(seed, |memory| {
            let header = Header::find(&memory.image, memory.layout, None)?;
            Moduledata::find(&memory.image, memory.layout, &header).map(drop)
        }),
        "type_names" => memory(seed, |memory| {
            let base = VirtualAddress(BASE);
            let types = Types::new(&memory.image, memory.layout, MapImplementation::Hmap, base);
            let first = VirtualAddress(BASE + 8);
            types.name(first).map(drop)
        }),
        _ => Some(()),
    };
    read.is_some()
}

fn executable(seed: &[u8]) -> Option<()> {
    let wanted = Wanted {
        functions: &FUNCTIONS,
        ..Wanted::default()
    };
    let bytes = FileBytes::Owned(seed.to_vec());
    let binary = inspect_bytes(bytes, Path::new("seed"), &wanted).ok()?;
    binary.functions.contains_key(FUNCTIONS[0]).then_some(())
}

fn memory(seed: &[u8], read: impl Fn(&Memory) -> Option<()>) -> Option<()> {
    read(&Memory::new(seed)?)
}

fn has(target: &str, function: &Function<'_>) -> bool {
    let mut addresses = function.range();
    match target {
        "inline_trees" => addresses.any(|at| function.calls(at).len() > 1),
        "stack_maps" => addresses.any(|at| function.liveness(at, FrameWord::Local(1)).is_some()),
        _ => addresses.any(|at| function.calls(at).iter().any(|call| call.line.is_some())),
    }
}
