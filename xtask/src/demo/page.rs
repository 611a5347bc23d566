//! The demo's result as one HTML file that needs nothing beside it: no script, no network.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use integration::trace::{
    slow::SlowSpan,
    text::{clock_time, duration},
    tree::Node,
};

use super::proof::Proven;

/// Of more, the slowest are shown.
const WRITES: usize = 200;

const STYLE: &str = include_str!("page.css");

/// Writes `index.html` into the directory, and returns its path.
pub fn write(
    directory: &Path,
    writes: &[SlowSpan<'_>],
    roots: &[Node<'_>],
    proven: &Proven<'_>,
) -> Result<PathBuf> {
    fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    let path = directory.join("index.html");
    fs::write(&path, page(writes, roots, proven))
        .with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

fn page(writes: &[SlowSpan<'_>], roots: &[Node<'_>], proven: &Proven<'_>) -> String {
    let mut html = String::from("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n");
    push(
        &mut html,
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
    );
    push(
        &mut html,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
    );
    push(
        &mut html,
        "<title>slowmap: slow map writes of the shop</title>",
    );
    push(&mut html, &format!("<style>\n{STYLE}</style>\n<main>"));
    push(&mut html, "<h1>Slow map writes inside of requests</h1>");
    push(
        &mut html,
        &format!("<p class=lead>{}.</p>", escape(&proven.summary())),
    );
    waterfall(&mut html, roots, proven);
    stack(&mut html, proven.write);
    table(&mut html, writes);
    push(&mut html, "</main>\n</html>");
    html
}

fn waterfall(html: &mut String, roots: &[Node<'_>], proven: &Proven<'_>) {
    push(
        html,
        &format!(
            "<h2>Its trace <code>{}</code></h2>",
            escape(&proven.write.span.trace_id)
        ),
    );
    push(html, "<div class=trace>");
    let begin = roots
        .iter()
        .map(|root| root.span.start_unix_nano)
        .min()
        .unwrap_or(0);
    let end = roots
        .iter()
        .map(|root| root.span.end_unix_nano)
        .max()
        .unwrap_or(0);
    for root in roots {
        row(html, root, 0, (begin, end), proven);
    }
    push(html, "</div>");
}

/// A span, its bar at its place between the trace's begin and end, and its children.
fn row(html: &mut String, node: &Node<'_>, depth: usize, whole: (u64, u64), proven: &Proven<'_>) {
    let span = node.span;
    let share = |nanos: u64| 100.0 * nanos as f64 / whole.1.saturating_sub(whole.0).max(1) as f64;
    let left = share(span.start_unix_nano.saturating_sub(whole.0)).min(99.8);
    let width = share(span.duration_nano()).clamp(0.2, 100.0 - left);
    let (mut class, mut note) = ("bar", String::new());
    if let Some(write) = SlowSpan::of(span) {
        class = "bar slow";
        note = format!(
            " {}, goroutine {}, {}",
            write.cause, write.goid, write.map_type
        );
    }
    let mark = if span.span_id == proven.write.span.span_id {
        " worst"
    } else {
        ""
    };
    push(
        html,
        &format!(
            "<div class=\"span{mark}\"><div class=name style=\"padding-left:{depth}em\">{}<small>{}</small></div>\
             <div class=time>{}</div><div class=lane><div class=\"{class}\" style=\"left:{left:.2}%;width:{width:.2}%\"></div></div></div>",
            escape(&span.name),
            escape(&note),
            escape(&duration(span.duration_nano())),
        ),
    );
    for child in &node.children {
        row(html, child, depth + 1, whole, proven);
    }
}

fn stack(html: &mut String, write: &SlowSpan<'_>) {
    push(html, "<h2>Where it wrote</h2>\n<pre>");
    for frame in &write.stack {
        push(html, &escape(frame));
    }
    push(html, "</pre>");
}

fn table(html: &mut String, writes: &[SlowSpan<'_>]) {
    let shown = writes.len().min(WRITES);
    push(
        html,
        &format!(
            "<h2>{shown} of {} slow writes, the slowest first</h2>",
            writes.len()
        ),
    );
    push(
        html,
        "<div class=scroll><table>\n<tr><th>Time (UTC)<th>Took<th>Cause<th>Function<th>Caller<th>Goroutine<th>Map<th>Trace",
    );
    for write in writes.iter().take(WRITES) {
        let caller = format!("{} {}", write.function, write.place);
        let cells = [
            &clock_time(write.span.start_unix_nano),
            &duration(write.span.duration_nano()),
            &write.cause,
            &write.entry,
            &caller,
            &write.goid,
            &write.map_type,
            &write.span.trace_id,
        ];
        let cells = cells.map(|cell| format!("<td>{}", escape(cell)));
        push(html, &format!("<tr>{}", cells.concat()));
    }
    push(html, "</table></div>");
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn push(html: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(html, "{line}");
}

#[cfg(test)]
mod tests {
    use integration::trace::{span::Span, tree};

    use super::*;

    #[test]
    fn what_a_service_says_cannot_become_part_of_the_page() {
        let hostile = "</td><script>alert(1)</script>\"'";
        let mut write = Span {
            trace_id: hostile.into(),
            span_id: "w".into(),
            name: integration::trace::slow::SPAN_NAME.into(),
            ..Span::default()
        };
        let keys = [
            "go.map.cause",
            "go.map.type",
            "go.map.function",
            "code.function.name",
            "code.stacktrace",
        ];
        write.attributes = keys.map(|key| (key.to_owned(), hostile.into())).into();
        let request = Span {
            trace_id: hostile.into(),
            span_id: "r".into(),
            name: hostile.into(),
            ..Span::default()
        };
        let spans = [write, request];
        let writes: Vec<SlowSpan<'_>> = spans.iter().filter_map(SlowSpan::of).collect();
        let proven = Proven {
            write: writes.first().expect("a write"),
            request: &spans[1],
            frame: hostile.into(),
        };
        let html = page(&writes, &tree::roots(&spans, hostile), &proven);
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("&lt;script&gt;"));
    }
}
