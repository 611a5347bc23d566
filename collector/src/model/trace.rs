//! Trace context, and how it was found.

use serde::Serialize;

/// W3C trace context of a span in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanContext {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    /// W3C trace flags; bit 0: sampled.
    pub trace_flags: u8,
}

impl SpanContext {
    /// Whether the span is recorded by its service, so that a child of it has a parent in the backend.
    pub fn is_sampled(&self) -> bool {
        self.trace_flags & 1 == 1
    }
}

/// How a write's trace context was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Correlation {
    StackScan,
    ParentStackScan,
    PprofLabels,
    SdkProbe,
    Traceparent,
    None,
}
