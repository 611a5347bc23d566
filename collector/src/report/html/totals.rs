//! What all writes of a recording amount to.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use serde::Serialize;

use super::{names::Names, rows::cause_number, stacks::Place};
use crate::model::{
    cause::Cause,
    latency::Durations,
    recorded::{RecordedWrite, Stack},
    summary::Latency,
};

/// Callers beyond these are summed up.
const CALLERS: usize = 100;

/// Bars of the histogram for each power of ten.
const BARS: f64 = 10.0;

#[derive(Debug, Default)]
pub struct Totals {
    count: u64,
    nano: u64,
    in_a_trace: u64,
    durations: Durations,
    histogram: BTreeMap<i32, u64>,
    causes: [CauseTotals; Cause::ALL.len()],
    callers: HashMap<Place, CallerTotals>,
    /// By the stack's number: to look a name up for each write would take longer than all else here.
    places: Vec<Place>,
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
struct CauseTotals {
    /// Writes with this cause, and how long they took, other parts included.
    count: u64,
    nano: u64,
    /// Time of this cause in all writes.
    part_nano: u64,
}

#[derive(Debug, Clone, Default, Serialize)]
struct CallerTotals {
    place: Place,
    count: u64,
    nano: u64,
    max_nano: u64,
    /// Nanoseconds by cause; what no part explains is not in it.
    parts: [u64; Cause::ALL.len()],
}

#[derive(Debug, Serialize)]
pub struct Overview {
    count: u64,
    nano: u64,
    in_a_trace: u64,
    latency: Option<Latency>,
    /// `[n, count]`: durations from 10^(n/10) ns on, below the next.
    histogram: Vec<(i32, u64)>,
    causes: Vec<CauseTotals>,
    /// The most time first.
    callers: Vec<CallerTotals>,
    /// How many more there are.
    callers_more: usize,
}

fn place(stack: &Stack, names: &mut Names) -> Place {
    let frame = stack.caller();
    (
        names.number(frame.and_then(|frame| frame.function.as_deref())),
        names.number(frame.and_then(|frame| frame.file.as_deref())),
        frame.and_then(|frame| frame.line),
    )
}

impl Totals {
    pub fn add(&mut self, write: &RecordedWrite, names: &mut Names) {
        let nanos = write.duration_nano;
        self.count += 1;
        self.nano = self.nano.saturating_add(nanos);
        self.in_a_trace += u64::from(write.context.is_some());
        self.durations.add(nanos);
        let bar = (nanos.max(1) as f64).log10() * BARS;
        *self.histogram.entry(bar.floor() as i32).or_default() += 1;
        let cause = &mut self.causes[cause_number(write.cause)];
        cause.count += 1;
        cause.nano = cause.nano.saturating_add(nanos);
        let caller = self.caller(write, names);
        caller.count += 1;
        caller.nano = caller.nano.saturating_add(nanos);
        caller.max_nano = caller.max_nano.max(nanos);
        for (cause, nanos) in write.breakdown.iter() {
            let part = &mut caller.parts[cause_number(cause)];
            *part = part.saturating_add(nanos);
        }
        for (cause, nanos) in write.breakdown.iter() {
            let part = &mut self.causes[cause_number(cause)].part_nano;
            *part = part.saturating_add(nanos);
        }
    }

    fn caller(&mut self, write: &RecordedWrite, names: &mut Names) -> &mut CallerTotals {
        let number = write.stack.number;
        // They are numbered as they appear.
        while self.places.len() <= number {
            self.places.push(place(&write.stack, names));
        }
        let place = self.places[number];
        self.callers.entry(place).or_insert_with(|| CallerTotals {
            place,
            ..CallerTotals::default()
        })
    }

    pub fn into_overview(self) -> Overview {
        let mut callers: Vec<CallerTotals> = self.callers.into_values().collect();
        callers.sort_by_key(|caller| (Reverse(caller.nano), caller.place));
        let callers_more = callers.len().saturating_sub(CALLERS);
        callers.truncate(CALLERS);
        Overview {
            count: self.count,
            nano: self.nano,
            in_a_trace: self.in_a_trace,
            latency: self.durations.latency(),
            histogram: self.histogram.into_iter().collect(),
            causes: self.causes.to_vec(),
            callers,
            callers_more,
        }
    }
}
