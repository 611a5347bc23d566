//! Maps that Go has ended a program for.

use super::*;
use crate::model::{
    advice::Confidence,
    collision::{Collision, Growing},
    summary::Usage,
};

const MAP: VirtualAddress = VirtualAddress(0xc000);

fn collision() -> Collision {
    Collision {
        recording: None,
        pid: 1,
        service_name: Some("shop".into()),
        time_unix_nano: 0,
        message: "concurrent map writes".into(),
        goid: 7,
        map_type: None,
        map_address: Some(MAP),
        stack: stack(&[
            "runtime.fatal",
            "runtime.mapassign",
            "main.correct",
            "main.main",
        ])
        .frames
        .clone(),
        growing: None,
    }
}

fn growth(goid: u64, map: VirtualAddress) -> RecordedWrite {
    RecordedWrite {
        map_address: Some(map),
        ..write(goid, Some(100), Cause::Growth)
    }
}

fn advised(collisions: Vec<Collision>, writes: &[RecordedWrite]) -> Vec<Advice> {
    let summary = Summary {
        collisions,
        ..causes::summary(Usage::default())
    };
    let mut advisor = Advisor::new(Some(&summary));
    writes.iter().for_each(|write| advisor.add(write));
    advisor.advice(Some(&summary))
}

#[test]
fn a_map_that_go_has_ended_a_program_for_is_to_get_a_lock() {
    let [advice] = &advised(vec![collision()], &[])[..] else {
        panic!("not one advice");
    };
    assert_eq!(advice.rule, "unsynchronised");
    assert_eq!(advice.subject, "main.correct /src/main.go:7");
    assert_eq!(advice.confidence, Confidence::High);
    assert_eq!(
        advice.evidence,
        [
            "Go ended process 1 (shop) by \"concurrent map writes\": its goroutine 7 came upon a map that another one was \
          writing to, in main.correct /src/main.go:7, called by main.main /src/main.go:7."
        ]
    );
}

#[test]
fn who_else_had_the_map_grow_is_told_where_it_is_known() {
    let growing = Growing {
        goid: 9,
        nano: 1_500_000,
        stack: stack(&["runtime.hashGrow", "main.add"]).frames.clone(),
    };
    let collided = Collision {
        growing: Some(growing),
        ..collision()
    };
    let other = VirtualAddress(0xd000);
    let writes = [
        growth(9, MAP),
        growth(9, MAP),
        growth(7, MAP),
        growth(9, other),
    ];
    let advice = advised(vec![collided.clone(), collided], &writes);
    let [first, ..] = &advice[..] else {
        panic!("no advice");
    };
    assert_eq!(
        &first.evidence[1..3],
        [
            "The same map had been growing for 1.50 ms in goroutine 9 then, in main.add /src/main.go:7.",
            "Goroutine 9 had the same map grow in 2 slow writes, for 200 us at most, in main.fill /src/main.go:7."
        ]
    );
    assert_eq!(first.evidence.len(), 6);
}

#[test]
fn of_a_map_that_nothing_is_known_of_nobody_is_said_to_have_had_it_grow() {
    let unknown = Collision {
        map_address: None,
        ..collision()
    };
    let advice = advised(vec![unknown], &[growth(9, MAP)]);
    assert_eq!(advice[0].evidence.len(), 1);
    assert_eq!(advice[0].nano, 0);
}
