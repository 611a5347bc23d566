//! The loops of a control-flow graph: its strongly connected components (Tarjan's algorithm, iterative,
//! because a hostile function can be deep).

use super::graph::{Graph, Node};

#[derive(Debug)]
pub(super) struct Loops {
    /// Components in an order in which everything comes after what it leads to.
    pub(super) components: Vec<Vec<Node>>,
    /// By node: part of a cycle.
    pub(super) in_loop: Vec<bool>,
    pub(super) component_of: Vec<usize>,
}

const UNSEEN: usize = usize::MAX;

impl Loops {
    pub(super) fn find(graph: &Graph) -> Self {
        let mut search = Search::new(graph);
        for node in 0..=graph.end() {
            if search.order[node] == UNSEEN {
                search.visit(node);
            }
        }
        let mut in_loop = vec![false; graph.end() + 1];
        let mut component_of = vec![0; graph.end() + 1];
        for (number, component) in search.components.iter().enumerate() {
            for node in component {
                let itself = graph
                    .successors
                    .get(*node)
                    .is_some_and(|s| s.iter().any(|next| next == *node));
                in_loop[*node] = component.len() > 1 || itself;
                component_of[*node] = number;
            }
        }
        Self {
            components: search.components,
            in_loop,
            component_of,
        }
    }
}

struct Search<'g> {
    graph: &'g Graph,
    order: Vec<usize>,
    lowest: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<Node>,
    count: usize,
    components: Vec<Vec<Node>>,
}

impl<'g> Search<'g> {
    fn new(graph: &'g Graph) -> Self {
        let nodes = graph.end() + 1;
        Self {
            graph,
            order: vec![UNSEEN; nodes],
            lowest: vec![UNSEEN; nodes],
            on_stack: vec![false; nodes],
            stack: Vec::new(),
            count: 0,
            components: Vec::new(),
        }
    }

    fn enter(&mut self, node: Node) {
        self.order[node] = self.count;
        self.lowest[node] = self.count;
        self.count += 1;
        self.on_stack[node] = true;
        self.stack.push(node);
    }

    fn visit(&mut self, root: Node) {
        let mut path = vec![(root, self.next_of(root))];
        self.enter(root);
        while let Some((node, pending)) = path.last_mut() {
            let node = *node;
            if let Some(next) = pending.pop() {
                if self.order[next] == UNSEEN {
                    let following = self.next_of(next);
                    path.push((next, following));
                    self.enter(next);
                } else if self.on_stack[next] {
                    self.lowest[node] = self.lowest[node].min(self.order[next]);
                }
                continue;
            }
            path.pop();
            if let Some((parent, _)) = path.last() {
                self.lowest[*parent] = self.lowest[*parent].min(self.lowest[node]);
            }
            if self.lowest[node] == self.order[node] {
                self.leave(node);
            }
        }
    }

    fn next_of(&self, node: Node) -> Vec<Node> {
        self.graph
            .successors
            .get(node)
            .map(|s| s.iter().collect())
            .unwrap_or_default()
    }

    fn leave(&mut self, root: Node) {
        let start = self
            .stack
            .iter()
            .rposition(|node| *node == root)
            .unwrap_or(0);
        let component = self.stack.split_off(start);
        component
            .iter()
            .for_each(|node| self.on_stack[*node] = false);
        self.components.push(component);
    }
}
