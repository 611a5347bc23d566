//! Modes `exact` and `sampled`: every write is followed, on targets that count and time their own.

use std::{path::Path, process::Command, thread, time::Duration};

use anyhow::{Context, Result, bail};
use integration::{
    agreement::{self, Pair},
    go::{self, Toolchain},
    machine,
    observation::{self, Observation},
    recording::{self, Event},
    requirement,
    slowmap::{self, PATIENCE},
    truth::TruthTarget,
};
use serde_json::Value;

/// The functions in which the target writes to the maps that it counts.
const WRITERS: [&str; 3] = ["main.fillOrders", "main.fillCatalog", "main.fillMatrix"];
/// Of the writes that took half as long again as the threshold, the share that has to have an event. The others'
/// time lies outside of the write: the thread lost its CPU on the way into or out of the probes.
const RECALL: f64 = 0.95;
/// The share of events that has the write's duration, within 10 % or 20 us.
const EXACT: f64 = 0.9;

/// Microseconds by which the correction may change between its measurements at the start and at the end, and back: what a
/// trap costs depends on what else the machine does (docs/modes.md). The same for all quantiles of a recording.
const DRIFT: f64 = 0.3;

#[test]
fn exact_counts_every_write_to_swiss_maps_and_times_the_slow_ones() -> Result<()> {
    if !requirement::root("exact_counts_every_write_to_swiss_maps_and_times_the_slow_ones") {
        return Ok(());
    }
    let observed = every_write_is_counted(Toolchain::Installed)?;
    slow_writes_are_timed(&observed)
}

#[test]
fn exact_counts_every_write_to_hmaps_and_times_the_slow_ones() -> Result<()> {
    if !requirement::root("exact_counts_every_write_to_hmaps_and_times_the_slow_ones") {
        return Ok(());
    }
    let observed = every_write_is_counted(Toolchain::Release("go1.22.12"))?;
    slow_writes_are_timed(&observed)
}

/// All CPU in growing maps, and a collector that is at work more often than by default.
fn every_write_is_counted(toolchain: Toolchain) -> Result<Observation> {
    let _alone = machine::alone()?;
    let mut target = Command::new(go::target("truth", toolchain)?);
    target.env("GOGC", "20");
    target.args(["--mode", "torture", "--duration", "6s"]);
    let observed = observation::of(target, &["--mode", "exact"], Duration::from_secs(60))?;
    let summary = &observed.recording.summary;
    let writes = &summary["writes"];
    let outcome = &observed.truth.outcome;
    assert_eq!(counted(writes), outcome.writes, "{writes}");
    assert_eq!(
        (&writes["begun"], &writes["unfinished"]),
        (&writes["latency"]["count"], &Value::from(0))
    );
    assert!(writes["share_of_time"].as_f64() > Some(0.95), "{writes}");
    // Waits are watched for the whole machine, and some kernels do not tell when each ends.
    for loss in [
        "ring_buffer_full",
        "in_flight_table_full",
        "probes_taken_out",
    ] {
        assert!(summary["losses"]["by_reason"][loss].is_null(), "{loss}");
    }
    the_correction_is_stated(writes)?;
    Ok(observed)
}

fn the_correction_is_stated(writes: &Value) -> Result<()> {
    let correction = &writes["correction"];
    let nanos = |field: &str| correction[field].as_u64().context(correction.to_string());
    let taken_off = nanos("per_write_nano")?;
    assert!(taken_off > 0 && taken_off < nanos("cost_per_write_nano")?);
    assert!(nanos("per_write_at_end_nano")? > 0 && nanos("per_inner_probe_nano")? > 0);
    Ok(())
}

/// What the host takes from the machine explains nothing here, and half of each write is the traps of the two probes, of which
/// a part lies outside of what is measured: as many slow writes may be missed for that, beyond the others, as have it within.
///
/// A thread that loses its CPU in the trap of the first probe has begun its write by its own clock, but not by the probe's,
/// and a goroutine that is descheduled at the check of its stack neither: such events may be too short (docs/modes.md),
/// and are told apart.
fn slow_writes_are_timed(observed: &Observation) -> Result<()> {
    let (truth, events) = (&observed.truth.writes, &observed.recording.events);
    let pairs = agreement::pairs(truth, events);
    let slow = pairs
        .into_iter()
        .filter(|pair| pair.write.duration_nano >= 150_000);
    let (found, missed): (Vec<Pair>, Vec<Pair>) = slow.partition(|pair| pair.event.is_some());
    let (unexplained, explained): (Vec<Pair>, Vec<Pair>) = found
        .iter()
        .copied()
        .partition(|pair| pair.event.is_some_and(|event| event.cause == "unknown"));
    let (waited, ran): (Vec<Pair>, Vec<Pair>) = explained
        .iter()
        .copied()
        .partition(|pair| pair.event.is_some_and(was_interrupted));
    let right = |pairs: &[Pair]| {
        let right = pairs.iter().filter(|p| p.duration_is_right() == Some(true));
        right.count()
    };
    let repeated = agreement::repeated(truth, events);
    println!(
        "slow writes: {} missed; {} of {} timed right, {} of {} that were interrupted, {} of {} that nothing explains; \
         {repeated} events too many",
        missed.len(),
        right(&ran),
        ran.len(),
        right(&waited),
        waited.len(),
        right(&unexplained),
        unexplained.len(),
    );
    print_wrong(&ran);
    assert!(ran.len() >= 25, "only {} slow writes", ran.len());
    let allowed = (1.0 - RECALL) * (found.len() + missed.len()) as f64;
    assert!(missed.len() as f64 <= allowed + unexplained.len() as f64);
    assert!(right(&ran) as f64 >= EXACT * ran.len() as f64);
    assert!(right(&explained) as f64 >= EXACT * explained.len() as f64);
    assert!(repeated * 50 <= events.len(), "{repeated}");
    let longer = found.iter().filter(|pair| {
        let event = pair.event.map_or(0, |event| event.duration_nano);
        event > pair.write.duration_nano + 20_000
    });
    assert!(longer.count() * 50 <= found.len(), "events are too long");
    Ok(())
}

fn was_interrupted(event: &Event) -> bool {
    let waited = event.breakdown_nano.get("run_queue");
    event.duration_is_lower_bound || waited.is_some_and(|nanos| *nanos > 0)
}

fn print_wrong(pairs: &[Pair]) {
    let wrong = pairs
        .iter()
        .filter(|p| p.duration_is_right() == Some(false));
    for Pair { write, event } in wrong {
        let Some(event) = event else { continue };
        let late = event.monotonic_nano.abs_diff(write.start_nano);
        println!(
            "{} ns in {}; seen from {late} ns on: {} ns, {}, {:?}",
            write.duration_nano,
            write.function,
            event.duration_nano,
            event.cause,
            event.breakdown_nano
        );
    }
}

/// Of one process, whose maps are small enough for each second to be like the others. `exact` is there before and after,
/// so that what changed meanwhile is known.
#[test]
fn the_intervals_of_sampled_hold_what_exact_measures() -> Result<()> {
    if !requirement::root("the_intervals_of_sampled_hold_what_exact_measures") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let mut command = Command::new(go::target("truth", Toolchain::Installed)?);
    command.args(["--mode", "service", "--rate", "100000"]);
    command.args(["--max-entries", "20000"]);
    let mut target = TruthTarget::start(command, directory.path())?;
    target.begin()?;
    thread::sleep(Duration::from_secs(1));
    let pid = target.program.pid();
    let record = |name: &str, options: &[&str]| writes(pid, &directory.path().join(name), options);
    let before = record("before", &["--mode", "exact", "--duration", "5s"])?;
    let options = ["--mode", "sampled", "--sampling", "10", "--duration", "34s"];
    let sampled = record("sampled", &options)?;
    let after = record("after", &["--mode", "exact", "--duration", "5s"])?;
    let truth = target.stop(PATIENCE)?;
    let share = sampled["share_of_time"].as_f64().context("a share")?;
    assert!((share / 0.1 - 1.0).abs() < 0.35, "{share}");
    the_count_is_held(&sampled, truth.outcome.throughput)?;
    let exact = [&before, &after];
    let mut held = quantiles_held("latency", &sampled, exact)?;
    for row in sampled["by_function"].as_array().context("functions")? {
        let function = row["function"].as_str().context("a function")?;
        held.extend(quantiles_held(function, &sampled, exact)?);
    }
    // Of 20 intervals of a confidence of 95 %, one may miss; and what the machine does to one row it does to the others.
    let count = held.iter().filter(|held| **held).count();
    assert!(count * 5 >= held.len() * 4, "{count} of {}", held.len());
    Ok(())
}

/// `writes` of a recording.
fn writes(pid: u32, output: &Path, options: &[&str]) -> Result<Value> {
    let ended = slowmap::record(pid, output, options)?.wait(PATIENCE)?;
    if ended.code() != Some(0) {
        bail!("slowmap record ended: {}", ended.stderr);
    }
    // Before it starts, what it costs.
    assert!(
        ended.stderr.contains("more, as measured on this machine"),
        "{}",
        ended.stderr
    );
    let mut summary = recording::read(output)?.summary;
    Ok(summary["writes"].take())
}

/// `rate`: writes a second, which the target keeps to.
fn the_count_is_held(sampled: &Value, rate: f64) -> Result<()> {
    let latency = &sampled["latency"];
    let [low, high] = ends(&latency["interval"]["count"]).context("an interval of the count")?;
    let seconds = sampled["attached_nano"].as_f64().context("attached")? / 1e9;
    let count = rate * seconds;
    println!("{count} writes in {seconds} s, [{low}, {high}]");
    // One in twenty intervals of 95 % misses; hardly one in ten thousand by as much again as half its width.
    let beyond = (high - low) / 2.0;
    assert!(low - beyond <= count && count <= high + beyond);
    // Ten windows, each of which a machine that is taken away for a tenth of a second changes by a third.
    assert!(high < low * 2.0, "the interval says little");
    Ok(())
}

/// Which of a function's intervals hold what `exact` measured; `latency`: of all functions together.
fn quantiles_held(function: &str, sampled: &Value, exact: [&Value; 2]) -> Result<Vec<bool>> {
    let interval = &latency(sampled, function)?["interval"];
    let mut held = Vec::new();
    for quantile in ["p50", "p90", "p99", "p999"] {
        let (mut least, mut most) = (f64::MAX, 0.0_f64);
        for exact in exact {
            let value = latency(exact, function)?[quantile].as_f64();
            let value = value.context(quantile)?;
            let uncertainty = uncertainty(exact).context("a correction")?;
            least = least.min(value - uncertainty - DRIFT);
            most = most.max(value + uncertainty + DRIFT);
        }
        let [low, high] = ends(&interval[quantile]).context(quantile)?;
        held.push(low <= most && least <= high);
        println!("{function} {quantile}: exact {least:.3} to {most:.3}, sampled {low} to {high}");
    }
    Ok(held)
}

/// By how many microseconds the durations may be off, as the recording says itself.
fn uncertainty(writes: &Value) -> Option<f64> {
    let correction = &writes["correction"];
    let taken_off = correction["per_write_nano"].as_u64()?;
    let at_end = correction["per_write_at_end_nano"].as_u64()?;
    Some(taken_off.abs_diff(at_end) as f64 / 1_000.0)
}

fn latency<'a>(writes: &'a Value, function: &str) -> Result<&'a Value> {
    if function == "latency" {
        return Ok(&writes["latency"]);
    }
    let functions = writes["by_function"].as_array().into_iter().flatten();
    let mut rows = functions.filter(|row| row["function"] == function);
    rows.next().with_context(|| format!("no {function}"))
}

/// Writes from the target's own loops.
fn counted(writes: &Value) -> u64 {
    let callers = writes["by_caller"].as_array().into_iter().flatten();
    callers
        .filter(|row| WRITERS.iter().any(|writer| row["caller"] == *writer))
        .filter_map(|row| row["count"].as_u64())
        .sum()
}

fn ends(interval: &Value) -> Option<[f64; 2]> {
    Some([interval[0].as_f64()?, interval[1].as_f64()?])
}
