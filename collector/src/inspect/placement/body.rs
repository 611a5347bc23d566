//! A function under examination, and the sites in it.

use std::collections::HashMap;

use super::{
    calls::Callee,
    decode::Flow,
    entry::Entry,
    graph::Node,
    selection::{Counts, Facts, Selection, Sites, Uncovered},
};
use crate::model::binary::{FileOffset, JumpCondition, ProbeCost, Site, VirtualAddress};

pub(super) fn single_stepped(sites: &[Site]) -> usize {
    sites
        .iter()
        .filter(|site| site.cost == ProbeCost::SingleStepped)
        .count()
}

/// A function under examination.
pub(super) struct Body<'a> {
    pub(super) facts: Facts,
    pub(super) entry: Entry,
    pub(super) offset_of: &'a dyn Fn(VirtualAddress) -> Option<FileOffset>,
}

impl Body<'_> {
    fn site(&self, node: Node, counts: Counts) -> Option<Site> {
        let instruction = self.facts.graph.instructions.get(node)?;
        let address = VirtualAddress(instruction.address);
        let condition = match (instruction.flow, counts) {
            (Flow::Branch { code, .. }, Counts::Taken | Counts::NotTaken) => Some(JumpCondition {
                code: code?,
                taken: counts == Counts::Taken,
            }),
            _ => None,
        };
        let offset = (self.offset_of)(address)?;
        Some(Site {
            address,
            offset,
            cost: instruction.cost,
            condition,
            in_frame: self.facts.in_frame[node],
        })
    }

    pub(super) fn entry_site(&self) -> Option<Site> {
        let site = self.site(self.entry.node, Counts::Always)?;
        Some(Site {
            condition: self.entry.condition,
            ..site
        })
    }

    pub(super) fn entry_is_emulated(&self) -> bool {
        self.facts
            .graph
            .instructions
            .get(self.entry.node)
            .is_some_and(|instruction| instruction.cost == ProbeCost::Emulated)
    }

    /// How often each function is called directly.
    pub(super) fn calls_by_target(&self) -> HashMap<u64, usize> {
        let mut calls = HashMap::new();
        for callee in self.facts.graph.callees.iter().flatten() {
            if let Callee::Function(target) = callee {
                *calls.entry(*target).or_default() += 1;
            }
        }
        calls
    }

    /// The returns that no site guards. Code that nothing known leads to makes no return of the rest a site.
    pub(super) fn returns_after(
        &self,
        ways: &[Uncovered],
        selection: &Selection,
        from_entry: &[bool],
    ) -> Vec<Node> {
        let graph = &self.facts.graph;
        let reached_from = |known: bool| {
            let mut reached = vec![false; graph.end() + 1];
            for way in ways.iter().filter(|way| from_entry[way.from()] == known) {
                graph.reach(way.to(), &mut reached, |_, next| selection.open[next]);
            }
            reached
        };
        let (known, unknown) = (reached_from(true), reached_from(false));
        (0..graph.end())
            .filter(|node| known[*node] || unknown[*node] && !from_entry[*node])
            .filter(|node| self.leaves(*node))
            .collect()
    }

    /// A return, or a jump to another function.
    fn leaves(&self, node: Node) -> bool {
        let end = self.facts.graph.end();
        self.facts
            .graph
            .successors
            .get(node)
            .is_some_and(|s| s.iter().any(|next| next == end))
    }

    /// Whether no way leads from the entry to the caller past all sites.
    pub(super) fn is_covered(&self, sites: &Sites, by_call: &HashMap<Node, Vec<Site>>) -> bool {
        let graph = &self.facts.graph;
        let mut reached = vec![false; graph.end() + 1];
        graph.reach(0, &mut reached, |node, next| {
            let successors = graph.successors[node];
            let counted = match sites.get(&node) {
                Some(Counts::Always) => true,
                Some(Counts::Taken) => successors.first == Some(next),
                Some(Counts::NotTaken) => successors.second == Some(next),
                None => by_call.contains_key(&node),
            };
            !counted
        });
        !reached[graph.end()]
    }

    /// The dear way, for functions whose control flow is not known: each return, each jump out.
    pub(super) fn every_return(&self) -> Option<Vec<Site>> {
        let graph = &self.facts.graph;
        let jump_table = graph.roots().len() > 1;
        let sites = (0..graph.end())
            .filter(|node| {
                let elsewhere = graph.instructions[*node].flow == Flow::IndirectJump && !jump_table;
                self.leaves(*node) || elsewhere
            })
            .map(|node| (node, self.counts_of_leaving(node)))
            .collect();
        self.sites(&sites, std::iter::empty())
    }

    fn counts_of_leaving(&self, node: Node) -> Counts {
        let successors = self.facts.graph.successors[node];
        let end = Some(self.facts.graph.end());
        match (successors.first == end, successors.second) {
            (true, Some(second)) if Some(second) != end => Counts::Taken,
            _ => Counts::Always,
        }
    }

    pub(super) fn sites(
        &self,
        chosen: &Sites,
        others: impl Iterator<Item = Site>,
    ) -> Option<Vec<Site>> {
        let own = chosen
            .iter()
            .map(|(node, counts)| self.site(*node, *counts));
        let mut sites = own.chain(others.map(Some)).collect::<Option<Vec<Site>>>()?;
        sites.sort_by_key(|site| site.address);
        sites.dedup();
        Some(sites)
    }
}
