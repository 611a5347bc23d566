//! Machine code: where probes would go in it. All calls lead to the same code.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slowmap_fuzz::{
    inspect::placement::{Code, CodeSource, place},
    memory::TEXT,
    model::binary::{Architecture, FileOffset, VirtualAddress},
};

/// What it takes grows with the square of the length, and more bytes are no more ways to go wrong.
const LONGEST: usize = 2048;

struct Everywhere<'a> {
    architecture: Architecture,
    bytes: &'a [u8],
}

impl CodeSource for Everywhere<'_> {
    fn function_at(&self, address: VirtualAddress) -> Option<Code<'_>> {
        // Some calls lead nowhere, some to what grows a stack.
        let name = match address.0 % 4 {
            0 => return None,
            1 => "runtime.morestack_noctxt",
            _ => "main.f",
        };
        Some(Code {
            architecture: self.architecture,
            name,
            address,
            bytes: self.bytes,
        })
    }
}

fuzz_target!(|bytes: &[u8]| {
    let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
    for architecture in [Architecture::Amd64, Architecture::Arm64] {
        let everywhere = Everywhere {
            architecture,
            bytes,
        };
        check(&everywhere);
    }
});

fn check(everywhere: &Everywhere<'_>) {
    let bytes = everywhere.bytes;
    let code = Code {
        architecture: everywhere.architecture,
        name: "main.f",
        address: VirtualAddress(TEXT),
        bytes,
    };
    let range = TEXT..TEXT + bytes.len() as u64;
    let offset_of = |address: VirtualAddress| {
        range
            .contains(&address.0)
            .then(|| FileOffset(address.0 - TEXT))
    };
    let placement = place(&code, everywhere, &offset_of);
    for site in placement.exits.iter().chain(&placement.entry) {
        assert!(range.contains(&site.address.0));
    }
}
