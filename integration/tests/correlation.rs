//! Slow writes end up in the trace and below the span of the request that they slowed down, and in no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    time::Duration,
};

use anyhow::Result;
use integration::{
    agreement,
    go::{self, Toolchain},
    machine, observation,
    recording::Event,
    requirement,
    truth::TrueWrite,
};

/// What became of the events of one shape of request.
#[derive(Debug, Default)]
struct Linked {
    right: usize,
    wrong: usize,
    not_at_all: usize,
}

impl Linked {
    fn count(&mut self, event: &Event, write: &TrueWrite) {
        match (&event.trace_id, &event.span_id) {
            (Some(trace), Some(span)) if *trace == write.trace_id && *span == write.span_id => {
                self.right += 1;
            }
            (None, None) => self.not_at_all += 1,
            _ => self.wrong += 1,
        }
    }
}

#[test]
fn writes_of_requests_with_a_context_are_linked_to_their_span_and_no_write_to_another() -> Result<()>
{
    if !requirement::root(
        "writes_of_requests_with_a_context_are_linked_to_their_span_and_no_write_to_another",
    ) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let mut target = Command::new(go::target("correlate", Toolchain::Installed)?);
    target.args(["--requests", "500", "--threshold", "20us"]);
    let observed = observation::of(target, &["--threshold", "20us"], Duration::from_secs(60))?;
    let (truth, events) = (&observed.truth, &observed.recording.events);
    assert_eq!((truth.outcome.requests, truth.outcome.failed), (500, 0));
    assert!(truth.outcome.checksum_ok);
    let shapes = by_shape(&truth.writes, events);
    println!("{shapes:#?}");
    for shape in [
        "nested",
        "siblings",
        "middleware",
        "goroutine-ctx",
        "goroutine-bare",
    ] {
        let linked = shapes
            .get(shape)
            .unwrap_or_else(|| panic!("no event of {shape}"));
        let all = linked.right + linked.wrong + linked.not_at_all;
        assert!(all >= 50, "{shape}: only {all} events");
        assert_eq!(linked.wrong, 0, "{shape}");
        let has_context = shape != "goroutine-bare";
        assert!(
            !has_context || linked.not_at_all == 0,
            "{shape}: {linked:?}"
        );
    }
    no_event_is_in_a_trace_that_the_service_does_not_know(&truth.writes, events);
    Ok(())
}

fn by_shape<'a>(truth: &'a [TrueWrite], events: &[Event]) -> BTreeMap<&'a str, Linked> {
    let mut shapes: BTreeMap<&str, Linked> = BTreeMap::new();
    for write in truth {
        if let Some(event) = agreement::event_of(write, events) {
            let shape = shapes.entry(write.shape.as_str()).or_default();
            shape.count(event, write);
        }
    }
    shapes
}

/// Events of writes that the service did not time (its libraries' own) are held to that much.
fn no_event_is_in_a_trace_that_the_service_does_not_know(truth: &[TrueWrite], events: &[Event]) {
    let known: BTreeSet<&str> = truth.iter().map(|write| write.trace_id.as_str()).collect();
    let unknown: Vec<&Event> = events
        .iter()
        .filter(|event| {
            let trace = event.trace_id.as_deref();
            trace.is_some_and(|trace| !known.contains(trace))
        })
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}
