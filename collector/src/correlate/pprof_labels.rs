//! The goroutine's labels for profiles named a trace and a span, as Pyroscope and Datadog have them. A goroutine inherits
//! the labels of the one that starts it, and keeps them when the request is over: a worker of a pool has those of the first
//! request for ever. So labels count only where they are known to be of now: in a goroutine that is within `pprof.Do`, which
//! set them, or that serves a request whose header names the same trace.

use super::traceparent;
use crate::model::{
    trace::SpanContext,
    write::{SlowWrite, TraceLabels},
};

pub(super) fn context(write: &SlowWrite) -> Option<SpanContext> {
    named(write.labels.as_ref()?, traceparent::context(write))
}

fn named(labels: &TraceLabels, request: Option<SpanContext>) -> Option<SpanContext> {
    let (trace_id, span_id) = (text(&labels.trace_id)?, text(&labels.span_id)?);
    let span_id = match labels.decimal_span {
        true => format!("{:016x}", span_id.parse::<u64>().ok()?),
        false => span_id.to_owned(),
    };
    // Labels do not say whether the trace is sampled. Without anything else that does, it is not taken to be.
    let found = SpanContext::parse(trace_id, &span_id, 0)?;
    if found.trace_id == [0; 16] || found.span_id == [0; 8] {
        return None;
    }
    match request.filter(|request| request.trace_id == found.trace_id) {
        Some(request) => Some(SpanContext {
            trace_flags: request.trace_flags,
            ..found
        }),
        None => labels.own.then_some(found),
    }
}

fn text(label: &[u8; 32]) -> Option<&str> {
    let end = label.iter().position(|byte| *byte == 0);
    std::str::from_utf8(label.get(..end.unwrap_or(label.len()))?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn labels(trace_id: &str, span_id: &str) -> TraceLabels {
        let filled = |text: &str| {
            let mut label = [0; 32];
            label[..text.len()].copy_from_slice(text.as_bytes());
            label
        };
        TraceLabels {
            trace_id: filled(trace_id),
            span_id: filled(span_id),
            decimal_span: false,
            own: true,
        }
    }

    fn request(trace_id: &str) -> SpanContext {
        SpanContext::parse(trace_id, "00000000000000aa", 1).unwrap()
    }

    #[test]
    fn own_labels_are_a_context_that_is_not_known_to_be_sampled() {
        let context = named(&labels(TRACE, SPAN), None).unwrap();
        assert_eq!(context.trace_id_text(), TRACE);
        assert_eq!(context.span_id_text(), SPAN);
        assert!(!context.is_sampled());
    }

    #[test]
    fn a_span_that_is_a_decimal_number_is_the_same_span() {
        let decimal = TraceLabels {
            decimal_span: true,
            ..labels(TRACE, "13235353014750950193")
        };
        assert_eq!(named(&decimal, None).unwrap().span_id_text(), SPAN);
    }

    #[test]
    fn labels_that_may_be_another_requests_count_only_in_the_trace_of_the_request_at_work() {
        let inherited = TraceLabels {
            own: false,
            ..labels(TRACE, SPAN)
        };
        let other = "ff".repeat(16);
        assert_eq!(named(&inherited, None), None);
        assert_eq!(named(&inherited, Some(request(&other))), None);
        let context = named(&inherited, Some(request(TRACE))).unwrap();
        assert_eq!(
            (context.span_id_text().as_str(), context.is_sampled()),
            (SPAN, true)
        );
    }

    #[test]
    fn what_is_not_two_whole_ids_is_no_context() {
        for (trace_id, span_id) in [
            ("", ""),
            (TRACE, ""),
            (&TRACE[1..], SPAN),
            (TRACE, "13235353014750950193"),
            ("00000000000000000000000000000000", SPAN),
            (TRACE, "0000000000000000"),
            ("+af7651916cd43dd8448eb211c80319c", SPAN),
        ] {
            assert_eq!(
                named(&labels(trace_id, span_id), None),
                None,
                "{trace_id} {span_id}"
            );
        }
        let mut not_text = labels(TRACE, SPAN);
        not_text.trace_id[3] = 0xff;
        assert_eq!(named(&not_text, None), None);
    }
}
