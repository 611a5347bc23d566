//! The attributes of a slow write: the stable semantic conventions where there is one
//! (https://opentelemetry.io/docs/specs/semconv/), own names under `go.` else.

use std::fmt::Write;

use opentelemetry::Value;
use opentelemetry_proto::tonic::common::v1::KeyValue;

use crate::model::{cause::Cause, frame::Frame, write::CorrelatedWrite};

/// Where in the program the write is.
pub fn code(write: &CorrelatedWrite) -> Vec<KeyValue> {
    let mut attributes = Attributes::default();
    if let Some(caller) = write.caller() {
        attributes.add("code.function.name", caller.function.clone());
        attributes.add("code.file.path", caller.file.clone());
        attributes.add("code.line.number", caller.line.map(i64::from));
    }
    let stack = &write.symbolized.stack;
    attributes.add(
        "code.stacktrace",
        (!stack.is_empty()).then(|| stack_trace(stack)),
    );
    attributes.0
}

/// What was written to, by whom, and what made it slow.
pub fn details(write: &CorrelatedWrite) -> Vec<KeyValue> {
    let observed = write.observed();
    let mut attributes = Attributes::default();
    attributes.add(
        "process.pid",
        Some(i64::from(observed.process.target_pid.0)),
    );
    attributes.add("thread.id", Some(i64::from(observed.target_tid)));
    attributes.add("go.goroutine.id", Some(integer(observed.goid.0)));
    attributes.add(
        "go.goroutine.parent_id",
        observed.parent_goid.map(|goid| integer(goid.0)),
    );
    attributes.add("go.map.function", write.symbolized.function.clone());
    attributes.add("go.map.type", write.symbolized.map_type.clone());
    attributes.add("go.map.cause", Some(write.cause().name()));
    attributes.add("go.map.len", observed.map_len.map(integer));
    attributes.add(
        "go.map.capacity.before",
        observed.map_capacity_before.map(integer),
    );
    attributes.add(
        "go.map.capacity.after",
        observed.map_capacity_after.map(integer),
    );
    attributes.0
}

/// How long it took, in nanoseconds: a span tells by its times, a record has no other place for it.
pub fn duration(write: &CorrelatedWrite) -> Vec<KeyValue> {
    let nanos = integer(write.observed().duration_nano);
    vec![attribute("go.map.assign.duration", nanos)]
}

/// Nanoseconds by cause.
pub fn breakdown(write: &CorrelatedWrite) -> Vec<KeyValue> {
    let part = |(cause, nanos): (Cause, u64)| {
        attribute(format!("go.map.breakdown.{}", cause.name()), integer(nanos))
    };
    write.breakdown().iter().map(part).collect()
}

#[derive(Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    /// What is not known is left out.
    fn add(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        self.0.extend(value.map(|value| attribute(key, value)));
    }
}

pub fn attribute(key: impl Into<String>, value: impl Into<Value>) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(value.into().into()),
        ..KeyValue::default()
    }
}

/// OTLP has no unsigned integers.
pub fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// In the form of Go's own tracebacks.
fn stack_trace(stack: &[Frame]) -> String {
    let mut text = String::new();
    for frame in stack {
        let function = frame.function.as_deref().unwrap_or("?");
        let file = frame.file.as_deref().unwrap_or("?");
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{function}(...)\n\t{file}:{}",
            frame.line.unwrap_or(0)
        );
    }
    text
}
