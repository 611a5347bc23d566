//! A trace as a tree of text, and slow writes as a table.

use std::fmt::Write;

use super::{slow::SlowSpan, span::Span, tree::Node};

/// Slow writes below one span that are shown one by one; of more, the longest.
const SHOWN_SIBLINGS: usize = 6;

/// Frames of the worst write that are shown.
const SHOWN_FRAMES: usize = 8;

/// Column at which durations stand.
const DURATION_COLUMN: usize = 44;

/// `1.24 ms`, `310 us`: three significant digits.
pub fn duration(nanos: u64) -> String {
    let nanos = nanos as f64;
    let (value, unit) = match nanos {
        n if n >= 1e9 => (n / 1e9, "s"),
        n if n >= 1e6 => (n / 1e6, "ms"),
        n if n >= 1e3 => (n / 1e3, "us"),
        n => (n, "ns"),
    };
    let decimals = if value >= 100.0 || unit == "ns" {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$} {unit}")
}

/// The tree of a trace. The stack is printed for the write `worst` alone.
pub fn tree(roots: &[Node<'_>], worst: &Span) -> String {
    let mut text = String::new();
    for root in roots {
        line(&mut text, "", root.span);
        children(&mut text, "", root, worst);
    }
    text
}

fn children(text: &mut String, indent: &str, node: &Node<'_>, worst: &Span) {
    let hidden = hidden_below(node);
    let shown: Vec<&Node<'_>> = node
        .children
        .iter()
        .filter(|child| !contains(&hidden, child.span))
        .collect();
    for (index, child) in shown.iter().enumerate() {
        let last = index + 1 == shown.len() && hidden.is_empty();
        let (branch, below) = if last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        line(text, &format!("{indent}{branch}"), child.span);
        let indent = format!("{indent}{below}");
        if let Some(write) = SlowSpan::of(child.span) {
            details(text, &indent, &write, child.span.span_id == worst.span_id);
        }
        children(text, &indent, child, worst);
    }
    if !hidden.is_empty() {
        let total = hidden.iter().map(|span| span.duration_nano()).sum();
        push(
            text,
            &format!(
                "{indent}└─ {} more slow map writes, together {}",
                hidden.len(),
                duration(total)
            ),
        );
    }
}

/// The slow writes among a span's children that are too many to show: all but the longest.
fn hidden_below<'a>(node: &Node<'a>) -> Vec<&'a Span> {
    let mut slow: Vec<&Span> = node
        .children
        .iter()
        .map(|child| child.span)
        .filter(|span| SlowSpan::of(span).is_some())
        .collect();
    slow.sort_by_key(|span| std::cmp::Reverse(span.duration_nano()));
    slow.split_off(SHOWN_SIBLINGS.min(slow.len()))
}

fn contains(spans: &[&Span], span: &Span) -> bool {
    spans.iter().any(|other| other.span_id == span.span_id)
}

fn line(text: &mut String, prefix: &str, span: &Span) {
    let name = format!("{prefix}{}", span.name);
    let kind = match span.kind {
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        _ => "",
    };
    let width = DURATION_COLUMN;
    let line = format!(
        "{name:<width$} {:>9}  {:<8} {}",
        duration(span.duration_nano()),
        span.service(),
        kind
    );
    push(text, line.trim_end());
}

fn details(text: &mut String, indent: &str, write: &SlowSpan<'_>, with_stack: bool) {
    push(
        text,
        &format!(
            "{indent}   {}, goroutine {}, {}",
            write.cause, write.goid, write.map_type
        ),
    );
    push(
        text,
        &format!("{indent}   in {} {}", write.function, write.place),
    );
    if !with_stack {
        return;
    }
    for frame in write.stack_outside_runtime().iter().take(SHOWN_FRAMES) {
        push(text, &format!("{indent}     {frame}"));
    }
}

/// A table of slow writes, at most `limit` of them.
pub fn table(writes: &[SlowSpan<'_>], limit: usize) -> String {
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    rows.extend(writes.iter().take(limit).map(cells));
    let mut widths = [0; COLUMNS.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let padded = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        push(&mut text, padded.collect::<Vec<_>>().join("  ").trim_end());
    }
    if let Some(more @ 1..) = writes.len().checked_sub(limit) {
        push(&mut text, &format!("and {more} more"));
    }
    text
}

const COLUMNS: [&str; 8] = [
    "time (UTC)",
    "took",
    "cause",
    "function",
    "caller",
    "goid",
    "map",
    "trace",
];

fn cells(write: &SlowSpan<'_>) -> [String; COLUMNS.len()] {
    [
        clock_time(write.span.start_unix_nano),
        duration(write.span.duration_nano()),
        write.cause.clone(),
        write.entry.clone(),
        format!("{} {}", write.function, write.place),
        write.goid.clone(),
        write.map_type.clone(),
        write.span.trace_id.clone(),
    ]
}

/// `10:58:40.123`, in UTC.
pub fn clock_time(unix_nano: u64) -> String {
    let millis = unix_nano / 1_000_000;
    let (hours, minutes) = (millis / 3_600_000 % 24, millis / 60_000 % 60);
    let (seconds, millis) = (millis / 1_000 % 60, millis % 1_000);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}

fn push(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::trace::{slow::SPAN_NAME, tree};

    fn span(id: &str, parent: Option<&str>, name: &str, start: u64, end: u64) -> Span {
        Span {
            trace_id: "t".into(),
            span_id: id.into(),
            parent_span_id: parent.map(str::to_owned),
            name: name.into(),
            start_unix_nano: start,
            end_unix_nano: end,
            resource: [("service.name".to_owned(), json!("shop"))].into(),
            ..Span::default()
        }
    }

    #[test]
    fn the_tree_shows_the_write_below_its_span_with_cause_goroutine_type_and_stack() {
        let mut write = span("w", Some("i"), SPAN_NAME, 30_000, 330_000);
        let stack = "runtime.mapassign_faststr(...)\n\t/go/map.go:1\nmain.(*shop).indexOrders(...)\n\t/s/checkout.go:48\n";
        write.attributes = [
            ("go.map.cause", json!("growth")),
            ("go.goroutine.id", json!(34)),
            ("go.map.type", json!("map[string]*main.order")),
            ("code.function.name", json!("main.(*shop).indexOrders")),
            ("code.file.path", json!("/s/checkout.go")),
            ("code.line.number", json!(48)),
            ("code.stacktrace", json!(stack)),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        let spans = [
            span("r", None, "/checkout", 0, 2_000_000),
            span("i", Some("r"), "index orders", 10_000, 1_500_000),
            write,
        ];
        let worst = spans.last().expect("three spans");
        let text = super::tree(&tree::roots(&spans, "t"), worst);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "/checkout                                      2.00 ms  shop",
                "└─ index orders                                1.49 ms  shop",
                "   └─ map assign slow                           300 us  shop",
                "         growth, goroutine 34, map[string]*main.order",
                "         in main.(*shop).indexOrders checkout.go:48",
                "           main.(*shop).indexOrders(...)  checkout.go:48",
            ]
        );
    }

    #[test]
    fn of_many_slow_writes_below_one_span_the_longest_are_shown_and_the_rest_summed_up() {
        let mut spans = vec![span("r", None, "/checkout", 0, 100)];
        for n in 0..9 {
            spans.push(span(&format!("w{n}"), Some("r"), SPAN_NAME, n, n + 10 + n));
        }
        let text = super::tree(&tree::roots(&spans, "t"), spans.last().expect("spans"));
        assert_eq!(text.matches(SPAN_NAME).count(), SHOWN_SIBLINGS);
        assert!(
            text.contains("3 more slow map writes, together 33 ns"),
            "{text}"
        );
    }

    #[test]
    fn the_table_is_as_wide_as_what_stands_in_it() {
        let mut write = span(
            "w",
            Some("i"),
            SPAN_NAME,
            39_520_123_000_000,
            39_520_124_500_000,
        );
        write.attributes = [
            ("go.map.cause", json!("growth")),
            ("go.goroutine.id", json!(7)),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        let writes: Vec<SlowSpan<'_>> = [&write, &write]
            .into_iter()
            .filter_map(SlowSpan::of)
            .collect();
        let text = super::table(&writes, 1);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "time (UTC)    took     cause   function  caller  goid  map  trace",
                "10:58:40.123  1.50 ms  growth  ?         ?       7     ?    t",
                "and 1 more",
            ]
        );
    }
}
