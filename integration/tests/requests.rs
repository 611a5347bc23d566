//! Services without an SDK for tracing: a slow write is linked to the trace that the request's own header names, or labels
//! that are known to be the request's, and to no other.

use std::{collections::BTreeMap, process::Command, time::Duration};

use anyhow::Result;
use integration::{
    agreement,
    go::{self, Toolchain},
    machine, observation,
    recording::Event,
    requirement,
    truth::TrueWrite,
};

/// Handlers in the goroutine that serves the connection; the last one runs under labels of the request before.
const SERVED: [&str; 5] = ["handler", "middleware", "deep", "json", "stale"];
/// Where the goroutine's labels or the request's header lie: lengths without an end, chains that lead back, memory that is
/// not there.
const HOSTILE: [&str; 2] = ["hostile-labels", "hostile-header"];
/// Under labels of the request.
const LABELLED: [&str; 3] = ["labelled", "datadog", "set"];
/// Goroutines that a handler has started, or given work to.
const STARTED: [&str; 3] = ["worker", "outlives", "labelled-worker"];

/// What became of the events of one shape of request.
#[derive(Debug, Default)]
struct Linked {
    /// To what the request's header says.
    right: usize,
    /// Not at all, and the request has no header, or it is another goroutine's.
    rightly_not: usize,
    missed: usize,
    wrong: usize,
}

impl Linked {
    fn count(&mut self, event: &Event, write: &TrueWrite) {
        let named = (!write.trace_id.is_empty())
            .then_some((write.trace_id.as_str(), write.span_id.as_str()));
        let linked = event.trace_id.as_deref().zip(event.span_id.as_deref());
        let (counter, correlation) = match (named, linked) {
            (Some(named), Some(linked)) if named == linked => {
                let is_labelled = LABELLED.contains(&write.shape.as_str());
                let found_by = ["traceparent", "pprof_labels"][usize::from(is_labelled)];
                (&mut self.right, found_by)
            }
            (None, None) => (&mut self.rightly_not, "none"),
            (Some(_), None) => (&mut self.missed, "none"),
            _ => (&mut self.wrong, event.correlation.as_str()),
        };
        *counter += 1;
        assert_eq!(event.correlation, correlation);
    }
}

#[test]
fn a_write_is_linked_to_what_its_requests_header_or_its_goroutines_own_labels_name_and_to_no_other()
-> Result<()> {
    // Both implementations of maps: the header is one, too.
    for toolchain in [Toolchain::Installed, Toolchain::Release("go1.23.12")] {
        if !requirement::root(
            "a_write_is_linked_to_what_its_requests_header_or_its_goroutines_own_labels_name_and_to_no_other",
        ) {
            return Ok(());
        }
        let shapes = observed(toolchain)?;
        println!("{toolchain:?} {shapes:#?}");
        for shape in SERVED.iter().chain(&LABELLED) {
            let linked = &shapes[*shape];
            assert_eq!((linked.wrong, linked.missed), (0, 0), "{shape}: {linked:?}");
            assert!(linked.right >= 5, "{shape}: {linked:?}");
        }
        for shape in HOSTILE {
            let linked = &shapes[shape];
            assert_eq!((linked.wrong, linked.missed), (0, 0), "{shape}: {linked:?}");
            assert!(
                linked.right + linked.rightly_not >= 5,
                "{shape}: {linked:?}"
            );
        }
        for shape in STARTED {
            let linked = &shapes[shape];
            assert_eq!((linked.wrong, linked.right), (0, 0), "{shape}: {linked:?}");
            assert!(linked.rightly_not >= 5, "{shape}: {linked:?}");
        }
    }
    Ok(())
}

fn observed(toolchain: Toolchain) -> Result<BTreeMap<String, Linked>> {
    let service = go::target_with("plain", toolchain, &["-ldflags=-s -w"])?;
    let _alone = machine::alone()?;
    let mut target = Command::new(service);
    target.args(["--requests", "1950", "--threshold", "20us"]);
    let observed = observation::of(target, &["--threshold", "20us"], Duration::from_secs(60))?;
    let (truth, events) = (&observed.truth, &observed.recording.events);
    assert_eq!((truth.outcome.requests, truth.outcome.failed), (1950, 0));
    let mut shapes: BTreeMap<String, Linked> = BTreeMap::new();
    for pair in agreement::pairs(&truth.writes, events) {
        if let Some(event) = pair.event {
            let shape = shapes.entry(pair.write.shape.clone()).or_default();
            shape.count(event, pair.write);
        }
    }
    Ok(shapes)
}
