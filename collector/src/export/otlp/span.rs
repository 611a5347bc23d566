//! A slow write as a span.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::{
    InstrumentationScope, SpanId, TraceFlags, TraceId,
    trace::{Event, SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::trace::{IdGenerator, SpanData, SpanEvents, SpanLinks};

use super::attributes;
use crate::model::{time::UnixNanos, write::CorrelatedWrite};

const NAME: &str = "map assign slow";
const EVENT_NAME: &str = "go.map.assign.slow";

/// A child of the span in the write's context; without one, the root of a trace of its own.
pub fn span(write: &CorrelatedWrite, ids: &impl IdGenerator) -> SpanData {
    let (trace_id, parent, flags) = match &write.context {
        Some(context) => (
            TraceId::from_bytes(context.trace_id),
            SpanId::from_bytes(context.span_id),
            TraceFlags::new(context.trace_flags),
        ),
        None => (
            valid(|| ids.new_trace_id(), TraceId::INVALID),
            SpanId::INVALID,
            TraceFlags::SAMPLED,
        ),
    };
    let span_id = valid(|| ids.new_span_id(), SpanId::INVALID);
    let details = attributes::details(write);
    SpanData {
        span_context: SpanContext::new(trace_id, span_id, flags, false, TraceState::NONE),
        parent_span_id: parent,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: NAME.into(),
        start_time: system_time(write.time),
        end_time: system_time(write.end()),
        attributes: [attributes::code(write), details.clone()].concat(),
        dropped_attributes_count: 0,
        events: events(write, details),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: scope(),
    }
}

fn events(write: &CorrelatedWrite, details: Vec<opentelemetry::KeyValue>) -> SpanEvents {
    let attributes = [details, attributes::breakdown(write)].concat();
    let mut events = SpanEvents::default();
    events.events.push(Event::new(
        EVENT_NAME,
        system_time(write.time),
        attributes,
        0,
    ));
    events
}

pub fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("slowmap")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
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

fn system_time(time: UnixNanos) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(time.0)
}
