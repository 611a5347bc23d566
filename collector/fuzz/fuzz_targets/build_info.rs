//! Go's build information, found by its section or by looking for it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slowmap_fuzz::{
    golang::{buildinfo::BuildInfo, version},
    memory::{BASE, Memory},
    model::binary::VirtualAddress,
};

fuzz_target!(|input: &[u8]| {
    let Some(memory) = Memory::new(input) else {
        return;
    };
    let section = VirtualAddress(BASE + memory.place);
    let Some(found) = BuildInfo::find(&memory.image, Some(section)) else {
        return;
    };
    // Of what is not safe to show a byte becomes six at most.
    assert!(found.go_version.len() <= 6 * input.len());
    let release = version::parse(&found.go_version);
    // What is read of the release it is not more than the release.
    assert!(release.is_none_or(|version| version.raw.len() <= found.go_version.len()));
});
