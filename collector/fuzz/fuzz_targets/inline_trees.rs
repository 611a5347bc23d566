//! The calls that were inlined into a function, at each of its instructions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slowmap_fuzz::memory::Memory;

const FUNCTIONS: usize = 16;
const INSTRUCTIONS: u64 = 256;

fuzz_target!(|input: &[u8]| {
    let Some(memory) = Memory::new(input) else {
        return;
    };
    let Some(table) = memory.table() else {
        return;
    };
    for function in table.functions().take(FUNCTIONS) {
        let range = function.range();
        let end = range.end.min(range.start.saturating_add(INSTRUCTIONS));
        for address in range.start..end {
            let calls = function.calls(address);
            // The function itself comes last.
            assert!(calls.last().is_some_and(|call| !call.inlined));
        }
    }
});
