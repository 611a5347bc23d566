//! The types of single settings. Each is written as one word, and says what it allows when it refuses one.

use std::{fmt, str::FromStr, time::Duration};

/// A refused value; the message says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("allowed: {0}")]
pub struct Refused(pub String);

/// Gives an enum the words by which users choose its variants.
macro_rules! words {
    ($name:ty { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl std::str::FromStr for $name {
            type Err = $crate::config::value::Refused;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::config::value::Refused([$($word),+].join(", "))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }
    };
}
pub(crate) use words;

/// How slow writes are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Probes on what makes writes slow, none on the writes themselves.
    #[default]
    Slowpath,
    /// Probes on every write.
    Exact,
    /// Probes on a share of the writes.
    Sampled,
}
words!(Mode { Slowpath = "slowpath", Exact = "exact", Sampled = "sampled" });

/// What becomes of a write without a trace context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WithoutContext {
    /// It is exported as a trace of its own.
    Root,
    #[default]
    Drop,
}
words!(WithoutContext { Root = "root", Drop = "drop" });

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}
words!(LogFormat { Text = "text", Json = "json" });

/// A duration within limits, given in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundedDuration<const MIN: u64, const MAX: u64>(Duration);

/// From when on a write is slow.
pub type Threshold = BoundedDuration<1, 10_000_000>;
/// How long one export may take.
pub type Timeout = BoundedDuration<1_000, 600_000_000>;
/// How long a span may wait for others: at most a second, because backends stop waiting for a trace.
pub type ScheduleDelay = BoundedDuration<1_000, 1_000_000>;
/// How long the queue is flushed at the end.
pub type Grace = BoundedDuration<0, 600_000_000>;
/// How often metrics are sent.
pub type MetricInterval = BoundedDuration<100_000, 3_600_000_000>;
/// From sample to sample of a series, and from scrape to scrape.
pub type SeriesInterval = BoundedDuration<1_000, 86_400_000_000>;
/// By how much times may be off.
pub type Tolerance = BoundedDuration<0, 3_600_000_000>;
/// How long a recording lasts.
pub type RecordingDuration = BoundedDuration<100_000, 86_400_000_000>;

impl<const MIN: u64, const MAX: u64> BoundedDuration<MIN, MAX> {
    /// Checked at compile time where the result is a constant.
    pub const fn from_micros(micros: u64) -> Self {
        assert!(micros >= MIN && micros <= MAX, "outside of the limits");
        Self(Duration::from_micros(micros))
    }

    /// The nearest allowed duration.
    pub fn clamped(duration: Duration) -> Self {
        Self(duration.clamp(Duration::from_micros(MIN), Duration::from_micros(MAX)))
    }

    pub fn get(self) -> Duration {
        self.0
    }

    fn refused() -> Refused {
        let limit = |micros| humantime::format_duration(Duration::from_micros(micros));
        Refused(format!(
            "a number with a unit (us, ms, s, m), from {} to {}",
            limit(MIN),
            limit(MAX)
        ))
    }
}

impl<const MIN: u64, const MAX: u64> FromStr for BoundedDuration<MIN, MAX> {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        // The Greek letter is what some keyboards type for the micro sign.
        let duration = humantime::parse_duration(&text.replace('\u{3bc}', "\u{b5}"))
            .map_err(|_| Self::refused())?;
        let bare = !text.chars().any(char::is_alphabetic);
        let bounds = Duration::from_micros(MIN)..=Duration::from_micros(MAX);
        if bare || !bounds.contains(&duration) {
            return Err(Self::refused());
        }
        Ok(Self(duration))
    }
}

impl<const MIN: u64, const MAX: u64> fmt::Display for BoundedDuration<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // humantime writes 90 s as `1m 30s`; it reads `1m30s` just as well, and that is one word.
        f.write_str(
            &humantime::format_duration(self.0)
                .to_string()
                .replace(' ', ""),
        )
    }
}

/// A whole number within limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundedCount<const MIN: usize, const MAX: usize>(usize);

/// Percent of the writes that `sampled` looks at.
pub type Sampling = BoundedCount<1, 100>;
/// Slow writes that wait for their export.
pub type QueueCapacity = BoundedCount<1, 1_000_000>;
/// Spans in one export.
pub type BatchSize = BoundedCount<1, 65_536>;

impl<const MIN: usize, const MAX: usize> BoundedCount<MIN, MAX> {
    /// Checked at compile time where the result is a constant.
    pub const fn new(count: usize) -> Self {
        assert!(count >= MIN && count <= MAX, "outside of the limits");
        Self(count)
    }

    pub fn get(self) -> usize {
        self.0
    }
}

impl<const MIN: usize, const MAX: usize> FromStr for BoundedCount<MIN, MAX> {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        match text.parse() {
            Ok(count) if (MIN..=MAX).contains(&count) => Ok(Self(count)),
            _ => Err(Refused(format!("a whole number from {MIN} to {MAX}"))),
        }
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for BoundedCount<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Bytes, as a whole number of KiB, MiB or GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(u64);

impl Default for ByteSize {
    fn default() -> Self {
        Self(256 << 20)
    }
}

impl ByteSize {
    const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    const ALLOWED: std::ops::RangeInclusive<u64> = 64 << 10..=1 << 40;

    pub fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let of = |(unit, shift): (&str, u32)| {
            let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
            number.checked_mul(1 << shift)
        };
        let bytes = Self::UNITS.into_iter().find_map(of);
        bytes
            .filter(|bytes| Self::ALLOWED.contains(bytes))
            .map(Self)
            .ok_or_else(|| {
                Refused("a whole number with a unit (KiB, MiB, GiB), from 64KiB to 1024GiB".into())
            })
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, shift): &(&str, u32)| self.0.trailing_zeros() >= *shift;
        let units = Self::UNITS.into_iter();
        let (unit, shift) = units.clone().find(whole).unwrap_or(("KiB", 10));
        write!(f, "{}{unit}", self.0 >> shift)
    }
}

/// What probes may cost a target: percent of the CPU time that it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    parts_per_million: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            parts_per_million: 10_000,
        }
    }
}

impl Budget {
    /// In parts per million.
    const ALLOWED: std::ops::RangeInclusive<u32> = 1_000..=1_000_000;

    pub fn percent(self) -> f64 {
        f64::from(self.parts_per_million) / 10_000.0
    }

    /// As a part of one.
    pub fn share(self) -> f64 {
        f64::from(self.parts_per_million) / 1_000_000.0
    }
}

impl FromStr for Budget {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let percent: Option<f64> = text.parse().ok();
        // Out of range or not a number: the nearest end, or 0, neither of which is let through by mistake.
        let parts = percent.map(|percent| (percent * 10_000.0).round() as u32);
        match parts {
            Some(parts_per_million) if Self::ALLOWED.contains(&parts_per_million) => {
                Ok(Self { parts_per_million })
            }
            _ => Err(Refused("percent, from 0.1 to 100".into())),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.percent().fmt(f)
    }
}

/// A pattern for the path of an executable, e.g. `/srv/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(pub glob::Pattern);

impl FromStr for Glob {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        glob::Pattern::new(text)
            .ok()
            .filter(|_| !text.is_empty())
            .map(Self)
            .ok_or_else(|| {
                Refused(
                    "a path or a name in which *, ** and ? stand for anything, e.g. /srv/*/shop"
                        .into(),
                )
            })
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_str().fmt(f)
    }
}

/// What a container's id begins with: as long as `docker ps` and `crictl ps` show it, or longer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerId(pub String);

/// Not as other values are: YAML would take `12345e678901` for a number.
impl TryFrom<String> for ContainerId {
    type Error = Refused;

    fn try_from(text: String) -> Result<Self, Refused> {
        text.parse()
    }
}

impl From<ContainerId> for String {
    fn from(id: ContainerId) -> Self {
        id.0
    }
}

impl FromStr for ContainerId {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let is_id = (12..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| Self(text.to_owned())).ok_or_else(|| {
            Refused("a container's id, or at least its first 12 digits, e.g. 3f4a1c2b9d0e".into())
        })
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A filter of log events: a level, or `target=level` for some, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// For levels that are known to be good.
    pub fn level(level: tracing::Level) -> Self {
        Self(level.to_string().to_lowercase())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LogFilter {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        // EnvFilter takes any lone word for a target's name, so that a typing error would turn logging on for it.
        let known = |word: &str| tracing::level_filters::LevelFilter::from_str(word).is_ok();
        let sane = text
            .split(',')
            .all(|part| part.contains('=') || known(part.trim()));
        if sane && tracing_subscriber::EnvFilter::try_new(text).is_ok() {
            return Ok(Self(text.into()));
        }
        Err(Refused(
            "off, error, warn, info, debug, trace, or target=level, separated by commas".into(),
        ))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_stay_within_their_limits() {
        let micros = |text: &str| {
            text.parse::<Threshold>()
                .map(|threshold| threshold.get().as_micros())
        };
        assert_eq!(micros("100us"), Ok(100));
        assert_eq!(micros("100µs"), Ok(100));
        assert_eq!(micros("100\u{3bc}s"), Ok(100));
        assert_eq!(micros("5ms"), Ok(5_000));
        assert_eq!(micros("10s"), Ok(10_000_000));
        for refused in [
            "100", "0", "", "0us", "999ns", "11s", "-5ms", "five", "5parsecs",
        ] {
            let message = micros(refused).unwrap_err().to_string();
            assert!(message.contains("from 1us to 10s"), "{refused}: {message}");
        }
        assert!(
            "0".parse::<Grace>().is_err(),
            "a bare zero has no unit either"
        );
    }

    #[test]
    fn a_budget_is_a_part_of_the_targets_time_and_never_nothing() {
        let share = |text: &str| text.parse::<Budget>().map(Budget::share);
        assert_eq!(share("1"), Ok(0.01));
        assert_eq!(share("0.5"), Ok(0.005));
        assert_eq!(share("100"), Ok(1.0));
        for refused in ["0", "0.09", "-1", "100.1", "1e9", "NaN", "inf", "", "1ms"] {
            let message = share(refused).unwrap_err().to_string();
            assert!(message.contains("from 0.1 to 100"), "{refused}: {message}");
        }
        for text in ["1", "0.5", "2.25"] {
            assert_eq!(text.parse::<Budget>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_size_has_a_unit_and_is_written_as_it_can_be_read() {
        for text in ["64KiB", "1MiB", "1536KiB", "3GiB"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
        assert_eq!("2 MiB".parse::<ByteSize>().unwrap().get(), 2 << 20);
        for refused in [
            "64",
            "63KiB",
            "1025GiB",
            "-1MiB",
            "1MB",
            "99999999999999999999GiB",
            "",
        ] {
            let message = refused.parse::<ByteSize>().unwrap_err().to_string();
            assert!(message.contains("from 64KiB"), "{refused}: {message}");
        }
    }

    #[test]
    fn a_duration_is_written_as_it_can_be_read() {
        for text in ["100us", "5ms", "30s", "2m", "1m30s"] {
            let duration: Grace = text.parse().unwrap();
            assert_eq!(duration.to_string(), text);
        }
    }

    #[test]
    fn a_word_that_is_no_log_level_is_refused() {
        assert!("info".parse::<LogFilter>().is_ok());
        assert!("warn,slowmap=debug".parse::<LogFilter>().is_ok());
        assert!("inof".parse::<LogFilter>().is_err());
        assert!("slowmap=loud".parse::<LogFilter>().is_err());
    }

    #[test]
    fn a_refused_word_names_the_allowed_ones() {
        let refused = "fast".parse::<Mode>().unwrap_err();
        assert_eq!(refused.to_string(), "allowed: slowpath, exact, sampled");
    }
}
