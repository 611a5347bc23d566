//! From lines to writes.

use std::io::{self, BufRead};

use super::{
    Unread,
    line::{Line, Text},
    shared::Shared,
};
use crate::model::{
    recorded::RecordedWrite,
    time::{Ktime, UnixNanos},
    trace::SpanContext,
};

#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    /// Where the line begins.
    offset: u64,
    shared: Shared,
    unread: Unread,
}

impl<R: BufRead> Lines<R> {
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
            offset: 0,
            shared: Shared::default(),
            unread: Unread::default(),
        }
    }

    pub fn unread(&self) -> Unread {
        self.unread
    }

    /// Where the last write stands in the file: from this byte on, so many of them.
    pub fn place(&self) -> (u64, usize) {
        (self.offset, self.line.len())
    }

    /// The next line that is a slow write; all others are counted.
    pub fn next_write(&mut self) -> io::Result<Option<RecordedWrite>> {
        loop {
            self.offset += self.line.len() as u64;
            self.line.clear();
            if self.reader.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.unread.cut_off = !self.line.ends_with(b"\n");
            match write(&self.line, &mut self.shared) {
                Ok(write) => return Ok(Some(write)),
                Err(_) => self.unread.lines += 1,
            }
        }
    }
}

fn write(line: &[u8], shared: &mut Shared) -> serde_json::Result<RecordedWrite> {
    let line: Line<'_> = serde_json::from_slice(line)?;
    let function = shared.text(line.function);
    let stack = shared.stack(line.stack, function.clone())?;
    Ok(RecordedWrite {
        start: Ktime(line.monotonic_nano),
        time: UnixNanos(line.time_unix_nano),
        duration_nano: line.duration_nano,
        duration_is_lower_bound: line.duration_is_lower_bound,
        pid: line.pid,
        tid: line.tid,
        target_pid: line.target_pid,
        target_tid: line.target_tid,
        goid: line.goid,
        parent_goid: line.parent_goid,
        service_name: shared.text(line.service_name),
        executable: shared.text(line.executable),
        go_version: shared.text(line.go_version),
        container_id: shared.text(line.container_id),
        function,
        map_type: shared.text(line.map_type),
        map_key_size: line.map_key_size,
        map_value_size: line.map_value_size,
        map_address: line.map_address,
        map_len: line.map_len,
        map_capacity_before: line.map_capacity_before,
        map_capacity_after: line.map_capacity_after,
        unobserved: line.unobserved,
        cause: line.cause,
        breakdown: line.breakdown_nano,
        stack,
        context: context(line.trace_id, line.span_id, line.trace_flags),
        correlation: line.correlation,
        recording: line.recording,
        since_start_nano: None, // The summary knows.
    })
}

fn context(
    trace: Option<Text<'_>>,
    span: Option<Text<'_>>,
    flags: Option<u8>,
) -> Option<SpanContext> {
    SpanContext::parse(&trace?.0, &span?.0, flags.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"monotonic_nano":1,"time_unix_nano":2,"duration_nano":3,"duration_is_lower_bound":false,"pid":4,"tid":5,"target_pid":6,"target_tid":7,"goid":8,"parent_goid":null,"service_name":"a \"b\"","executable":null,"go_version":null,"container_id":null,"function":"runtime.mapassign","map_type":null,"map_len":null,"map_capacity_before":null,"map_capacity_after":null,"unobserved":["gc_assist"],"cause":"growth","breakdown_nano":{"growth":3},"stack":[{"function":"runtime.mapassign","file":null,"line":null,"inlined":false,"address":"0x10"},{"function":"main.f","file":"/a.go","line":7,"inlined":false,"address":"0x20"}],"trace_id":null,"span_id":null,"trace_flags":null,"correlation":"none"}"#;

    #[test]
    fn what_can_be_read_is_read_and_the_rest_is_counted() {
        let text = format!("{LINE}\nnot json\n\n{LINE}\n{{\"pid\":1}}\n{}", &LINE[..90]);
        let mut lines = Lines::new(text.as_bytes());
        let mut writes = Vec::new();
        while let Some(write) = lines.next_write().unwrap() {
            writes.push(write);
        }
        assert_eq!(writes.len(), 2);
        let unread = Unread {
            lines: 4,
            cut_off: true,
        };
        assert_eq!(lines.unread(), unread);
        assert_eq!(writes[0].service_name.as_deref(), Some("a \"b\""));
        let caller = writes[0].stack.caller().unwrap();
        assert_eq!(
            (caller.function.as_deref(), caller.line),
            (Some("main.f"), Some(7))
        );
    }

    #[test]
    fn where_a_write_stands_is_known() {
        let text = format!("not json\n{LINE}\n\n{LINE}");
        let mut lines = Lines::new(text.as_bytes());
        for end in ["\n", ""] {
            lines.next_write().unwrap().unwrap();
            let (offset, length) = lines.place();
            let offset = usize::try_from(offset).unwrap();
            assert_eq!(text[offset..offset + length], format!("{LINE}{end}"));
        }
    }

    #[test]
    fn writes_with_the_same_stack_share_it() {
        let other = LINE.replace("main.f", "main.g");
        let text = [LINE, &other, LINE].join("\n");
        let mut lines = Lines::new(text.as_bytes());
        let mut numbers = Vec::new();
        while let Some(write) = lines.next_write().unwrap() {
            numbers.push(write.stack.number);
        }
        assert_eq!(numbers, [0, 1, 0]);
    }
}
