//! What is behind the figures of a load: where its cost comes from, and what is missed.

use std::fmt::Write;

use super::{new, number, rounded};
use crate::bench::{
    case::{Case, percent},
    hits::ProbeRate,
    misses::Misses,
    programs::ProgramUse,
};

/// Cheaper ones are left to the JSON.
const LISTED: usize = 8;

pub fn of(case: &Case) -> String {
    let mut text = format!("\n### {}, {}\n\n", case.load, case.maps);
    // Writing to a string cannot fail.
    let _ = counts(&mut text, case);
    let _ = misses(&mut text, &case.misses);
    text += &probes(&case.probes.rates());
    text += &programs(&case.programs);
    text
}

fn counts(text: &mut String, case: &Case) -> std::fmt::Result {
    let found = &case.found;
    writeln!(
        text,
        "- {} of {} slow writes found, {} of them with the right duration; {} of {} events are slow writes, {} too many",
        found.found,
        found.slow_writes,
        found.duration_right,
        found.events_of_slow_writes,
        found.events,
        found.repeated
    )?;
    if let Some(control) = &case.control {
        writeln!(
            text,
            "- control: {} of {} gaps without a map write were slow; as many in the writes' time would be {} of the {} slow writes of that run",
            control.slow_gaps,
            number(control.gaps as f64, 0),
            rounded(control.expected_among_writes),
            control.slow_writes
        )?;
    }
    let losses = case
        .losses
        .iter()
        .map(|(reason, count)| format!("{reason} {count}"));
    let losses: Vec<String> = losses.collect();
    match losses.as_slice() {
        [] => writeln!(text, "- nothing lost"),
        losses => writeln!(text, "- lost: {}", losses.join(", ")),
    }
}

fn misses(text: &mut String, misses: &Misses) -> std::fmt::Result {
    if !misses.by_function.is_empty() {
        let (function, duration) = (&misses.by_function, &misses.by_duration);
        writeln!(
            text,
            "- not found: by function {function:?}, by duration {duration:?}"
        )?;
    }
    if !misses.spurious_by_cause.is_empty() {
        writeln!(
            text,
            "- events of no slow write: {:?}",
            misses.spurious_by_cause
        )?;
    }
    for (cause, durations) in &misses.durations {
        let share = percent(durations.right, durations.events).unwrap_or(f64::NAN);
        write!(
            text,
            "- {cause}: {share:.1} % of {} durations right",
            durations.events
        )?;
        match &durations.wrong_ratio {
            Some(wrong) => writeln!(
                text,
                "; the others say {:.2} of the truth ({:.2}..{:.2})",
                wrong.median, wrong.min, wrong.max
            )?,
            None => writeln!(text)?,
        }
    }
    Ok(())
}

fn probes(rates: &[ProbeRate]) -> String {
    if rates.is_empty() {
        return String::new();
    }
    let mut table = new(&["probe", "role", "hits/s", "of the target's CPU (estimate)"]);
    for rate in rates.iter().take(LISTED) {
        table.add_row([
            rate.function.clone(),
            rate.role.clone(),
            number(rate.hits_per_second, 0),
            format!("{:.2} %", rate.cost_percent),
        ]);
    }
    format!("\n{table}\n")
}

fn programs(uses: &[ProgramUse]) -> String {
    if uses.is_empty() {
        return String::new();
    }
    let mut table = new(&[
        "BPF program (timed by the kernel, without the trap)",
        "runs/s",
        "ns a run",
        "of a core",
    ]);
    for used in uses.iter().take(LISTED) {
        table.add_row([
            used.name.clone(),
            number(used.runs_per_second, 0),
            number(used.nano_per_run, 0),
            format!("{:.2} %", used.cpu_percent),
        ]);
    }
    format!("\n{table}\n")
}
