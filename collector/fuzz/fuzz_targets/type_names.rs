//! Type descriptors: names, fields, what pointers, arrays and maps are made of. Each word is taken for the address of one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slowmap_fuzz::{
    golang::types::Types,
    memory::{BASE, Memory},
    model::binary::{MapImplementation, VirtualAddress},
};

const TYPES: u64 = 256;

fuzz_target!(|input: &[u8]| {
    let Some(memory) = Memory::new(input) else {
        return;
    };
    for map in [MapImplementation::Hmap, MapImplementation::Swiss] {
        let types = Types::new(&memory.image, memory.layout, map, VirtualAddress(BASE));
        for number in 0..TYPES.min(input.len() as u64 / 8) {
            look(&types, VirtualAddress(BASE + number * 8));
        }
    }
});

fn look(types: &Types<'_>, address: VirtualAddress) {
    let (name, map) = (types.name(address), types.map_name(address));
    assert!(map.is_none() || map == name);
    let _ = types.qualified_name(address);
    let _ = (types.interface_methods(address), types.size_of(address));
    let _ = (types.pointee(address), types.array_element(address));
    let _ = types.map_group(address);
    let _ = types.field(address, "id");
}
