//! The calls that were inlined into a function, at each of its instructions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slowmap_fuzz::memory::each_instruction;

const INSTRUCTIONS: u64 = 256;

fuzz_target!(|input: &[u8]| {
    each_instruction(input, INSTRUCTIONS, |function, address| {
        let calls = function.calls(address);
        // The function itself comes last.
        assert!(calls.last().is_some_and(|call| !call.inlined));
    });
});
