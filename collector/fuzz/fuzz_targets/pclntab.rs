//! Go's table of functions: names, ranges, lines and files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slowmap_fuzz::{
    golang::pclntab::{Header, Pclntab},
    memory::{Memory, TEXT},
    model::binary::VirtualAddress,
};

/// Damaged tables name many.
const FUNCTIONS: usize = 256;

fuzz_target!(|input: &[u8]| {
    let Some(memory) = Memory::new(input) else {
        return;
    };
    let Some(header) = Header::find(&memory.image, memory.layout, None) else {
        return;
    };
    let data = VirtualAddress(memory.place);
    let Some(table) = Pclntab::new(&memory.image, memory.layout, &header, TEXT, data) else {
        return;
    };
    let _ = table.code_range();
    for function in table.functions().take(FUNCTIONS) {
        let range = function.range();
        assert!(range.start < range.end);
        let _ = (function.is_wrapper(), function.stack_delta(range.start));
        let _ = table.lost_caller(TEXT, range.start, [range.start, range.end]);
        for at in [range.start, range.end - 1] {
            if let Some(found) = table.find(at) {
                assert!(found.range().contains(&at));
                let _ = found.calls(at);
            }
        }
    }
});
