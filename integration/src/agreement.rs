//! How well recorded events agree with the truth: by goroutine and overlap in time.

use std::collections::HashMap;

use crate::{recording::Event, truth::TrueWrite};

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

/// Compares the slow writes of one process with the events of that process.
pub fn between<'a>(truth: &'a [TrueWrite], events: &'a [Event]) -> Agreement<'a> {
    let mut events_of: HashMap<u64, Vec<&Event>> = HashMap::new();
    for event in events {
        events_of.entry(event.goid).or_default().push(event);
    }
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
    Agreement {
        true_writes: truth.len(),
        events: events.len(),
        missed: truth.iter().filter(|write| !found(write)).collect(),
        spurious: events.iter().filter(|event| !confirmed(event)).collect(),
    }
}

/// How many events there are too many: those of a write that has more than one.
pub fn repeated(truth: &[TrueWrite], events: &[Event]) -> usize {
    let mut events_of: HashMap<u64, Vec<&Event>> = HashMap::new();
    for event in events {
        events_of.entry(event.goid).or_default().push(event);
    }
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
    let shared = |event: &&Event| {
        let end = write.end_nano().min(event.end_nano());
        end.saturating_sub(write.start_nano.max(event.monotonic_nano))
    };
    events
        .iter()
        .filter(|event| event.goid == write.goid && overlap(write, event))
        .max_by_key(shared)
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
            "monotonic_nano": start, "time_unix_nano": 0, "duration_nano": duration, "pid": 1, "goid": goid,
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
}
