//! Which emulated instructions serve as exits, worked out backwards from the returns.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    calls::Callee,
    decode::Flow,
    graph::{Graph, Node},
    loops::Loops,
};
use crate::model::binary::ProbeCost;

/// Which passes through a site count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Always,
    Taken,
    NotTaken,
}

pub(super) type Sites = BTreeMap<Node, Counts>;

/// A way into the last part of a function on which no emulated instruction follows before the return.
#[derive(Debug, Clone, Copy)]
pub(super) enum Uncovered {
    /// There is none in the whole function.
    Start,
    AfterCall(Node),
    /// From the first node, in a loop that calls, to the second.
    LoopExit(Node, Node),
}

impl Uncovered {
    pub(super) fn from(self) -> Node {
        match self {
            Uncovered::Start => 0,
            Uncovered::AfterCall(call) => call,
            Uncovered::LoopExit(from, _) => from,
        }
    }

    pub(super) fn to(self) -> Node {
        match self {
            Uncovered::Start => 0,
            Uncovered::AfterCall(call) => call + 1,
            Uncovered::LoopExit(_, to) => to,
        }
    }
}

/// The facts about a function that a selection rests on.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) graph: Graph,
    pub(super) loops: Loops,
    /// By node: a call whose time counts can still follow, so that the function is not about to end.
    pub(super) busy: Vec<bool>,
    /// Up to here the function only begins; an exit there would be its entry.
    pub(super) entry: Node,
    /// By node: the frame pointer is the function's own.
    pub(super) in_frame: Vec<bool>,
    /// Whether an exit may be where the frame is already gone. From within the frame, stacks are walked as from
    /// anywhere else.
    pub(super) frameless_exits: bool,
}

impl Facts {
    pub(super) fn new(graph: Graph, entry: Node) -> Self {
        let loops = Loops::find(&graph);
        let busy = graph.leads_to(|node| graph.is_real_call(node));
        let in_frame = graph.in_frame(&graph.roots());
        Self {
            graph,
            loops,
            busy,
            entry,
            in_frame,
            frameless_exits: false,
        }
    }

    /// An emulated instruction that is passed at most once.
    fn is_candidate(&self, node: Node) -> bool {
        node > self.entry
            && !self.loops.in_loop[node]
            && (self.frameless_exits || self.in_frame[node])
            && self.graph.instructions[node].cost == ProbeCost::Emulated
            && !matches!(self.graph.callees[node], Some(Callee::Function(_)))
    }

    /// Whether the flags say which way a branch goes.
    fn tells_direction(&self, node: Node) -> bool {
        let flow = self.graph.instructions[node].flow;
        !matches!(flow, Flow::Branch { code: None, .. })
    }
}

#[derive(Debug)]
pub(super) struct Selection {
    pub(super) sites: Sites,
    pub(super) uncovered: Vec<Uncovered>,
    /// By node: the function is about to end, and on some way to the return no site follows.
    pub(super) open: Vec<bool>,
}

impl Selection {
    /// The last candidate on every way to a return other than `returns`, which are sites themselves.
    pub(super) fn last_candidates(facts: &Facts, returns: &BTreeSet<Node>) -> Self {
        let nodes = facts.graph.end() + 1;
        let mut selection = Self {
            sites: Sites::new(),
            uncovered: Vec::new(),
            open: vec![false; nodes],
        };
        for component in &facts.loops.components {
            match component[..] {
                [node] if !facts.loops.in_loop[node] => selection.visit(facts, returns, node),
                _ => selection.visit_loop(facts, component),
            }
        }
        if selection.open[0] {
            selection.uncovered.push(Uncovered::Start);
        }
        selection
            .sites
            .extend(returns.iter().map(|node| (*node, Counts::Always)));
        selection
    }

    fn visit(&mut self, facts: &Facts, returns: &BTreeSet<Node>, node: Node) {
        let Some(successors) = facts.graph.successors.get(node) else {
            self.open[node] = true;
            return;
        };
        let is_open = |next: Option<Node>| next.is_some_and(|next| self.open[next]);
        let counts = match (is_open(successors.first), is_open(successors.second)) {
            (false, false) => return,
            (true, true) => Counts::Always,
            (true, false)
                if successors.second.is_none() || successors.first == successors.second =>
            {
                Counts::Always
            }
            (true, false) => Counts::Taken,
            (false, true) => Counts::NotTaken,
        };
        if facts.graph.is_real_call(node) {
            self.uncovered.push(Uncovered::AfterCall(node));
        } else if facts.is_candidate(node)
            && (counts == Counts::Always || facts.tells_direction(node))
        {
            self.sites.insert(node, counts);
        } else {
            self.open[node] = !returns.contains(&node);
        }
    }

    /// A loop is no place for an exit: what is passed once per turn costs once per turn.
    fn visit_loop(&mut self, facts: &Facts, component: &[Node]) {
        let number = facts.loops.component_of[component[0]];
        let ways_out: Vec<(Node, Node)> = component
            .iter()
            .filter_map(|node| Some((*node, facts.graph.successors.get(*node)?)))
            .flat_map(|(node, successors)| successors.iter().map(move |next| (node, next)))
            .filter(|(_, next)| facts.loops.component_of[*next] != number && self.open[*next])
            .collect();
        if facts.busy[component[0]] {
            self.uncovered.extend(
                ways_out
                    .into_iter()
                    .map(|(from, to)| Uncovered::LoopExit(from, to)),
            );
        } else if !ways_out.is_empty() {
            component.iter().for_each(|node| self.open[*node] = true);
        }
    }
}

/// Merging looks at each branch against the whole function; nothing in the runtime is nearly as long.
const MERGE_LIMIT: usize = 4_000;

/// Where two ways part and meet again, as around a write barrier, with a site on each: one site on the branch
/// does for both, if nothing but straight code is left there.
pub(super) fn merge(facts: &Facts, sites: &mut Sites) {
    let graph = &facts.graph;
    if graph.end() > MERGE_LIMIT {
        return;
    }
    let loop_ahead = graph.leads_to(|node| facts.loops.in_loop[node]);
    for branch in facts
        .loops
        .components
        .iter()
        .filter_map(|c| c.first().copied())
    {
        let mergeable = branch < graph.end()
            && matches!(graph.instructions[branch].flow, Flow::Branch { .. })
            && facts.is_candidate(branch)
            && !facts.busy[branch]
            && !loop_ahead[branch];
        if !mergeable {
            continue;
        }
        let reach = |start, without: Option<Node>| {
            let mut reached = vec![false; graph.end() + 1];
            graph.reach(start, &mut reached, |_, next| Some(next) != without);
            reached
        };
        let ahead = reach(branch, None);
        let otherwise = reach(0, Some(branch));
        let replaced: Vec<Node> = sites.keys().copied().filter(|site| ahead[*site]).collect();
        let only_through_it = replaced
            .iter()
            .all(|site| *site == branch || !otherwise[*site]);
        if only_through_it && replaced.len() > 1 {
            replaced.iter().for_each(|site| {
                sites.remove(site);
            });
            sites.insert(branch, Counts::Always);
        }
    }
}
