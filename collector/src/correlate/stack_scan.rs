//! The goroutine's own stack held the request's span or context. It was searched in the kernel, at the event, since
//! later the stack has moved on (`ebpf/programs/src/spans.rs`): only words that carry their type count, and only a
//! span that was open then.

use crate::model::{trace::SpanContext, write::SlowWrite};

pub(super) fn context(write: &SlowWrite) -> Option<SpanContext> {
    write.context
}
