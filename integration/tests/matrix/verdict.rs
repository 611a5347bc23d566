//! What slowmap said of one target's slow writes, beside what the target knows.

use std::fmt;

use integration::{
    agreement,
    recording::{Event, Frame},
    traceback,
    truth::TrueWrite,
};

use crate::group::Target;

/// The share of slow writes that has to be found. A target that loses its CPU between its clock and its write takes
/// for slow what was not.
const RECALL: f64 = 0.95;
/// Slow writes without which nothing is shown.
const ENOUGH: usize = 50;
/// The largest share of them whose map's type may be unknown.
const UNTYPED: f64 = 0.1;

pub struct Verdict {
    writes: usize,
    events: usize,
    recall: f64,
    /// The share of the found whose map's type is not known.
    untyped: f64,
    /// How many writes have an event that says something else than the target.
    different: usize,
    /// The first few of them.
    examples: Vec<String>,
}

pub fn of(target: &Target, events: &[Event]) -> Verdict {
    let events: Vec<Event> = events
        .iter()
        .filter(|event| event.pid == target.pid)
        .cloned()
        .collect();
    let pairs = agreement::pairs(&target.truth.writes, &events);
    let found: Vec<(&TrueWrite, &Event)> = pairs
        .iter()
        .filter_map(|pair| Some((pair.write, pair.event?)))
        .collect();
    let untyped = found.iter().filter(|(_, event)| event.map_type.is_none());
    let differences: Vec<String> = found
        .iter()
        .filter_map(|(write, event)| difference(write, event))
        .collect();
    Verdict {
        writes: pairs.len(),
        events: events.len(),
        recall: share(found.len(), pairs.len()),
        untyped: share(untyped.count(), found.len()),
        different: differences.len(),
        examples: differences.into_iter().take(3).collect(),
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

impl Verdict {
    pub fn failures(&self) -> impl Iterator<Item = String> {
        let few = self.writes < ENOUGH;
        let missed = self.recall < RECALL;
        let untyped = self.untyped > UNTYPED;
        let counted = [
            few.then(|| format!("only {} slow writes", self.writes)),
            missed.then(|| format!("only {:.1} % were found", self.recall * 100.0)),
            untyped.then(|| format!("{:.1} % have no map type", self.untyped * 100.0)),
        ];
        counted.into_iter().flatten().chain(self.examples.clone())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>3} slow writes, {:>5.1} % found, {} of them wrong, {:.1} % without a type; {} events",
            self.writes,
            self.recall * 100.0,
            self.different,
            self.untyped * 100.0,
            self.events
        )
    }
}

/// The goroutine is the same, or the two would not be a pair.
fn difference(write: &TrueWrite, event: &Event) -> Option<String> {
    let entry = entry_point(&write.map_type);
    let what = if event.function.as_deref() != Some(entry) || !event.has_frame(entry) {
        "the function of the runtime"
    } else if !has_type(event, write) {
        "the map's type"
    } else if !has_callers(event, write) {
        "the callers"
    } else {
        return None;
    };
    Some(format!(
        "{what}, cause {}:\n  event {:?} {:?} {}\n  truth {entry} {} {}",
        event.cause,
        event.function,
        event.map_type,
        traceback::shown(&event.stack),
        write.map_type,
        traceback::shown(&write.stack),
    ))
}

/// Of a write that was interrupted in its own code the type is not known; a growth tells it.
fn has_type(event: &Event, write: &TrueWrite) -> bool {
    match &event.map_type {
        Some(map_type) => *map_type == write.map_type,
        None => !event.breakdown_nano.contains_key("growth"),
    }
}

/// From the function with the write on, all calls with their files and lines.
fn has_callers(event: &Event, write: &TrueWrite) -> bool {
    let calls = |stack| traceback::from_writer(stack, &write.function);
    let flat = |(writer, callers): (_, Vec<_>)| [vec![writer], callers].concat();
    let known = |frame: &&Frame| frame.file.is_some() && frame.line.is_some();
    match (calls(&event.stack).map(flat), calls(&write.stack).map(flat)) {
        (Some(seen), Some(truth)) => truth.len() >= 3 && seen == truth && seen.iter().all(known),
        _ => false,
    }
}

fn entry_point(map_type: &str) -> &'static str {
    match map_type {
        "map[uint64]main.record" => "runtime.mapassign_fast64",
        "map[uint32]main.record" => "runtime.mapassign_fast32",
        "map[string]main.record" => "runtime.mapassign_faststr",
        "map[*uint64]main.record" => "runtime.mapassign_fast64ptr",
        _ => "runtime.mapassign",
    }
}
