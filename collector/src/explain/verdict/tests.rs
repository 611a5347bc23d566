use std::sync::Arc;

use super::*;
use crate::model::{
    cause::Breakdown,
    recorded::{RecordedWrite, Stack},
    series::Sample,
    time::{Ktime, UnixNanos},
    trace::Correlation,
};

pub const SECOND: i64 = 1_000_000_000;

pub fn known() -> Known {
    Known {
        asked: Asked::Query("p99".into()),
        service: "shop".into(),
        unit: Unit::Seconds,
        recorded: (1_000 * SECOND, 1_200 * SECOND),
        threshold_nano: Some(100_000),
        lost: 0,
        not_always_watched: Vec::new(),
        clock: clock(0),
        step: Duration::from_secs(1),
        lookback: Duration::from_secs(1),
        scrape_interval: Duration::from_secs(1),
        scrape_interval_known: true,
        tolerance: Duration::from_millis(500),
        above: None,
    }
}

/// Known to half a millisecond.
pub fn clock(ahead_nano: i64) -> Option<Clock> {
    Some(Clock {
        ahead_nano,
        uncertainty_nano: 500_000,
    })
}

pub fn recorded(service: &str, at: f64, nanos: u64) -> RecordedWrite {
    let mut breakdown = Breakdown::default();
    breakdown.add(Cause::Growth, nanos);
    RecordedWrite {
        start: Ktime(0),
        time: UnixNanos((at * 1e9) as u64),
        duration_nano: nanos,
        duration_is_lower_bound: false,
        pid: 7,
        tid: 8,
        target_pid: 7,
        target_tid: 8,
        goid: Some(9),
        parent_goid: None,
        service_name: Some(Arc::from(service)),
        executable: None,
        go_version: None,
        container_id: None,
        function: None,
        map_type: Some(Arc::from("map[string]int")),
        map_key_size: None,
        map_value_size: None,
        map_address: None,
        map_len: None,
        map_capacity_before: None,
        map_capacity_after: None,
        unobserved: Vec::new(),
        cause: Cause::Growth,
        breakdown,
        stack: Arc::new(Stack::new(0, Vec::new(), None)),
        context: None,
        correlation: Correlation::None,
        recording: None,
        since_start_nano: None,
    }
}

/// A sample each second, a spike of 100 ms at these.
pub fn series(spikes: &[u64], ahead: u64) -> Series {
    let sample = |second: u64| Sample {
        time: UnixNanos((second + ahead) * 1_000_000_000),
        value: if spikes.contains(&second) { 0.1 } else { 0.002 },
    };
    Series {
        labels: [("job".to_owned(), "shop".to_owned())].into(),
        samples: (1_000..=1_200).map(sample).collect(),
    }
}

fn explained(writes: &[RecordedWrite], series: &Series, known: Known) -> Explanation {
    let mut all = SlowWrites::default();
    writes.iter().for_each(|write| all.add(write));
    explain(series, all, known).unwrap()
}

const MILLI: u64 = 1_000_000;

#[test]
fn spikes_with_a_write_of_their_height_before_them_are_explained_and_others_are_not() {
    let writes = [
        recorded("shop", 1_019.5, 80 * MILLI),
        recorded("shop", 1_049.5, 10 * MILLI),
        recorded("other", 1_079.5, 80 * MILLI),
        recorded("shop", 1_102.0, 80 * MILLI),
    ];
    let told = explained(&writes, &series(&[1_020, 1_050, 1_080, 1_100], 0), known());
    let explained: Vec<bool> = told.spikes.iter().map(|spike| spike.explained).collect();
    assert_eq!(explained, [true, false, false, false]);
    assert!((told.spikes[0].share - 80.0 / 98.0).abs() < 0.001);
    assert!((told.spikes[1].share - 10.0 / 98.0).abs() < 0.001);
    assert!(told.spikes[2].by.is_none());
    let by = told.spikes[0].by.as_ref().unwrap();
    assert_eq!((by.goid, by.writes, by.cause), (Some(9), 1, Cause::Growth));
    let chance = told.chance.unwrap();
    assert!((chance.expected - 0.12).abs() < 0.03, "{chance:?}");
}

#[test]
fn a_clock_that_is_ahead_is_set_back() {
    let writes = [recorded("shop", 1_019.5, 80 * MILLI)];
    let ahead = series(&[1_020], 60);
    let known = |ahead_nano| Known {
        clock: clock(ahead_nano),
        ..known()
    };
    assert_eq!(
        explained(&writes, &ahead, known(60 * SECOND)).spikes_explained,
        1
    );
    assert_eq!(explained(&writes, &ahead, known(0)).spikes_explained, 0);
}

#[test]
fn spikes_at_the_edge_of_the_recording_are_not_judged() {
    let told = explained(&[], &series(&[1_001, 1_100], 0), known());
    assert_eq!((told.spikes.len(), told.spikes_not_recorded), (1, 1));
    assert_eq!(told.verdict, Verdict::NotExplained);
    assert_eq!(
        explained(&[], &series(&[], 0), known()).verdict,
        Verdict::NoSpikes
    );
}

#[test]
fn one_coincidence_is_no_explanation_where_writes_are_frequent() {
    let often = (1_000..1_200).step_by(4);
    let writes: Vec<_> = often
        .map(|at| recorded("shop", f64::from(at), 80 * MILLI))
        .collect();
    let told = explained(&writes, &series(&[1_020, 1_050], 0), known());
    assert!(told.spikes[0].explained && told.spikes[0].chance > 0.6);
    assert_eq!(told.verdict, Verdict::Undecided);
}

#[test]
fn a_recording_shorter_than_what_a_sample_tells_of_explains_nothing() {
    let known = Known {
        lookback: Duration::from_secs(300),
        ..known()
    };
    let error = explain(&series(&[], 0), SlowWrites::default(), known).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("tells of the 5m 1s before it") && text.contains("3m 20s;"),
        "{text}"
    );
}
