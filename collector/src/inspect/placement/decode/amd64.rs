//! x86-64. All of iced-x86 stays in this file.

use iced_x86::{Code as Opcode, Decoder, DecoderOptions, FlowControl, Mnemonic, OpKind, Register};

use super::{Flow, FrameEffect, Instruction};
use crate::{inspect::placement::Code, model::binary::ProbeCost};

pub(super) fn decode(code: &Code<'_>) -> Vec<Instruction> {
    let mut decoder = Decoder::with_ip(64, code.bytes, code.address.0, DecoderOptions::NONE);
    let mut instructions = Vec::with_capacity(code.bytes.len() / 4);
    let mut decoded = iced_x86::Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut decoded);
        instructions.push(Instruction {
            address: decoded.ip(),
            flow: flow(&decoded),
            frame: frame_effect(&decoded),
            cost: cost(&decoded),
            padding: matches!(decoded.mnemonic(), Mnemonic::Nop | Mnemonic::Int3)
                || decoded.code() == Opcode::Xchg_r64_RAX
                    && decoded.op0_register() == Register::RAX,
        });
    }
    instructions
}

fn flow(instruction: &iced_x86::Instruction) -> Flow {
    match instruction.flow_control() {
        FlowControl::Next => Flow::Next,
        FlowControl::UnconditionalBranch => Flow::Jump(instruction.near_branch_target()),
        FlowControl::IndirectBranch => Flow::IndirectJump,
        FlowControl::ConditionalBranch => Flow::Branch {
            target: instruction.near_branch_target(),
            // iced counts from 1, in the order of the opcodes; 0 for loop and jrcxz, which Go never emits.
            code: Some((instruction.condition_code() as u8).wrapping_sub(1) & 0xf),
        },
        FlowControl::Return => Flow::Return,
        FlowControl::Call => match instruction.code() {
            Opcode::Call_rel32_64 => Flow::Call(instruction.near_branch_target()),
            // `syscall` and the like come back.
            _ => Flow::Next,
        },
        FlowControl::IndirectCall => Flow::IndirectCall,
        FlowControl::Interrupt | FlowControl::XbeginXabortXend | FlowControl::Exception => {
            Flow::Trap
        }
    }
}

fn frame_effect(instruction: &iced_x86::Instruction) -> FrameEffect {
    let writes_frame_pointer =
        instruction.op0_kind() == OpKind::Register && instruction.op0_register() == Register::RBP;
    match instruction.mnemonic() {
        Mnemonic::Leave => FrameEffect::Restores,
        _ if !writes_frame_pointer => FrameEffect::None,
        Mnemonic::Push => FrameEffect::Saves,
        Mnemonic::Pop => FrameEffect::Restores,
        Mnemonic::Mov if instruction.op1_kind() == OpKind::Memory => FrameEffect::Restores,
        Mnemonic::Mov if instruction.op1_register() == Register::RSP => FrameEffect::SetsUp,
        Mnemonic::Lea if instruction.memory_base() == Register::RSP => FrameEffect::SetsUp,
        _ => FrameEffect::None,
    }
}

/// The encodings that the kernel emulates, see `branch_setup_xol_ops` and `push_setup_xol_ops`:
/// <https://github.com/torvalds/linux/blob/v6.12/arch/x86/kernel/uprobes.c>. Longer nops only recent kernels emulate.
fn cost(instruction: &iced_x86::Instruction) -> ProbeCost {
    let emulated = match instruction.code() {
        Opcode::Push_r64 | Opcode::Jmp_rel8_64 | Opcode::Jmp_rel32_64 | Opcode::Call_rel32_64 => {
            true
        }
        Opcode::Nopd => instruction.len() == 1,
        code => code.is_jcc_short_or_near(),
    };
    if emulated {
        ProbeCost::Emulated
    } else {
        ProbeCost::SingleStepped
    }
}
