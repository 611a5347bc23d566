//! A slow write as a span.

use opentelemetry::{SpanId, TraceId};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, SpanFlags,
        span::{Event, SpanKind},
    },
};
use opentelemetry_sdk::trace::IdGenerator;

use super::{
    attributes,
    counts::Dropped,
    linked::{LinkedWrite, by_service},
    resource::scope,
    signal::{Signal, rejected},
};
use crate::model::{trace::SpanContext, write::CorrelatedWrite};

const NAME: &str = "map assign slow";
pub const EVENT_NAME: &str = "go.map.assign.slow";
const SAMPLED: u8 = 1;
/// That the parent is not remote is known.
const HAS_IS_REMOTE: u32 = SpanFlags::ContextHasIsRemoteMask as u32;

/// Items have the link that [`own_span`] made.
#[derive(Debug)]
pub enum Traces {}

impl Signal for Traces {
    const NAME: &'static str = "traces";
    const METHOD: &'static str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    type Item = LinkedWrite;
    type Request = ExportTraceServiceRequest;
    type Response = ExportTraceServiceResponse;

    fn request(items: &[LinkedWrite]) -> Self::Request {
        let spans = by_service(items)
            .into_iter()
            .map(|(resource, writes)| ResourceSpans {
                resource: Some(resource),
                scope_spans: vec![ScopeSpans {
                    scope: Some(scope()),
                    spans: writes.into_iter().filter_map(span).collect(),
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            });
        ExportTraceServiceRequest {
            resource_spans: spans.collect(),
        }
    }

    fn rejected(response: Self::Response) -> Option<(i64, String)> {
        rejected!(response, rejected_spans)
    }
}

/// The ids of a write's span: a child of the span in its context; without one and with `roots`, the root of a
/// trace of its own.
///
/// # Errors
/// It gets no span.
pub fn own_span(
    write: &CorrelatedWrite,
    roots: bool,
    ids: &impl IdGenerator,
) -> Result<SpanContext, Dropped> {
    let span_id = valid(|| ids.new_span_id(), SpanId::INVALID).to_bytes();
    match write.context {
        // A child of a span that is not recorded would be an orphan.
        Some(context) if !context.is_sampled() => Err(Dropped::NotSampled),
        Some(context) => Ok(SpanContext { span_id, ..context }),
        None if roots => Ok(SpanContext {
            trace_id: valid(|| ids.new_trace_id(), TraceId::INVALID).to_bytes(),
            span_id,
            trace_flags: SAMPLED,
        }),
        None => Err(Dropped::NoContext),
    }
}

fn span(LinkedWrite { write, link }: &LinkedWrite) -> Option<Span> {
    let own = link.as_ref()?;
    let parent = write.context.map(|context| context.span_id.to_vec());
    let details = attributes::details(write);
    let event = Event {
        name: EVENT_NAME.into(),
        time_unix_nano: write.time.0,
        attributes: [details.clone(), attributes::breakdown(write)].concat(),
        ..Event::default()
    };
    Some(Span {
        trace_id: own.trace_id.to_vec(),
        span_id: own.span_id.to_vec(),
        parent_span_id: parent.unwrap_or_default(),
        flags: u32::from(own.trace_flags) | HAS_IS_REMOTE,
        name: NAME.into(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: write.time.0,
        end_time_unix_nano: write.end().0,
        attributes: [attributes::code(write), details].concat(),
        events: vec![event],
        ..Span::default()
    })
}

/// Ids of nothing but zeros are invalid (https://www.w3.org/TR/trace-context/).
fn valid<T: PartialEq>(mut new: impl FnMut() -> T, invalid: T) -> T {
    loop {
        let id = new();
        if id != invalid {
            return id;
        }
    }
}
