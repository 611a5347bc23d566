//! How many slow writes are found, and how many of those that are found were slow: measured on targets that time
//! their own writes on the same clock.

use std::{collections::BTreeMap, process::Command, time::Duration};

use anyhow::Result;
use integration::{
    agreement,
    beside::{self, Slow},
    go::{self, Toolchain},
    machine,
    recording::Event,
    requirement, slowmap,
};

/// The share of slow writes that has to be found, and the share of events that have to be slow writes.
const RECALL: f64 = 0.95;
const PRECISION: f64 = 0.98;
/// What the targets and slowmap take for slow.
const THRESHOLD: u64 = 100_000;
/// A write of which nothing explains more than this, or a tenth, was held up by what is below the machine, too, and its
/// waits do not follow upon each other.
const SHORT: u64 = 20_000;

#[test]
fn the_slow_writes_of_a_service_with_swiss_maps_are_found_and_little_else() -> Result<()> {
    if !requirement::root("the_slow_writes_of_a_service_with_swiss_maps_are_found_and_little_else")
    {
        return Ok(());
    }
    let mut target = Command::new(go::target("truth", Toolchain::Installed)?);
    target.args(["--mode", "service", "--rate", "100000", "--duration", "20s"]);
    found_and_little_else(target, "swiss", &[])
}

/// Most of them are evacuations that run into several page faults, which the budget leaves watched for a part of the time.
#[test]
fn the_slow_writes_to_hmaps_are_found_and_little_else() -> Result<()> {
    if !requirement::root("the_slow_writes_to_hmaps_are_found_and_little_else") {
        return Ok(());
    }
    let mut target = Command::new(go::target("truth", Toolchain::Release("go1.22.12"))?);
    target.args(["--mode", "torture", "--duration", "10s"]);
    found_and_little_else(target, "hmap", &["--budget", "100"])
}

fn found_and_little_else(target: Command, maps: &str, options: &[&str]) -> Result<()> {
    let _alone = machine::alone()?;
    let observed = beside::of(target, options, Duration::from_secs(60))?;
    let (truth, events) = (&observed.truth.writes, &observed.recording.events);
    assert_eq!(observed.truth.outcome.slow_dropped, 0, "the truth has gaps");
    assert!(observed.truth.outcome.checksum_ok);
    let (slow, given_up) = (observed.slow(), observed.given_up()?);
    let (own, machines): (Vec<&Slow>, Vec<&Slow>) = slow.iter().partition(|slow| {
        let explained = slow.explained(&given_up);
        explained >= THRESHOLD && slow.unexplained() <= (slow.write.duration_nano / 10).max(SHORT)
    });
    let mut missed: Vec<&Slow> = own
        .iter()
        .copied()
        .filter(|slow| slow.event.is_none())
        .collect();
    let recall = 1.0 - missed.len() as f64 / own.len().max(1) as f64;
    let found_too = machines.iter().filter(|slow| slow.event.is_some()).count();
    let agreement = agreement::between(truth, events);
    println!(
        "{maps}: {} slow writes; recall {:.2} %; beside them {} that were slow by what nothing in the machine explains, or \
         by {given_up:?}, {found_too} of them found; {} events, precision {:.2} %; losses {}",
        own.len(),
        recall * 100.0,
        machines.len(),
        events.len(),
        agreement.precision() * 100.0,
        observed.recording.summary["losses"],
    );
    println!(
        "causes: {:?}; {} events too many for their write",
        causes(events),
        agreement::repeated(truth, events)
    );
    print_missed(&mut missed);
    print_events("spurious", &agreement.spurious);
    assert!(own.len() >= 100, "only {} slow writes", own.len());
    assert!(recall >= RECALL, "{recall}");
    assert!(
        agreement.precision() >= PRECISION,
        "{}",
        agreement.precision()
    );
    Ok(())
}

/// The twenty longest of what is a write's own by the recording that times each of them: what the target's clock has beyond
/// that happened between the clock and the write, or below the machine. Page faults, which are the longest where nothing else
/// happens to be, do not count in a run in which the governor says that it gave them up for a part of the time. The twenty
/// have to be long, or others would be among them:
/// the collector runs often, the target has priority so that it is not starved of CPU, and slowmap the same, whose buffer
/// would overrun. The Go scheduler may interrupt the runtime's own functions only where they begin, but the target between
/// clock and write anywhere, and would do so right behind a map write, had it asked in vain during it: hence
/// `asyncpreemptoff`.
#[test]
fn the_twenty_longest_writes_of_a_giant_hmap_are_found_and_explained() -> Result<()> {
    if !requirement::root("the_twenty_longest_writes_of_a_giant_hmap_are_found_and_explained") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    slowmap::binary()?;
    machine::before_other_programs(-20)?;
    let mut target = Command::new(go::target("truth", Toolchain::Release("go1.22.12"))?);
    target.args(["--mode", "giant", "--entries", "11000000"]);
    target.env("GOGC", "20").env("GODEBUG", "asyncpreemptoff=1");
    let observed = beside::of(target, &[], Duration::from_secs(120))?;
    assert!(observed.truth.outcome.checksum_ok);
    let given_up = observed.given_up()?;
    println!(
        "losses {}; given up by the governor: {given_up:?}",
        observed.recording.summary["losses"]
    );
    let mut slow = observed.slow();
    slow.sort_by_key(|slow| std::cmp::Reverse(slow.explained(&given_up)));
    slow.truncate(20);
    assert_eq!(slow.len(), 20);
    let mut unexplained = Vec::new();
    for slow in &slow {
        let cause = slow.event.map_or("not found", |event| event.cause.as_str());
        println!(
            "{:>10} us, {:>10} us of it explained, by {:?}: {cause} {:?}",
            slow.write.duration_nano / 1_000,
            slow.explained(&given_up) / 1_000,
            slow.exact.map(|event| &event.breakdown_nano),
            slow.event.map(|event| &event.breakdown_nano)
        );
        if ["not found", "unknown"].contains(&cause) {
            unexplained.push(slow.write);
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    Ok(())
}

fn causes(events: &[Event]) -> BTreeMap<&str, usize> {
    let mut causes = BTreeMap::new();
    for event in events {
        *causes.entry(event.cause.as_str()).or_default() += 1;
    }
    causes
}

/// The longest few, which say most about why.
fn print_missed(missed: &mut [&Slow]) {
    missed.sort_by_key(|slow| std::cmp::Reverse(slow.write.duration_nano));
    for Slow { write, exact, .. } in missed.iter().take(10) {
        let micros = write.duration_nano / 1_000;
        let exact = exact.map(|event| &event.breakdown_nano);
        println!(
            "missed: {micros} us in {}, goroutine {}: {exact:?}",
            write.function, write.goid
        );
    }
}

fn print_events(what: &str, events: &[&Event]) {
    for event in events.iter().take(10) {
        let functions: Vec<_> = event
            .stack
            .iter()
            .filter_map(|frame| frame.function.as_deref())
            .collect();
        let micros = event.duration_nano / 1_000;
        println!("{what}: {micros} us, {}, {functions:?}", event.cause);
    }
}
