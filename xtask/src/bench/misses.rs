//! What the slow writes that were not found, or not for as long as they took, have in common.

use std::collections::BTreeMap;

use integration::agreement::{Agreement, Pair};
use serde::Serialize;

use super::figure::Figure;

#[derive(Debug, Default, Serialize)]
pub struct Misses {
    /// Slow writes without an event, by the function that writes.
    pub by_function: BTreeMap<String, usize>,
    /// The same, by how long they took.
    pub by_duration: BTreeMap<&'static str, usize>,
    /// Events of no slow write, by their cause.
    pub spurious_by_cause: BTreeMap<String, usize>,
    /// How well durations agree, by the event's cause.
    pub durations: BTreeMap<String, Durations>,
}

#[derive(Debug, Default, Serialize)]
pub struct Durations {
    pub events: usize,
    pub right: usize,
    /// Of those that are not right: the event's duration over the write's.
    pub wrong_ratio: Option<Figure>,
    #[serde(skip)]
    ratios: Vec<f64>,
}

impl Misses {
    pub fn add(&mut self, agreement: &Agreement<'_>, pairs: &[Pair<'_>]) {
        for write in &agreement.missed {
            *self.by_function.entry(write.function.clone()).or_default() += 1;
            *self
                .by_duration
                .entry(band(write.duration_nano))
                .or_default() += 1;
        }
        for event in &agreement.spurious {
            *self
                .spurious_by_cause
                .entry(event.cause.clone())
                .or_default() += 1;
        }
        for pair in pairs {
            let (Some(event), Some(right)) = (pair.event, pair.duration_is_right()) else {
                continue;
            };
            let durations = self.durations.entry(event.cause.clone()).or_default();
            durations.events += 1;
            durations.right += usize::from(right);
            if !right {
                let ratio = event.duration_nano as f64 / pair.write.duration_nano as f64;
                durations.ratios.push(ratio);
                durations.wrong_ratio = Figure::of(&durations.ratios);
            }
        }
    }
}

/// Named so that they sort by length.
fn band(nano: u64) -> &'static str {
    match nano {
        0..120_000 => "0.10..0.12 ms",
        120_000..200_000 => "0.12..0.2 ms",
        200_000..1_000_000 => "0.2..1 ms",
        1_000_000..5_000_000 => "1..5 ms",
        _ => "5 ms and more",
    }
}

#[cfg(test)]
mod tests {
    use integration::{agreement, recording::Event, truth::TrueWrite};
    use serde_json::json;

    use super::*;

    fn write(start: u64, duration: u64) -> TrueWrite {
        let write = json!({"kind": "write", "goid": 1, "start_nano": start, "duration_nano": duration,
            "function": "main.fill"});
        serde_json::from_value(write).expect("a true write")
    }

    fn event(start: u64, duration: u64) -> Event {
        let event = json!({"monotonic_nano": start, "time_unix_nano": 0, "duration_nano": duration, "pid": 1, "target_pid": 1,
            "goid": 1, "function": null, "map_type": null, "cause": "growth", "breakdown_nano": {}, "stack": [],
            "trace_id": null, "span_id": null, "correlation": "none"});
        serde_json::from_value(event).expect("an event")
    }

    #[test]
    fn each_miss_is_counted_under_its_function_and_length_and_each_duration_under_its_cause() {
        let truth = [
            write(0, 110_000),
            write(1_000_000, 400_000),
            write(2_000_000, 400_000),
        ];
        let events = [
            event(1_000_000, 390_000),
            event(2_000_000, 100_000),
            event(9_000_000, 1),
        ];
        let agreement = agreement::between(&truth, &events);
        let mut misses = Misses::default();
        misses.add(&agreement, &agreement::pairs(&truth, &events));
        assert_eq!(misses.by_function["main.fill"], 1);
        assert_eq!(misses.by_duration["0.10..0.12 ms"], 1);
        assert_eq!(misses.spurious_by_cause["growth"], 1);
        let growth = &misses.durations["growth"];
        assert_eq!((growth.events, growth.right), (2, 1));
        assert_eq!(growth.wrong_ratio.map(|ratio| ratio.median), Some(0.25));
    }
}
