//! Where a function's body begins.

use super::{
    CodeSource,
    calls::{Callee, classify},
    decode::{Flow, FrameEffect, Instruction},
    graph::Node,
};
use crate::model::binary::{JumpCondition, ProbeCost, VirtualAddress};

/// A stack check is at most this long: `mov; sub; jb; cmp; jbe`.
const CHECK_LENGTH: usize = 8;
/// The block that grows the stack spills and reloads up to nine integer and fifteen float registers.
const GROWTH_BLOCK_LENGTH: usize = 64;

/// The entry, and the branches that lead to the growth of the stack.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) node: Node,
    pub(super) condition: Option<JumpCondition>,
    pub(super) stack_check: Option<Node>,
}

pub(super) fn find(instructions: &[Instruction], source: &dyn CodeSource) -> Option<Entry> {
    let start = instructions.first()?.address;
    let check = instructions
        .iter()
        .take(CHECK_LENGTH)
        .take_while(|i| matches!(i.flow, Flow::Next | Flow::Branch { .. }))
        .enumerate()
        .filter_map(|(node, i)| match i.flow {
            Flow::Branch { target, code } if grows_stack(instructions, start, target, source) => {
                Some((node, code?))
            }
            _ => None,
        })
        .last();
    let Some((branch, code)) = check else {
        return Some(Entry {
            node: without_check(instructions),
            condition: None,
            stack_check: None,
        });
    };
    let body = instructions.get(branch + 1)?;
    Some(match body.cost {
        ProbeCost::Emulated => Entry {
            node: branch + 1,
            condition: None,
            stack_check: Some(branch),
        },
        // The branch itself is emulated, and its flags tell the hits that will come back from the others.
        ProbeCost::SingleStepped => Entry {
            node: branch,
            condition: Some(JumpCondition { code, taken: false }),
            stack_check: Some(branch),
        },
    })
}

/// The push of the frame pointer, if it is in the first straight stretch.
fn without_check(instructions: &[Instruction]) -> Node {
    instructions
        .iter()
        .take(CHECK_LENGTH)
        .take_while(|i| i.flow == Flow::Next)
        .position(|i| i.frame == FrameEffect::Saves)
        .unwrap_or(0)
}

/// Whether the code at `target` calls `runtime.morestack*`, or by its shape cannot be anything else: a call, and
/// then a jump back to the function's first instruction.
fn grows_stack(
    instructions: &[Instruction],
    start: u64,
    target: u64,
    source: &dyn CodeSource,
) -> bool {
    let Ok(first) = instructions.binary_search_by_key(&target, |i| i.address) else {
        return false;
    };
    let mut called = false;
    for instruction in instructions.iter().skip(first).take(GROWTH_BLOCK_LENGTH) {
        match instruction.flow {
            Flow::Next => {}
            Flow::Call(callee) if !called => {
                let name = source
                    .function_at(VirtualAddress(callee))
                    .map(|code| code.name);
                if name.is_some_and(|name| !name.starts_with("runtime.morestack")) {
                    return false;
                }
                if classify(callee, name) == Callee::NeverReturns {
                    return true;
                }
                called = true;
            }
            Flow::Jump(to) => return called && to == start,
            _ => return false,
        }
    }
    false
}
