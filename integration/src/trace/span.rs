//! Telemetry, flattened: what scope and resource say stands beside each item.

use std::collections::BTreeMap;

use serde_json::Value;

pub type Attributes = BTreeMap<String, Value>;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Span {
    /// Lower-case hex, as all ids here.
    pub trace_id: String,
    pub span_id: String,
    pub parent_span_id: Option<String>,
    pub name: String,
    /// As OTLP numbers kinds: 1 internal, 2 server, 3 client; 0 where it is not told.
    pub kind: i32,
    pub start_unix_nano: u64,
    pub end_unix_nano: u64,
    pub attributes: Attributes,
    pub events: Vec<SpanEvent>,
    pub resource: Attributes,
    pub scope: String,
    /// When the sink received it; a backend does not tell.
    pub received_unix_nano: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpanEvent {
    pub name: String,
    pub time_unix_nano: u64,
    pub attributes: Attributes,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogEvent {
    pub event_name: String,
    pub time_unix_nano: u64,
    pub severity: i32,
    pub trace_id: Option<String>,
    pub span_id: Option<String>,
    pub attributes: Attributes,
    pub resource: Attributes,
}

/// A data point; `value` is the sum of a histogram.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricPoint {
    pub name: String,
    pub value: f64,
    /// Of a histogram.
    pub count: Option<u64>,
    pub exemplars: Vec<Exemplar>,
    pub attributes: Attributes,
    pub resource: Attributes,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exemplar {
    pub trace_id: Option<String>,
    pub span_id: Option<String>,
    pub value: f64,
}

impl Span {
    pub fn duration_nano(&self) -> u64 {
        self.end_unix_nano.saturating_sub(self.start_unix_nano)
    }

    /// The service that it is filed under.
    pub fn service(&self) -> &str {
        self.resource
            .get("service.name")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// An attribute of the span, else of one of its events.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        let of_events = || {
            self.events
                .iter()
                .find_map(|event| event.attributes.get(key))
        };
        self.attributes.get(key).or_else(of_events)
    }

    /// The same, as text.
    pub fn text(&self, key: &str) -> Option<String> {
        self.attribute(key).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}
