//! The case: a P99 that spikes while all looks well, what one command says of it, and that it is gone when that is done.

use std::time::Duration;

use anyhow::Result;
use integration::{
    case::{self, Case, Requests},
    go::Toolchain,
    machine, recording,
    recording::Event,
    requirement, slowmap, sources,
};

/// The whole one, of some minutes, is `cargo xtask case`.
const SMALL: Case = Case {
    toolchain: Toolchain::Release("go1.22.12"),
    requests: Requests::Ids {
        batch: 1_000,
        per_second: 200,
    },
    entries: 4_000_000,
    generations: 2,
    recorded: Duration::from_secs(20),
};

#[test]
fn the_map_behind_a_p99_that_spikes_is_named_with_its_line_and_cure_and_the_cure_helps()
-> Result<()> {
    let test =
        "the_map_behind_a_p99_that_spikes_is_named_with_its_line_and_cure_and_the_cure_helps";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    slowmap::binary()?;
    machine::before_other_programs(-15)?;
    let directory = tempfile::tempdir()?;
    let before = SMALL.run(false, directory.path())?;
    println!("{}\n{}", before.told, before.correlated);
    let after = SMALL.run(true, directory.path())?;
    println!("{}\n{}", after.told, case::compared(directory.path())?);

    // The longest growth is that of the map; nobody else's work comes near.
    let recorded = recording::read(&directory.path().join(case::BEFORE))?;
    let grown = growth_of(&recorded.events);
    let longest = recorded.events.iter().max_by_key(|event| growth(event));
    assert!(longest.is_some_and(|event| event.has_frame("main.(*seen).add")));
    let place = format!("intake.go:{}", line_of("s.times[id] = now")?);
    let advice = before.told.lines().find(|line| line.contains(&place));
    let advice = advice.unwrap_or_else(|| panic!("no advice on {place}: {}", before.told));
    assert!(advice.contains("make(map[main.id]int64"), "{advice}");

    let repaired = recording::read(&directory.path().join(case::AFTER))?;
    let left = growth_of(&repaired.events);
    println!(
        "growth: {grown:?} before, {left:?} after; P99 {:.0} ms before, {:.0} ms after",
        before.highest(),
        after.highest()
    );
    assert!(left * 10 < grown, "{left:?} of {grown:?}");
    assert!(after.highest() * 2.0 < before.highest());
    Ok(())
}

fn growth(event: &Event) -> u64 {
    event.breakdown_nano.get("growth").copied().unwrap_or(0)
}

/// The time that maps took to grow, in the service's own writes.
fn growth_of(events: &[Event]) -> Duration {
    let own = events
        .iter()
        .filter(|event| event.has_frame("main.(*intake).ServeHTTP"));
    Duration::from_nanos(own.map(growth).sum())
}

/// The number of the first line of the service's that has this in it.
fn line_of(code: &str) -> Result<usize> {
    let path = sources::repository().join("integration/targets/intake/intake.go");
    let text = std::fs::read_to_string(path)?;
    let line = text.lines().position(|line| line.contains(code));
    Ok(line.map_or(0, |index| index + 1))
}
