//! The tree that the spans of a trace make.

use std::collections::{BTreeMap, BTreeSet};

use super::{slow::SlowSpan, span::Span};

#[derive(Debug, Clone, PartialEq)]
pub struct Node<'a> {
    pub span: &'a Span,
    /// In order of their start.
    pub children: Vec<Node<'a>>,
}

/// The roots of a trace: spans without a parent, and spans whose parent is not among `spans` (a backend shows
/// those as orphans). In order of their start.
pub fn roots<'a>(spans: &'a [Span], trace_id: &str) -> Vec<Node<'a>> {
    let mut members: Vec<&Span> = spans
        .iter()
        .filter(|span| span.trace_id == trace_id)
        .collect();
    members.sort_by_key(|span| (span.start_unix_nano, span.span_id.as_str()));
    let known: BTreeSet<&str> = members.iter().map(|span| span.span_id.as_str()).collect();
    let mut by_parent: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    let mut tops = Vec::new();
    for span in members {
        match span
            .parent_span_id
            .as_deref()
            .filter(|parent| known.contains(parent) && *parent != span.span_id)
        {
            Some(parent) => by_parent.entry(parent).or_default().push(span),
            None => tops.push(span),
        }
    }
    tops.into_iter()
        .map(|span| grow(span, &mut by_parent))
        .collect()
}

/// Each parent's children are taken out, so that spans that name each other as parents end the recursion.
fn grow<'a>(span: &'a Span, by_parent: &mut BTreeMap<&str, Vec<&'a Span>>) -> Node<'a> {
    let children = by_parent.remove(span.span_id.as_str()).unwrap_or_default();
    Node {
        span,
        children: children
            .into_iter()
            .map(|child| grow(child, by_parent))
            .collect(),
    }
}

impl Node<'_> {
    /// How many slow writes it and its descendants have.
    pub fn slow_writes(&self) -> usize {
        let below: usize = self.children.iter().map(Node::slow_writes).sum();
        below + usize::from(SlowSpan::of(self.span).is_some())
    }
}

/// The slow writes that hang below a span that was received, the longest first.
pub fn slow_writes_with_parent(spans: &[Span]) -> Vec<SlowSpan<'_>> {
    let known: BTreeSet<(&str, &str)> = spans
        .iter()
        .map(|s| (s.trace_id.as_str(), s.span_id.as_str()))
        .collect();
    let has_parent = |span: &Span| {
        span.parent_span_id
            .as_deref()
            .is_some_and(|parent| known.contains(&(span.trace_id.as_str(), parent)))
    };
    let mut slow: Vec<SlowSpan<'_>> = spans
        .iter()
        .filter(|s| has_parent(s))
        .filter_map(SlowSpan::of)
        .collect();
    slow.sort_by_key(|write| std::cmp::Reverse(write.span.duration_nano()));
    slow
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, parent: Option<&str>, start: u64) -> Span {
        Span {
            trace_id: "t".into(),
            span_id: id.into(),
            parent_span_id: parent.map(str::to_owned),
            start_unix_nano: start,
            ..Span::default()
        }
    }

    #[test]
    fn a_span_whose_parent_was_not_received_is_a_root_of_its_own() {
        let spans = [
            span("b", Some("a"), 2),
            span("a", None, 1),
            span("lost", Some("gone"), 3),
            span("c", Some("a"), 1),
        ];
        let roots = roots(&spans, "t");
        let names: Vec<&str> = roots
            .iter()
            .map(|node| node.span.span_id.as_str())
            .collect();
        assert_eq!(names, ["a", "lost"]);
        let children = roots.first().map(|node| {
            node.children
                .iter()
                .map(|c| c.span.span_id.as_str())
                .collect()
        });
        assert_eq!(children, Some(vec!["c", "b"]));
    }

    #[test]
    fn spans_that_are_each_others_parents_do_not_hang_the_tree() {
        assert!(roots(&[span("a", Some("b"), 1), span("b", Some("a"), 2)], "t").is_empty());
    }
}
