//! What a recording amounts to, in a few lines: at the end of `slowmap record`, and from `slowmap report`.

mod comparison;

use std::{
    fmt::{self, Write},
    path::Path,
};

pub use self::comparison::comparison;
use super::{
    files::Reported,
    recording::{Recording, Unread},
};
use crate::model::advice::Advice;
use crate::model::collision::Collision;
use crate::model::summary::{Latency, Losses, Summary};
use crate::model::units::{Digits, Nanos};

/// How many causes and functions are listed unless more are asked for.
const LISTED: u16 = 5;

/// What was read back of a recording, and what could not be.
pub fn recording(recording: &Recording, reported: &Reported, top: Option<u16>) -> String {
    let directory = &recording.directory;
    let mut text = match &recording.summary {
        Some(known) => summary(known, directory, top.unwrap_or(LISTED).into()),
        None => format!(
            "{}: cut off before its end; losses, cost and time are not known\n",
            directory.display()
        ),
    };
    text.push_str(&lines_unread(reported.unread));
    for advice in &reported.advice {
        text.push_str(&advised(advice));
    }
    text
}

fn advised(advice: &Advice) -> String {
    let (subject, confidence) = (&advice.subject, advice.confidence.name());
    let evidence = advice.evidence.join(" ");
    format!(
        "  advice     {subject}: {}\n             {evidence} Confidence: {confidence}.\n",
        advice.advice
    )
}

fn lines_unread(unread: Unread) -> String {
    let (count, cut_off) = (unread.lines, unread.cut_off);
    let lines = match (count, cut_off) {
        (0, _) => return String::new(),
        (1, true) => "1 line of events.jsonl, cut off".to_owned(),
        (1, false) => "1 line of events.jsonl".to_owned(),
        (_, true) => format!("{count} lines of events.jsonl, the last of them cut off"),
        (_, false) => format!("{count} lines of events.jsonl"),
    };
    format!("  unread     {lines}: in no report\n")
}

/// A few lines about a recording and where it is.
fn summary(summary: &Summary, directory: &Path, top: usize) -> String {
    // Writing to a string cannot fail.
    let mut text = String::new();
    let _ = write(&mut text, summary, directory, top);
    text
}

fn write(out: &mut impl Write, summary: &Summary, directory: &Path, top: usize) -> fmt::Result {
    let counts = &summary.counts;
    writeln!(
        out,
        "{} slow map writes ({} or more) in {}, {} of them in a trace",
        counts.writes,
        Nanos(summary.threshold_nano),
        Nanos(summary.duration_nano),
        counts.in_a_trace,
    )?;
    write_merged(out, summary)?;
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
        .map(|(cause, count)| (cause.name(), *count));
    write_largest(out, "causes", causes, top)?;
    let functions = counts
        .by_function
        .iter()
        .map(|(function, count)| (function.as_str(), *count));
    write_largest(out, "written by", functions, top)?;
    write_collisions(out, &summary.collisions)?;
    write_losses(out, &summary.losses)?;
    if let Some(cost) = summary.estimated_cost_nano {
        let hits: u64 = summary.probes.iter().map(|probe| probe.hits).sum();
        writeln!(
            out,
            "  cost       {hits} probe hits, about {} of the targets' time",
            Nanos(cost)
        )?;
    }
    write_given_up(out, summary)?;
    for skipped in &summary.skipped {
        writeln!(
            out,
            "  skipped    {} ({}): {}",
            skipped.pid, skipped.executable, skipped.reason
        )?;
    }
    writeln!(out, "  files      {}", directory.display())
}

/// What it was merged of, and whether there was time between.
fn write_merged(out: &mut impl Write, summary: &Summary) -> fmt::Result {
    let recordings = summary.recordings.len();
    if recordings == 0 {
        return Ok(());
    }
    let spans = summary.spans();
    write!(out, "  merged     {recordings} recordings")?;
    match (spans.first(), spans.last()) {
        (Some(first), Some(last)) if spans.len() > 1 => writeln!(
            out,
            ", in {} from the first's beginning to the last's end",
            Nanos(last.1.abs_diff(first.0))
        ),
        _ => writeln!(out),
    }
}

fn write_largest<'a>(
    out: &mut impl Write,
    label: &str,
    counts: impl Iterator<Item = (&'a str, u64)>,
    top: usize,
) -> fmt::Result {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (index, (name, count)) in counts.iter().take(top).enumerate() {
        let label = if index == 0 { label } else { "" };
        writeln!(out, "  {label:<10} {count:>7}  {name}")?;
    }
    match counts.len().checked_sub(top) {
        Some(more @ 1..) => writeln!(out, "  {:<10} {:>7}  and {more} more", "", ""),
        _ => Ok(()),
    }
}

/// What Go has ended processes for, whoever was slow.
fn write_collisions(out: &mut impl Write, collisions: &[Collision]) -> fmt::Result {
    for Collision {
        pid, message, goid, ..
    } in collisions
    {
        writeln!(
            out,
            "  ended      {pid} by Go: {message}, in goroutine {goid}"
        )?;
    }
    Ok(())
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

/// What the governor took out of which target.
fn write_given_up(out: &mut impl Write, summary: &Summary) -> fmt::Result {
    for target in &summary.targets {
        let pairs = target.usage.probe_pairs.iter();
        for pair in pairs.filter(|pair| pair.covered < 1.0) {
            writeln!(
                out,
                "  given up   {} in {}: seen {} % of the time, for a budget of {} % of its CPU",
                pair.pair.name(),
                target.pid,
                Digits(pair.covered * 100.0),
                summary.budget_percent,
            )?;
        }
    }
    Ok(())
}

fn micros(micros: f64) -> Nanos {
    Nanos((micros * 1_000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        cause::Cause,
        plan::{Presence, ProbePair, ProbeRole},
        summary::{Counts, FORMAT, PairUse, ProbeUse, SkippedProcess, Target, Usage},
    };

    fn example() -> Summary {
        let mut losses = Losses::default();
        losses.add("ring_buffer_full", 3);
        Summary {
            format: FORMAT,
            version: "0".into(),
            started_unix_nano: 0,
            duration_nano: 10_000_000_000,
            threshold_nano: 100_000,
            mode: "slowpath".into(),
            budget_percent: 1.0,
            targets: Vec::new(),
            skipped: vec![SkippedProcess {
                pid: 7,
                executable: "/bin/x".into(),
                reason: "it is not a Go program".into(),
            }],
            counts: Counts {
                writes: 12,
                in_a_trace: 9,
                by_cause: [(Cause::Growth, 8), (Cause::GcAssist, 4)].into(),
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
            writes: None,
            probes: vec![ProbeUse {
                function: "a".into(),
                role: ProbeRole::GrowthEnter,
                hits: 4_000,
                estimated_cost_nano: Some(2_600_000),
            }],
            estimated_cost_nano: Some(2_600_000),
            collisions: Vec::new(),
            recordings: Vec::new(),
        }
    }

    #[test]
    fn the_summary_says_what_was_found_lost_and_spent() {
        let text = summary(&example(), Path::new("out"), 5);
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
        let shorter = summary(&example(), Path::new("out"), 1);
        assert!(shorter.contains("and 1 more") && !shorter.contains("gc_assist"));
    }

    #[test]
    fn what_was_given_up_for_the_budget_is_said() {
        let pair = |pair, covered, presence| PairUse {
            pair,
            functions: vec!["runtime.execute".into()],
            hits: 1,
            estimated_cost_nano: None,
            covered,
            presence,
        };
        let usage = Usage {
            probe_pairs: vec![
                pair(ProbePair::Growth, 1.0, Presence::Whole),
                pair(ProbePair::Deschedule, 0.0825, Presence::Dropped),
            ],
            ..Usage::default()
        };
        let target = Target {
            recording: None,
            started_unix_nano: None,
            pid: 7,
            service_name: None,
            executable: "/bin/x".into(),
            go_version: "go1.26".into(),
            usage,
        };
        let governed = Summary {
            targets: vec![target],
            ..example()
        };
        let text = summary(&governed, Path::new("out"), 5);
        let line = "  given up   deschedule in 7: seen 8.25 % of the time, for a budget of 1 % of its CPU\n";
        assert!(text.contains(line), "{text}");
        assert_eq!(text.matches("given up").count(), 1);
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
        let text = summary(&summary_of_nothing, Path::new("out"), 5);
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
