//! What a `map assign slow` span says of a write.

use super::span::Span;

/// The name of slowmap's spans.
pub const SPAN_NAME: &str = "map assign slow";

/// The name of its span events and log events.
pub const EVENT_NAME: &str = "go.map.assign.slow";

#[derive(Debug, Clone, PartialEq)]
pub struct SlowSpan<'a> {
    pub span: &'a Span,
    pub cause: String,
    pub goid: String,
    pub map_type: String,
    /// The runtime's function, e.g. `runtime.mapassign_faststr`.
    pub entry: String,
    /// The first frame outside the runtime.
    pub function: String,
    /// `file:line`, the file without its directories; empty where unknown.
    pub place: String,
    /// One line a frame, leaf first.
    pub stack: Vec<String>,
}

impl<'a> SlowSpan<'a> {
    /// `None`: not a span of slowmap's.
    pub fn of(span: &'a Span) -> Option<Self> {
        if span.name != SPAN_NAME {
            return None;
        }
        let text = |key| span.text(key).unwrap_or_else(|| "?".into());
        let file = span.text("code.file.path").unwrap_or_default();
        let file = file.rsplit('/').next().unwrap_or_default();
        let place = match span.text("code.line.number") {
            Some(line) if !file.is_empty() => format!("{file}:{line}"),
            _ => String::new(),
        };
        Some(Self {
            span,
            cause: text("go.map.cause"),
            goid: text("go.goroutine.id"),
            map_type: text("go.map.type"),
            entry: text("go.map.function"),
            function: text("code.function.name"),
            place,
            stack: frames(&span.text("code.stacktrace").unwrap_or_default()),
        })
    }

    /// The stack from the first frame outside Go's runtime on.
    pub fn stack_outside_runtime(&self) -> &[String] {
        let own = ["runtime.", "internal/runtime/", "runtime/internal/"];
        let is_own = |frame: &&String| own.iter().any(|prefix| frame.starts_with(prefix));
        let skipped = self.stack.iter().take_while(is_own).count();
        self.stack.get(skipped..).unwrap_or_default()
    }
}

/// A stack trace as Go prints it has two lines a frame, the second of them indented.
fn frames(stacktrace: &str) -> Vec<String> {
    let mut frames: Vec<String> = Vec::new();
    for line in stacktrace
        .lines()
        .filter(|line| !line.starts_with("goroutine "))
    {
        match frames.last_mut() {
            Some(frame) if line.starts_with([' ', '\t']) => {
                let place = line.trim();
                let file = place.rsplit('/').next().unwrap_or(place);
                frame.push_str("  ");
                frame.push_str(file);
            }
            _ => frames.push(line.trim().to_owned()),
        }
    }
    frames.retain(|frame| !frame.is_empty());
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_trace_as_go_prints_it_becomes_one_line_a_frame() {
        let printed = "goroutine 7 [running]:\nruntime.mapassign_faststr(...)\n\t/go/map.go:263\n\
                       main.(*shop).indexOrders(...)\n\t/src/shop/checkout.go:48 +0x1f\n";
        let expected = [
            "runtime.mapassign_faststr(...)  map.go:263",
            "main.(*shop).indexOrders(...)  checkout.go:48 +0x1f",
        ];
        assert_eq!(frames(printed), expected);
    }
}
