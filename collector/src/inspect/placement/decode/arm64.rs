//! AArch64. Of its instructions, all of four bytes, a dozen matter here, each told by a mask and a value: Arm ARM (DDI 0487),
//! C4.1. What else there is goes on with the next one.

use super::{Flow, FrameEffect, Instruction};
use crate::{inspect::placement::Code, model::binary::ProbeCost};

const SIZE: usize = 4;
/// x29
const FRAME: u32 = 29;
/// x30
const LINK: u32 = 30;
/// As a base register.
const SP: u32 = 31;

pub(super) fn decode(code: &Code<'_>) -> Vec<Instruction> {
    let words = code.bytes.chunks_exact(SIZE);
    words
        .zip((code.address.0..).step_by(SIZE))
        .map(|(bytes, address)| {
            let word = Word(
                bytes
                    .iter()
                    .rev()
                    .fold(0, |word, byte| word << 8 | u32::from(*byte)),
            );
            Instruction {
                address,
                flow: word.flow(address),
                frame: word.frame_effect(),
                cost: word.cost(),
                // `udf #0` is what the linker fills up with.
                padding: word.0 == 0 || word.0 == NOP,
            }
        })
        .collect()
}

const NOP: u32 = 0xd503_201f;

#[derive(Clone, Copy)]
struct Word(u32);

impl Word {
    fn is(self, mask: u32, value: u32) -> bool {
        self.0 & mask == value
    }

    /// A signed number of instructions, so many bits wide from the `low`est on, as an address.
    fn target(self, address: u64, low: u32, bits: u32) -> u64 {
        let raised = (self.0 << (32 - low - bits)).cast_signed();
        let instructions = i64::from(raised >> (32 - bits));
        address.wrapping_add_signed(instructions * SIZE as i64)
    }

    fn base(self) -> u32 {
        self.0 >> 5 & 0x1f
    }

    fn is_conditional(self) -> bool {
        self.is(0xff00_0010, 0x5400_0000)
    }

    /// `cbz`, `cbnz`
    fn compares(self) -> bool {
        self.is(0x7e00_0000, 0x3400_0000)
    }

    /// `tbz`, `tbnz`
    fn tests_bit(self) -> bool {
        self.is(0x7e00_0000, 0x3600_0000)
    }

    /// `br`, `blr`, `ret`: which one is in the bits that the mask leaves out.
    fn by_register(self) -> Option<Flow> {
        match self
            .is(0xff9f_fc1f, 0xd61f_0000)
            .then_some(self.0 >> 21 & 3)?
        {
            0 => Some(Flow::IndirectJump),
            1 => Some(Flow::IndirectCall),
            2 if self.base() == LINK => Some(Flow::Return),
            2 => Some(Flow::IndirectJump),
            _ => None,
        }
    }

    fn flow(self, address: u64) -> Flow {
        let branch = |bits, code| Flow::Branch {
            target: self.target(address, 5, bits),
            code,
        };
        if let Some(flow) = self.by_register() {
            flow
        } else if self.is(0xfc00_0000, 0x1400_0000) {
            Flow::Jump(self.target(address, 0, 26))
        } else if self.is(0xfc00_0000, 0x9400_0000) {
            Flow::Call(self.target(address, 0, 26))
        } else if self.is_conditional() {
            branch(19, Some((self.0 & 0xf) as u8))
        } else if self.compares() {
            branch(19, None)
        } else if self.tests_bit() {
            branch(14, None)
        } else if self.is(0xffff_0000, 0) || self.is(0xffe0_001f, 0xd420_0000) {
            // `udf`, `brk`
            Flow::Trap
        } else {
            Flow::Next
        }
    }

    fn frame_effect(self) -> FrameEffect {
        // `str x30, [sp, #-N]!`: how a frame of up to 256 bytes begins; larger ones are made in a register first.
        let stores_link = self.is(0xffe0_0c1f, 0xf800_0c00 | LINK) && self.base() == SP;
        // `stp x29, x30, [x20, #-8]`, or its like.
        let stores_both = self.is(0xffc0_7c1f, 0xa900_0000 | LINK << 10 | FRAME);
        // `sub x29, sp, #8`, or `add`.
        let sets_up = self.is(0xbf80_001f, 0x9100_0000 | FRAME) && self.base() == SP;
        // `ldp x29, x30, [sp, #-8]`, `ldur x29, [sp, #-8]`, `ldr x29, [sp, #N]`
        let restores = self.is(0xffc0_7c1f, 0xa940_0000 | LINK << 10 | FRAME)
            || self.is(0xffe0_0c1f, 0xf840_0000 | FRAME)
            || self.is(0xffc0_001f, 0xf940_0000 | FRAME);
        let saves = stores_link || stores_both;
        match (saves, sets_up, restores && self.base() == SP) {
            (true, ..) => FrameEffect::Saves,
            (_, true, _) => FrameEffect::SetsUp,
            (.., true) => FrameEffect::Restores,
            _ => FrameEffect::None,
        }
    }

    /// What the kernel simulates, see `arm_probe_decode_insn`; all else is single-stepped:
    /// <https://github.com/torvalds/linux/blob/v6.12/arch/arm64/kernel/probes/decode-insn.c>.
    fn cost(self) -> ProbeCost {
        // `b`, `bl`, `adr`, `adrp`, `ldr` and `ldrsw` of a literal.
        let simulated = self.is(0x7c00_0000, 0x1400_0000)
            || self.is_conditional()
            || self.compares()
            || self.tests_bit()
            || self.by_register().is_some()
            || self.is(0x1f00_0000, 0x1000_0000)
            || self.is(0xbf00_0000, 0x1800_0000)
            || self.is(0xff00_0000, 0x9800_0000);
        match simulated {
            true => ProbeCost::Emulated,
            false => ProbeCost::SingleStepped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `go tool objdump` prints them.
    #[test]
    fn go_s_instructions_are_told_apart() {
        let at = 0x1_1000;
        let flow = |word| Word(word).flow(at);
        assert_eq!(flow(0xd65f_03c0), Flow::Return, "RET");
        assert_eq!(flow(0x9400_0002), Flow::Call(at + 8), "CALL");
        assert_eq!(flow(0x17ff_ffff), Flow::Jump(at - 4), "JMP");
        let forward = |code| Flow::Branch {
            target: at + 8,
            code,
        };
        assert_eq!(flow(0x5400_0049), forward(Some(9)), "BLS 2(PC)");
        assert_eq!(flow(0xb400_0040), forward(None), "CBZ R0, 2(PC)");
        assert_eq!(flow(0x3700_0040), forward(None), "TBNZ $0, R0, 2(PC)");
        assert_eq!(flow(0xd63f_0080), Flow::IndirectCall, "CALL (R4)");
        assert_eq!(flow(0xd61f_0080), Flow::IndirectJump, "JMP (R4)");
        assert_eq!(flow(0xd420_0000), Flow::Trap, "BRK");
        assert_eq!(flow(0xf940_0b90), Flow::Next, "MOVD 16(R28), R16");
    }

    #[test]
    fn a_frame_is_seen_to_come_and_go() {
        let effect = |word| Word(word).frame_effect();
        assert_eq!(
            effect(0xf81e_0ffe),
            FrameEffect::Saves,
            "MOVD.W R30, -32(RSP)"
        );
        assert_eq!(effect(0xf81f_83fd), FrameEffect::None, "MOVD R29, -8(RSP)");
        assert_eq!(effect(0xd100_23fd), FrameEffect::SetsUp, "SUB $8, RSP, R29");
        assert_eq!(
            effect(0xa97f_fbfd),
            FrameEffect::Restores,
            "LDP -8(RSP), (R29, R30)"
        );
        assert_eq!(
            effect(0xf85f_83fd),
            FrameEffect::Restores,
            "MOVD -8(RSP), R29"
        );
        assert_eq!(effect(0x9100_83ff), FrameEffect::None, "ADD $32, RSP, RSP");
    }

    #[test]
    fn what_the_kernel_simulates_is_cheap() {
        let cost = |word| Word(word).cost();
        for cheap in [
            0xd65f_03c0,
            0x9400_0002,
            0x5400_0049,
            0xb400_0040,
            0x1000_0000,
        ] {
            assert_eq!(cost(cheap), ProbeCost::Emulated, "{cheap:x}");
        }
        for dear in [0xf940_0b90, 0xf81e_0ffe, 0xd100_23fd, NOP] {
            assert_eq!(cost(dear), ProbeCost::SingleStepped, "{dear:x}");
        }
    }
}
