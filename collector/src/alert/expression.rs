//! What alerts are asked for, in words: `p99 > 5ms for 30s`, `count > 100 per minute`.

use std::{fmt, str::FromStr, time::Duration};

use crate::model::histogram::Histogram;

/// What an expression may be.
pub const ALLOWED: &str = "QUANTILE > DURATION, e.g. 'p99 > 5ms' (p1 to p99.9, max), or count > NUMBER per second|minute|hour, \
                           e.g. 'count > 100 per minute'; behind either for DURATION, e.g. 'for 30s', up to a day";
/// Seconds whose slow writes a quantile is of.
const QUANTILE_WINDOW: u64 = 10;
const LONGEST: Duration = Duration::from_secs(86_400);

/// When an alert fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// As it was asked for, with single spaces.
    text: String,
    measure: Measure,
    /// Seconds for which it has to hold.
    lasting: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// Of the durations; the quantile in thousandths, the limit in nanoseconds.
    Quantile { thousandths: u16, above: u64 },
    /// Of slow writes within so many seconds.
    Count { above: u64, within: u64 },
}

/// An expression that is none; the message says what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("allowed: {ALLOWED}")]
pub struct NoExpression;

impl Expression {
    /// Seconds whose slow writes it looks at.
    pub fn window(&self) -> u64 {
        match self.measure {
            Measure::Quantile { .. } => QUANTILE_WINDOW,
            Measure::Count { within, .. } => within,
        }
    }

    pub fn lasting(&self) -> u64 {
        self.lasting
    }

    /// What it amounts to, in nanoseconds or writes, if that is too much.
    pub fn exceeded_by(&self, writes: &Histogram) -> Option<u64> {
        let (value, above) = match self.measure {
            Measure::Quantile { thousandths, above } => {
                let quantile = f64::from(thousandths) / 1_000.0;
                (writes.quantile(quantile)? as u64, above)
            }
            Measure::Count { above, .. } => (writes.count(), above),
        };
        (value > above).then_some(value)
    }

    /// What it is measured in.
    pub fn unit(&self) -> &'static str {
        match self.measure {
            Measure::Quantile { .. } => "ns",
            Measure::Count { .. } => "writes",
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Expression {
    type Err = NoExpression;

    fn from_str(text: &str) -> Result<Self, NoExpression> {
        let spaced = text.replace('>', " > ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let parsed = match *words.as_slice() {
            [quantile, ">", limit, ref rest @ ..] if quantile != "count" => {
                measure_of_quantile(quantile, limit).zip(lasting(rest))
            }
            ["count", ">", limit, "per", unit, ref rest @ ..] => {
                measure_of_count(limit, unit).zip(lasting(rest))
            }
            _ => None,
        };
        let (measure, lasting) = parsed.ok_or(NoExpression)?;
        Ok(Self {
            text: words.join(" "),
            measure,
            lasting,
        })
    }
}

fn measure_of_quantile(name: &str, limit: &str) -> Option<Measure> {
    let thousandths = match name.strip_prefix('p') {
        None => (name == "max").then_some(1_000)?,
        Some(percent) => {
            let (whole, tenths) = percent.split_once('.').unwrap_or((percent, "0"));
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let written = whole.len() <= 2 && tenths.len() == 1 && digits(whole) && digits(tenths);
            let whole: u16 = written.then(|| whole.parse().ok())??;
            whole * 10 + tenths.parse::<u16>().ok()?
        }
    };
    let above = u64::try_from(duration(limit)?.as_nanos()).ok()?;
    (thousandths >= 10).then_some(Measure::Quantile { thousandths, above })
}

fn measure_of_count(limit: &str, unit: &str) -> Option<Measure> {
    let within = match unit {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        _ => return None,
    };
    let above = limit.parse().ok()?;
    Some(Measure::Count { above, within })
}

/// In whole seconds; one where nothing is said: a look is of a second.
fn lasting(words: &[&str]) -> Option<u64> {
    match *words {
        [] => Some(1),
        ["for", time] => Some(duration(time)?.as_secs().max(1)),
        _ => None,
    }
}

fn duration(text: &str) -> Option<Duration> {
    let bare = !text.chars().any(char::is_alphabetic);
    let duration = humantime::parse_duration(text).ok()?;
    (!bare && duration <= LONGEST).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_read_with_or_without_spaces_and_written_with_them() {
        for (text, written) in [
            ("p99 > 5ms for 30s", "p99 > 5ms for 30s"),
            ("p99.9>1s", "p99.9 > 1s"),
            (" max >  50ms", "max > 50ms"),
            ("count > 100 per minute", "count > 100 per minute"),
            ("count>0 per hour for 2m", "count > 0 per hour for 2m"),
        ] {
            let read: Expression = text.parse().unwrap();
            assert_eq!(read.to_string(), written);
            assert_eq!(read.to_string().parse(), Ok(read));
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "p99",
            "p99 >",
            "p99 > 5",
            "p99 < 5ms",
            "p100 > 5ms",
            "p0 > 5ms",
            "p99.99 > 5ms",
            "p > 5ms",
            "p-1 > 5ms",
            "mean > 5ms",
            "count > 5",
            "count > x per minute",
            "count > 5 per day",
            "count > 5ms per minute",
            "p99 > 5ms for",
            "p99 > 5ms for 30",
            "p99 > 5ms for 30s more",
            "p99 > 5ms for 2days",
            "p99 > 5ms per minute",
        ] {
            assert_eq!(text.parse::<Expression>(), Err(NoExpression), "{text}");
        }
        assert!(
            NoExpression
                .to_string()
                .contains("'count > 100 per minute'")
        );
    }
}
