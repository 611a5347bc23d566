//! Trace context, and how it was found.

use serde::{Deserialize, Serialize};

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

    /// The ids as W3C writes them: 32 and 16 hexadecimal digits. `None`: they are not.
    pub fn parse(trace_id: &str, span_id: &str, trace_flags: u8) -> Option<Self> {
        let is_hex = |text: &str, digits| {
            text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if !is_hex(trace_id, 32) || !is_hex(span_id, 16) {
            return None;
        }
        Some(Self {
            trace_id: u128::from_str_radix(trace_id, 16).ok()?.to_be_bytes(),
            span_id: u64::from_str_radix(span_id, 16).ok()?.to_be_bytes(),
            trace_flags,
        })
    }

    /// 32 hexadecimal digits.
    pub fn trace_id_text(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.trace_id))
    }

    /// 16 hexadecimal digits.
    pub fn span_id_text(&self) -> String {
        format!("{:016x}", u64::from_be_bytes(self.span_id))
    }
}

/// How a write's trace context was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correlation {
    StackScan,
    ParentStackScan,
    PprofLabels,
    SdkProbe,
    Traceparent,
    None,
}
