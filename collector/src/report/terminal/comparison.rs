//! Two recordings side by side, as text.

use std::fmt::{self, Display, Formatter, Write};

use crate::model::units::Nanos;
use crate::report::compare::{Comparison, GroupChange, Interval, Side};

/// A few lines on what has changed.
pub fn comparison(comparison: &Comparison) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, comparison);
    text
}

fn write(out: &mut impl Write, comparison: &Comparison) -> fmt::Result {
    let (before, after) = (&comparison.before, &comparison.after);
    writeln!(
        out,
        "before: {}, after: {}",
        before.directory, after.directory
    )?;
    writeln!(
        out,
        "  writes     {} -> {}{}",
        Counted(before),
        Counted(after),
        Ratio(comparison.rate_ratio)
    )?;
    writeln!(out, "  time lost  {} -> {}", Lost(before), Lost(after))?;
    for percentile in &comparison.percentiles {
        if let Some((before, after)) = percentile.before_nano.zip(percentile.after_nano) {
            let (before, after, ratio) = (Nanos(before), Nanos(after), Ratio(percentile.ratio));
            writeln!(out, "  {:<9}  {before} -> {after}{ratio}", percentile.name)?;
        }
    }
    for (index, group) in comparison.groups.iter().enumerate() {
        let label = if index == 0 { "written by" } else { "" };
        write_group(out, label, group)?;
    }
    if comparison.groups_more > 0 {
        writeln!(out, "  {:<10} and {} more", "", comparison.groups_more)?;
    }
    for caveat in &comparison.caveats {
        writeln!(out, "  note       {caveat}")?;
    }
    writeln!(out, "{}", comparison.method)
}

fn write_group(out: &mut impl Write, label: &str, group: &GroupChange) -> fmt::Result {
    let GroupChange {
        caller,
        cause,
        before,
        after,
        rate_ratio,
    } = group;
    writeln!(
        out,
        "  {label:<10} {} -> {}, {} -> {}  {caller}, {cause}{}",
        before.count,
        after.count,
        Nanos(before.nano),
        Nanos(after.nano),
        Ratio(*rate_ratio)
    )
}

struct Counted<'a>(&'a Side);

impl Display for Counted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.count)?;
        match self.0.count_per_minute {
            Some(rate) => write!(f, " ({rate:.1} a minute)"),
            None => Ok(()),
        }
    }
}

struct Lost<'a>(&'a Side);

impl Display for Lost<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Nanos(self.0.nano))?;
        match self.0.nano_per_minute {
            Some(rate) => write!(f, " ({} a minute)", Nanos(rate as u64)),
            None => Ok(()),
        }
    }
}

/// After as a multiple of before.
struct Ratio(Option<Interval>);

impl Display for Ratio {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(Interval { value, low, high }) = self.0 else {
            return Ok(());
        };
        let Some(value) = value else {
            return write!(f, "  new, at least x {low:.3}");
        };
        write!(f, "  x {value:.3}")?;
        match high {
            Some(high) => write!(f, " ({low:.3} to {high:.3})"),
            None => write!(f, " (at least {low:.3})"),
        }
    }
}
