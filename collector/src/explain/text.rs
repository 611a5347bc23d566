//! An explanation, for a person.

use std::{
    fmt::{self, Write},
    time::{Duration, UNIX_EPOCH},
};

use super::verdict::{Asked, Explanation, Spike, Verdict, Writer};
use crate::model::{
    text::printable,
    units::{Digits, Nanos},
};

/// The answer is the last line.
pub fn text(told: &Explanation) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, told);
    text
}

fn write(out: &mut impl Write, told: &Explanation) -> fmt::Result {
    write_sources(out, told)?;
    write_resolution(out, told)?;
    for spike in &told.spikes {
        write_spike(out, spike)?;
    }
    write_notes(out, told)?;
    writeln!(out, "{}", verdict(told))
}

fn write_sources(out: &mut impl Write, told: &Explanation) -> fmt::Result {
    let (samples, service) = (told.samples, printable(&told.service));
    match &told.asked {
        Asked::Query(query) => {
            writeln!(out, "query       {}", printable(query))?;
            writeln!(out, "series      {}, {samples} samples", told.series)?;
        }
        Asked::Csv(file) => writeln!(
            out,
            "file        {}, {samples} samples in the recording's time",
            printable(file)
        )?,
    }
    let recorded = told
        .recorded_until_unix_nano
        .abs_diff(told.recorded_from_unix_nano);
    let (from, slow) = (time(told.recorded_from_unix_nano), told.slow_writes);
    writeln!(
        out,
        "recording   {from}, {} long, {slow} slow writes of {service}",
        Nanos(recorded)
    )?;
    let Some((ahead, uncertain)) = told.clock_ahead_nano.zip(told.clock_uncertainty_nano) else {
        return writeln!(
            out,
            "clock       not compared: the file's times are taken for those of the recording's machine"
        );
    };
    let side = if ahead < 0 { "behind" } else { "ahead of" };
    writeln!(
        out,
        "clock       Prometheus' is {} {side} this machine's, give or take {}; the series is set right by that",
        Nanos(ahead.unsigned_abs()),
        Nanos(uncertain.unsigned_abs())
    )
}

fn write_resolution(out: &mut impl Write, told: &Explanation) -> fmt::Result {
    let [step, lookback, scrape, tolerance] = [
        told.step_nano,
        told.lookback_nano,
        told.scrape_interval_nano,
        told.tolerance_nano,
    ]
    .map(i64::unsigned_abs);
    let (samples, reach) = (Nanos(step), Nanos(lookback.saturating_add(scrape)));
    let (lookback, scrape, tolerance) = (Nanos(lookback), Nanos(scrape), Nanos(tolerance));
    write!(
        out,
        "resolution  a sample every {samples}; each tells of the {reach} before it"
    )?;
    match (&told.asked, told.scrape_interval_known) {
        (Asked::Query(_), true) => write!(
            out,
            " (the query's range {lookback}, scrape interval {scrape})"
        ),
        (Asked::Query(_), false) => write!(
            out,
            " (the query's range {lookback}, scrape interval {scrape}, assumed: the server does not tell; set \
             --scrape-interval)"
        ),
        (Asked::Csv(_), true) => Ok(()),
        (Asked::Csv(_), false) => {
            write!(out, ", assumed; set --scrape-interval if it tells of more")
        }
    }?;
    writeln!(out, ", give or take {tolerance}")?;
    let limit = told.limit;
    writeln!(
        out,
        "usual       {} (median); a spike is above {}",
        Nanos(limit.median_nano),
        Nanos(limit.above_nano)
    )
}

fn write_spike(out: &mut impl Write, spike: &Spike) -> fmt::Result {
    let (at, height) = (time(spike.time_unix_nano), Nanos(spike.value_nano));
    write!(out, "{at}  {:>8}  ", height.to_string())?;
    let Some(by) = &spike.by else {
        return writeln!(out, "not explained: no slow write");
    };
    let word = if spike.explained {
        "explained"
    } else {
        "not explained"
    };
    let (share, chance) = (Digits(spike.share * 100.0), Digits(spike.chance * 100.0));
    write!(out, "{word}: {share} % by ")?;
    write_writer(out, by)?;
    write!(out, "; {} slow writes in all", spike.slow_writes)?;
    if spike.explained {
        write!(out, "; so in {chance} % of the time by chance")?;
    }
    writeln!(out)
}

fn write_writer(out: &mut impl Write, by: &Writer) -> fmt::Result {
    let several = if by.writes == 1 { "write" } else { "writes" };
    let goroutine = match by.goid {
        Some(goid) => format!("goroutine {goid} of {}", by.pid),
        None => format!("a goroutine of {}", by.pid),
    };
    write!(
        out,
        "{} {several} of {goroutine}, the longest {}, {}",
        by.writes,
        Nanos(by.longest_nano),
        by.cause.name()
    )?;
    if let Some(map_type) = &by.map_type {
        write!(out, ", {map_type}")?;
    }
    if let Some(caller) = &by.caller {
        write!(out, ", in {caller}")?;
    }
    if let (Some(file), Some(line)) = (&by.caller_file, by.caller_line) {
        write!(out, " {file}:{line}")?;
    }
    match by.trace_ids.as_slice() {
        [] => Ok(()),
        ids => write!(out, ", trace {}", ids.join(" ")),
    }
}

fn write_notes(out: &mut impl Write, told: &Explanation) -> fmt::Result {
    if told.spikes_not_recorded > 0 {
        writeln!(
            out,
            "note        {} more spikes are not wholly within the recording: nothing is said of them",
            told.spikes_not_recorded
        )?;
    }
    if told.lost > 0 {
        writeln!(
            out,
            "note        the recording lost {} events: what is not explained may be among them",
            told.lost
        )?;
    }
    for gap in &told.not_always_watched {
        writeln!(
            out,
            "note        {} was watched in {} for {} % of the time: what is not explained may be of the rest; record with a \
             higher --budget",
            gap.pair,
            gap.pid,
            Digits(gap.covered * 100.0)
        )?;
    }
    let lowest = told.spikes.iter().map(|spike| spike.value_nano).min();
    if let Some((lowest, threshold)) = lowest.zip(told.threshold_nano)
        && threshold.saturating_mul(2) > lowest
    {
        writeln!(
            out,
            "note        writes below {} were not recorded, and the lowest spike is {}: record with a lower --threshold",
            Nanos(threshold),
            Nanos(lowest)
        )?;
    }
    Ok(())
}

/// The last line.
fn verdict(told: &Explanation) -> String {
    let (all, explained) = (told.spikes.len(), told.spikes_explained);
    let Some(chance) = told.chance else {
        let above = Nanos(told.limit.above_nano);
        return format!("There are no spikes above {above} in the recording's time.");
    };
    let (expected, p) = (Digits(chance.expected), chance.p_value);
    match told.verdict {
        Verdict::Explained => format!(
            "{explained} of {all} spikes are explained by map writes; chance would explain {expected} (p = {p:.4})."
        ),
        Verdict::Undecided => format!(
            "Chance may explain the spikes: {explained} of {all} have map writes to match, chance would give {expected} \
             (p = {p:.4}); record for longer."
        ),
        _ => format!(
            "The recording does not explain the spikes: {explained} of {all} have map writes to match, chance would give \
             {expected} (p = {p:.4})."
        ),
    }
}

/// UTC, to the millisecond.
fn time(nanos: i64) -> String {
    let since = Duration::from_nanos(nanos.unsigned_abs());
    match UNIX_EPOCH.checked_add(since) {
        // Beyond that year it cannot be written.
        Some(time) if since.as_secs() < 253_402_300_800 => {
            humantime::format_rfc3339_millis(time).to_string()
        }
        _ => nanos.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            verdict::tests::{clock, known, recorded, series},
            writes::SlowWrites,
        },
        *,
    };
    use crate::explain::{Gap, Known, explain};

    fn told(at: &[f64]) -> String {
        let known = Known {
            clock: clock(-2_000_000),
            lost: 3,
            not_always_watched: vec![Gap {
                pid: 7,
                pair: "growth",
                covered: 0.25,
            }],
            ..known()
        };
        told_by(at, known)
    }

    fn told_by(at: &[f64], known: Known) -> String {
        let mut writes = SlowWrites::default();
        for &at in at {
            writes.add(&recorded("shop", at, 80_000_000));
        }
        text(&explain(&series(&[1_020, 1_050, 1_100], 0), writes, known).unwrap())
    }

    #[test]
    fn spikes_their_writers_and_what_chance_would_give_are_said() {
        let text = told(&[1_019.5, 1_099.0]);
        let lines: Vec<&str> = text.lines().collect();
        let expected = "\
query       p99
series      {job=\"shop\"}, 201 samples
recording   1970-01-01T00:16:40.000Z, 200 s long, 2 slow writes of shop
clock       Prometheus' is 2 ms behind this machine's, give or take 500 us; the series is set right by that
resolution  a sample every 1 s; each tells of the 2 s before it (the query's range 1 s, scrape interval 1 s), give or take 500 ms
usual       2 ms (median); a spike is above 3 ms
1970-01-01T00:17:00.002Z    100 ms  explained: 81.6 % by 1 write of goroutine 9 of 7, the longest 80 ms, growth, \
map[string]int; 1 slow writes in all; so in 3.11 % of the time by chance
1970-01-01T00:17:30.002Z    100 ms  not explained: no slow write";
        assert_eq!(lines[..8].join("\n"), expected, "{text}");
        assert!(lines[9].starts_with("note        the recording lost 3 events"));
        assert!(lines[10].contains("growth was watched in 7 for 25 % of the time"));
        let verdict = "2 of 3 spikes are explained by map writes; chance would explain 0.0";
        assert!(lines[11].starts_with(verdict), "{text}");
    }

    #[test]
    fn of_a_file_neither_a_query_nor_a_clock_that_was_asked_is_told() {
        let known = Known {
            asked: Asked::Csv("p99\u{1b}.csv".into()),
            clock: None,
            lookback: std::time::Duration::ZERO,
            scrape_interval_known: false,
            ..known()
        };
        let text = told_by(&[1_019.5], known);
        let lines: Vec<&str> = text.lines().collect();
        let (file, clock) = (lines[0], lines[2]);
        assert_eq!(
            file,
            r"file        p99\u{1b}.csv, 201 samples in the recording's time"
        );
        assert!(clock.starts_with("clock       not compared"), "{clock}");
        let resolution = "resolution  a sample every 1 s; each tells of the 1 s before it, assumed; set --scrape-interval if \
                          it tells of more, give or take 500 ms";
        assert_eq!(lines[3], resolution);
    }

    #[test]
    fn what_is_not_explained_is_said_to_be_so() {
        let text = told(&[]);
        let last = text.lines().last().unwrap();
        assert!(
            last.starts_with("The recording does not explain the spikes: 0 of 3 "),
            "{last}"
        );
    }
}
