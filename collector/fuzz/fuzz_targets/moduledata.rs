//! The module's description: found by the tables that it names, and with it the itabs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slowmap_fuzz::{
    golang::{itabs, moduledata::Moduledata, pclntab::Header, types::Types},
    memory::Memory,
    model::binary::VirtualAddress,
};

fuzz_target!(|input: &[u8]| {
    let Some(memory) = Memory::new(input) else {
        return;
    };
    let (image, layout) = (&memory.image, memory.layout);
    let Some(header) = Header::find(image, layout, None) else {
        return;
    };
    let Some(module) = Moduledata::find(image, layout, &header) else {
        return;
    };
    assert!(module.text.start < module.text.end && module.types.start < module.types.end);
    let base = VirtualAddress(module.types.start);
    let types = Types::new(image, layout, layout.default_map(), base);
    let _ = itabs::itabs(image, types, &module.itabs).count();
});
