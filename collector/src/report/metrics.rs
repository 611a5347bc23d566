//! `metrics.prom`: the recording as OpenMetrics, such that readers of Prometheus' older text format take it too.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use super::{error::ReportError, output::Output};
use crate::model::{cause::Cause, recorded::RecordedWrite, summary::Summary};

/// Upper bounds of the buckets, in nanoseconds.
const BOUNDS: [u64; 16] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    1_000_000_000,
    10_000_000_000,
];

/// Slow writes by service and cause.
#[derive(Debug, Default)]
pub struct Metrics {
    histograms: BTreeMap<(Option<Arc<str>>, Cause), Histogram>,
}

#[derive(Debug, Default)]
struct Histogram {
    /// Not cumulated; the last one has no bound.
    buckets: [u64; BOUNDS.len() + 1],
    sum_nano: u128,
}

impl Metrics {
    pub fn add(&mut self, write: &RecordedWrite) {
        let key = (write.service_name.clone(), write.cause);
        let histogram = self.histograms.entry(key).or_default();
        let bucket = BOUNDS.partition_point(|bound| *bound < write.duration_nano);
        histogram.buckets[bucket] += 1;
        histogram.sum_nano += u128::from(write.duration_nano);
    }

    pub fn write(self, directory: &Path, summary: Option<&Summary>) -> Result<(), ReportError> {
        let mut output = Output::create(directory, "metrics.prom")?;
        let written = self.write_all(&mut output, summary);
        written.map_err(|source| output.failed(source))?;
        output.finish()
    }

    fn write_all(&self, out: &mut impl Write, summary: Option<&Summary>) -> io::Result<()> {
        self.write_durations(out)?;
        if let Some(summary) = summary {
            write_summary(out, summary)?;
        }
        writeln!(out, "# EOF")
    }

    fn write_durations(&self, out: &mut impl Write) -> io::Result<()> {
        let name = "slowmap_map_assign_duration_seconds";
        writeln!(out, "# TYPE {name} histogram\n# UNIT {name} seconds")?;
        writeln!(
            out,
            "# HELP {name} Durations of the slow map writes that were recorded."
        )?;
        for ((service, cause), histogram) in &self.histograms {
            let labels = format!(
                "service_name=\"{}\",cause=\"{}\"",
                Escaped(service.as_deref().unwrap_or_default()),
                cause.name()
            );
            let mut count = 0;
            for (index, bucket) in histogram.buckets.iter().enumerate() {
                count += bucket;
                let bound = BOUNDS
                    .get(index)
                    .map(|nanos| Seconds((*nanos).into()).to_string());
                let bound = bound.as_deref().unwrap_or("+Inf");
                writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}")?;
            }
            writeln!(out, "{name}_count{{{labels}}} {count}")?;
            writeln!(
                out,
                "{name}_sum{{{labels}}} {}",
                Seconds(histogram.sum_nano)
            )?;
        }
        Ok(())
    }
}

fn write_summary(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let name = "slowmap_recording_duration_seconds";
    gauge(out, name, Some("seconds"), "How long was recorded.")?;
    writeln!(out, "{name} {}", Seconds(summary.duration_nano.into()))?;
    let name = "slowmap_threshold_seconds";
    gauge(out, name, Some("seconds"), "From when on a write is slow.")?;
    writeln!(out, "{name} {}", Seconds(summary.threshold_nano.into()))?;
    let name = "slowmap_lost_writes";
    gauge(
        out,
        name,
        None,
        "What was seen and did not get into the recording.",
    )?;
    for (reason, count) in &summary.losses.by_reason {
        writeln!(out, "{name}{{reason=\"{}\"}} {count}", Escaped(reason))?;
    }
    if summary.losses.total == 0 {
        writeln!(out, "{name} 0")?;
    }
    let name = "slowmap_estimated_cost_seconds";
    gauge(
        out,
        name,
        Some("seconds"),
        "What probes are estimated to have cost a target.",
    )?;
    // A number can have been that of several processes, one after the other or in merged recordings.
    let mut costs: BTreeMap<(&str, u32), u128> = BTreeMap::new();
    for target in &summary.targets {
        if let Some(cost) = target.usage.estimated_cost_nano {
            let service = target.service_name.as_deref().unwrap_or_default();
            *costs.entry((service, target.pid)).or_default() += u128::from(cost);
        }
    }
    for ((service, pid), cost) in costs {
        let service = Escaped(service);
        writeln!(
            out,
            "{name}{{service_name=\"{service}\",pid=\"{pid}\"}} {}",
            Seconds(cost)
        )?;
    }
    Ok(())
}

fn gauge(out: &mut impl Write, name: &str, unit: Option<&str>, help: &str) -> io::Result<()> {
    writeln!(out, "# TYPE {name} gauge")?;
    if let Some(unit) = unit {
        writeln!(out, "# UNIT {name} {unit}")?;
    }
    writeln!(out, "# HELP {name} {help}")
}

/// Nanoseconds as seconds, to the last digit.
struct Seconds(u128);

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let shortest = text.trim_end_matches('0');
        f.write_str(shortest)?;
        // OpenMetrics writes a number that is not an integer by nature with a point.
        if shortest.ends_with('.') {
            f.write_str("0")?;
        }
        Ok(())
    }
}

/// A label's value.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => write!(f, "{other}")?,
            }
        }
        Ok(())
    }
}
