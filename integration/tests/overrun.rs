//! More slow writes than the ring buffer carries.

use std::{process::Command, time::Duration};

use anyhow::Result;
use integration::{
    go::{self, Toolchain},
    machine, observation, requirement,
};
use serde_json::Value;

#[test]
fn what_the_ring_buffer_has_no_room_for_is_counted_and_nothing_else_is_lost() -> Result<()> {
    let test = "what_the_ring_buffer_has_no_room_for_is_counted_and_nothing_else_is_lost";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let mut target = Command::new(go::target("truth", Toolchain::Installed)?);
    // Maps that grow three or four times and are thrown away then: each growth is an event.
    target.args(["--mode", "torture", "--duration", "3s"]);
    target.args(["--min-entries", "64", "--max-entries", "64"]);
    let options = ["--threshold", "1us", "--budget", "100"];
    let observed = observation::of(target, &options, Duration::from_secs(60))?;
    assert!(observed.truth.outcome.checksum_ok);
    let summary = &observed.recording.summary;
    let growths = growths(summary);
    let mut losses = summary["losses"]["by_reason"].clone();
    let lost = losses["ring_buffer_full"].take().as_u64().unwrap_or(0);
    let told = observed.recording.events.len() as u64;
    println!("{growths} growths: {told} told of, {lost} counted as lost; {losses}");
    assert!(lost > 0, "the ring buffer was large enough");
    // Waits are events as well, but few.
    let others = (told + lost).checked_sub(growths);
    assert!(
        others.is_some_and(|others| others * 50 <= growths),
        "{others:?}"
    );
    // What turns out to be no map write is no loss of one, and ends of waits that the kernel does not tell are its own.
    let allowed = ["not_in_a_map_write", "wait_end_missed"];
    for (reason, count) in losses.as_object().into_iter().flatten() {
        let none = count.as_u64().unwrap_or(0) == 0;
        assert!(none || allowed.contains(&reason.as_str()), "{losses}");
    }
    Ok(())
}

/// As many as their exits were hit.
fn growths(summary: &Value) -> u64 {
    let probes = summary["probes"].as_array().into_iter().flatten();
    probes
        .filter(|probe| probe["role"] == "growth_exit")
        .filter_map(|probe| probe["hits"].as_u64())
        .sum()
}
