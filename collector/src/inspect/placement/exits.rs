//! Where a function ends, at the lowest price.

use std::collections::{BTreeSet, HashMap};

use super::{
    Code, CodeSource,
    body::{Body, single_stepped},
    calls::{self, Callee},
    decode::{self, Flow},
    entry,
    graph::{Graph, Node},
    selection::{Facts, Selection, Uncovered, merge},
};
use crate::model::binary::{FileOffset, ProbeCost, Site, VirtualAddress};

/// How far the last call of a last call is followed.
const CALL_DEPTH: usize = 4;
/// How many functions are looked at for the exits of one; a hostile binary could branch without end.
const CALL_BUDGET: usize = 32;
/// Each round only shrinks what is uncovered, so that two suffice; more would mean a mistake.
const ROUNDS: usize = 8;
/// No function that is probed is nearly as long.
const MAX_CODE: usize = 64 << 10;

/// What the search has at hand, and what it may still spend.
pub(super) struct Search<'a> {
    pub(super) source: &'a dyn CodeSource,
    pub(super) offset_of: &'a dyn Fn(VirtualAddress) -> Option<FileOffset>,
    pub(super) budget: usize,
    /// The functions that are being looked at, outermost first.
    pub(super) chain: Vec<u64>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        source: &'a dyn CodeSource,
        offset_of: &'a dyn Fn(VirtualAddress) -> Option<FileOffset>,
    ) -> Self {
        Self {
            source,
            offset_of,
            budget: CALL_BUDGET,
            chain: Vec::new(),
        }
    }

    /// Entry and exits of a function; none where one of the exits has no place in the file.
    pub(super) fn place(&mut self, code: &Code<'_>) -> Option<(Option<Site>, Vec<Site>)> {
        if code.bytes.len() > MAX_CODE {
            return None;
        }
        self.budget = self.budget.checked_sub(1)?;
        let instructions = decode::decode(code);
        let entry = entry::find(&instructions, self.source)?;
        let graph = Graph::new(instructions, self.source, entry.stack_check);
        let facts = Facts::new(graph, entry.node);
        let mut body = Body {
            facts,
            entry,
            offset_of: self.offset_of,
        };
        self.chain.push(code.address.0);
        let mut exits = self.exits(&body);
        if exits
            .as_deref()
            .is_some_and(|exits| single_stepped(exits) > 0)
        {
            body.facts.frameless_exits = true;
            let others = self.exits(&body);
            exits = exits
                .into_iter()
                .chain(others)
                .min_by_key(|exits| single_stepped(exits));
        }
        self.chain.pop();
        Some((body.entry_site(), exits.unwrap_or_default()))
    }

    fn exits(&mut self, body: &Body<'_>) -> Option<Vec<Site>> {
        let graph = &body.facts.graph;
        let mut from_entry = vec![false; graph.end() + 1];
        graph.reach(0, &mut from_entry, |_, _| true);
        let unknown_jump = (0..graph.end())
            .any(|node| from_entry[node] && graph.instructions[node].flow == Flow::IndirectJump);
        if unknown_jump {
            return body.every_return();
        }
        let mut returns = BTreeSet::new();
        for _ in 0..ROUNDS {
            let mut selection = Selection::last_candidates(&body.facts, &returns);
            let by_call = self.exits_of_last_calls(body, &selection.uncovered);
            let open_ended: Vec<Uncovered> = selection
                .uncovered
                .iter()
                .filter(
                    |way| !matches!(way, Uncovered::AfterCall(call) if by_call.contains_key(call)),
                )
                .copied()
                .collect();
            let whole = open_ended.iter().any(|way| matches!(way, Uncovered::Start));
            if whole && self.chain.len() > 1 && body.entry_is_emulated() {
                return body.entry_site().map(|site| vec![site]);
            }
            let before = returns.len();
            returns.extend(body.returns_after(&open_ended, &selection, &from_entry));
            if returns.len() == before {
                merge(&body.facts, &mut selection.sites);
                if !body.is_covered(&selection.sites, &by_call) {
                    break;
                }
                return body.sites(&selection.sites, by_call.into_values().flatten());
            }
        }
        body.every_return()
    }

    /// The exits of those functions whose call is the last thing that a function does.
    fn exits_of_last_calls(
        &mut self,
        body: &Body<'_>,
        uncovered: &[Uncovered],
    ) -> HashMap<Node, Vec<Site>> {
        let mut last_calls: HashMap<u64, Vec<Node>> = HashMap::new();
        for way in uncovered {
            if let Uncovered::AfterCall(call) = way
                && let Some(Some(Callee::Function(target))) = body.facts.graph.callees.get(*call)
            {
                last_calls.entry(*target).or_default().push(*call);
            }
        }
        let calls = body.calls_by_target();
        let mut exits = HashMap::new();
        for (target, nodes) in last_calls {
            // Called earlier as well, its exits would end this function too early.
            if calls.get(&target) != Some(&nodes.len()) {
                continue;
            }
            if let Some(sites) = self.exits_of_callee(target) {
                exits.extend(nodes.into_iter().map(|node| (node, sites.clone())));
            }
        }
        exits
    }

    fn exits_of_callee(&mut self, target: u64) -> Option<Vec<Site>> {
        if self.chain.len() > CALL_DEPTH || self.chain.contains(&target) {
            return None;
        }
        let code = self.source.function_at(VirtualAddress(target))?;
        if calls::is_shared(code.name) {
            return None;
        }
        let (_, exits) = self.place(&code)?;
        // At the same price the caller's own return is the better place.
        exits
            .iter()
            .any(|site| site.cost == ProbeCost::Emulated)
            .then_some(exits)
    }
}
