//! The summary at the end of `slowmap record`.

use std::{
    fmt::{self, Display, Formatter, Write},
    path::Path,
    time::Duration,
};

use crate::model::summary::{Latency, Losses, Summary};

/// How many causes and functions are listed.
const LISTED: usize = 5;

/// A few lines about a recording and where it is.
pub fn summary(summary: &Summary, directory: &Path) -> String {
    // Writing to a string cannot fail.
    let mut text = String::new();
    let _ = write(&mut text, summary, directory);
    text
}

fn write(out: &mut impl Write, summary: &Summary, directory: &Path) -> fmt::Result {
    let counts = &summary.counts;
    writeln!(
        out,
        "{} slow map writes ({} or more) in {}, {} of them in a trace",
        counts.writes,
        Nanos(summary.threshold_nano),
        Nanos(summary.duration_nano),
        counts.in_a_trace,
    )?;
    if let Some(Latency {
        p50, p90, p99, max, ..
    }) = summary.latency
    {
        let [p50, p90, p99, max] = [p50, p90, p99, max].map(micros);
        writeln!(
            out,
            "  latency    p50 {p50}  p90 {p90}  p99 {p99}  max {max}"
        )?;
    }
    let causes = counts
        .by_cause
        .iter()
        .map(|(cause, count)| (*cause, *count));
    write_largest(out, "causes", causes)?;
    let functions = counts
        .by_function
        .iter()
        .map(|(function, count)| (function.as_str(), *count));
    write_largest(out, "written by", functions)?;
    write_losses(out, &summary.losses)?;
    if let Some(cost) = summary.estimated_cost_nano {
        let hits: u64 = summary.probes.iter().map(|probe| probe.hits).sum();
        writeln!(
            out,
            "  cost       {hits} probe hits, about {} of the targets' time",
            Nanos(cost)
        )?;
    }
    for skipped in &summary.skipped {
        writeln!(
            out,
            "  skipped    {} ({}): {}",
            skipped.pid, skipped.executable, skipped.reason
        )?;
    }
    writeln!(out, "  files      {}", directory.display())
}

fn write_largest<'a>(
    out: &mut impl Write,
    label: &str,
    counts: impl Iterator<Item = (&'a str, u64)>,
) -> fmt::Result {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (index, (name, count)) in counts.iter().take(LISTED).enumerate() {
        let label = if index == 0 { label } else { "" };
        writeln!(out, "  {label:<10} {count:>7}  {name}")?;
    }
    match counts.len().checked_sub(LISTED) {
        Some(more @ 1..) => writeln!(out, "  {:<10} {:>7}  and {more} more", "", ""),
        _ => Ok(()),
    }
}

fn write_losses(out: &mut impl Write, losses: &Losses) -> fmt::Result {
    if losses.total == 0 {
        return writeln!(out, "  lost       nothing");
    }
    let reasons: Vec<_> = losses
        .by_reason
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    writeln!(out, "  lost       {}: {}", losses.total, reasons.join(", "))
}

fn micros(micros: f64) -> Nanos {
    Nanos((micros * 1_000.0) as u64)
}

/// Nanoseconds, for a person: three digits and the fitting unit.
struct Nanos(u64);

impl Display for Nanos {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let duration = Duration::from_nanos(self.0);
        match self.0 {
            0..1_000 => write!(f, "{} ns", self.0),
            1_000..1_000_000 => write!(f, "{} us", Digits(duration.as_secs_f64() * 1e6)),
            1_000_000..1_000_000_000 => write!(f, "{} ms", Digits(duration.as_secs_f64() * 1e3)),
            _ => write!(f, "{} s", Digits(duration.as_secs_f64())),
        }
    }
}

struct Digits(f64);

impl Display for Digits {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let decimals = match self.0 {
            value if value >= 100.0 || value.fract() < 0.005 => 0,
            value if value >= 10.0 => 1,
            _ => 2,
        };
        write!(f, "{:.decimals$}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        plan::ProbeRole,
        summary::{Counts, ProbeUse, SkippedProcess},
    };

    fn example() -> Summary {
        let mut losses = Losses::default();
        losses.add("ring_buffer_full", 3);
        Summary {
            version: "0",
            started_unix_nano: 0,
            duration_nano: 10_000_000_000,
            threshold_nano: 100_000,
            mode: "slowpath".into(),
            targets: Vec::new(),
            skipped: vec![SkippedProcess {
                pid: 7,
                executable: "/bin/x".into(),
                reason: "it is not a Go program".into(),
            }],
            counts: Counts {
                writes: 12,
                in_a_trace: 9,
                by_cause: [("growth", 8), ("gc_assist", 4)].into(),
                by_function: [("main.fill".to_owned(), 12)].into(),
            },
            losses,
            latency: Some(Latency {
                count: 12,
                p50: 150.0,
                p90: 2_340.0,
                p99: 12_500.0,
                max: 1_000_000.0,
            }),
            probes: vec![ProbeUse {
                function: "a".into(),
                role: ProbeRole::GrowthEnter,
                hits: 4_000,
                estimated_cost_nano: Some(2_600_000),
            }],
            estimated_cost_nano: Some(2_600_000),
        }
    }

    #[test]
    fn the_summary_says_what_was_found_lost_and_spent() {
        let text = summary(&example(), Path::new("out"));
        let expected = "\
12 slow map writes (100 us or more) in 10 s, 9 of them in a trace
  latency    p50 150 us  p90 2.34 ms  p99 12.5 ms  max 1 s
  causes           8  growth
                   4  gc_assist
  written by      12  main.fill
  lost       3: 3 ring_buffer_full
  cost       4000 probe hits, about 2.60 ms of the targets' time
  skipped    7 (/bin/x): it is not a Go program
  files      out
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_was_not_measured_is_not_mentioned() {
        let summary_of_nothing = Summary {
            counts: Counts::default(),
            losses: Losses::default(),
            latency: None,
            skipped: Vec::new(),
            estimated_cost_nano: None,
            ..example()
        };
        let text = summary(&summary_of_nothing, Path::new("out"));
        assert!(
            !text.contains("latency") && !text.contains("cost"),
            "{text}"
        );
        assert!(
            text.starts_with("0 slow map writes") && text.contains("lost       nothing"),
            "{text}"
        );
    }
}
