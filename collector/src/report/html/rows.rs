//! The writes that the page has one by one: all of them, or the slowest of very many.

use std::{cmp::Reverse, collections::BinaryHeap};

use serde::Serialize;

use super::names::Names;
use crate::model::{
    cause::{Breakdown, Cause},
    recorded::RecordedWrite,
    trace::SpanContext,
};

/// As many as stay fluid in a browser.
const LIMIT: usize = 100_000;

#[derive(Debug, Default)]
pub struct Rows {
    rows: Vec<Row>,
    /// Duration, time and place of each of them, the shortest on top: rows themselves are too large to be moved about.
    slowest: BinaryHeap<Reverse<(u64, u64, usize)>>,
}

#[derive(Debug)]
struct Row {
    duration_nano: u64,
    time_unix_nano: u64,
    since_start_nano: Option<u64>,
    cause: usize,
    service: Option<u32>,
    pid: u32,
    goid: Option<u64>,
    map_type: Option<u32>,
    map_len: Option<u64>,
    capacity_before: Option<u64>,
    capacity_after: Option<u64>,
    lower_bound: bool,
    stack: usize,
    parts: Breakdown,
    context: Option<(u128, u64)>,
}

/// The rows by column, which is much shorter as JSON; in the order of time.
#[derive(Debug, Default, Serialize)]
pub struct Columns {
    /// Wall time of 0 in `at`, in nanoseconds, as text: JavaScript's numbers would round it. `None`: the start of each one's
    /// process.
    origin_unix_nano: Option<String>,
    /// Nanoseconds since then.
    at: Vec<u64>,
    took: Vec<u64>,
    cause: Vec<usize>,
    service: Vec<Option<u32>>,
    pid: Vec<u32>,
    goid: Vec<Option<u64>>,
    map_type: Vec<Option<u32>>,
    map_len: Vec<Option<u64>>,
    capacity_before: Vec<Option<u64>>,
    capacity_after: Vec<Option<u64>>,
    lower_bound: Vec<u8>,
    stack: Vec<usize>,
    /// Cause and nanoseconds in turn.
    parts: Vec<Vec<u64>>,
    /// Empty where there is none.
    trace: Vec<String>,
    span: Vec<String>,
}

/// Where a cause stands in [`Cause::ALL`].
pub fn cause_number(cause: Cause) -> usize {
    let same = |other: &Cause| *other == cause;
    Cause::ALL
        .iter()
        .position(same)
        .unwrap_or(Cause::ALL.len() - 1)
}

impl Rows {
    pub fn add(&mut self, write: &RecordedWrite, names: &mut Names) {
        let key = |place| Reverse((write.duration_nano, write.time.0, place));
        if self.rows.len() < LIMIT {
            self.slowest.push(key(self.rows.len()));
            self.rows.push(Row::of(write, names));
            return;
        }
        // It takes the place of the shortest.
        if let Some(mut shortest) = self.slowest.peek_mut() {
            let Reverse((duration_nano, _, place)) = *shortest;
            if write.duration_nano > duration_nano {
                self.rows[place] = Row::of(write, names);
                *shortest = key(place);
            }
        }
    }

    /// `since_start`: times are those since the process began, which has to be known then.
    pub fn into_columns(self, since_start: bool) -> Columns {
        let mut rows = self.rows;
        let first = rows.iter().map(|row| row.time_unix_nano).min();
        let origin = first.unwrap_or(0);
        let at = |row: &Row| match since_start {
            true => row.since_start_nano.unwrap_or(0),
            false => row.time_unix_nano - origin,
        };
        rows.sort_by_key(at);
        let mut columns = Columns {
            origin_unix_nano: (!since_start).then(|| origin.to_string()),
            ..Columns::default()
        };
        for row in rows {
            columns.at.push(at(&row));
            columns.push(row);
        }
        columns
    }
}

impl Row {
    fn of(write: &RecordedWrite, names: &mut Names) -> Self {
        let ids = |context: SpanContext| {
            let trace = u128::from_be_bytes(context.trace_id);
            (trace, u64::from_be_bytes(context.span_id))
        };
        Self {
            duration_nano: write.duration_nano,
            time_unix_nano: write.time.0,
            since_start_nano: write.since_start_nano,
            cause: cause_number(write.cause),
            service: names.number(write.service_name.as_deref()),
            pid: write.pid,
            goid: write.goid,
            map_type: names.number(write.map_type.as_deref()),
            map_len: write.map_len,
            capacity_before: write.map_capacity_before,
            capacity_after: write.map_capacity_after,
            lower_bound: write.duration_is_lower_bound,
            stack: write.stack.number,
            parts: write.breakdown.clone(),
            context: write.context.map(ids),
        }
    }
}

impl Columns {
    fn push(&mut self, row: Row) {
        self.took.push(row.duration_nano);
        self.cause.push(row.cause);
        self.service.push(row.service);
        self.pid.push(row.pid);
        self.goid.push(row.goid);
        self.map_type.push(row.map_type);
        self.map_len.push(row.map_len);
        self.capacity_before.push(row.capacity_before);
        self.capacity_after.push(row.capacity_after);
        self.lower_bound.push(row.lower_bound.into());
        self.stack.push(row.stack);
        let parts = row.parts.iter();
        let parts = parts.flat_map(|(cause, nanos)| [cause_number(cause) as u64, nanos]);
        self.parts.push(parts.collect());
        let (trace, span) = row.context.unzip();
        self.trace
            .push(trace.map_or_else(String::new, |id| format!("{id:032x}")));
        self.span
            .push(span.map_or_else(String::new, |id| format!("{id:016x}")));
    }
}
