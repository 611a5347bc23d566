//! A function's control flow, one node per instruction.

use std::collections::HashMap;

use super::{
    CodeSource,
    calls::{Callee, DEFER_RETURN, classify},
    decode::{Flow, FrameEffect, Instruction},
};
use crate::model::binary::VirtualAddress;

/// The index of an instruction; `Graph::end()` stands for the return to the caller.
pub(super) type Node = usize;

/// Where control goes from a node. For a branch the first is the one taken.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Successors {
    pub(super) first: Option<Node>,
    pub(super) second: Option<Node>,
}

impl Successors {
    fn one(node: Node) -> Self {
        Self {
            first: Some(node),
            second: None,
        }
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Node> {
        self.first.into_iter().chain(self.second)
    }
}

#[derive(Debug)]
pub(super) struct Graph {
    pub(super) instructions: Vec<Instruction>,
    pub(super) successors: Vec<Successors>,
    /// What each direct or indirect call calls.
    pub(super) callees: Vec<Option<Callee>>,
}

impl Graph {
    /// `stack_growth`: the branch into the block that grows the stack and starts over; it is left out.
    pub(super) fn new(
        instructions: Vec<Instruction>,
        source: &dyn CodeSource,
        stack_growth: Option<Node>,
    ) -> Self {
        let index: HashMap<u64, Node> = instructions
            .iter()
            .enumerate()
            .map(|(node, i)| (i.address, node))
            .collect();
        let callees = callees(&instructions, source);
        let end = instructions.len();
        let start = instructions.first().map(|i| i.address);
        let target = |address| index.get(&address).copied().unwrap_or(end);
        let successors = (0..end)
            .map(|node| {
                // Running off the end is no return: it cannot happen in what a compiler made.
                let next = Some(node + 1).filter(|next| *next < end);
                let fall_through = Successors {
                    first: next,
                    second: None,
                };
                match instructions[node].flow {
                    Flow::Branch { .. } if stack_growth == Some(node) => fall_through,
                    Flow::Branch { target: to, .. } => Successors {
                        first: Some(target(to)),
                        second: next,
                    },
                    // After the stack has grown.
                    Flow::Jump(to) if stack_growth.is_some() && Some(to) == start => {
                        Successors::default()
                    }
                    Flow::Jump(to) => Successors::one(target(to)),
                    Flow::Return => Successors::one(end),
                    Flow::IndirectJump | Flow::Trap => Successors::default(),
                    Flow::Call(_) if callees[node] == Some(Callee::NeverReturns) => {
                        Successors::default()
                    }
                    Flow::Next | Flow::Call(_) | Flow::IndirectCall => fall_through,
                }
            })
            .collect();
        Self {
            instructions,
            successors,
            callees,
        }
    }

    pub(super) fn end(&self) -> Node {
        self.instructions.len()
    }

    /// A call whose time belongs to the function.
    pub(super) fn is_real_call(&self, node: Node) -> bool {
        matches!(
            self.callees.get(node),
            Some(Some(Callee::Function(_) | Callee::Indirect))
        )
    }

    /// The entry first, then each stretch of code that nothing known leads to: what a recovered panic
    /// resumes at, or a jump table.
    pub(super) fn roots(&self) -> Vec<Node> {
        let mut reached = vec![false; self.end() + 1];
        let mut roots = Vec::new();
        for node in 0..self.end() {
            if reached[node] || (node > 0 && self.is_dead(node, &reached)) {
                continue;
            }
            roots.push(node);
            self.reach(node, &mut reached, |_, _| true);
        }
        roots
    }

    /// Padding, up to code that is accounted for.
    fn is_dead(&self, node: Node, reached: &[bool]) -> bool {
        self.instructions[node].padding
            || self.instructions[node].flow == Flow::Trap
            || reached.get(node).copied().unwrap_or(true)
    }

    /// Marks what can be reached from `start` along the edges that `passable` lets through.
    pub(super) fn reach(
        &self,
        start: Node,
        reached: &mut [bool],
        passable: impl Fn(Node, Node) -> bool,
    ) {
        let mut pending = vec![start];
        while let Some(node) = pending.pop() {
            if std::mem::replace(&mut reached[node], true) {
                continue;
            }
            if let Some(successors) = self.successors.get(node) {
                pending.extend(successors.iter().filter(|next| passable(node, *next)));
            }
        }
    }

    /// The nodes from which one of the `goals` can be reached, themselves included.
    pub(super) fn leads_to(&self, goals: impl Fn(Node) -> bool) -> Vec<bool> {
        let mut predecessors = vec![Vec::new(); self.end() + 1];
        for (node, successors) in self.successors.iter().enumerate() {
            successors
                .iter()
                .for_each(|next| predecessors[next].push(node));
        }
        let mut leads = vec![false; self.end() + 1];
        let mut pending: Vec<Node> = (0..=self.end()).filter(|node| goals(*node)).collect();
        while let Some(node) = pending.pop() {
            if !std::mem::replace(&mut leads[node], true) {
                pending.extend(&predecessors[node]);
            }
        }
        leads
    }

    /// Before which instructions the frame pointer is this function's own, whichever way they are reached.
    pub(super) fn in_frame(&self, roots: &[Node]) -> Vec<bool> {
        let mut before: Vec<Option<bool>> = vec![None; self.end() + 1];
        // What only a recovered panic or a jump table leads to has its frame.
        let mut pending: Vec<(Node, bool)> = roots.iter().map(|root| (*root, *root != 0)).collect();
        while let Some((node, in_frame)) = pending.pop() {
            let joined = before[node].map_or(in_frame, |known| known && in_frame);
            if before[node].replace(joined) == Some(joined) {
                continue;
            }
            let Some(instruction) = self.instructions.get(node) else {
                continue;
            };
            let after = match instruction.frame {
                FrameEffect::SetsUp => true,
                FrameEffect::Restores => false,
                FrameEffect::None | FrameEffect::Saves => joined,
            };
            pending.extend(self.successors[node].iter().map(|next| (next, after)));
        }
        before
            .into_iter()
            .map(|state| state.unwrap_or(false))
            .collect()
    }
}

fn callees(instructions: &[Instruction], source: &dyn CodeSource) -> Vec<Option<Callee>> {
    let mut has_defers = false;
    let mut callees: Vec<_> = instructions
        .iter()
        .map(|instruction| match instruction.flow {
            Flow::Call(target) => {
                let name = source
                    .function_at(VirtualAddress(target))
                    .map(|code| code.name);
                has_defers |= name == Some(DEFER_RETURN);
                Some(classify(target, name))
            }
            Flow::IndirectCall => Some(Callee::Indirect),
            _ => None,
        })
        .collect();
    if has_defers {
        for (node, callee) in callees.iter_mut().enumerate() {
            if *callee == Some(Callee::Indirect) && is_deferred_call(instructions, node) {
                *callee = Some(Callee::Brief);
            }
        }
    }
    callees
}

/// At most: clear the bit, two loads.
const DEFERRED_CALL_LENGTH: usize = 6;

/// The shape of an open-coded defer at the end of a function: a test of its bit, a branch around the call.
/// What runtime functions defer is an unlock or the like.
fn is_deferred_call(instructions: &[Instruction], call: Node) -> bool {
    let Some(after) = instructions.get(call + 1).map(|i| i.address) else {
        return false;
    };
    instructions[..call]
        .iter()
        .rev()
        .take(DEFERRED_CALL_LENGTH)
        .find(|i| i.flow != Flow::Next)
        .is_some_and(|i| matches!(i.flow, Flow::Branch { target, .. } if target == after))
}
