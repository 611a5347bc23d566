//! The answer of Jaeger's `/api/traces`, as flat spans.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::trace::span::{Attributes, Span, SpanEvent};

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    data: Vec<Trace>,
}

#[derive(Debug, Deserialize)]
struct Trace {
    spans: Vec<JaegerSpan>,
    processes: BTreeMap<String, Process>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JaegerSpan {
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
    operation_name: String,
    references: Vec<Reference>,
    /// Microseconds, as the duration.
    start_time: u64,
    duration: u64,
    tags: Vec<Tag>,
    logs: Vec<Log>,
    #[serde(rename = "processID")]
    process_id: String,
}

#[derive(Debug, Deserialize)]
struct Reference {
    #[serde(rename = "refType")]
    kind: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Debug, Deserialize)]
struct Tag {
    key: String,
    value: Value,
}

#[derive(Debug, Deserialize)]
struct Log {
    timestamp: u64,
    fields: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
struct Process {
    #[serde(rename = "serviceName")]
    service: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// An answer without traces, or one that is not Jaeger's, has no spans.
pub(super) fn spans(answer: &Value) -> Vec<Span> {
    let answer = Answer::deserialize(answer).unwrap_or_else(|_| Answer { data: Vec::new() });
    let mut spans = Vec::new();
    for trace in answer.data {
        spans.extend(
            trace
                .spans
                .into_iter()
                .map(|span| flatten(span, &trace.processes)),
        );
    }
    spans
}

fn flatten(span: JaegerSpan, processes: &BTreeMap<String, Process>) -> Span {
    let mut resource = Attributes::new();
    if let Some(process) = processes.get(&span.process_id) {
        resource = attributes(&process.tags);
        resource.insert(
            "service.name".into(),
            Value::String(process.service.clone()),
        );
    }
    let attributes_of_span = attributes(&span.tags);
    let kind = match attributes_of_span.get("span.kind").and_then(Value::as_str) {
        Some("internal") => 1,
        Some("server") => 2,
        Some("client") => 3,
        Some("producer") => 4,
        Some("consumer") => 5,
        _ => 0,
    };
    let parent = span
        .references
        .into_iter()
        .find(|reference| reference.kind == "CHILD_OF");
    let scope = attributes_of_span
        .get("otel.scope.name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Span {
        trace_id: span.trace_id,
        span_id: span.span_id,
        parent_span_id: parent.map(|reference| reference.span_id),
        name: span.operation_name,
        kind,
        start_unix_nano: span.start_time * 1_000,
        end_unix_nano: (span.start_time + span.duration) * 1_000,
        scope: scope.to_owned(),
        attributes: attributes_of_span,
        events: span.logs.into_iter().map(event).collect(),
        resource,
        received_unix_nano: None,
    }
}

/// Jaeger keeps an event's name in the field `event`.
fn event(log: Log) -> SpanEvent {
    let mut attributes = attributes(&log.fields);
    let name = attributes
        .remove("event")
        .and_then(|name| name.as_str().map(str::to_owned));
    SpanEvent {
        name: name.unwrap_or_default(),
        time_unix_nano: log.timestamp * 1_000,
        attributes,
    }
}

fn attributes(tags: &[Tag]) -> Attributes {
    tags.iter()
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect()
}
