//! Instructions, reduced to what placement asks about; each architecture has a decoder.

mod amd64;
mod arm64;

use super::Code;
use crate::model::binary::{Architecture, ProbeCost};

/// Where control goes after an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Jump(u64),
    /// `code` as in `JumpCondition`; `None`: which way it goes is not in the flags alone.
    Branch {
        target: u64,
        code: Option<u8>,
    },
    IndirectJump,
    Call(u64),
    IndirectCall,
    Return,
    /// Nowhere: a trap, or bytes that are no instruction.
    Trap,
}

/// What an instruction does to the frame pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameEffect {
    None,
    /// Keeps the caller's: `push rbp`.
    Saves,
    /// From here on it is this function's own.
    SetsUp,
    /// From here on it is the caller's again.
    Restores,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Instruction {
    pub(super) address: u64,
    pub(super) flow: Flow,
    pub(super) frame: FrameEffect,
    pub(super) cost: ProbeCost,
    /// Does nothing, of whatever length.
    pub(super) padding: bool,
}

/// A linear sweep: Go keeps no data in its functions, jump tables are in read-only data.
pub(super) fn decode(code: &Code<'_>) -> Vec<Instruction> {
    match code.architecture {
        Architecture::Amd64 => amd64::decode(code),
        Architecture::Arm64 => arm64::decode(code),
    }
}
