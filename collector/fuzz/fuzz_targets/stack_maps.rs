//! Which words of a frame hold pointers, at each call of a function.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slowmap_fuzz::{
    golang::pclntab::{FrameWord, Liveness},
    memory::each_instruction,
};

const INSTRUCTIONS: u64 = 64;
const WORDS: [u64; 6] = [0, 1, 7, 64, 1 << 20, u64::MAX];

fuzz_target!(|input: &[u8]| {
    each_instruction(input, INSTRUCTIONS, |function, call| {
        for word in WORDS {
            for word in [FrameWord::Local(word), FrameWord::Argument(word)] {
                if let Some(Liveness::InObject { below, words }) = function.liveness(call, word) {
                    assert!(below < words);
                }
            }
        }
    });
});
