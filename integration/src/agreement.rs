//! How well recorded events agree with the truth: by goroutine and overlap in time.

use std::collections::HashMap;

use crate::{recording::Event, truth::TrueWrite};

/// The least share, of the slow writes that slowmap with all privileges finds, that is found wherever it is at work. Of all slow
/// writes most may be what the host takes from the machine, which nothing within it tells of; how many of the others are
/// found, the tests of detection say.
pub const AT_WORK: f64 = 0.9;

/// Each side's items that the other does not have.
#[derive(Debug)]
pub struct Agreement<'a> {
    pub true_writes: usize,
    pub events: usize,
    pub missed: Vec<&'a TrueWrite>,
    pub spurious: Vec<&'a Event>,
}

impl Agreement<'_> {
    /// The share of true writes that have an event. 1 where there was nothing to find.
    pub fn recall(&self) -> f64 {
        share(self.true_writes - self.missed.len(), self.true_writes)
    }

    /// The share of events that have a true write.
    pub fn precision(&self) -> f64 {
        share(self.events - self.spurious.len(), self.events)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

fn by_goroutine(events: &[Event]) -> HashMap<u64, Vec<&Event>> {
    let mut events_of: HashMap<u64, Vec<&Event>> = HashMap::new();
    for event in events {
        events_of.entry(event.goid).or_default().push(event);
    }
    events_of
}

/// A slow write and its event.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    pub write: &'a TrueWrite,
    pub event: Option<&'a Event>,
}

impl Pair<'_> {
    /// Whether the event's duration is the write's, to a tenth or 20 us; `None`: there is no event.
    pub fn duration_is_right(&self) -> Option<bool> {
        let (truth, event) = (self.write.duration_nano, self.event?.duration_nano);
        Some(event.abs_diff(truth) <= (truth / 10).max(20_000))
    }
}

/// Each slow write that is not the machine's with its event, as [`event_of`] finds it, for many.
pub fn pairs<'a>(truth: &'a [TrueWrite], events: &'a [Event]) -> Vec<Pair<'a>> {
    let events_of = by_goroutine(events);
    let pair = |write: &'a TrueWrite| {
        let events = events_of.get(&write.goid).map_or(&[][..], Vec::as_slice);
        let overlapping = events.iter().copied().filter(|event| overlap(write, event));
        let event = overlapping.max_by_key(|event| shared(write, event));
        Pair { write, event }
    };
    truth
        .iter()
        .filter(|write| !write.is_the_machines())
        .map(pair)
        .collect()
}

/// Compares the slow writes of one process with the events of that process. What was slow only because of the machine
/// may have an event, but need not.
pub fn between<'a>(truth: &'a [TrueWrite], events: &'a [Event]) -> Agreement<'a> {
    let events_of = by_goroutine(events);
    let mut writes_of: HashMap<u64, Vec<&TrueWrite>> = HashMap::new();
    for write in truth {
        writes_of.entry(write.goid).or_default().push(write);
    }
    let found = |write: &&TrueWrite| {
        events_of
            .get(&write.goid)
            .is_some_and(|events| events.iter().any(|event| overlap(write, event)))
    };
    let confirmed = |event: &&Event| {
        writes_of
            .get(&event.goid)
            .is_some_and(|writes| writes.iter().any(|write| overlap(write, event)))
    };
    let counted = || truth.iter().filter(|write| !write.is_the_machines());
    Agreement {
        true_writes: counted().count(),
        events: events.len(),
        missed: counted().filter(|write| !found(write)).collect(),
        spurious: events.iter().filter(|event| !confirmed(event)).collect(),
    }
}

/// How many slow writes one recording of a process has found, and which share of them another one has.
pub fn found_too(truth: &[TrueWrite], one: &[Event], other: &[Event]) -> (usize, f64) {
    let (one, other) = (pairs(truth, one), pairs(truth, other));
    let both = one.iter().zip(&other);
    let found = || both.clone().filter(|(one, _)| one.event.is_some());
    let too = found().filter(|(_, other)| other.event.is_some());
    (found().count(), share(too.count(), found().count()))
}

/// How many events there are too many: those of a write that has more than one.
pub fn repeated(truth: &[TrueWrite], events: &[Event]) -> usize {
    let events_of = by_goroutine(events);
    let count = |write: &TrueWrite| {
        let events = events_of.get(&write.goid).map_or(&[][..], Vec::as_slice);
        events.iter().filter(|event| overlap(write, event)).count()
    };
    truth
        .iter()
        .map(|write| count(write).saturating_sub(1))
        .sum()
}

/// The event of a write: of those on its goroutine that overlap it, the one that overlaps it longest.
pub fn event_of<'a>(write: &TrueWrite, events: &'a [Event]) -> Option<&'a Event> {
    events
        .iter()
        .filter(|event| event.goid == write.goid && overlap(write, event))
        .max_by_key(|event| shared(write, event))
}

/// Nanoseconds that both have.
fn shared(write: &TrueWrite, event: &Event) -> u64 {
    let end = write.end_nano().min(event.end_nano());
    end.saturating_sub(write.start_nano.max(event.monotonic_nano))
}

fn overlap(write: &TrueWrite, event: &Event) -> bool {
    write.start_nano <= event.end_nano() && event.monotonic_nano <= write.end_nano()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(goid: u64, start: u64, duration: u64) -> TrueWrite {
        serde_json::from_value(serde_json::json!({
            "kind": "write", "goid": goid, "start_nano": start, "duration_nano": duration, "function": "f"
        }))
        .expect("a true write")
    }

    fn event(goid: u64, start: u64, duration: u64) -> Event {
        serde_json::from_value(serde_json::json!({
            "monotonic_nano": start, "time_unix_nano": 0, "duration_nano": duration, "pid": 1, "target_pid": 1, "goid": goid,
            "function": null, "map_type": null, "cause": "growth", "breakdown_nano": {}, "stack": [],
            "trace_id": null, "span_id": null, "correlation": "none"
        }))
        .expect("an event")
    }

    #[test]
    fn an_event_counts_only_on_the_same_goroutine_and_at_the_same_time() {
        let truth = [write(1, 100, 50), write(1, 300, 50), write(2, 100, 50)];
        let events = [event(1, 120, 20), event(2, 300, 50)];
        let agreement = between(&truth, &events);
        assert_eq!(agreement.missed.len(), 2);
        assert_eq!(agreement.spurious.len(), 1);
        assert!((agreement.recall() - 1.0 / 3.0).abs() < 1e-9);
        assert!((agreement.precision() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_write_is_paired_with_the_event_that_it_shares_most_time_with() {
        let truth = [write(1, 1_000, 500), write(2, 1_000, 500)];
        let events = [event(1, 900, 150), event(1, 1_100, 400), event(2, 2_000, 9)];
        let pairs = pairs(&truth, &events);
        assert_eq!(
            pairs[0].event.map(|event| event.monotonic_nano),
            Some(1_100)
        );
        assert!(pairs[1].event.is_none());
        assert_eq!(pairs[1].duration_is_right(), None);
    }

    #[test]
    fn a_duration_is_right_within_a_tenth_or_twenty_microseconds_whichever_is_more() {
        let right = |truth: u64, observed: u64| {
            let (write, event) = (write(1, 0, truth), event(1, 0, observed));
            let pair = Pair {
                write: &write,
                event: Some(&event),
            };
            pair.duration_is_right()
        };
        assert_eq!(right(100_000, 80_000), Some(true));
        assert_eq!(right(100_000, 79_999), Some(false));
        assert_eq!(right(1_000_000, 1_100_000), Some(true));
        assert_eq!(right(1_000_000, 899_999), Some(false));
    }
}
