//! Recordings to report on, written by what writes real ones.

use std::path::Path;

use slowmap::{
    export::files::{Measured, Recording},
    model::{
        cause::{Breakdown, Cause},
        summary::{Losses, Target, Usage},
        write::{CorrelatedWrite, GoroutineId},
    },
};

use crate::sample;

/// A recording of these writes.
pub fn record(directory: &Path, writes: &[CorrelatedWrite]) {
    let mut recording = Recording::create(directory).unwrap();
    for write in writes {
        recording.write(write).unwrap();
    }
    recording.finish(measured()).unwrap();
}

pub fn measured() -> Measured {
    let mut losses = Losses::default();
    losses.add("ring_buffer_full", 3);
    Measured {
        writes: None,
        started_unix_nano: sample::START,
        duration_nano: 10_000_000_000,
        threshold_nano: 100_000,
        mode: "slowpath".into(),
        budget_percent: 1.0,
        targets: vec![Target {
            recording: None,
            started_unix_nano: Some(sample::START - 5_000_000_000),
            pid: 1,
            service_name: Some("shop".into()),
            executable: "/srv/bin/shop".into(),
            go_version: "go1.26.8".into(),
            usage: Usage::default(),
        }],
        skipped: Vec::new(),
        losses,
        probes: Vec::new(),
        collisions: Vec::new(),
    }
}

/// Writes of three causes by two services; one of them is known by nothing but its time.
pub fn writes() -> Vec<CorrelatedWrite> {
    let (shop, other) = (
        sample::process(1, "shop"),
        sample::process(2, "a \"b\",\nc"),
    );
    let mut writes = Vec::new();
    for index in 0..30_u64 {
        let mut write = sample::write(if index % 3 == 0 { &other } else { &shop });
        let cause = [Cause::Growth, Cause::GcAssist, Cause::RunQueue][index as usize % 3];
        let duration = 100_000 + index * index * 7_919;
        let attributed = &mut write.symbolized.attributed;
        attributed.cause = cause;
        attributed.breakdown = Breakdown::default();
        attributed.breakdown.add(cause, duration);
        attributed.write.duration_nano = duration;
        attributed.write.goid = GoroutineId(index);
        if index % 7 == 0 {
            write.symbolized.stack[2].line = Some(43);
        }
        writes.push(write);
    }
    writes.push(sample::bare(sample::write(&shop)));
    writes
}

/// How many they are, and how many nanoseconds they took.
pub fn totals(writes: &[CorrelatedWrite]) -> (u64, u64) {
    let nanos = writes
        .iter()
        .map(|write| write.observed().duration_nano)
        .sum();
    (writes.len() as u64, nanos)
}
