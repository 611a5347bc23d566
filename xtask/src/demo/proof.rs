//! What the demo claims, checked on what was received: a slow write is inside of a request's span, and names the
//! line of the shop that wrote.

use std::time::Duration;

use anyhow::{Result, bail};
use integration::trace::{slow::SlowSpan, span::Span, text};

/// OTLP's number for the kind of a span that serves a request.
const SERVER: i32 = 2;

/// The slowest write for which all holds.
#[derive(Debug)]
pub struct Proven<'a> {
    pub write: &'a SlowSpan<'a>,
    pub request: &'a Span,
    /// The shop's function and line.
    pub frame: String,
}

impl Proven<'_> {
    /// A sentence.
    pub fn summary(&self) -> String {
        format!(
            "{} of the {} of `{}` are one map write: {}, in {}",
            text::duration(self.write.span.duration_nano()),
            text::duration(self.request.duration_nano()),
            self.request.name,
            self.write.cause,
            self.frame,
        )
    }
}

/// `writes` with the slowest first. An error where none is proven, with what the slowest lacks.
pub fn of<'a>(
    spans: &'a [Span],
    writes: &'a [SlowSpan<'a>],
    precision: Duration,
) -> Result<Proven<'a>> {
    let Some(slowest) = writes.first() else {
        bail!(
            "no slow map write was received inside of a request's span ({} spans, {} slow writes without a parent)",
            spans.len(),
            spans.iter().filter_map(SlowSpan::of).count()
        );
    };
    let proven = writes
        .iter()
        .find_map(|write| prove(spans, write, precision).ok());
    match proven {
        Some(proven) => Ok(proven),
        None => {
            let lacks = prove(spans, slowest, precision).err().unwrap_or_default();
            bail!(
                "of {} slow map writes none is what it has to be; the slowest: {lacks}",
                writes.len()
            )
        }
    }
}

/// The error says what the write lacks.
fn prove<'a>(
    spans: &'a [Span],
    write: &'a SlowSpan<'a>,
    precision: Duration,
) -> Result<Proven<'a>, String> {
    let span = write.span;
    let parent = parent(spans, span).ok_or("its parent was not received")?;
    if !within(span, parent, precision) {
        return Err(format!(
            "it lasts from {} to {}, and its parent `{}` from {} to {}",
            span.start_unix_nano,
            span.end_unix_nano,
            parent.name,
            parent.start_unix_nano,
            parent.end_unix_nano
        ));
    }
    let request = request(spans, parent).ok_or("it is below no span that serves a request")?;
    let frame = write
        .stack
        .iter()
        .find(|frame| names_shop(frame))
        .ok_or_else(|| format!("its stack names no line of the shop: {:?}", write.stack))?;
    Ok(Proven {
        write,
        request,
        frame: frame.clone(),
    })
}

fn parent<'a>(spans: &'a [Span], of: &Span) -> Option<&'a Span> {
    let id = of.parent_span_id.as_deref()?;
    spans
        .iter()
        .find(|span| span.trace_id == of.trace_id && span.span_id == id)
}

/// The innermost span that serves a request: it, or one above it.
fn request<'a>(spans: &'a [Span], from: &'a Span) -> Option<&'a Span> {
    let mut span = from;
    // A trace from outside may go round in circles.
    for _ in 0..spans.len() {
        if span.kind == SERVER {
            return Some(span);
        }
        span = parent(spans, span)?;
    }
    None
}

fn within(span: &Span, parent: &Span, precision: Duration) -> bool {
    let slack = u64::try_from(precision.as_nanos()).unwrap_or(u64::MAX);
    parent.start_unix_nano <= span.start_unix_nano.saturating_add(slack)
        && span.end_unix_nano <= parent.end_unix_nano.saturating_add(slack)
}

/// `main.(*shop).indexOrders(...)  checkout.go:48`
fn names_shop(frame: &str) -> bool {
    let Some((_, line)) = frame.rsplit_once(".go:") else {
        return false;
    };
    frame.starts_with("main.") && line.starts_with(|c: char| ('1'..='9').contains(&c))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn span(id: &str, parent: Option<&str>, kind: i32, start: u64, end: u64) -> Span {
        Span {
            trace_id: "t".into(),
            span_id: id.into(),
            parent_span_id: parent.map(str::to_owned),
            kind,
            start_unix_nano: start,
            end_unix_nano: end,
            ..Span::default()
        }
    }

    fn write(start: u64, end: u64, frame: &str) -> Span {
        let stack = format!("runtime.mapassign_faststr(...)\n\t/go/map.go:1\n{frame}");
        Span {
            name: integration::trace::slow::SPAN_NAME.into(),
            attributes: [("code.stacktrace".to_owned(), json!(stack))].into(),
            ..span("w", Some("i"), 1, start, end)
        }
    }

    fn proven(request: i32, write: Span) -> Result<String> {
        let spans = [
            span("r", None, request, 0, 100),
            span("i", Some("r"), 1, 10, 90),
            write,
        ];
        let writes: Vec<SlowSpan<'_>> = spans.iter().filter_map(SlowSpan::of).collect();
        of(&spans, &writes, Duration::ZERO).map(|proven| proven.frame)
    }

    const LINE: &str = "main.(*shop).indexOrders(...)\n\t/s/checkout.go:48\n";

    #[test]
    fn a_write_within_its_parent_below_a_request_with_a_line_of_the_shop_is_proven() {
        let frame = proven(SERVER, write(20, 90, LINE)).expect("proven");
        assert_eq!(frame, "main.(*shop).indexOrders(...)  checkout.go:48");
    }

    #[test]
    fn a_write_that_outlasts_its_parent_serves_no_request_or_names_no_line_is_not() {
        assert!(proven(SERVER, write(20, 91, LINE)).is_err());
        assert!(proven(SERVER, write(9, 90, LINE)).is_err());
        assert!(proven(1, write(20, 90, LINE)).is_err());
        let unknown = "main.(*shop).indexOrders(...)\n\t?:0\n";
        assert!(proven(SERVER, write(20, 90, unknown)).is_err());
    }
}
