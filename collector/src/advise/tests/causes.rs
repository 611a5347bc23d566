//! What takes the time of a service's slow writes.

use super::*;
use crate::model::{
    advice::Confidence,
    summary::{Counts, FORMAT, Losses, Target, Throttled, Usage},
};

#[test]
fn the_collector_or_the_cpu_is_named_where_it_takes_most_of_the_time() {
    let mostly = |cause, of_it: usize| {
        let writes = (0..100).map(move |index| {
            write(
                1,
                None,
                if index < of_it {
                    cause
                } else {
                    Cause::PageFault
                },
            )
        });
        advice(writes)
    };
    for (cause, rule) in [
        (Cause::GcAssist, "gc_assist"),
        (Cause::RunQueue, "cpu"),
        (Cause::GoroutinePreempted, "cpu"),
    ] {
        let found = mostly(cause, 80);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].rule, found[0].confidence),
            (rule, Confidence::High)
        );
        assert!(found[0].evidence[0].contains("80 %"), "{found:?}");
        assert_eq!(mostly(cause, 55)[0].confidence, Confidence::Medium);
        assert_eq!(mostly(cause, 45), []);
    }
}

#[test]
fn what_takes_less_than_a_hundredth_of_the_time_gets_no_advice() {
    let apart = |nanos: u64| {
        let writes = (0..100).map(move |index| {
            let mut write = write(1, None, Cause::RunQueue);
            write.time = UnixNanos(index * nanos);
            write
        });
        advice(writes)
    };
    assert_eq!(apart(10_000_000)[0].rule, "cpu");
    assert_eq!(apart(30_000_000), []);
}

#[test]
fn a_cpu_limit_is_named_where_it_stopped_the_service_and_ruled_out_where_it_did_not() {
    let given = |throttled| {
        let mut advisor = Advisor::default();
        (0..100).for_each(|_| advisor.add(&write(1, None, Cause::RunQueue)));
        let usage = Usage {
            throttled,
            ..Usage::default()
        };
        let mut found = advisor.advice(Some(&summary(usage)));
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    };
    let stopped = |periods, nano| Some(Throttled { periods, nano });
    let limited = given(stopped(9, 20_000_000));
    assert!(limited.advice.contains("the service's CPU limit takes"));
    assert!(
        limited.evidence[1].contains("9 times meanwhile, for 20 ms"),
        "{limited:?}"
    );
    let hardly = given(stopped(1, 1_000));
    assert!(hardly.advice.contains("limit or move its neighbours"));
    assert!(
        given(stopped(0, 0))
            .advice
            .contains("no limit is in the way")
    );
    let unknown = given(None);
    assert_eq!(
        (&unknown.advice, unknown.evidence.len()),
        (&hardly.advice, 1)
    );
}

pub(super) fn summary(usage: Usage) -> Summary {
    Summary {
        format: FORMAT,
        version: String::new(),
        started_unix_nano: 0,
        duration_nano: 0,
        threshold_nano: 0,
        mode: String::new(),
        budget_percent: 1.0,
        targets: vec![Target {
            recording: None,
            started_unix_nano: None,
            pid: 1,
            service_name: Some("shop".into()),
            executable: String::new(),
            go_version: String::new(),
            usage,
        }],
        skipped: Vec::new(),
        counts: Counts::default(),
        losses: Losses::default(),
        latency: None,
        writes: None,
        probes: Vec::new(),
        estimated_cost_nano: None,
        collisions: Vec::new(),
        recordings: Vec::new(),
    }
}
