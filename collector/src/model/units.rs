//! Numbers, for a person.

use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};

/// Nanoseconds, for a person: three digits and the fitting unit.
#[derive(Debug, Clone, Copy)]
pub struct Nanos(pub u64);

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

/// A number, for a person: three digits.
#[derive(Debug, Clone, Copy)]
pub struct Digits(pub f64);

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
