//! Functions made of a few instructions.

use std::collections::HashMap;

use crate::{
    inspect::placement::{Code, CodeSource, Placement, place},
    model::binary::{Architecture, FileOffset, VirtualAddress},
};

pub(super) const START: u64 = 0x401000;
/// What an address minus its file offset is.
pub(super) const BIAS: u64 = 0x400000;

#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    Label(&'static str),
    Bytes(&'static [u8]),
    Jcc(u8, &'static str),
    Jmp(&'static str),
    Call(&'static str),
}

pub(super) const CMP_STACK: Op = Op::Bytes(&[0x49, 0x3b, 0x66, 0x10]);
pub(super) const LEA_R12: Op = Op::Bytes(&[0x4c, 0x8d, 0x64, 0x24, 0x80]);
pub(super) const CMP_R12: Op = Op::Bytes(&[0x4d, 0x3b, 0x66, 0x10]);
pub(super) const PUSH_RBP: Op = Op::Bytes(&[0x55]);
pub(super) const MOV_RBP_RSP: Op = Op::Bytes(&[0x48, 0x89, 0xe5]);
pub(super) const SUB_RSP: Op = Op::Bytes(&[0x48, 0x83, 0xec, 0x20]);
pub(super) const ADD_RSP: Op = Op::Bytes(&[0x48, 0x83, 0xc4, 0x20]);
pub(super) const POP_RBP: Op = Op::Bytes(&[0x5d]);
pub(super) const RET: Op = Op::Bytes(&[0xc3]);
pub(super) const NOP: Op = Op::Bytes(&[0x90]);
pub(super) const TEST: Op = Op::Bytes(&[0x48, 0x85, 0xc0]);
pub(super) const MOV: Op = Op::Bytes(&[0x48, 0x89, 0xc8]);
pub(super) const CALL_RAX: Op = Op::Bytes(&[0xff, 0xd0]);
/// `jmp [rax*8+rcx]`
pub(super) const JMP_TABLE: Op = Op::Bytes(&[0xff, 0x24, 0xc1]);
pub(super) const JE: u8 = 4;
pub(super) const JNE: u8 = 5;
pub(super) const JBE: u8 = 6;

/// A set of functions; labels are local to each.
#[derive(Debug, Default)]
pub(super) struct Program {
    functions: Vec<(String, u64, Vec<u8>)>,
    labels: HashMap<(String, &'static str), u64>,
}

impl Program {
    /// Functions call each other by name; a name that is defined nowhere gets an address of its own, too.
    pub(super) fn new(functions: &[(&'static str, &[Op])]) -> Self {
        let mut program = Self::default();
        let mut addresses: HashMap<&str, u64> = HashMap::new();
        let mut next = START;
        for (name, ops) in functions {
            addresses.insert(name, next);
            next += ops.iter().map(size).sum::<u64>().next_multiple_of(16) + 16;
        }
        for op in functions.iter().flat_map(|(_, ops)| *ops) {
            if let Op::Call(name) = op
                && !addresses.contains_key(name)
            {
                addresses.insert(name, next);
                program
                    .functions
                    .push(((*name).to_owned(), next, vec![0xc3]));
                next += 16;
            }
        }
        for (name, ops) in functions {
            program.assemble(name, ops, &addresses);
        }
        program
    }

    fn assemble(&mut self, name: &'static str, ops: &[Op], addresses: &HashMap<&str, u64>) {
        let start = addresses[name];
        let mut at = start;
        for op in ops {
            if let Op::Label(label) = op {
                self.labels.insert((name.to_owned(), label), at);
            }
            at += size(op);
        }
        let mut code = Vec::new();
        for op in ops {
            let after = start + code.len() as u64 + size(op);
            let relative = |target: u64| (target.wrapping_sub(after) as i32).to_le_bytes();
            let label = |label| {
                self.labels
                    .get(&(name.to_owned(), label))
                    .or(addresses.get(label))
            };
            match op {
                Op::Label(_) => {}
                Op::Bytes(bytes) => code.extend(*bytes),
                Op::Jcc(condition, to) => {
                    code.extend([0x0f, 0x80 | condition]);
                    code.extend(relative(*label(to).unwrap()));
                }
                Op::Jmp(to) => {
                    code.push(0xe9);
                    code.extend(relative(*label(to).unwrap()));
                }
                Op::Call(callee) => {
                    code.push(0xe8);
                    code.extend(relative(addresses[callee]));
                }
            }
        }
        self.functions.push((name.to_owned(), start, code));
    }

    pub(super) fn code(&self, name: &str) -> Code<'_> {
        let (name, address, bytes) = self
            .functions
            .iter()
            .find(|(known, ..)| known == name)
            .unwrap();
        Code {
            architecture: Architecture::Amd64,
            name,
            address: VirtualAddress(*address),
            bytes,
        }
    }

    pub(super) fn place(&self, name: &str) -> Placement {
        place(&self.code(name), self, &offset_of)
    }

    pub(super) fn label(&self, function: &str, label: &'static str) -> VirtualAddress {
        VirtualAddress(self.labels[&(function.to_owned(), label)])
    }
}

pub(super) fn offset_of(address: VirtualAddress) -> Option<FileOffset> {
    address.0.checked_sub(BIAS).map(FileOffset)
}

impl CodeSource for Program {
    fn function_at(&self, address: VirtualAddress) -> Option<Code<'_>> {
        let (name, start, bytes) = self
            .functions
            .iter()
            .find(|(_, start, _)| *start == address.0)?;
        Some(Code {
            architecture: Architecture::Amd64,
            name,
            address: VirtualAddress(*start),
            bytes,
        })
    }
}

pub(super) fn size(op: &Op) -> u64 {
    match op {
        Op::Label(_) => 0,
        Op::Bytes(bytes) => bytes.len() as u64,
        Op::Jcc(..) => 6,
        Op::Jmp(_) | Op::Call(_) => 5,
    }
}
